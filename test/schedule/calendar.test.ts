/** Schedules of a job over years: intervals, windows, jitter, several lines, what is caught up, clocks that jump. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Calendar, Cron, jitterShare, MOST_CAUGHT_UP, PositionError, Schedule, settled, Window, type CatchUp, type Occurrence, type ScheduleSpec } from '../../src/schedule/index.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (text: string): number => Date.parse(text);
const shown = (instant: number): string => new Date(instant).toISOString().slice(0, 19);

const cron = (text: string, more: Partial<ScheduleSpec> = {}): ScheduleSpec => ({ when: { kind: 'cron', text }, zone: 'Europe/Berlin', jitterMs: 0, window: undefined, catchUp: 'once', ...more });
const every = (everyMs: number, more: Partial<ScheduleSpec> = {}): ScheduleSpec => ({ ...cron('', more), when: { kind: 'interval', everyMs, anchor: 0 } });
function coming(specs: readonly ScheduleSpec[], after: string, count: number): Occurrence[] {
  const calendar = new Calendar(specs, 'home');
  const found: Occurrence[] = [];
  for (let run = calendar.next(at(after)); run !== undefined && found.length < count; run = calendar.next(run.start)) found.push(run);
  return found;
}
const starts = (runs: readonly Occurrence[]): string[] => runs.map(({ start }) => shown(start));

const WINDOWS = ['mon-fri 22:00-06:00, sat-sun', '02:00-03:00', 'sun 02:30-02:45', '00:00-24:00', 'fri 23-1'];

describe('a window', () => {
  it('is open where an entry fits, tells when it opens and closes, and since when it is closed', () => {
    const window = Window.parse('mon-fri 22:00-06:00, sat', 'Europe/Berlin');
    assert.deepEqual(['2026-11-27T20:59Z', '2026-11-27T21:00Z', '2026-11-28T04:59Z', '2026-11-28T22:59Z', '2026-11-28T23:00Z', '2026-11-30T00:00Z'].map((each) => window.isOpen(at(each))), [false, true, true, true, false, false]);
    assert.equal(shown(window.opening(at('2026-11-29T12:00Z')) as number), '2026-11-30T21:00:00', 'Sunday is closed, and so is the night to Monday');
    assert.equal(shown(window.closing(at('2026-11-27T23:00Z')) as number), '2026-11-28T23:00:00', 'the night goes over into the Saturday');
    assert.equal(shown(window.closedSince(at('2026-11-30T12:00Z')) as number), '2026-11-28T23:00:00');
    assert.equal(Window.parse('mon-sun', 'UTC').closing(0), undefined);
  });

  it('is refused where it is none, with the place', () => {
    for (const [text, character] of [['', 1], ['mun', 1], ['mon 22', 5], ['mon 22-6 2M', 10], ['mon,,tue', 5]] as const) {
      assert.throws(() => Window.parse(text, 'UTC'), (error: unknown) => error instanceof PositionError && error.at + 1 === character && error.message.startsWith('the window is wrong'), text);
    }
  });
});

describe('the schedules of a job', () => {
  it('intervals count from their anchor, also before it, whatever was asked first', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: -5 * DAY, max: 5 * DAY }), fc.integer({ min: -40 * DAY, max: 40 * DAY }), (seconds, anchor, after) => {
      const next = new Schedule({ ...every(1), when: { kind: 'interval', everyMs: seconds * 1000, anchor } }, 'home').next(after) as Occurrence;
      assert.ok(next.start > after && next.start <= after + seconds * 1000);
      assert.equal((next.start - anchor) % (seconds * 1000) + 0, 0);
    }), { seed: 3 });
  });

  it('of several lines, the first to come is next; what falls together runs once', () => {
    assert.deepEqual(starts(coming([cron('0 2 * * *'), every(12 * HOUR), cron('0 1 * * *', { zone: 'UTC' })], '2026-11-27T12:30Z', 4)),
      ['2026-11-28T00:00:00', '2026-11-28T01:00:00', '2026-11-28T12:00:00', '2026-11-29T00:00:00']);
  });

  it('what falls due while the window is closed starts when it opens, once, and says so', () => {
    const runs = coming([every(15 * MINUTE, { window: 'mon-fri 08:00-09:00' })], '2026-11-27T07:40Z', 4);
    assert.deepEqual(starts(runs), ['2026-11-27T07:45:00', '2026-11-30T07:00:00', '2026-11-30T07:15:00', '2026-11-30T07:30:00']);
    assert.deepEqual(runs[1]?.moves, [], 'at eight it is due anyway');
    assert.equal(runs[1]?.until, at('2026-11-30T08:00Z'));
    const noon = coming([cron('0 12 * * *', { window: '22-6' })], '2026-11-27T00:00Z', 2);
    assert.deepEqual(starts(noon), ['2026-11-27T21:00:00', '2026-11-28T21:00:00']);
    assert.deepEqual(noon[0]?.moves, [{ kind: 'window', due: at('2026-11-27T11:00Z') }]);
  });

  it('with windows, jitter and odd days: each run starts after the one before, in the window, by no more than its jitter too late, and asking from in between changes nothing', () => {
    fc.assert(fc.property(
      fc.oneof(fc.constantFrom('30 2 * * *', '0 */6 * * *', '15 23 * * fri', '0 0 L * *').map((text) => cron(text)), fc.constantFrom(7 * MINUTE, HOUR, 36 * HOUR).map((ms) => every(ms))),
      fc.constantFrom(undefined, ...WINDOWS), fc.constantFrom(0, 5 * MINUTE, 3 * HOUR), fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC'),
      fc.constantFrom('2026-03-26T11:22:33Z', '2026-10-22T00:00Z', '2027-04-01T00:00Z', '2026-11-27T05:06Z'), fc.double({ min: 0, max: 1, noNaN: true }),
      (spec, window, jitterMs, zone, from, between) => {
        const schedule = new Schedule({ ...spec, window, jitterMs, zone }, 'home');
        const open = window === undefined ? undefined : Window.parse(window, zone);
        let after = at(from);
        for (let k = 0; k < 12; k++) {
          const run = schedule.next(after);
          assert.ok(run !== undefined && run.start > after);
          assert.ok(run.start >= run.due);
          if (open !== undefined) {
            assert.ok(open.isOpen(run.start), `${shown(run.start)} is outside of the window`);
            assert.equal(run.until, open.closing(run.start));
          }
          const latest = (open === undefined ? run.due : open.opening(run.due) as number) + jitterMs;
          assert.ok(run.start <= latest);
          assert.deepEqual(schedule.next(after + Math.floor(between * (run.start - after - 1))), run, 'asked from in between');
          after = run.start;
        }
      },
    ), { seed: 5, numRuns: 60 });
  });

  it('jitter is the same for the same name and instant, another for others, and spreads', () => {
    const share = (name: string): number => jitterShare(name, at('2026-11-27T02:00Z'));
    assert.equal(share('home'), share('home'));
    const shares = Array.from({ length: 1000 }, (_, k) => share(`host${k}`));
    for (let tenth = 0; tenth < 10; tenth++) {
      const count = shares.filter((each) => Math.floor(each * 10) === tenth).length;
      assert.ok(count > 60 && count < 150, `${count} of 1000 in a tenth`);
    }
  });

  it('over ten years a daily line runs 3653 times, on each local day once, an hourly one once an hour', () => {
    const run = (spec: ScheduleSpec, end: string): number[] => {
      const schedule = new Schedule(spec, 'home');
      const found: number[] = [];
      for (let next = schedule.next(at('2020-01-01T00:00+01:00') - 1); next !== undefined && next.start < at(end); next = schedule.next(next.start)) found.push(next.start);
      return found;
    };
    const daily = run(cron('30 2 * * *'), '2030-01-01T00:00+01:00');
    const day = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin' });
    assert.equal(daily.length, 3653);
    assert.equal(new Set(daily.map((each) => day.format(each))).size, 3653);
    const hourly = run(cron('0 * * * *'), '2022-01-01T00:00+01:00');
    assert.equal(hourly.length, 731 * 24);
    assert.ok(hourly.every((each, k) => k === 0 || each - (hourly[k - 1] as number) === HOUR));
  });
});

