/** Proves candidates for moves equal by comparing contents, in workers where there is much to read. */
import { compareFiles, type ComparePair, type PoolWorker, type ScanSetup, type SharedState, type SourceFs, type WorkerPool } from '../endpoint/index.js';
import type { Posix } from '../fs/index.js';
import type { MoveCandidate } from './resolve.js';

/** Bytes that the main thread compares by itself. */
const INLINE_BYTES = 16 << 20;
/** Pairs and bytes in one message. */
const CHUNK_PAIRS = 256;
const CHUNK_BYTES = 32 << 20;
/** The same where the source is on another host: all of a message is asked for at once, and of two messages a thread. */
const REMOTE_PAIRS = 1024;
const REMOTE_BYTES = 256 << 20;

/** One answer per candidate. */
export async function proveMoves(
  posix: Posix, source: SourceFs, setup: ScanSetup, pool: WorkerPool, shared: SharedState, threads: number, candidates: readonly MoveCandidate[],
): Promise<boolean[]> {
  const mounts = setup.mounts.map((m) => m.fd);
  const pairs = candidates.map((c) => c.pair);
  const total = pairs.reduce((sum, pair) => sum + pair.size, 0);
  // Where the source is on another host, workers wait for its hashes.
  if (source.remote === undefined && total <= INLINE_BYTES && pairs.length <= CHUNK_PAIRS) return compareFiles(posix, source, mounts, setup.target, pairs, shared);

  const [mostPairs, mostBytes] = source.remote === undefined ? [CHUNK_PAIRS, CHUNK_BYTES] : [REMOTE_PAIRS, REMOTE_BYTES];
  const chunks: { at: number; pairs: ComparePair[] }[] = [];
  let bytes = 0;
  pairs.forEach((pair, k) => {
    const last = chunks[chunks.length - 1];
    if (last === undefined || last.pairs.length >= mostPairs || bytes + pair.size > mostBytes) {
      chunks.push({ at: k, pairs: [pair] });
      bytes = pair.size;
    } else {
      last.pairs.push(pair);
      bytes += pair.size;
    }
  });
  const same = pairs.map(() => false);
  pool.grow(Math.max(1, Math.min(threads, chunks.length)));
  await new Promise<void>((resolve, reject) => {
    let next = 0;
    let due = chunks.length;
    const feed = (worker: PoolWorker): void => {
      const chunk = chunks[next];
      if (chunk === undefined) return;
      worker.post({ kind: 'compare', id: next++, pairs: chunk.pairs, mounts, target: setup.target });
    };
    pool.listen((worker, message) => {
      if (message.kind !== 'compared') return;
      const at = chunks[message.id]?.at ?? 0;
      message.same.forEach((answer, k) => { same[at + k] = answer; });
      if (--due === 0) resolve();
      else feed(worker);
    }, reject);
    for (const worker of pool.workers) {
      feed(worker);
      feed(worker);
    }
  });
  return same;
}
