/**
 * How many bytes a target is behind: the sizes of the files that wait, as they are now. An estimate: how much of a changed file differs nobody knows
 * before it is compared, and what waits as a folder is not looked into. The work is bounded: of many paths some are looked at, and the rest is
 * taken to be like them.
 */
import { FolderCache, loadPosix } from '../../fs/index.js';
import { baseOf, EMPTY, parentOf, StatTable, type ByteString } from '../../tree/index.js';
import type { Hint } from '../hint.js';

/** Paths that are looked at where nothing else is said; some milliseconds. */
const MOST = 500;

export interface BytesBehind {
  bytes: number;
  /** Whether each path that waits was looked at, and is a single file: else there may be more. */
  exact: boolean;
}

/** @param root path of the source. @param count how many hints there are. @param most paths that are looked at */
export function bytesBehind(root: ByteString, hints: Iterable<Hint>, count: number, most = MOST): BytesBehind {
  if (count === 0) return { bytes: 0, exact: true };
  const posix = loadPosix();
  const fd = posix.openRoot(root);
  if (fd < 0) return { bytes: 0, exact: false };
  const cache = new FolderCache(posix, fd);
  const stat = new StatTable(1);
  let [bytes, looked, exact] = [0, 0, true];
  try {
    for (const { path, scope, gone } of hints) {
      if (looked === most) break;
      looked++;
      if (scope !== 'entry') exact = false;
      if (gone || path === EMPTY) continue;
      const at = cache.open(parentOf(path));
      if (at >= 0 && posix.stat(at, baseOf(path), stat, 0) === 0 && stat.isFile(0)) bytes += stat.size(0);
    }
  } finally {
    cache.closeAll();
    posix.close(fd);
  }
  return looked < count ? { bytes: Math.round((bytes / looked) * count), exact: false } : { bytes, exact };
}