describe('catching up', () => {
  const last = at('2026-11-20T01:00Z');
  const now = at('2026-11-27T12:00:30Z');
  const due = (catchUp: CatchUp, more: Partial<ScheduleSpec> = {}, from = last, to = now): Occurrence[] => new Calendar([cron('0 2 * * *', { catchUp, ...more })], 'home').due(from, to);

  it('makes up for the last run that was missed, for all, or for none', () => {
    const once = due('once');
    assert.deepEqual(once.map((run) => [run.start, shown(run.due)]), [[now, '2026-11-27T01:00:00']]);
    assert.deepEqual(once[0]?.moves, [{ kind: 'missed', start: at('2026-11-27T01:00Z') }]);
    assert.deepEqual(due('all').map((run) => shown(run.due)), ['21', '22', '23', '24', '25', '26', '27'].map((day) => `2026-11-${day}T01:00:00`));
    assert.deepEqual(due('none'), []);
    for (const policy of ['once', 'all', 'none'] as const) assert.deepEqual(due(policy, {}, at('2026-11-27T01:00Z')), [], 'nothing was missed');
  });

  it('what is on time runs whatever is caught up, and counts for what was missed', () => {
    for (const [policy, count] of [['once', 1], ['none', 1], ['all', 7]] as const) {
      const runs = due(policy, {}, last, at('2026-11-27T01:00:20Z'));
      assert.equal(runs.length, count, policy);
      assert.deepEqual([runs.at(-1)?.start, runs.at(-1)?.moves], [at('2026-11-27T01:00Z'), []]);
    }
  });

  it('is bounded, and quick, however long the machine was off', () => {
    const calendar = new Calendar([cron('* * * * *', { catchUp: 'all' })], 'home');
    const runs = calendar.due(at('2016-01-01T00:00Z'), at('2026-11-27T12:00:30Z'));
    assert.equal(runs.length, MOST_CAUGHT_UP + 1);
    assert.equal(shown(runs.at(-1)?.start as number), '2026-11-27T12:00:00');
    assert.equal(shown(runs[0]?.due as number), '2026-11-27T10:20:00');
  });

  it('waits for the window', () => {
    const [run] = due('once', { window: '22-6' });
    assert.equal(shown(run?.start as number), '2026-11-27T21:00:00');
    assert.equal(shown(run?.until as number), '2026-11-28T05:00:00');
  });

  it('each line has its own way; several that make up once do so together', () => {
    const calendar = new Calendar([cron('0 2 * * *', { catchUp: 'once' }), cron('0 4 * * *', { catchUp: 'once' }), cron('0 3 * * *', { catchUp: 'none' })], 'home');
    assert.deepEqual(calendar.due(last, now).map((run) => shown(run.due)), ['2026-11-27T03:00:00']);
  });

  it('a run that its window stopped goes on when that opens', () => {
    const calendar = new Calendar([cron('0 23 * * *', { window: '22-6' })], 'home');
    const run = calendar.next(at('2026-11-27T12:00Z')) as Occurrence;
    assert.equal(run.until, at('2026-11-28T05:00Z'));
    const again = calendar.resume(run, run.until as number) as Occurrence;
    assert.deepEqual([shown(again.start), shown(again.until as number), again.due, again.moves], ['2026-11-28T21:00:00', '2026-11-29T05:00:00', run.due, [{ kind: 'resumed' }]]);
  });

  it('a clock put back a little runs nothing twice; put back far, it is believed', () => {
    const calendar = new Calendar([every(HOUR)], 'home');
    const ran = at('2026-11-27T12:00Z');
    const little = ran - 2 * HOUR + 1;
    assert.deepEqual(calendar.due(settled(ran, little), little), []);
    assert.equal(shown(calendar.next(settled(ran, little))?.start as number), '2026-11-27T13:00:00');
    const far = at('2020-01-01T00:30Z');
    assert.equal(shown(calendar.next(settled(ran, far))?.start as number), '2020-01-01T01:00:00');
  });

  it('a pass every minute over months, with a machine that sleeps now and then, starts each run once', () => {
    const calendar = new Calendar([cron('30 2 * * *', { jitterMs: 20 * MINUTE, catchUp: 'all' })], 'home');
    let [clock, ran] = [at('2026-02-01T00:00Z'), at('2026-02-01T00:00Z')];
    const days: string[] = [];
    for (let step = 0; clock < at('2026-05-01T00:00Z'); step++) {
      for (const run of calendar.due(ran, clock)) days.push(shown(run.due).slice(0, 10));
      ran = clock;
      clock += step % 97 === 0 ? 31 * HOUR : 50 * MINUTE;
    }
    assert.equal(new Set(days).size, days.length);
    assert.equal(days.length, Math.ceil((ran - at('2026-02-01T00:00Z')) / DAY), `up to ${shown(ran)}`);
  });
});

it('a cron expression that fits a leap day in decades only is still found', () => {
  assert.equal(shown(new Cron('0 0 29 2 */7', 'UTC').next(at('2026-01-01T00:00Z'))?.at as number), '2032-02-29T00:00:00', 'a Sunday');
});
