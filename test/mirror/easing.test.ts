/** Staying out of the way: on simulated links with others on them, and under load; never below the floor. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { readPressure } from '../../src/fs/index.js';
import { Easing, LoadWatch, TARGET_DELAY, type LoadMeasure } from '../../src/mirror/index.js';
import { useTempFolder } from '../support/index.js';

const MB = 1e6;
const FLOOR = 50_000;

/** A link with a queue, second by second, in steps of 10 ms. The transfer sends as much as it may. */
class Link {
  queue = 0; // bytes
  constructor(readonly baseMs: number) {}

  /** One second at `rate`, where `capacity` bytes a second are left for it. Returns what got through and the delay at its end, ms. */
  second(rate: number, capacity: number): { sent: number; roundTrip: { latestMs: number; minMs: number } } {
    let sent = 0;
    for (let k = 0; k < 100; k++) {
      const room = Math.max(0, 2 * capacity - this.queue); // a queue of two seconds, then the sender waits
      const comes = Math.min(rate / 100, room);
      this.queue = Math.max(0, this.queue + comes - capacity / 100);
      sent += comes;
    }
    return { sent, roundTrip: { latestMs: this.baseMs + (this.queue / capacity) * 1000, minMs: this.baseMs } };
  }
}

interface Seen { sent: number; delay: number }

/** Runs for so many seconds; `wants`: what the transfer would send without a limit. */
function run(easing: Easing, link: Link, seconds: number, capacity: number, wants = 100 * MB): Seen[] {
  return Array.from({ length: seconds }, () => {
    const { sent, roundTrip } = link.second(Math.min(easing.rate ?? Infinity, wants), capacity);
    easing.measure({ sentRate: sent, roundTrip, pressure: undefined });
    return { sent, delay: roundTrip.latestMs - roundTrip.minMs };
  });
}

const rateOf = ({ rate }: Easing): number => rate ?? Infinity;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a transfer that stays out of the way', () => {
  for (const [capacity, base] of [[MB, 20], [20 * MB, 5], [100_000, 300]] as const) {
    it(`uses most of a link and keeps its queue short (${capacity} bytes a second, ${base} ms)`, () => {
      const easing = new Easing(FLOOR);
      const link = new Link(base);
      run(easing, link, 20, capacity);
      const seen = run(easing, link, 200, capacity);
      assert.ok(mean(seen.map(({ sent }) => sent)) > 0.75 * capacity, `${mean(seen.map(({ sent }) => sent))} bytes a second`);
      assert.ok(mean(seen.map(({ delay }) => delay)) < TARGET_DELAY, `${mean(seen.map(({ delay }) => delay))} ms`);
    });
  }

  it('gives way within seconds where others come, and comes back when they are gone', () => {
    const easing = new Easing(FLOOR);
    const link = new Link(20);
    run(easing, link, 60, 2 * MB);
    run(easing, link, 15, 0.2 * MB);
    const crowded = run(easing, link, 60, 0.2 * MB);
    assert.ok(mean(crowded.map(({ delay }) => delay)) < 2 * TARGET_DELAY);
    assert.ok(rateOf(easing) < 0.35 * MB);
    run(easing, link, 60, 2 * MB);
    assert.ok(mean(run(easing, link, 60, 2 * MB).map(({ sent }) => sent)) > 1.4 * MB);
  });

  it('has no limit as long as nothing is in the way, and does not learn one from a transfer that needs little', () => {
    const easing = new Easing(FLOOR);
    const link = new Link(20);
    run(easing, link, 60, 2 * MB, 0.1 * MB);
    assert.equal(rateOf(easing), Infinity);
    run(easing, link, 30, 2 * MB);
    const before = easing.rate as number;
    run(easing, link, 3, 2 * MB, 0); // the queue drains
    run(easing, link, 600, 2 * MB, 0.01 * MB);
    assert.ok(rateOf(easing) <= 2 * before, 'it did not grow while nothing used it');
  });

  it('gives way to the load of the host, by CPU or disk', () => {
    for (const pressure of [{ cpu: 80, io: 0 }, { cpu: 1, io: 60 }]) {
      const easing = new Easing(FLOOR);
      const measure = (load: Partial<LoadMeasure>): void => easing.measure({ sentRate: easing.rate ?? 10 * MB, roundTrip: undefined, pressure: undefined, ...load });
      measure({});
      measure({ pressure: { cpu: 5, io: 5 } });
      assert.equal(easing.rate, undefined);
      measure({ pressure });
      assert.equal(easing.rate, 5 * MB, 'half at once');
      for (let k = 0; k < 20; k++) measure({ pressure });
      assert.equal(easing.rate, FLOOR);
      for (let k = 0; k < 30; k++) measure({ pressure: { cpu: 0, io: 0 } });
      assert.ok(rateOf(easing) > 10 * MB, `back at ${easing.rate}`);
    }
  });

  it('never goes below the floor, whatever it is told', () => {
    const amount = fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constant(0));
    const load = fc.record({ sentRate: amount, roundTrip: fc.option(fc.record({ latestMs: amount, minMs: amount }), { nil: undefined }), pressure: fc.option(fc.record({ cpu: fc.double({ min: 0, max: 100, noNaN: true }), io: fc.double({ min: 0, max: 100, noNaN: true }) }), { nil: undefined }) });
    fc.assert(fc.property(fc.array(load, { maxLength: 100 }), (loads) => {
      const easing = new Easing(FLOOR);
      for (const each of loads) {
        easing.measure(each);
        assert.ok(easing.rate === undefined || (Number.isFinite(easing.rate) && easing.rate >= FLOOR));
      }
    }), { seed: 9, numRuns: 200 });
  });
});

