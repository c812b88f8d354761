/** Removing a whole tree of our own: old backups in the way, waiting folders that were left behind. */
import type { ByteString } from '../../tree/index.js';
import { Errno, type NameList, type Posix } from '../../fs/index.js';

/** Removes a name with everything below it, by handles, never following a symlink. 0 or the first -errno. Only for what is ours. */
export function removeTree(posix: Posix, at: number, name: ByteString): number {
  const error = posix.unlink(at, name);
  if (error !== -Errno.EISDIR && error !== -Errno.EPERM) return error;
  const fd = posix.openDir(at, name);
  if (fd < 0) return fd;
  const list: NameList = { names: [], types: [] };
  let first = posix.list(fd, list);
  for (const child of list.names) {
    const result = removeTree(posix, fd, child);
    if (result < 0 && first === 0) first = result;
  }
  posix.close(fd);
  const removed = posix.rmdir(at, name);
  return first < 0 ? first : removed;
}
