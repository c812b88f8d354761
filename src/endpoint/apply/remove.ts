/**
 * OpKind.Delete: one name goes, through a backup where that was asked for. Folders are empty by then: their contents
 * have operations of their own. What has gone already is as good as removed.
 */
import { countType, joinPath, S_IFDIR, S_IFMT, type ByteString } from '../../tree/index.js';
import { INCOMPLETE_MODE, Reason, type Operation } from '../../plan/index.js';
import { Errno, errnoText } from '../../fs/index.js';
import { makeBackup } from './backup.js';
import type { ApplyContext, FolderContext } from './context.js';
import { clearWaiting } from './delay.js';
import { recoverFile } from './recover.js';
import { report } from './report.js';
import { scratchOf, TARGET } from './scratch.js';
import { isUndoName } from './temp-name.js';

/** Removes the operation's name. False after a Problem. */
export function removeEntry(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const at = ctx.targetFolders.open(folder.path);
  if (ctx.exact?.isGone(ctx, at) === true) return false;
  if (at === -Errno.ENOENT) return true; // the folder itself is gone
  if (at < 0) return deleteFailed(ctx, folder, op.name, at);
  folder.fd = at;
  if (ctx.exact !== undefined && !ctx.exact.entry(ctx, folder, op)) return false;
  const mode = op.expected.mode === 0 ? op.mode : op.expected.mode;
  if ((mode & S_IFMT) === S_IFDIR) {
    if (op.reason !== Reason.Incomplete) return removeFolder(ctx, folder, op);
    clearWaiting(ctx, folder);
    return true;
  }

  if (op.reason === Reason.Incomplete && isUndoName(op.name)) { // of a run that was killed while it patched a file: that gets its old content back
    const recovered = recoverFile(ctx.posix, folder.fd, op.name);
    if (recovered < 0 && recovered !== -Errno.EBUSY) return deleteFailed(ctx, folder, op.name, recovered);
    return true;
  }

  const { backup, suffix } = ctx.options.replace;
  if (backup && mode !== INCOMPLETE_MODE && op.reason !== Reason.Incomplete && (ctx.backupRoot >= 0 || !(suffix !== '' && op.name.endsWith(suffix)))) {
    switch (makeBackup(ctx, folder, op.name, 'rename')) {
      case 'failed': return false;
      case 'moved': countType(ctx.counters.deleted, mode); return true;
      case 'none': return true;
      case 'kept': break; // a copy was made: the name still has to go
    }
  }
  const error = unlinkWidening(ctx, folder, op.name);
  if (error === -Errno.ENOENT) return true;
  if (error < 0) return deleteFailed(ctx, folder, op.name, error);
  countType(ctx.counters.deleted, mode);
  return true;
}

function removeFolder(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  let error = ctx.posix.rmdir(folder.fd, op.name);
  if (error === -Errno.EACCES && widen(ctx, folder)) error = ctx.posix.rmdir(folder.fd, op.name);
  const path = joinPath(folder.path, op.name);
  ctx.targetFolders.forget(path);
  if (error === 0) {
    ctx.counters.deleted.dirs++;
    return true;
  }
  if (error === -Errno.ENOENT) return true;
  if (error === -Errno.ENOTEMPTY || error === -Errno.EEXIST) {
    return report(ctx, path, 'target', 'not-empty', 'is kept: it is not empty', error, 'warning');
  }
  return deleteFailed(ctx, folder, op.name, error);
}

/** unlink; where the folder refuses it to its own user, the folder is made writable first. */
function unlinkWidening(ctx: ApplyContext, folder: FolderContext, name: ByteString): number {
  const error = ctx.posix.unlink(folder.fd, name);
  return error === -Errno.EACCES && widen(ctx, folder) ? ctx.posix.unlink(folder.fd, name) : error;
}

/** Gives the user all rights on a folder of his own. False where that changes nothing. */
export function widen(ctx: ApplyContext, folder: FolderContext): boolean {
  const { table } = scratchOf(ctx);
  if (ctx.posix.fstat(folder.fd, table, TARGET) < 0) return false;
  const perms = table.perms(TARGET);
  return (perms & 0o700) !== 0o700 && ctx.posix.fchmod(folder.fd, perms | 0o700) === 0;
}

function deleteFailed(ctx: ApplyContext, folder: FolderContext, name: ByteString, errno: number): false {
  return report(ctx, joinPath(folder.path, name), 'target', 'delete-failed', `cannot delete it: ${errnoText(errno)}`, errno);
}
