/** Up to when a target is complete: beside a naive model that knows of each change when it happened, when it was heard, and when it was done. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Points } from '../../src/mirror/follow/points.js';

describe('mirror: points', () => {
  it('never says that a target is complete up to a moment before which something is missing, and gets there when nothing is', () => {
    // A step: time goes by, and then a change happens, what happened is heard, the oldest one heard is done, or capture is asked and answers.
    const step = fc.record({ wait: fc.integer({ min: 0, max: 3 }), what: fc.constantFrom('change', 'hear', 'done', 'ask', 'answer', 'look') });
    fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const points = new Points();
      let now = 1000;
      const changes: { at: number; heard: number | undefined; done: boolean }[] = [];
      let asked: number | undefined;
      const hear = (until: number): void => { for (const each of changes) if (each.at <= until) each.heard ??= now; };
      const oldest = (): number | undefined => changes.reduce<number | undefined>((first, { heard, done }) => (heard === undefined || done ? first : Math.min(first ?? heard, heard)), undefined);
      const look = (): number | null => {
        const upTo = points.upTo(oldest());
        for (const { at, done } of changes) assert.ok(done || upTo === null || at >= upTo, `a change at ${at} is missing, and it is said to be complete up to ${upTo}`);
        return upTo;
      };
      for (const { wait, what } of steps) {
        now += wait;
        if (what === 'change') changes.push({ at: now, heard: undefined, done: false });
        else if (what === 'hear') hear(now);
        else if (what === 'done') {
          const next = changes.find(({ heard, done }) => heard !== undefined && !done);
          if (next !== undefined) next.done = true;
        } else if (what === 'ask') asked ??= now;
        else if (what === 'answer' && asked !== undefined) {
          hear(asked);
          points.seen(asked, now);
          asked = undefined;
        } else look();
      }
      now++;
      hear(now);
      points.seen(now, now);
      for (const each of changes) each.done = true;
      assert.equal(look(), now);
    }), { numRuns: 300 });
  });

  it('keeps few marks however long something waits, and none of them is lost that counts', () => {
    const points = new Points();
    for (let k = 1; k <= 10_000; k++) points.seen(k, k);
    assert.equal(points.upTo(0), null);
    assert.equal(points.upTo(undefined), 10_000);
  });
});
