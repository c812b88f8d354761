/**
 * OpKind.Link: a further name of a file that is in place already (the leader of its hard-link group, or the same file in a
 * --link-dest folder). Made under a temporary name and renamed where something stands. A file that cannot be linked is
 * copied rather than left out.
 */
import { countType, baseOf, joinPath, parentOf, S_IFLNK, S_IFMT, S_IFREG, type ByteString } from '../../tree/index.js';
import { Item, type Operation } from '../../plan/index.js';
import { Errno, errnoText } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { delayFolder } from './delay-folder.js';
import { makeSpecial } from './nodes.js';
import { replaceFile } from './replace.js';
import { report, targetFailed } from './report.js';
import { OTHER, scratchOf, TARGET } from './scratch.js';
import { removeSource } from './source.js';
import { appeared, putInPlace, REPORTED } from './place.js';

const TEMP_TRIES = 1000;

/** Links the operation's name to its leader. False after a Problem. */
export function makeLink(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const path = op.alt > 0 ? joinPath(folder.path, op.name) : op.link;
  const leader = baseOf(path);
  const root = op.alt > 0 ? ctx.altRoots[op.alt - 1] : undefined;
  const at = root === undefined ? ctx.targetFolders.open(parentOf(path)) : s.folderBelow(posix, root, parentOf(path));

  if (root === undefined && ctx.options.replace.delayUpdates && at >= 0 && linkWaiting(ctx, folder, op, parentOf(path), leader)) return linked(ctx, folder, op);

  const error = at < 0 ? at : posix.stat(at, leader, s.table, TARGET);
  if (error < 0) return cannotLink(ctx, folder, op, error);
  const fake = ctx.options.attributes.fakeSuper.target;
  if (s.table.type(TARGET) !== (fake ? S_IFREG : op.mode & S_IFMT)) {
    if (op.alt > 0) return copyInstead(ctx, folder, op);
    return report(ctx, joinPath(folder.path, op.name), 'target', 'write-failed', 'the file it is to be linked to is of another type');
  }
  const there = op.expected.mode === 0 ? -Errno.ENOENT : posix.stat(folder.fd, op.name, s.table, OTHER);
  if (there === 0 && s.table.sameInode(TARGET, s.table, OTHER)) return linked(ctx, folder, op); // rename between two names of one inode would do nothing
  if (op.expected.mode === 0) {
    const result = posix.link(at, leader, folder.fd, op.name);
    if (result === 0) return linked(ctx, folder, op);
    if (result !== -Errno.EEXIST) return cannotLink(ctx, folder, op, result);
    if (posix.stat(folder.fd, op.name, s.table, OTHER) === 0 && s.table.sameInode(TARGET, s.table, OTHER)) return linked(ctx, folder, op);
    return appeared(ctx, folder, op.name) === 0;
  }
  let name = s.tempName;
  let result = posix.link(at, leader, folder.fd, name);
  for (let tries = 0; result === -Errno.EEXIST && tries < TEMP_TRIES; tries++) {
    name = s.nextTempName();
    result = posix.link(at, leader, folder.fd, name);
  }
  if (result < 0) return cannotLink(ctx, folder, op, result);
  const placed = putInPlace(ctx, folder, op, folder.fd, name);
  // Someone may have made the same link meanwhile: then the rename has done nothing and the temporary name is left.
  posix.unlink(folder.fd, name);
  if (placed < 0) return placed === REPORTED ? false : targetFailed(ctx, folder, op.name, placed, 'rename it into place');
  return linked(ctx, folder, op);
}

/** --delay-updates: the leader itself waits for its place; so does the link. False where it does not wait. */
function linkWaiting(ctx: ApplyContext, folder: FolderContext, op: Operation, leaderFolder: ByteString, leader: ByteString): boolean {
  const at = delayFolder(ctx, { ...folder, path: leaderFolder }, false);
  if (at < 0 || ctx.posix.stat(at, leader, scratchOf(ctx).table, TARGET) < 0) return false;
  const mine = delayFolder(ctx, folder, true);
  if (mine < 0) return false;
  ctx.posix.unlink(mine, op.name);
  return ctx.posix.link(at, leader, mine, op.name) === 0;
}

function linked(ctx: ApplyContext, folder: FolderContext, op: Operation): true {
  ctx.counters.linked++;
  if ((op.item & Item.New) !== 0) countType(ctx.counters.created, op.mode);
  removeSource(ctx, folder, op);
  return true;
}

/** The link was refused: where a copy holds the same, one is made. */
function cannotLink(ctx: ApplyContext, folder: FolderContext, op: Operation, errno: number): boolean {
  const path = joinPath(folder.path, op.name);
  if (op.alt > 0) return copyInstead(ctx, folder, op);
  if (errno === -Errno.EMLINK || errno === -Errno.EXDEV) {
    report(ctx, path, 'target', 'write-failed', `cannot be a hard link there (${errnoText(errno)}); it is copied`, errno, 'warning');
    return copyInstead(ctx, folder, op);
  }
  if (errno === -Errno.ENOENT) return report(ctx, path, 'target', 'write-failed', 'the file it is to be linked to is not there', errno);
  return targetFailed(ctx, folder, op.name, errno, 'make the hard link');
}

function copyInstead(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  switch (op.mode & S_IFMT) {
    case S_IFREG: return replaceFile(ctx, folder, op);
    case S_IFLNK: {
      const text = linkText(ctx, op);
      return typeof text === 'number' ? targetFailed(ctx, folder, op.name, text, 'make the hard link') : makeSpecial(ctx, folder, { ...op, link: text });
    }
    default: return makeSpecial(ctx, folder, op);
  }
}

/** Text of the symlink that could not be linked: its own where it was to come from an alternate folder, else as it stands at the leader. */
function linkText(ctx: ApplyContext, op: Operation): ByteString | number {
  if (op.alt > 0) return op.link;
  const at = ctx.targetFolders.open(parentOf(op.link));
  return at < 0 ? at : ctx.posix.readlink(at, baseOf(op.link));
}
