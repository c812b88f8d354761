/** Proves that a file of the source and a file of the target hold the same bytes, before a move is believed. */
import { FolderCache, type Posix } from '../../fs/index.js';
import { baseOf, parentOf, StatTable, type ByteString } from '../../tree/index.js';
import { FileHasher } from '../file-hash.js';
import type { SourceFs } from '../source/index.js';
import type { ComparePair, SharedState } from './messages.js';

const SLICE = 1 << 18;

/**
 * One answer for each pair; false where anything could not be read, and where the target's file has other names: they would
 * go on sharing what the source keeps apart.
 */
export function compareFiles(posix: Posix, source: SourceFs, mounts: readonly number[], target: number, pairs: readonly ComparePair[], shared: SharedState): boolean[] {
  const sources = mounts.map((fd) => new FolderCache(source, fd));
  const targets = new FolderCache(posix, target);
  const stat = new StatTable(1);
  const content = source.remote === undefined ? byBytes(posix, source, shared) : byHash(posix, source, shared);
  const result = pairs.map((pair) => {
    if (shared.aborted) return false;
    const targetFolder = targets.open(parentOf(pair.target));
    if (targetFolder < 0) return false;
    const b = posix.open(targetFolder, baseOf(pair.target), { read: true, nonBlock: true });
    if (b < 0) return false;
    let same = posix.fstat(b, stat, 0) === 0 && stat.nlink(0) === 1;
    if (same) {
      const sourceFolder = (sources[pair.layer] as FolderCache).open(parentOf(pair.source));
      same = sourceFolder >= 0 && content(sourceFolder, baseOf(pair.source), b, pair.size);
    }
    posix.close(b);
    return same;
  });
  for (const cache of sources) cache.closeAll();
  targets.closeAll();
  return result;
}

/** Whether a file of the source (in an open folder) and an open one of the target hold the same `size` bytes. */
type SameContent = (at: number, name: ByteString, target: number, size: number) => boolean;

function byBytes(posix: Posix, source: SourceFs, shared: SharedState): SameContent {
  const left = Buffer.allocUnsafeSlow(SLICE);
  const right = Buffer.allocUnsafeSlow(SLICE);
  return (at, name, target, size) => {
    const a = source.open(at, name, { read: true, nonBlock: true });
    if (a < 0) return false;
    let same = true;
    for (let done = 0; same && done < size; done += SLICE) {
      const want = Math.min(SLICE, size - done);
      same = !shared.aborted && source.read(a, left, 0, want, -1) === want && posix.read(target, right, 0, want, -1) === want && left.compare(right, 0, want, 0, want) === 0;
    }
    source.close(a);
    return same;
  };
}

/** Where the source is on another host only hashes travel. The target's own is taken first: it is the cheaper one to find unreadable. */
function byHash(posix: Posix, source: SourceFs, shared: SharedState): SameContent {
  const hasher = new FileHasher(posix);
  return (at, name, target, size) => {
    const actual = hasher.digest(target, size, () => shared.aborted);
    if (actual === undefined) return false;
    const wanted = source.remote?.hash(at, name, false);
    return typeof wanted === 'object' && wanted.equals(actual);
  };
}
