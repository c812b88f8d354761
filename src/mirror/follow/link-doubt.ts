/**
 * Without -H each name of a file is a file of its own on the target. An event names one of them, and whatever happened may have happened to the file
 * under its other names too: whether a batch looks at such a file. Then a full session follows after a while.
 */
import { FolderCache, loadPosix, type NameList } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { baseOf, EMPTY, joinPath, parentOf, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { Hint, HintScope } from '../hint.js';
import type { Job } from './agenda.js';

/** Entries that are looked at in folders that came as a whole; beyond them the answer is yes. */
const MOST = 50_000;

/** @param root the source. */
export function leavesLinksInDoubt(root: ByteString, { kind, hints }: Job, options: SessionOptions): boolean {
  return kind !== 'full' && !options.attributes.hardLinks && anyLinked(root, hints);
}

function anyLinked(root: ByteString, hints: readonly Hint[]): boolean {
  const posix = loadPosix();
  const fd = posix.openRoot(root);
  if (fd < 0) return false; // the session finds that out
  const cache = new FolderCache(posix, fd);
  const stat = new StatTable(1);
  const list: NameList = { names: [], types: [] };
  let left = MOST;
  const look = (path: RelPath, depth: HintScope): boolean => {
    if (path !== EMPTY) {
      const at = cache.open(parentOf(path));
      if (at < 0 || posix.stat(at, baseOf(path), stat, 0) < 0) return false; // gone: its other names have not changed by that
      if (!stat.isDir(0)) return stat.nlink(0) > 1;
    }
    if (depth === 'entry') return false;
    const folder = cache.open(path);
    if (folder < 0 || posix.list(folder, list) < 0) return false; // the session tells that it cannot be read
    return [...list.names].some((name) => --left < 0 || look(joinPath(path, name), depth === 'subtree' ? 'subtree' : 'entry'));
  };
  try {
    return hints.some(({ path, scope }) => look(path, scope));
  } finally {
    cache.closeAll();
    posix.close(fd);
  }
}
