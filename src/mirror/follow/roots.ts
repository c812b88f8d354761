/** The roots of a mirror on this host: which folder the source is, and that the target does not lie in it. */
import type { Posix } from '../../fs/index.js';
import { StatTable, TwintreeError, type ByteString } from '../../tree/index.js';

/** The identity of the folder at a path; undefined: there is none. */
export function folderAt(posix: Posix, path: ByteString): string | undefined {
  const fd = posix.openRoot(path);
  if (fd < 0) return undefined;
  const stat = new StatTable(1);
  const error = posix.fstat(fd, stat, 0);
  posix.close(fd);
  return error < 0 ? undefined : stat.identity(0);
}

/**
 * A target inside of its source would be copied into itself again and again. It may stand there where the source ends at its file system.
 * @throws TwintreeError UNSUPPORTED.
 */
export function refuseNested(posix: Posix, source: ByteString, target: ByteString, oneFileSystem: boolean): void {
  const from = folderAt(posix, source);
  if (from === undefined) return;
  let path: string = target;
  while (path.length > 1 && folderAt(posix, path as ByteString) === undefined) path = path.slice(0, Math.max(1, path.lastIndexOf('/')));
  let at = folderAt(posix, path as ByteString);
  if (oneFileSystem && deviceOf(at) !== deviceOf(from)) return;
  for (let last: string | undefined; at !== undefined && at !== last;) { // `..` of the root is the root
    if (at === from) throw new TwintreeError('UNSUPPORTED', 'the target lies in the source: the mirror would follow itself', { path: target, advice: 'Put it elsewhere, or on a file system of its own with -x.' });
    last = at;
    path += '/..';
    at = folderAt(posix, path as ByteString);
  }
}

function deviceOf(identity: string | undefined): string | undefined {
  return identity?.slice(0, identity.lastIndexOf(':'));
}
