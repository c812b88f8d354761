/** The folder of --partial-dir that belongs to a folder of the target: beside its files where it is relative, one for all where it is absolute. */
import { cleanPath, EMPTY, joinPath, type ByteString } from '../../tree/index.js';
import { Errno } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { scratchOf } from './scratch.js';

/** Handle of the partial folder for files of `folder`, -errno where there is none (or it could not be made). Owned by a cache. */
export function partialFolder(ctx: ApplyContext, folder: FolderContext, make: boolean): number {
  const { posix } = ctx;
  const dir = ctx.options.replace.partialDir;
  if (dir === undefined) return -Errno.ENOENT;
  if (dir.startsWith('/')) return scratchOf(ctx).partialRoot(posix, dir);
  const path = cleanPath(dir);
  if (path === undefined || path === EMPTY) return -Errno.EINVAL;
  const whole = joinPath(folder.path, path);
  const there = ctx.targetFolders.open(whole);
  if (there !== -Errno.ENOENT || !make) return there;
  let at = folder.fd;
  let walked = folder.path;
  for (const part of path.split('/') as ByteString[]) {
    const made = posix.mkdir(at, part, 0o700);
    if (made < 0 && made !== -Errno.EEXIST) return made;
    walked = joinPath(walked, part);
    at = ctx.targetFolders.open(walked);
    if (at < 0) return at;
  }
  return at;
}
