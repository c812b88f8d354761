/**
 * -H: whether a batch touches a file that has other names. An event names one of them, and a link can be kept only by who sees all: then a
 * full session is run instead. Looks into folders that came as a whole, as far as a bound; beyond it the answer is yes.
 */
import { FolderCache, type NameList, type Posix } from '../../fs/index.js';
import { baseOf, EMPTY, joinPath, parentOf, StatTable, type RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';

/** Entries that are looked at. */
const MOST = 5000;

/** @param root open handle of the source. */
export function touchesLinks(posix: Posix, root: number, hints: readonly Hint[]): boolean {
  const cache = new FolderCache(posix, root);
  const stat = new StatTable(1);
  const list: NameList = { names: [], types: [] };
  let left = MOST;
  /** Whether a link was found at the path or, so far as `depth` goes, below. */
  const look = (path: RelPath, depth: Hint['scope']): boolean => {
    if (--left < 0) return true;
    if (path !== EMPTY) {
      const at = cache.open(parentOf(path));
      if (at < 0 || posix.stat(at, baseOf(path), stat, 0) < 0) return false; // gone: its other names have not changed by that
      if (!stat.isDir(0)) return stat.nlink(0) > 1;
    }
    if (depth === 'entry') return false;
    const folder = cache.open(path);
    if (folder < 0 || posix.list(folder, list) < 0) return false; // the session tells that it cannot be read
    return [...list.names].some((name) => look(joinPath(path, name), depth === 'subtree' ? 'subtree' : 'entry'));
  };
  try {
    return hints.some(({ path, scope }) => look(path, scope));
  } finally {
    cache.closeAll();
  }
}
