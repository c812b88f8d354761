/** Guards: refuse before the first byte what would end badly. They look at the whole plan's totals. */
import { compareBytes, displayName, sizeText, TwintreeError, type ByteString } from '../tree/index.js';
import type { FsInfo } from '../fs/index.js';
import type { ScanFindings } from '../endpoint/index.js';
import type { DeleteOptions, SessionOptions } from '../plan/index.js';
import type { LostAttributes } from './events.js';

/** --delete-limit: refuses where the plan deletes more. @throws TwintreeError REFUSED. */
export function guardDeletions(findings: ScanFindings, options: DeleteOptions, moves: number): void {
  const { limit } = options;
  if (limit === undefined) return;
  const d = findings.deletes;
  const count = d.files + d.dirs + d.links + d.devices + d.specials - moves;
  const advice = 'Look at the plan with -n, then raise the limit if it is right.';
  if ('count' in limit && count > limit.count) {
    throw new TwintreeError('REFUSED', `${count} deletions are planned, more than --delete-limit=${limit.count}; nothing was changed`, { advice });
  }
  if ('percent' in limit && findings.targetEntries > 0 && (count / findings.targetEntries) * 100 > limit.percent) {
    const share = ((count / findings.targetEntries) * 100).toFixed(1);
    throw new TwintreeError('REFUSED', `${count} deletions are planned, ${share} % of the target, more than --delete-limit=${limit.percent}%; nothing was changed`, { advice });
  }
}

/**
 * Free space: refuses where the new content cannot fit, with the reserve. Counted carefully: what is replaced
 * gives back its space only after its successor is complete (and not at all where it is kept as a backup), what is deleted
 * only in the end where deletions come last. `sharesBlocks` is asked last: whether the target clones the source's blocks.
 * @throws TwintreeError NO_SPACE.
 */
export function guardSpace(findings: ScanFindings, info: FsInfo, options: SessionOptions, sharesBlocks: () => boolean): void {
  const reserve = options.guard.reserveBytes;
  const available = info.availableBlocks * info.blockSize;
  const needed = neededBytes(findings, options);
  if (needed + reserve <= available || sharesBlocks()) return;
  throw new TwintreeError('NO_SPACE', `about ${sizeText(needed)} are needed on the target, ${sizeText(Math.max(0, available - reserve))} are free${reserve > 0 ? ` beyond the reserve of ${sizeText(reserve)}` : ''}; nothing was changed`, {
    advice: 'Make room, leave something out, or lower --reserve.',
  });
}

/** Inodes: refuses where a file system with a fixed number of them has too few. @throws TwintreeError NO_SPACE. */
export function guardInodes(findings: ScanFindings, info: FsInfo): void {
  if (info.files === 0) return;
  const d = findings.deletes;
  const needed = neededInodes(findings);
  if (needed <= info.freeFiles + d.files + d.dirs + d.links + d.devices + d.specials) return;
  throw new TwintreeError('NO_SPACE', `${needed} new entries are planned, the target's file system has ${info.freeFiles} free inodes; nothing was changed`, { advice: 'Make room or use a file system made with more inodes.' });
}

/** Bytes that the target must have free for the plan. */
export function neededBytes(findings: ScanFindings, options: SessionOptions): number {
  const { delayUpdates, backup, inplace } = options.replace;
  const { when } = options.delete;
  // The net growth, and the largest file that gives back its space, while old and new stand side by side.
  const replaced = backup || delayUpdates ? 0 : findings.bytesReplaced;
  const removed = !backup && (when === 'before' || when === 'during') ? findings.bytesRemoved : 0;
  return Math.max(0, findings.bytesNeeded - replaced - removed) + (inplace || replaced === 0 ? 0 : findings.largestReplaced);
}

/** Entries that the plan makes, each an inode. */
export function neededInodes(findings: ScanFindings): number {
  const c = findings.creates;
  return c.files + c.dirs + c.links + c.devices + c.specials - findings.linkedNew;
}

/** The name of a class in codes. */
function kindOf(kind: string): string {
  return kind.replaceAll(' ', '-');
}

/** The same path by path, for who asked for that: at most so many of each class, in byte order. */
export function lostPaths({ lost }: ScanFindings, most: number): LostAttributes[] {
  return lost.map(({ kind, count, paths = [] }) => ({ kind: kindOf(kind), count, paths: paths.toSorted((a, b) => compareBytes(a.path, b.path)).slice(0, most) }));
}

/** What the user is told once about each class that cannot be held. */
export function lostNotices(findings: ScanFindings): { code: string; message: string }[] {
  return findings.lost.map(({ kind, count, example }) => ({
    code: `cannot-keep-${kindOf(kind)}`,
    message: `${describe(kind)} cannot be kept on this target (${count} ${count === 1 ? 'entry' : 'entries'}, such as ${displayName(example === '' ? ('.' as ByteString) : example)})`,
  }));
}

function describe(kind: string): string {
  switch (kind) {
    case 'owner': return 'owners other than the user that runs this';
    case 'owners': return 'owners and groups';
    case 'group': return 'groups that the user is not in';
    case 'devices': return 'device nodes';
    case 'acls': return 'access control lists';
    case 'xattrs': return 'extended attributes';
    case 'permissions': return 'set-id and sticky bits';
    default: return kind;
  }
}
