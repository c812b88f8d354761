/** Quiet: whether a source that should be still is. Capture saw no change for a while, and says so after all that happened before has reached it. */
import { setTimeout as pause } from 'node:timers/promises';
import { TwintreeError } from '../../tree/index.js';
import type { Following } from '../conduct/ports.js';

const LOOK_MS = 50;

/**
 * Resolves when nothing has changed for `quietMs`.
 * @param patienceMs to wait for that.
 * @throws TwintreeError NOT_QUIET; what `signal` was aborted with.
 */
export async function untilQuiet(following: Pick<Following, 'caughtUp' | 'events'>, { quietMs, patienceMs, signal, now = () => performance.now() }: { quietMs: number; patienceMs: number; signal: AbortSignal; now?: () => number }): Promise<void> {
  const begun = now();
  await following.caughtUp();
  let seen = following.events();
  let since = now();
  for (;;) {
    signal.throwIfAborted();
    if (now() - since >= quietMs) {
      await following.caughtUp(); // what capture has not handed on yet counts, too
      const last = following.events();
      if (last !== undefined && last === seen) return;
      seen = last;
      since = now();
    }
    if (now() - begun > patienceMs) throw new TwintreeError('NOT_QUIET', `the source still changes ${Math.round((now() - begun) / 1000)} s after it was frozen`, { advice: 'Have the freeze hooks stop all that writes there.' });
    await pause(Math.min(LOOK_MS, Math.max(1, quietMs)), undefined, { signal }).catch(() => undefined); // the next look throws the signal's reason
    const events = following.events();
    if (events !== seen) {
      seen = events;
      since = now();
    }
  }
}
