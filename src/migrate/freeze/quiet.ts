/** Quiet: whether a source that should be still is. Capture saw no change for a while, and says so after all that happened before has reached it. */
import { setTimeout as pause } from 'node:timers/promises';
import { TwintreeError } from '../../tree/index.js';
import type { Following } from '../conduct/ports.js';

const LOOK_MS = 50;

/**
 * Resolves when nothing has changed for `quietMs`.
 * @param patienceMs to wait for that, once it has caught up.
 * @throws TwintreeError NOT_QUIET; what `signal` was aborted with.
 */
export async function untilQuiet(following: Pick<Following, 'caughtUp' | 'events'>, { quietMs, patienceMs, signal, now = () => performance.now() }: { quietMs: number; patienceMs: number; signal: AbortSignal; now?: () => number }): Promise<void> {
  let begun: number | undefined; // when all that it had done before was there: however long that takes
  let failed: unknown;
  const catchUp = async (): Promise<void> => {
    await following.caughtUp();
    begun = now();
  };
  catchUp().catch((error: unknown) => { failed = error ?? new Error('it did not catch up'); });
  let seen = following.events();
  let since = now(); // it may be quiet meanwhile
  for (;;) {
    signal.throwIfAborted();
    if (failed !== undefined) throw failed;
    if (begun !== undefined && now() - since >= quietMs) {
      await following.caughtUp(); // what capture has not handed on yet counts, too
      const last = following.events();
      if (last !== undefined && last === seen) return;
      seen = last;
      since = now();
    }
    if (begun !== undefined && now() - begun > patienceMs) throw new TwintreeError('NOT_QUIET', `the source still changes ${Math.round((now() - begun) / 1000)} s after it was frozen`, { advice: 'Have the freeze hooks stop all that writes there.' });
    await pause(Math.min(LOOK_MS, Math.max(1, quietMs)), undefined, { signal }).catch(() => undefined); // the next look throws the signal's reason
    const events = following.events();
    if (events !== seen) {
      seen = events;
      since = now();
    }
  }
}
