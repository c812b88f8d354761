/**
 * OpKind.Move: a file or folder of the target gets the name that its equal has at the source now. The session has proven
 * the content equal; here it is renamed and its attributes are set. A file that cannot be renamed is copied.
 */
import { baseOf, joinPath, parentOf, S_IFDIR, S_IFMT, S_IFREG, type ByteString } from '../../tree/index.js';
import type { Operation } from '../../plan/index.js';
import { Errno } from '../../fs/index.js';
import { attributesInPlace } from './attributes.js';
import type { ApplyContext, FolderContext } from './context.js';
import { replaceFile } from './replace.js';
import { targetFailed } from './report.js';
import { OTHER, scratchOf } from './scratch.js';
import { removeSource } from './source.js';
import { appeared, clearWay, renameToFree } from './place.js';

/** Renames `op.link` (a path below the target root) to the operation's name. False after a Problem. */
export function moveEntry(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const name = baseOf(op.link);
  const at = ctx.targetFolders.open(parentOf(op.link));
  const result = at < 0 ? at : rename(ctx, folder, op, at, name);
  if (result === REPORTED_HERE) return false;
  if (result < 0) {
    const isFile = (op.mode & S_IFMT) === S_IFREG;
    if (isFile && (result === -Errno.ENOENT || result === -Errno.EXDEV || result === -Errno.EACCES || result === -Errno.EPERM || result === -Errno.EBUSY)) {
      return replaceFile(ctx, folder, op);
    }
    return targetFailed(ctx, folder, op.name, result, 'give the moved entry its new name');
  }
  if ((op.mode & S_IFMT) === S_IFDIR) {
    ctx.targetFolders.forget(op.link);
    ctx.targetFolders.forget(joinPath(folder.path, op.name));
  }
  ctx.counters.moved++;
  if (op.set !== 0 && attributesInPlace(ctx, folder, op, op.name, false) !== true) return true;
  if ((op.mode & S_IFMT) !== S_IFDIR) removeSource(ctx, folder, op);
  return true;
}

const REPORTED_HERE = -300000;

function rename(ctx: ApplyContext, folder: FolderContext, op: Operation, at: number, name: ByteString): number {
  const cleared = clearWay(ctx, folder, op.name, op.expected.mode);
  if (cleared < 0) return REPORTED_HERE;
  const replaces = cleared === 0 && op.expected.mode !== 0 && (op.expected.mode & S_IFMT) !== S_IFDIR;
  let result = replaces ? ctx.posix.rename(at, name, folder.fd, op.name) : renameToFree(ctx, at, name, folder.fd, op.name);
  if (result === -Errno.EACCES && ctx.posix.euid !== 0) result = renameWidened(ctx, folder, op, at, name);
  if (result === -Errno.EEXIST) {
    appeared(ctx, folder, op.name);
    return REPORTED_HERE;
  }
  return result;
}

/** A plain user's own folder, the old one or the moved one itself, may be read-only: made writable for the rename. */
export function renameWidened(ctx: ApplyContext, folder: Pick<FolderContext, 'fd'>, op: Pick<Operation, 'name'>, at: number, name: ByteString): number {
  const { posix } = ctx;
  const { table } = scratchOf(ctx);
  if (posix.fstat(at, table, OTHER) < 0) return -Errno.EACCES;
  const outer = table.perms(OTHER);
  if ((outer & 0o700) !== 0o700) posix.fchmod(at, outer | 0o700);
  const isFolder = posix.stat(at, name, table, OTHER) === 0 && table.isDir(OTHER);
  const inner = table.perms(OTHER);
  const opened = isFolder && (inner & 0o700) !== 0o700;
  if (opened) posix.chmod(at, name, inner | 0o700); // to change its `..` it must be writable itself
  const result = renameToFree(ctx, at, name, folder.fd, op.name);
  if (opened) {
    if (result === 0) posix.chmod(folder.fd, op.name, inner);
    else posix.chmod(at, name, inner);
  }
  if ((outer & 0o700) !== 0o700) posix.fchmod(at, outer);
  return result;
}
