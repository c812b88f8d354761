/** Waiting for a target that is near enough, and for a source that is still: by a clock that the test owns. */
import assert from 'node:assert/strict';
import { converge, hindranceOf } from '../../src/migrate/conduct/converge.js';
import { untilQuiet } from '../../src/migrate/freeze/quiet.js';
import type { FollowStatus } from '../../src/migrate/index.js';
import { TwintreeError } from '../../src/tree/index.js';

const NEAR: FollowStatus = { phase: 'following', lagMs: 0, backlogFiles: 0, backlogBytes: 0, complete: true, sessions: 1, files: 0, bytes: 0, trouble: null, failing: [] };
const LIMITS = { lagMs: 1000, backlogBytes: 100, steadyMs: 5000, patienceMs: 60_000 };
const never = new AbortController().signal;

/** Calls of `now` go on by so many ms each. */
function clock(stepMs: number): () => number {
  let now = 0;
  return () => (now += stepMs);
}

describe('converging', () => {
  it('ends when the limits have held for long enough without a break', async () => {
    const statuses: (FollowStatus | undefined)[] = [undefined, { ...NEAR, complete: false }, { ...NEAR, lagMs: 5000 }, NEAR, NEAR, { ...NEAR, backlogBytes: 101 }];
    let looks = 0;
    await converge({ status: () => (looks < statuses.length ? statuses[looks++] : (looks++, NEAR)) }, LIMITS, never, clock(500));
    assert.ok(looks >= statuses.length + 5, `${looks} looks: the break in the middle begins the count anew`);
  });

  it('says what is in the way when its patience is over', async () => {
    await assert.rejects(converge({ status: () => ({ ...NEAR, lagMs: 3000 }) }, LIMITS, never, clock(20_000)), (error) => error instanceof TwintreeError && error.code === 'TIMEOUT' && /3\.0 s behind/.test(error.message));
  });

  it('names each hindrance', () => {
    assert.equal(hindranceOf(NEAR, LIMITS), undefined);
    for (const [status, words] of [
      [{ ...NEAR, trouble: 'no connection' }, /no connection/], [{ ...NEAR, complete: false }, /first copy/], [{ ...NEAR, failing: [{ path: 'a', message: 'no space' }] }, /a: no space/], [{ ...NEAR, backlogBytes: 2 ** 20 }, /1\.0 MiB wait/],
    ] as const) assert.match(hindranceOf(status, LIMITS) ?? '', words);
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const waiting = converge({ status: () => undefined }, LIMITS, controller.signal);
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
  });
});

describe('a frozen source', () => {
  it('is still when nothing has changed for the time, counted anew after each change', async () => {
    let asked = 0;
    const events = [1, 1, 2, 3];
    await untilQuiet({ caughtUp: () => Promise.resolve(), events: () => events[Math.min(asked++, events.length - 1)] }, { quietMs: 20, patienceMs: 10_000, signal: never });
    assert.ok(asked > events.length);
  });

  it('is not still while what it did comes in late', async () => {
    let flushes = 0;
    await untilQuiet({ caughtUp: async () => { flushes++; }, events: () => Math.min(flushes, 4) }, { quietMs: 5, patienceMs: 10_000, signal: never });
    assert.ok(flushes > 4, 'each flush brought a change until the fourth');
  });

  it('may be still while the last changes are carried, however long that takes', async () => {
    let [carried, looks] = [false, 0];
    let enough = (): void => undefined;
    const waiting = untilQuiet({
      caughtUp: async () => {
        if (carried) return;
        await new Promise<void>((resolve) => { enough = resolve; });
        carried = true;
      },
      events: () => {
        if (++looks === 50) enough();
        return 7;
      },
    }, { quietMs: 5, patienceMs: 1, signal: never });
    await waiting;
    assert.ok(carried && looks < 55, `${looks} looks: the time without service would be longer by the time of quiet`);
    await assert.rejects(untilQuiet({ caughtUp: () => Promise.reject(new Error('lost')), events: () => 7 }, { quietMs: 5, patienceMs: 10_000, signal: never }), /lost/);
  });

  it('is given up when it goes on changing, and when nobody watches it', async () => {
    let n = 0;
    const noisy = untilQuiet({ caughtUp: () => Promise.resolve(), events: () => n++ }, { quietMs: 10, patienceMs: 100, signal: never });
    await assert.rejects(noisy, (error) => error instanceof TwintreeError && error.code === 'NOT_QUIET');
    const blind = untilQuiet({ caughtUp: () => Promise.resolve(), events: () => undefined }, { quietMs: 10, patienceMs: 100, signal: never });
    await assert.rejects(blind, (error) => error instanceof TwintreeError && error.code === 'NOT_QUIET');
  });
});
