/** Attributes that are wanted and cannot be held: noted by class, with how many, one example, and the paths where somebody asked for them. */
import type { Operation } from '../../plan/index.js';
import { S_IFLNK, S_IFMT, type ByteString, type RelPath } from '../../tree/index.js';
import type { WalkContext } from './walk-context.js';

/** Notes attributes that are wanted and cannot be set, by class. @param mode of the source: where permissions are not kept the operation has them no more */
export function noteLost(w: WalkContext, op: Operation, path: RelPath, mode: number): void {
  const { facts, options } = w.setup;
  const a = options.attributes;
  if (w.cannotHold.size > 0) noteUnheld(w, op, path, mode);
  if (facts.setsOwner || w.cannotHold.has('owners')) return;
  if (a.owner && op.uid !== w.posix.euid) lose(w, 'owner', path, () => `uid ${op.uid}`);
  if (a.group && !w.planner.setsGroup(op.gid)) lose(w, 'group', path, () => `gid ${op.gid}`);
}

/** The same for what the file system cannot hold: asked for each entry only on such a target. */
function noteUnheld(w: WalkContext, op: Operation, path: RelPath, mode: number): void {
  if (w.cannotHold.has('owners') && (op.uid !== w.posix.euid || op.gid !== w.posix.egid)) lose(w, 'owners', path, () => `uid ${op.uid} gid ${op.gid}`);
  if (w.cannotHold.has('permissions') && (mode & S_IFMT) !== S_IFLNK && (mode & 0o7000) !== 0) lose(w, 'permissions', path, () => `mode ${(mode & 0o7777).toString(8)}`);
  if (w.cannotHold.has('acls') && w.probe.sourceHasAcl()) lose(w, 'acls', path, () => w.probe.sourceAclNames().join(' '));
  if (w.cannotHold.has('xattrs') && w.probe.sourceHasXattrs()) lose(w, 'xattrs', path, () => w.probe.sourceXattrNames().toSorted().join(' '));
}

/** Longest text of what is lost of one entry, bytes. */
const LONGEST_WHAT = 400;

/** @param what what of the entry is lost; asked only where it is kept */
export function lose(w: WalkContext, kind: string, path: ByteString, what: () => string): void {
  let known = w.lost.get(kind);
  if (known === undefined) w.lost.set(kind, (known = { kind, count: 0, example: path }));
  known.count++;
  const { lostPaths } = w.setup;
  if (lostPaths === undefined) return;
  known.paths ??= [];
  if (known.paths.length < lostPaths) known.paths.push({ path, what: what().slice(0, LONGEST_WHAT) as ByteString });
}
