/** Plans one entry of the source that is no folder: whether it is taken, what the planner makes of it, what it counts as. */
import { Errno } from '../../fs/index.js';
import { Item, OpKind, Reason, typeIsWanted, unmungeLink, unsafeSymlink, type Operation } from '../../plan/index.js';
import { countType, EMPTY, joinPath, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, type ByteString, type RelPath, type StatTable } from '../../tree/index.js';
import { clearObstacle } from './extraneous.js';
import { lose, noteLost } from './losses.js';
import { spaceFor } from './types.js';
import type { Folder, WalkContext } from './walk-context.js';

export function leaf(w: WalkContext, folder: Folder, i: number, r: number, j: number, name: ByteString, type: number): void {
  const { options } = w.setup;
  const s = w.listing.table;
  const findings = w.findings;
  const at = w.listing.handleOf(i);
  countType(findings.entries, type);
  if (type === S_IFREG || type === S_IFLNK) findings.totalSize += s.size(r);

  let t: StatTable | undefined;
  let tr = -1;
  if (j >= 0) {
    tr = w.targetListing.record(j);
    if (tr >= 0) {
      t = w.targetListing.table;
      findings.targetEntries++;
    }
  }
  const path = joinPath(folder.path, name);
  const reason = whySkipped(w, s, r, type, t, tr, path, at, name);
  if (reason !== 0) {
    skipped(w, folder, name, r, reason, at);
    return;
  }
  const probe = w.probe;
  const place = j < 0 ? undefined : w.targetListing.placeOf(j);
  probe.entries(at, w.sourceName(name), place?.at ?? folder.target, place?.name ?? name, s.size(r), type);
  if (t !== undefined) probe.about(path, s, r, t, tr);
  const link = type === S_IFLNK ? probe.sourceLink() : EMPTY;
  if (typeof link === 'number') {
    w.readFailure(path, -link, 'the link cannot be read');
    return;
  }
  const text = type === S_IFLNK ? w.linkText(link) : link;
  const obstacle = t !== undefined && t.type(tr) !== type;
  if (obstacle && t !== undefined && t.isDir(tr) && !clearObstacle(w, folder, name, path)) {
    w.problem({ code: 'not-empty', phase: 'plan', side: 'target', path, severity: 'warning', message: 'the folder is not empty: it is not deleted' });
    w.problem({ code: 'write-failed', phase: 'plan', side: 'target', path, errno: Errno.ENOTEMPTY, severity: 'error', message: 'a folder that is not empty stands in the way' });
    return;
  }
  const op = w.planner.entry(name, s, r, t, tr, obstacle, text, probe);
  op.layer = w.listing.mountOf(i);
  const lacks = t === undefined || obstacle || op.reason === Reason.Incomplete;
  if (lacks && w.alts.active && !w.alts.answer(w.planner, folder.path, name, s, r, probe)) {
    skipped(w, folder, name, r, Reason.AltDestSame, at);
    return;
  }
  if (options.attributes.hardLinks && s.nlink(r) > 1) {
    op.group = s.identity(r);
    findings.grouped++;
  }
  writeEntry(w, folder, op, path, s.mode(r));
}

/** Writes what the planner decided for a leaf, and counts it. */
function writeEntry(w: WalkContext, folder: Folder, op: Operation, path: RelPath, mode: number): void {
  const findings = w.findings;
  if (op.kind === OpKind.Note) {
    if (w.setup.lostPaths !== undefined) noteLost(w, op, path, mode);
    if (!w.setup.notes && op.group === '') return;
  } else {
    findings.operations++;
    if ((op.item & Item.New) !== 0 || (op.expected.mode === 0 && op.kind !== OpKind.Link)) countType(findings.creates, op.mode);
    if (op.kind === OpKind.File && op.alt === 0) {
      findings.transferFiles++;
      findings.transferBytes += op.size;
      const need = spaceFor(op.size, op.allocated);
      findings.bytesNeeded += need;
      if (op.expected.mode !== 0) {
        const given = Math.min(op.expected.size, need);
        findings.bytesReplaced += given;
        findings.largestReplaced = Math.max(findings.largestReplaced, given);
      }
    } else if (op.kind === OpKind.Attributes) findings.attributeChanges++;
    noteLost(w, op, path, mode);
  }
  w.useFolder(folder);
  w.plan.write(op);
}

/** Why a leaf is left alone though it was chosen; 0 where it is not. */
function whySkipped(w: WalkContext, s: StatTable, r: number, type: number, t: StatTable | undefined, tr: number, path: RelPath, at: number, name: ByteString): Reason | 0 {
  const { options, facts } = w.setup;
  const { compare, symlinks } = options;
  if (!typeIsWanted(type, options)) return Reason.NotRegular;
  if ((type === 0o060000 || type === 0o020000) && !facts.makesDevices && !options.attributes.copyDevices && !options.attributes.fakeSuper.target) {
    lose(w, 'devices', path, () => `${type === 0o060000 ? 'block' : 'character'} device ${s.rdevMajor(r)}:${s.rdevMinor(r)}`);
    return Reason.NotRegular;
  }
  if (type === S_IFLNK && w.cannotHold.has('symlinks')) {
    lose(w, 'symlinks', path, () => 'symlink');
    return Reason.NotRegular;
  }
  if ((type === S_IFIFO || type === S_IFSOCK) && w.cannotHold.has('special files')) {
    lose(w, 'special files', path, () => (type === S_IFIFO ? 'FIFO' : 'socket'));
    return Reason.NotRegular;
  }
  if (type === S_IFLNK && symlinks.safeLinks) {
    const text = w.source.readlink(at, name);
    if (typeof text !== 'number' && unsafeSymlink(symlinks.unmungeLinks === true ? unmungeLink(text) : text, path)) return Reason.UnsafeLink;
  }
  if (type === S_IFREG) {
    if (compare.maxSize !== undefined && s.size(r) > compare.maxSize) return Reason.TooLarge;
    if (compare.minSize !== undefined && s.size(r) < compare.minSize) return Reason.TooSmall;
  }
  if (t === undefined) return compare.existing || compare.ignoreNonExisting ? Reason.TargetMissing : 0;
  if (compare.ignoreExisting && !(t.mode(tr) === 0o101200 && type === S_IFREG)) return Reason.TargetExists;
  if (compare.update && type === S_IFREG && t.isFile(tr) && t.mode(tr) !== 0o101200 && w.planner.targetIsNewer(s, r, t, tr)) return Reason.TargetNewer;
  return 0;
}

export function skipped(w: WalkContext, folder: Folder, name: ByteString, r: number, reason: Reason, at = -1): void {
  if (!w.setup.notes) return;
  const op = w.planner.note(name, w.listing.table, r, reason);
  if (at >= 0 && w.listing.table.isSymlink(r)) {
    const text = w.source.readlink(at, name);
    if (typeof text !== 'number') op.link = text;
  }
  w.useFolder(folder);
  w.plan.write(op);
}
