/** Proves that a file of the source and a file of the target hold the same bytes, before a move is believed. */
import { FolderCache, type Posix } from '../../fs/index.js';
import { baseOf, parentOf, StatTable } from '../../tree/index.js';
import type { ComparePair, SharedState } from './messages.js';

const SLICE = 1 << 18;

/**
 * One answer for each pair; false where anything could not be read, and where the target's file has other names: they would
 * go on sharing what the source keeps apart.
 */
export function compareFiles(posix: Posix, mounts: readonly number[], target: number, pairs: readonly ComparePair[], shared: SharedState): boolean[] {
  const sources = mounts.map((fd) => new FolderCache(posix, fd));
  const targets = new FolderCache(posix, target);
  const stat = new StatTable(1);
  const left = Buffer.allocUnsafeSlow(SLICE);
  const right = Buffer.allocUnsafeSlow(SLICE);
  const result = pairs.map((pair) => {
    if (shared.aborted) return false;
    const sourceFolder = (sources[pair.layer] as FolderCache).open(parentOf(pair.source));
    const targetFolder = targets.open(parentOf(pair.target));
    if (sourceFolder < 0 || targetFolder < 0) return false;
    const a = posix.open(sourceFolder, baseOf(pair.source), { read: true, nonBlock: true });
    if (a < 0) return false;
    const b = posix.open(targetFolder, baseOf(pair.target), { read: true, nonBlock: true });
    if (b < 0) {
      posix.close(a);
      return false;
    }
    let same = posix.fstat(b, stat, 0) === 0 && stat.nlink(0) === 1;
    for (let at = 0; same && at < pair.size; at += SLICE) {
      const want = Math.min(SLICE, pair.size - at);
      same = !shared.aborted && posix.read(a, left, 0, want, -1) === want && posix.read(b, right, 0, want, -1) === want && left.compare(right, 0, want, 0, want) === 0;
    }
    posix.close(a);
    posix.close(b);
    return same;
  });
  for (const cache of sources) cache.closeAll();
  targets.closeAll();
  return result;
}
