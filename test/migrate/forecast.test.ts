/** The forecast of a cutover on histories that are made: what is known of them is what it has to find. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareForecasts, forecast, forecastText, PassModel, spreadOf, type Forecast } from '../../src/migrate/forecast/index.js';
import { BatchSample } from '../../src/cli/migrate/follow.js';
import { PARTS, type MigrationEvent, type Part } from '../../src/migrate/journal/events.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const T0 = Date.UTC(2026, 0, 4); // a Sunday

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function numbers(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
/** About a mean, as the normal distribution has it (sum of twelve). */
function about(random: () => number, mean: number, deviation: number): number {
  let sum = -6;
  for (let k = 0; k < 12; k++) sum += random();
  return Math.max(1, mean + deviation * sum);
}

const part = (at: number, name: Part, ms: number, more: { files?: number; bytes?: number; rehearsal?: boolean } = {}): MigrationEvent => ({ at, event: 'part', part: name, ms, files: more.files ?? 0, bytes: more.bytes ?? 0, rehearsal: more.rehearsal ?? false });
const batch = (at: number, ms: number, files: number, bytes: number): MigrationEvent => ({ at, event: 'session', kind: 'batch', ms, entries: files, files, bytes, sent: bytes });
const lag = (at: number, changedFiles: number, changedBytes: number): MigrationEvent => ({ at, event: 'lag', lagMs: 500, backlogFiles: 0, backlogBytes: 0, changedFiles, changedBytes });

/** A world in which everything takes what `truth` says, give or take a tenth. */
function world(seed: number, cutovers: number): { events: MigrationEvent[]; actual: (files: number, bytes: number) => number } {
  const random = numbers(seed);
  const truth: Record<Part, number> = { freeze: 3000 + 5000 * random(), quiet: 1000, final: 30, verify: 8000 + 30_000 * random(), switch: 4000 * random() + 500, health: 1500 };
  const pass = [200 + 800 * random(), 1 + 4 * random(), 1e-5 * (1 + 4 * random())] as const;
  const timeOf = (files: number, bytes: number): number => about(random, 1, 0.1) * (pass[0] + pass[1] * files + pass[2] * bytes);
  const events: MigrationEvent[] = [];
  for (let k = 0; k < 40; k++) {
    const [files, bytes] = [Math.floor(400 * random()), 5e7 * random()];
    events.push(batch(T0 + k * 60_000, timeOf(files, bytes), files, bytes));
  }
  for (let k = 0; k < cutovers; k++) {
    const [files, bytes] = [Math.floor(400 * random()), 5e7 * random()];
    for (const name of PARTS) events.push(part(T0 + DAY + k * HOUR, name, about(random, truth[name], truth[name] / 10) + (name === 'quiet' ? timeOf(files, bytes) : 0), name === 'final' ? { files, bytes } : {}));
  }
  return { events, actual: (files, bytes) => PARTS.reduce((sum, name) => sum + about(random, truth[name], truth[name] / 10), timeOf(files, bytes)) };
}

