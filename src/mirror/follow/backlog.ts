/** The durable side of a follower: the pair's state, and what a job that is done takes out of its dirty set. */
import { loadOwnPosix, loadPosix } from '../../fs/index.js';
import { DirtyReason, PairState, type Horizon } from '../../state/index.js';
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

/** The target has them: the durable set lets go of them, but for what failed and for the hints that stay. It is written a little later. */
export function forget({ dirty }: PairState, job: Job, failed: ReadonlyMap<RelPath, unknown>, stay: ReadonlySet<Hint>, upTo: Horizon): void {
  if (job.kind === 'full') {
    dirty.clearLater(upTo, () => dirty.list().map(({ path }) => path));
    if (failed.size > 0) dirty.addMany([...failed.keys()].map((path) => ({ path, subtree: true, reasons: DirtyReason.Failed })));
    return;
  }
  const hints = job.hints.filter((hint) => !stay.has(hint));
  dirty.clearLater(upTo, () => hints.flatMap((hint) => (
    hint.scope === 'entry' ? [hint.path] : dirty.list({ folder: hint.path }).filter(({ path }) => covers(hint, path)).map(({ path }) => path)
  )));
}
