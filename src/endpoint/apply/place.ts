/**
 * The last step of every new entry: from its temporary name into its place. What stands there is backed up where that
 * was asked for, an empty folder in the way is removed, and what has come since the plan was made is never replaced.
 */
import { joinPath, S_IFDIR, S_IFMT, type ByteString } from '../../tree/index.js';
import { INCOMPLETE_MODE, type Operation } from '../../plan/index.js';
import { Errno } from '../../fs/index.js';
import { makeBackup } from './backup.js';
import type { ApplyContext, FolderContext } from './context.js';
import { report, targetFailed } from './report.js';
import { OTHER, scratchOf } from './scratch.js';

/** Result of `putInPlace` after a Problem. */
export const REPORTED = -100000;

/**
 * Renames (at, name), complete, to the operation's place: keeps a backup of what stands there, removes an empty folder in the
 * way, and where nothing stood when the plan was made refuses to replace what has come since. 0, REPORTED or -errno.
 */
export function putInPlace(ctx: ApplyContext, folder: FolderContext, op: Operation, at: number, name: ByteString): number {
  if (ctx.exact !== undefined && !ctx.exact.standing(ctx, folder, op)) return REPORTED;
  const cleared = clearWay(ctx, folder, op.name, op.expected.mode);
  if (cleared < 0) return cleared;
  if (cleared === 1 || op.expected.mode === 0 || (op.expected.mode & S_IFMT) === S_IFDIR) {
    const result = renameToFree(ctx, at, name, folder.fd, op.name);
    if (result === -Errno.EEXIST) return appeared(ctx, folder, op.name);
    return result;
  }
  return ctx.posix.rename(at, name, folder.fd, op.name);
}

/** Backup, or removal of an empty folder, before `name` is replaced. 1: the name is free now; 0; REPORTED. */
export function clearWay(ctx: ApplyContext, folder: FolderContext, name: ByteString, mode: number): number {
  if (mode === 0) return 0;
  if ((mode & S_IFMT) === S_IFDIR) {
    const error = ctx.posix.rmdir(folder.fd, name);
    ctx.targetFolders.forget(joinPath(folder.path, name));
    if (error === 0) ctx.counters.deleted.dirs++;
    if (error === 0 || error === -Errno.ENOENT) return 1;
    if (error === -Errno.ENOTEMPTY || error === -Errno.EEXIST) {
      report(ctx, joinPath(folder.path, name), 'target', 'write-failed', 'a folder that is not empty stands in the way', error);
    } else targetFailed(ctx, folder, name, error, 'remove the folder in the way');
    return REPORTED;
  }
  if (!ctx.options.replace.backup || mode === INCOMPLETE_MODE) return 0;
  switch (makeBackup(ctx, folder, name, 'link')) {
    case 'moved': return 1;
    case 'kept': case 'none': return 0;
    case 'failed': return REPORTED;
  }
}

/** rename that replaces nothing, as far as the file system knows how. */
export function renameToFree(ctx: ApplyContext, at: number, name: ByteString, toAt: number, to: ByteString): number {
  const result = ctx.posix.renameNoReplace(at, name, toAt, to);
  if (result !== -Errno.EINVAL && result !== -Errno.ENOSYS && result !== -Errno.EOPNOTSUPP) return result;
  const there = ctx.posix.stat(toAt, to, scratchOf(ctx).table, OTHER);
  if (there === 0) return -Errno.EEXIST;
  // RACE: this file system has no exclusive rename; what appears between the look and the call is replaced.
  return ctx.posix.rename(at, name, toAt, to);
}

/** Something stands where nothing stood when the plan was made. Always REPORTED. */
export function appeared(ctx: ApplyContext, folder: FolderContext, name: ByteString): number {
  report(ctx, joinPath(folder.path, name), 'target', 'write-failed', 'something has appeared under this name since the scan; it is left, the next run compares it', -Errno.EEXIST);
  return REPORTED;
}
