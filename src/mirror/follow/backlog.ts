/** The durable side of a follower: the pair's state, and what a job that is done takes out of its dirty set. */
import { loadOwnPosix, loadPosix } from '../../fs/index.js';
import { DirtyReason, PairState } from '../../state/index.js';
import type { ByteString, RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';
import { covers, type Job } from './agenda.js';

/** Opens the state of a pair. `roots`: absolute paths of its trees on this host. @throws TwintreeError as `PairState.open`. */
export function openState(folder: ByteString, pair: { source: ByteString; target: ByteString }, roots: readonly ByteString[], notice: (code: string, message: string) => void): PairState {
  const posix = loadPosix();
  const handles = roots.map((path) => posix.openRoot(path)).filter((fd) => fd >= 0);
  try {
    return PairState.open({ posix: loadOwnPosix(), folder, pair, roots: handles, notice });
  } finally {
    for (const fd of handles) posix.close(fd);
  }
}

/** When the oldest change was seen that an earlier mirror of this pair left; and everything is dirty now. */
export function beginAgain({ dirty }: PairState): number | undefined {
  let oldest: number | undefined;
  for (const { since } of dirty.list()) oldest = Math.min(oldest ?? since, since);
  dirty.everything(DirtyReason.Again);
  return oldest;
}

/** The target has them: the durable set lets go of them, but for what failed and for the hints that stay. */
export function forget({ dirty }: PairState, job: Job, failed: ReadonlyMap<RelPath, unknown>, stay: ReadonlySet<Hint>, upTo: number): void {
  if (job.kind === 'full') {
    dirty.clearTree(upTo);
    if (failed.size > 0) dirty.add([...failed.keys()].map((path) => ({ path, subtree: true, reasons: DirtyReason.Failed })));
    return;
  }
  const paths: RelPath[] = [];
  for (const hint of job.hints) {
    if (stay.has(hint)) continue;
    if (hint.scope === 'entry') paths.push(hint.path);
    else for (const { path } of dirty.list({ folder: hint.path })) if (covers(hint, path)) paths.push(path);
  }
  dirty.clear(upTo, paths); // in one go: it waits for the disk
}
