/** Attributes that are wanted and cannot be held: noted by class, with how many and one example. */
import type { Operation } from '../../plan/index.js';
import type { ByteString, RelPath } from '../../tree/index.js';
import type { WalkContext } from './walk-context.js';

/** Notes attributes that are wanted and cannot be set, by class. */
export function noteLost(w: WalkContext, op: Operation, path: RelPath): void {
  const { facts, options } = w.setup;
  const a = options.attributes;
  if (w.cannotHold.size > 0) noteUnheld(w, op, path);
  if (facts.setsOwner || w.cannotHold.has('owners')) return;
  if (a.owner && op.uid !== w.posix.euid) lose(w, 'owner', path);
  if (a.group && !w.planner.setsGroup(op.gid)) lose(w, 'group', path);
}

/** The same for what the file system cannot hold: asked for each entry only on such a target. */
function noteUnheld(w: WalkContext, op: Operation, path: RelPath): void {
  if (w.cannotHold.has('owners') && (op.uid !== w.posix.euid || op.gid !== w.posix.egid)) lose(w, 'owners', path);
  if (w.cannotHold.has('permissions') && (op.mode & 0o7000) !== 0) lose(w, 'permissions', path);
  if (w.cannotHold.has('acls') && w.probe.sourceHasAcl()) lose(w, 'acls', path);
  if (w.cannotHold.has('xattrs') && w.probe.sourceHasXattrs()) lose(w, 'xattrs', path);
}

export function lose(w: WalkContext, kind: string, path: ByteString): void {
  const known = w.lost.get(kind);
  if (known === undefined) w.lost.set(kind, { count: 1, example: path });
  else known.count++;
}