describe('the pressure of a host', () => {
  const temp = useTempFolder('pressure');

  it('is read where the kernel tells it, and only where it is what it should be', () => {
    mkdirSync(temp.at('p'));
    const full = 'full avg10=9.00 avg60=0.00 avg300=0.00 total=0\n';
    writeFileSync(temp.at('p/cpu'), `some avg10=12.34 avg60=1.00 avg300=0.00 total=5\n${full}`);
    assert.equal(readPressure(temp.at('p')), undefined, 'without io nothing is known');
    writeFileSync(temp.at('p/io'), `some avg10=0.00 avg60=1.00 avg300=0.00 total=5\n${full}`);
    assert.deepEqual(readPressure(temp.at('p')), { cpu: 12.34, io: 0 });
    writeFileSync(temp.at('p/io'), 'nonsense');
    assert.equal(readPressure(temp.at('p')), undefined);
  });
});

describe('who watches the load', () => {
  it('measures what was sent while a session is at work, once a second, and says once what it lacks', () => {
    const notices: string[] = [];
    let [out, latestMs, ageMs] = [0, 20, 0];
    const meter = { roundTrip: () => ({ latestMs, minMs: 20, ageMs }), bytes: () => ({ out }) };
    const watch = new LoadWatch(FLOOR, meter, (code) => { notices.push(code); }, () => undefined);
    assert.equal(watch.look(false, 0, 0), undefined);
    out = 2 * MB;
    assert.equal(watch.look(true, 0, 500), undefined, 'too soon');
    latestMs = 220;
    assert.equal(watch.look(true, 0, 1000), MB, 'half of the two that were sent');
    out = 2 * MB + 0.4 * MB;
    [latestMs, ageMs] = [220, 60_000];
    assert.equal(watch.look(true, 0, 2000), MB, 'what was measured long ago says nothing, and little was sent');
    assert.equal(watch.look(false, 0, 9000), MB, 'nothing is learnt while nothing is sent');
    assert.deepEqual(notices, ['no-pressure']);
    const alone = new LoadWatch(FLOOR, undefined, () => undefined, () => ({ cpu: 60, io: 0 }));
    alone.look(true, 0, 0);
    assert.equal(alone.look(true, 4 * MB, 2000), MB, 'half of two a second');
  });
});
