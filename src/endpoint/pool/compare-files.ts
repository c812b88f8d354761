/** Proves that a file of the source and a file of the target hold the same bytes, before a move is believed. */
import { FolderCache, type Posix } from '../../fs/index.js';
import { baseOf, parentOf, StatTable } from '../../tree/index.js';
import { FileHasher } from '../file-hash.js';
import type { RemoteContent, SourceFs } from '../source/index.js';
import type { ComparePair, SharedState } from './messages.js';

const SLICE = 1 << 18;

/** What was asked of another host for pairs: their hashes, at the pairs' places. */
export type AskedHashes = readonly ((() => Buffer | number) | undefined)[];

/**
 * Asks another host for the hashes of the pairs' sources, all at once, so that comparing them costs one round trip and not one each. Where the
 * target's file cannot be moved anyway nothing is asked. The questions go out with the next one that is waited for, or by `flush`.
 */
export function askHashes(posix: Posix, remote: RemoteContent, target: number, pairs: readonly ComparePair[]): AskedHashes {
  const targets = new FolderCache(posix, target);
  const stat = new StatTable(1);
  const asked = pairs.map((pair) => {
    const at = targets.open(parentOf(pair.target));
    const fits = at >= 0 && posix.stat(at, baseOf(pair.target), stat, 0) === 0 && stat.isFile(0) && stat.size(0) === pair.size && stat.nlink(0) === 1;
    return fits ? remote.askHash(pair.layer, parentOf(pair.source), baseOf(pair.source)) : undefined;
  });
  targets.closeAll();
  return asked;
}

/**
 * One answer for each pair; false where anything could not be read, and where the target's file has other names: they would
 * go on sharing what the source keeps apart. `asked`: what askHashes returned for these pairs, where that was called.
 */
export function compareFiles(
  posix: Posix, source: SourceFs, mounts: readonly number[], target: number, pairs: readonly ComparePair[], shared: SharedState, asked?: AskedHashes,
): boolean[] {
  const sources = mounts.map((fd) => new FolderCache(source, fd));
  const targets = new FolderCache(posix, target);
  const stat = new StatTable(1);
  const content = source.remote === undefined ? byBytes(posix, source, sources, shared) : byHash(posix, asked ?? askHashes(posix, source.remote, target, pairs), shared);
  const result = pairs.map((pair, k) => {
    if (shared.aborted) return false;
    const targetFolder = targets.open(parentOf(pair.target));
    if (targetFolder < 0) return false;
    const b = posix.open(targetFolder, baseOf(pair.target), { read: true, nonBlock: true });
    if (b < 0) return false;
    const same = posix.fstat(b, stat, 0) === 0 && stat.nlink(0) === 1 && content(pair, k, b);
    posix.close(b);
    return same;
  });
  for (const cache of sources) cache.closeAll();
  targets.closeAll();
  return result;
}

/** Whether the source's file of pair `k` and an open one of the target hold the same bytes. */
type SameContent = (pair: ComparePair, k: number, target: number) => boolean;

function byBytes(posix: Posix, source: SourceFs, folders: readonly FolderCache[], shared: SharedState): SameContent {
  const left = Buffer.allocUnsafeSlow(SLICE);
  const right = Buffer.allocUnsafeSlow(SLICE);
  return ({ layer, source: path, size }, _k, target) => {
    const at = (folders[layer] as FolderCache).open(parentOf(path));
    const a = at < 0 ? at : source.open(at, baseOf(path), { read: true, nonBlock: true });
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

/** Where the source is on another host only hashes travel. The target's own is taken first: the other one is on its way meanwhile. */
function byHash(posix: Posix, asked: AskedHashes, shared: SharedState): SameContent {
  const hasher = new FileHasher(posix);
  return ({ size }, k, target) => {
    const answer = asked[k];
    const actual = answer === undefined ? undefined : hasher.digest(target, size, () => shared.aborted);
    const wanted = actual === undefined ? undefined : answer?.();
    return typeof wanted === 'object' && actual !== undefined && wanted.equals(actual);
  };
}