describe('the forecast of a cutover', () => {
  it('lies around what comes, in nine cases of ten', () => {
    for (const cutovers of [2, 4, 10]) {
      let inside = 0;
      let width = 0;
      const runs = 300;
      for (let seed = 0; seed < runs; seed++) {
        const { events, actual } = world(seed * 31 + cutovers, cutovers);
        const said = forecast(events, T0 + 2 * DAY, { files: 150, bytes: 2e7 }, { quietMs: 1000 });
        if (Math.abs(actual(150, 2e7) - said.ms) <= said.plusMinusMs) inside++;
        width += said.plusMinusMs / said.ms / runs;
      }
      assert.ok(inside / runs >= 0.88, `after ${cutovers} cutovers ${inside} of ${runs}`);
      assert.ok(width < (cutovers > 2 ? 0.35 : 0.8), `after ${cutovers} cutovers it is ± ${width}`);
    }
  });

  it('takes longer the more waits, and finds what a file and a byte cost', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1e5 }), fc.integer({ min: 0, max: 1e5 }), fc.integer({ min: 0, max: 1e5 }), fc.double({ min: 0, max: 1e11, noNaN: true }), fc.double({ min: 0, max: 1e11, noNaN: true }), (seed, files, more, bytes, moreBytes) => {
      const { events } = world(seed, 1);
      const [one, two] = [forecast(events, T0 + DAY, { files, bytes }), forecast(events, T0 + DAY, { files: files + more, bytes: bytes + moreBytes })];
      assert.ok(two.ms >= one.ms && one.plusMinusMs <= one.ms && one.parts.every(({ ms, plusMinusMs }) => ms >= 0 && plusMinusMs >= 0));
    }), { seed: 7, numRuns: 60 });
    const model = new PassModel(Array.from({ length: 60 }, (_, k) => ({ ms: 300 + 2 * (k % 20) * 10 + 2e-5 * (k % 7) * 1e7, files: (k % 20) * 10, bytes: (k % 7) * 1e7 })));
    const [start, perFile, perByte] = model.coefficients;
    assert.ok(Math.abs(start - 300) < 15 && Math.abs(perFile - 2) < 0.1 && Math.abs(perByte - 2e-5) < 1e-6, String(model.coefficients));
    assert.ok(new PassModel([{ ms: 500, files: 1, bytes: 0 }, { ms: 100, files: 1000, bytes: 1e6 }]).coefficients.every((each) => each >= 0));
  });

  it('without anything measured says so, and is wide', () => {
    const none = forecast([], T0, { files: 0, bytes: 0 });
    assert.deepEqual([none.known, none.plusMinusMs / none.ms > 0.9, none.parts.map(({ basis }) => basis)], [false, true, PARTS.map(() => 'assumed')]);
    assert.match(forecastText(none), /^freeze now: .* \(nothing was measured yet: this is assumed\)\n/);
    assert.match(forecastText(none), /cheapest hour: not known yet, nothing was seen long enough yet\nnote: never measured, and assumed: freeze, quiet, final, verify, switch, health/);
    const one = forecast([part(T0, 'freeze', 4000, { rehearsal: true })], T0, { files: 0, bytes: 0 }, { without: ['verify', 'switch', 'health'], quietMs: 500 });
    assert.deepEqual(one.parts.map(({ part: name, ms, measurements }) => [name, ms, measurements]), [['freeze', 4000, 1], ['quiet', 900, 0], ['final', 200, 0]]);
    assert.ok(one.notes.some((note) => note.includes('rehearsals only')));
    const practised = (...events: MigrationEvent[]): number | undefined => forecast(events, T0, { files: 0, bytes: 0 }).parts.find(({ part: name }) => name === 'switch')?.ms;
    assert.deepEqual([practised(part(T0, 'switch', 0, { rehearsal: true })), practised(part(T0, 'switch', 700, { rehearsal: true })), practised(part(T0, 'switch', 700, { rehearsal: true }), part(T0, 'switch', 90))], [5000, 700, 90], 'what was rehearsed stands back behind what was done');
    assert.deepEqual([spreadOf([]), spreadOf([1000]), spreadOf([1000, 1000, 1000, 1000])], [undefined, { ms: 1000, plusMinusMs: 500 }, { ms: 1000, plusMinusMs: 100 }]);
  });

  it('adds what changes while the freeze hooks run, and names what would shorten the longest part', () => {
    const lags = Array.from({ length: 30 }, (_, k) => lag(T0 + k * 60_000, 600, 60e6));
    const events = [...lags, ...Array.from({ length: 30 }, (_, k) => batch(T0 + k, 100 + 10 * k + k * 20, 10 * k, k * 1e6)), part(T0, 'freeze', 20_000), part(T0, 'freeze', 20_000), part(T0, 'verify', 1000), part(T0, 'switch', 1000), part(T0, 'health', 1000)];
    const said = (now: number, bytes: number): Forecast => forecast(events, now, { files: 0, bytes });
    const busy = said(T0 + 30 * 60_000, 0);
    assert.deepEqual([busy.change?.filesPerSecond, busy.change?.bytesPerSecond, busy.limiting.part], [10, 1e6, 'freeze']);
    const later = said(T0 + DAY, 0);
    assert.equal(later.change, null);
    assert.ok((busy.parts[1]?.ms ?? 0) > (later.parts[1]?.ms ?? 0) + 200, 'two hundred files and 20 MB more');
    const full = said(T0 + DAY, 1e11);
    assert.deepEqual([full.limiting.part, /quieter time, or more bandwidth/.test(full.limiting.sentence)], ['quiet', true]);
    assert.match(forecast([...events, part(T0, 'verify', 900_000)], T0, { files: 0, bytes: 0 }, { verify: { mode: 'full', sample: 0.01 } }).limiting.sentence, /verify: \{ mode: index, sample: 2% \}/);
    // The tree has grown since it was verified.
    const grown = [...events, { at: T0, event: 'planned', name: 'm', source: '/s/', target: '/t', host: null, entries: 1, bytes: 4e9, lost: [] } as const, part(T0, 'verify', 10_000, { bytes: 1e9 })];
    assert.ok((forecast(grown.filter((event) => event.event !== 'part' || event.bytes > 0), T0, { files: 0, bytes: 0 }).parts.find(({ part: name }) => name === 'verify')?.ms ?? 0) === 40_000);
  });

  it('takes what the first copy and the lag tell, where sessions over changes were not told one by one', () => {
    const full = (at: number, ms: number, files: number, bytes: number): MigrationEvent => ({ at, event: 'session', kind: 'full', ms, entries: 10_000, files, bytes, sent: bytes });
    const waits = Array.from({ length: 50 }, (_, k): MigrationEvent => ({ at: T0 + HOUR + k * 60_000, event: 'lag', lagMs: 300 + (k % 10) * 20, backlogFiles: (k % 10) + 1, backlogBytes: 10_000, changedFiles: 5, changedBytes: 10_000 }));
    const events = [full(T0, 102_000, 10_000, 5e9), ...waits, full(T0 + 2 * HOUR, 2000, 0, 0)];
    const quiet = (files: number, bytes: number): number => forecast(events, T0 + 3 * HOUR, { files, bytes }, { quietMs: 200 }).parts.find(({ part: name }) => name === 'quiet')?.ms ?? 0;
    assert.ok(quiet(5, 10_000) > 400 && quiet(5, 10_000) < 900, String(quiet(5, 10_000)));
    assert.ok(quiet(10_000, 5e9) > 50_000 && quiet(10_000, 5e9) < 200_000, String(quiet(10_000, 5e9)));
    // A last pass over everything is a pass that finds nothing.
    const whole = forecast(events, T0 + 3 * HOUR, { files: 0, bytes: 0 }, { final: 'full' }).parts.find(({ part: name }) => name === 'final');
    assert.ok((whole?.ms ?? 0) > 1000 && whole?.basis === 'measured');
  });

  it('finds the cheapest hour of the day, of the week where two weeks were seen, and says when it has seen too little', () => {
    const busyAt = (at: number): number => {
      const date = new Date(at);
      return date.getUTCDay() === 0 && date.getUTCHours() === 4 ? 0 : date.getUTCHours() === 3 ? 1 : 20 + date.getUTCHours();
    };
    const seen = (from: number, until: number): MigrationEvent[] => Array.from({ length: Math.floor((until - from) / 300_000) + 1 }, (_, k) => from + k * 300_000).map((at) => lag(at, busyAt(at - 150_000) * 5, busyAt(at - 150_000) * 1e5));
    const few = forecast(seen(T0, T0 + 5 * HOUR), T0, { files: 0, bytes: 0 }).cheapest;
    assert.deepEqual(few, { unknown: 'only 5 of 24 hours of the day were seen long enough' });
    const day = forecast(seen(T0 + DAY, T0 + 2 * DAY), T0, { files: 0, bytes: 0 }).cheapest;
    assert.ok(!('unknown' in day) && day.hour === 3 && day.weekday === null && day.dearest.hour === 23);
    const week = forecast(seen(T0, T0 + 14 * DAY), T0, { files: 0, bytes: 0 });
    assert.ok(!('unknown' in week.cheapest) && week.cheapest.hour === 4 && week.cheapest.weekday === 0 && week.cheapest.seen === 168 && week.cheapest.bytesPerSecond === 0);
    assert.match(forecastText(week, 'Europe/Berlin'), /cheapest hour: Sunday, 04:00 to 05:00 Europe\/Berlin, about /);
    // Hours in which the program did not run say nothing.
    const gap = forecast([...seen(T0, T0 + 2 * HOUR), ...seen(T0 + 20 * HOUR, T0 + 21 * HOUR)], T0, { files: 0, bytes: 0 }).cheapest;
    assert.deepEqual(gap, { unknown: 'only 3 of 24 hours of the day were seen long enough' });
  });

  it('is held against what came', () => {
    const said: MigrationEvent = { at: T0, event: 'forecast', ms: 40_000, plusMinusMs: 10_000, parts: [{ part: 'freeze', ms: 5000 }, { part: 'verify', ms: 35_000 }] };
    const came = (ms: number, verify: number, rehearsal = false): MigrationEvent => ({ at: T0 + 1, event: 'downtime', ms, parts: [{ part: 'freeze', ms: 5000 }, { part: 'verify', ms: verify }], rehearsal, ok: true });
    const [good] = compareForecasts([said, came(1, 1, true), came(45_000, 40_000)]);
    assert.deepEqual([good?.inside, good?.actualMs, good?.sentence], [true, 45_000, 'It took 45 s, forecast 40 s ± 10 s: as was said.']);
    const [bad] = compareForecasts([said, came(100_000, 95_000)]);
    assert.deepEqual([bad?.inside, bad?.worst, bad?.sentence], [false, 'verify', 'It took 1 min 40 s, forecast 40 s ± 10 s: 1 min longer, most of it in verify.']);
    assert.deepEqual(compareForecasts([came(1, 1)]), []);
  });
});

describe('the batches that a journal has', () => {
  const took = (ms: number, files = 1): Parameters<BatchSample['worthTelling']>[0] => ({ event: 'session', kind: 'batch', ms, entries: files, files, bytes: 1000, sent: 1000 });

  it('are the first ones, which a first forecast stands on, and then the longest of each minute', () => {
    const sample = new BatchSample();
    const told: number[] = [];
    for (let n = 0; n < 36_000; n++) { // an hour of ten a second
      const one = sample.worthTelling(took(n % 777), T0 + n * 100);
      if (one !== undefined) told.push(one.ms);
    }
    assert.deepEqual(told.slice(0, 20), Array.from({ length: 20 }, (_, n) => n));
    assert.ok(told.length >= 75 && told.length <= 82, `${told.length} of an hour`);
    assert.ok(told.slice(20).every((ms) => ms > 500), 'the longest');
    assert.equal(sample.worthTelling(took(5, 0), T0 + 2 * HOUR), undefined, 'one without a file tells nothing');
  });
});
