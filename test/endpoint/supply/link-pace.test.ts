import assert from 'node:assert/strict';
import { Ahead } from '../../../src/endpoint/supply/memory.js';
import { LinkPace } from '../../../src/endpoint/supply/link-pace.js';

const MIB = 1 << 20;

/** What a pace says of a link that takes so many bytes a millisecond, looked at every `every` ms for two seconds, while `waiting` bytes wait. */
function judged(rate: number, { every = 30, waiting = 5 * MIB, start = 0 }: { every?: number; waiting?: number | ((at: number) => number); start?: number } = {}): boolean {
  const pace = new LinkPace();
  for (let at = 0; at <= 2000; at += every) pace.look(at, (start + rate * at) >>> 0, typeof waiting === 'number' ? waiting : waiting(at));
  return pace.slow;
}

describe('what was made ahead of a connection', () => {
  it('waits until it has left, and both are counted', () => {
    const ahead = new Ahead();
    const told = (): number[] => [ahead.waiting, ahead.taken];
    ahead.add(1000);
    ahead.add(500);
    assert.deepEqual(told(), [1500, 0]);
    ahead.leave(1200);
    assert.deepEqual(told(), [300, 1200]);
    new Ahead(ahead.memory).add(2 ** 31 - 1000); // another thread's
    ahead.leave(2 ** 31 - 1000);
    assert.deepEqual(told(), [300, 2 ** 31 + 200]);
  });
});

describe('the pace of a link', () => {
  it('is slow where it takes less than a core packs, fast where it takes more', () => {
    assert.deepEqual([187, 1000, 11_000, 14_000, 500_000].map((rate) => judged(rate)), [true, true, true, false, false]);
  });

  it('is known only while something waits all the time: who has little to send knows nothing', () => {
    assert.equal(judged(10, { waiting: 1000 }), false);
    assert.equal(judged(10, { waiting: (at) => (at % 150 < 30 ? 0 : 5 * MIB) }), false);
  });

  it('counts on where the bytes taken pass 2^32', () => {
    assert.equal(judged(500_000, { start: 2 ** 32 - 3_000_000 }), false);
    assert.equal(judged(100, { start: 2 ** 32 - 1000 }), true);
  });

  it('follows a link that changes', () => {
    const pace = new LinkPace();
    let taken = 0;
    const run = (from: number, to: number, rate: number): void => {
      for (let at = from; at < to; at += 50) pace.look(at, (taken += rate * 50), 5 * MIB);
    };
    run(0, 1000, 100);
    assert.equal(pace.slow, true);
    run(1000, 2000, 100_000);
    assert.equal(pace.slow, false);
  });
});
