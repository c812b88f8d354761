/** Makes a folder that the user or the program named by a path, with those above it that are missing. */
import { posix as path } from 'node:path';
import type { ByteString } from '../tree/index.js';
import { Errno } from './errno.js';
import type { Posix } from './posix.js';

/** Handle of the folder, or -errno. `mode` is for what is made. */
export function makeFolders(posix: Posix, folder: ByteString, mode: number): number {
  const open = posix.openRoot(folder);
  if (open !== -Errno.ENOENT) return open;
  const parent = makeFolders(posix, path.dirname(folder) as ByteString, mode);
  if (parent < 0) return parent;
  const name = path.basename(folder) as ByteString;
  const made = posix.mkdir(parent, name, mode);
  const fd = made < 0 && made !== -Errno.EEXIST ? made : posix.openDir(parent, name);
  posix.close(parent);
  return fd;
}
