/** Cron expressions against a model that asks for each second or minute by itself, over the days on which clocks change in every zone. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Cron, PositionError } from '../../src/schedule/index.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const at = (text: string): number => Date.parse(text);
const shown = (instant: number | undefined): string => (instant === undefined ? 'never' : new Date(instant).toISOString().replace('.000Z', 'Z'));
function coming(cron: Cron, after: number, count: number): string[] {
  const found: string[] = [];
  for (let due = cron.next(after); due !== undefined && found.length < count; due = cron.next(due.at)) found.push(shown(due.at));
  return found;
}
const runs = (text: string, zone: string, after: string, count: number): string[] => coming(new Cron(text, zone), at(after), count);

/** Local time of an instant, ms as if UTC, to the minute. */
function wallClock(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return (instant) => Date.parse(`${format.format(instant).replace(' ', 'T')}Z`);
}

/** A field as a person would look it up: only lists, ranges, steps of `*`, and numbers. */
function inField(field: string, value: number): boolean {
  return field.split(',').some((part) => {
    const [span = '', step = '1'] = part.split('/');
    const [low, high = low] = span === '*' ? [0, 99] : span.split('-').map(Number);
    return value >= (low as number) && value <= (high as number) && (value - (low as number)) % Number(step) === 0;
  });
}

function named(expression: string, local: number): boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = expression.split(' ');
  const date = new Date(local);
  const byDay = inField(day, date.getUTCDate() - (day.startsWith('*') ? 1 : 0));
  const byWeekday = inField(weekday, date.getUTCDay());
  const days = day.startsWith('*') || weekday.startsWith('*') ? byDay && byWeekday : byDay || byWeekday;
  return days && inField(minute, date.getUTCMinutes()) && inField(hour, date.getUTCHours()) && inField(month, date.getUTCMonth() + 1 - (month.startsWith('*') ? 1 : 0));
}

/** What is due minute by minute, by the rule in words: from an instant at which nothing unusual is going on. */
function naive(expression: string, zone: string, from: number, to: number): number[] {
  const wall = wallClock(zone);
  const fixed = !/^\*|^\S+ \*/.test(expression);
  const due: number[] = [];
  let latest = wall(from - MINUTE);
  for (let instant = from; instant < to; instant += MINUTE) {
    const local = wall(instant);
    let hit = named(expression, local) && (!fixed || local > latest);
    if (fixed && local - latest > MINUTE && local - latest <= 3 * HOUR + MINUTE) for (let passed = latest + MINUTE; passed < local; passed += MINUTE) hit ||= named(expression, passed);
    if (hit) due.push(instant);
    latest = Math.max(latest, local);
  }
  return due;
}

const number = (low: number, high: number): fc.Arbitrary<string> => fc.integer({ min: low, max: high }).map(String);
const field = (low: number, high: number): fc.Arbitrary<string> => fc.oneof(
  { weight: 3, arbitrary: number(low, high) },
  { weight: 2, arbitrary: fc.uniqueArray(number(low, high), { minLength: 2, maxLength: 4 }).map((list) => list.join(',')) },
  fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  fc.constantFrom('*', '*/2', '*/5'),
);
const expression = fc.tuple(
  field(0, 59), fc.oneof(field(0, 3), field(0, 23), fc.constant('*')), fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, field(1, 28)),
  fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, field(1, 12)), fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, field(0, 6)),
).map((fields) => fields.join(' '));

/** An instant at which a zone's clock is changed, and from what to what; looked for by halves of days. */
function changes(zone: string, from: number, to: number): number[] {
  const wall = wallClock(zone);
  const offset = (instant: number): number => wall(instant) - Math.floor(instant / MINUTE) * MINUTE;
  const found: number[] = [];
  for (let day = from; day < to; day += 4 * DAY) {
    if (offset(day) === offset(day + 4 * DAY)) continue;
    let [low, high] = [day, day + 4 * DAY];
    while (high - low > MINUTE) {
      const middle = Math.floor((low + high) / 2 / MINUTE) * MINUTE;
      if (offset(middle) === offset(day)) low = middle;
      else high = middle;
    }
    found.push(high);
  }
  return found;
}

describe('a cron expression', () => {
  it('is due at what a model finds minute by minute, around every change of the clocks of a sample of all zones', () => {
    const zones = Intl.supportedValuesOf('timeZone');
    const seed = Number(process.env['CRON_SEED'] ?? 7);
    let odd = 0;
    fc.assert(fc.property(fc.constantFrom(...zones), fc.integer({ min: 1985, max: 2030 }), fc.array(expression, { minLength: 3, maxLength: 3 }), (zone, year, expressions) => {
      for (const change of changes(zone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)).slice(0, 2)) {
        odd++;
        const [from, to] = [change - 5 * HOUR, change + 7 * HOUR];
        for (const each of expressions) {
          const cron = new Cron(each, zone);
          const found: number[] = [];
          for (let due = cron.next(from - 1); due !== undefined && due.at < to; due = cron.next(due.at)) found.push(due.at);
          assert.deepEqual(found.map(shown), naive(each, zone, from, to).map(shown), `${each} in ${zone}`);
        }
      }
    }), { seed, numRuns: 60 });
    assert.ok(odd > 20, `${odd} changes are too few`);
  });

  it('is due after the instant asked for, and at nothing in between, over years', () => {
    fc.assert(fc.property(expression, fc.constantFrom('Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia'), fc.integer({ min: 0, max: 40 * 365 * DAY }), (text, zone, after) => {
      const due = new Cron(text, zone).next(after);
      if (due === undefined) return;
      assert.ok(due.at > after);
      assert.equal(due.at % 1000, 0);
      const from = Math.max(Math.ceil((after + 1) / MINUTE) * MINUTE, due.at - 2 * DAY); // the model is slow
      const settled = naive(text, zone, from - 3 * HOUR, due.at).filter((each) => each >= from);
      assert.deepEqual(settled.map(shown), [], `${text} in ${zone} after ${shown(after)}`);
    }), { seed: 11, numRuns: 120 });
  });

  it('with fixed times is due when clocks are put forward over it, once, and once where they are put back', () => {
    assert.deepEqual(runs('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2), ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']);
    assert.deepEqual(runs('0,15,30 2 * * *', 'Europe/Berlin', '2026-03-29T00:30Z', 2), ['2026-03-29T01:00:00Z', '2026-03-30T00:00:00Z']);
    assert.deepEqual(runs('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2), ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']);
    assert.deepEqual(new Cron('30 2 * * *', 'Europe/Berlin').next(at('2026-03-28T12:00Z')), { at: at('2026-03-29T01:00Z'), skipped: at('2026-03-29T02:30Z') });
    assert.deepEqual(runs('15 0 * * *', 'America/Santiago', '2026-09-05T12:00Z', 2), ['2026-09-06T04:00:00Z', '2026-09-07T03:15:00Z']);
    assert.deepEqual(runs('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', 2), ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z'], 'half an hour');
  });

  it('with * goes by the clock on the wall: every hour stays every hour', () => {
    assert.deepEqual(runs('0 * * * *', 'Europe/Berlin', '2026-03-28T23:30Z', 4), ['2026-03-29T00:00:00Z', '2026-03-29T01:00:00Z', '2026-03-29T02:00:00Z', '2026-03-29T03:00:00Z']);
    assert.deepEqual(runs('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T23:30Z', 5), ['2026-10-25T00:00:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:00:00Z', '2026-10-25T01:30:00Z', '2026-10-26T01:00:00Z']);
    assert.deepEqual(runs('*/30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 1), ['2026-03-30T00:00:00Z'], 'that hour did not occur');
  });

  it('a day that a zone left out does not occur', () => {
    assert.deepEqual(runs('0 2 * * *', 'Pacific/Apia', '2011-12-29T00:00-10:00', 2), ['2011-12-29T12:00:00Z', '2011-12-30T12:00:00Z'], 'the 29th and the 31st');
  });

  it('knows seconds, names, @daily, last days, nth weekdays and working days', () => {
    assert.deepEqual(runs('*/20 59 23 31 dec *', 'UTC', '2026-01-01T00:00Z', 4), ['2026-12-31T23:59:00Z', '2026-12-31T23:59:20Z', '2026-12-31T23:59:40Z', '2027-12-31T23:59:00Z']);
    assert.deepEqual(runs('@daily', 'Asia/Kathmandu', '2026-01-01T00:00Z', 1), ['2026-01-01T18:15:00Z']);
    assert.deepEqual(runs('0 12 L feb *', 'UTC', '2027-01-01T00:00Z', 2), ['2027-02-28T12:00:00Z', '2028-02-29T12:00:00Z']);
    assert.deepEqual(runs('0 0 L-2 * *', 'UTC', '2026-02-01T00:00Z', 2), ['2026-02-26T00:00:00Z', '2026-03-29T00:00:00Z']);
    assert.deepEqual(runs('0 0 * * friL', 'UTC', '2026-01-01T00:00Z', 2), ['2026-01-30T00:00:00Z', '2026-02-27T00:00:00Z']);
    assert.deepEqual(runs('0 0 * * 1#5', 'UTC', '2026-01-01T00:00Z', 2), ['2026-03-30T00:00:00Z', '2026-06-29T00:00:00Z']);
    assert.deepEqual(runs('0 0 15W * *', 'UTC', '2026-02-01T00:00Z', 3), ['2026-02-16T00:00:00Z', '2026-03-16T00:00:00Z', '2026-04-15T00:00:00Z']);
    assert.deepEqual(runs('0 0 1W * *', 'UTC', '2026-07-15T00:00Z', 1), ['2026-08-03T00:00:00Z'], 'Saturday the 1st: not the month before');
    assert.deepEqual(runs('0 0 LW * *', 'UTC', '2026-05-01T00:00Z', 1), ['2026-05-29T00:00:00Z']);
    assert.deepEqual(runs('0 0 * * fri-mon', 'UTC', '2026-01-07T00:00Z', 5), ['2026-01-09', '2026-01-10', '2026-01-11', '2026-01-12', '2026-01-16'].map((day) => `${day}T00:00:00Z`));
    assert.deepEqual(runs('0 0 13 * 5', 'UTC', '2026-01-10T00:00Z', 3), ['2026-01-13', '2026-01-16', '2026-01-23'].map((day) => `${day}T00:00:00Z`), 'the 13th or a Friday');
    assert.deepEqual(runs('0 0 */13 * 5', 'UTC', '2026-01-01T00:00Z', 2), ['2026-02-27', '2026-03-27'].map((day) => `${day}T00:00:00Z`), 'one of 1, 14, 27 and a Friday');
    assert.deepEqual(runs('0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', 1), ['2104-02-29T00:00:00Z']);
  });

  it('whatever text it is, is read or refused with a place in it', () => {
    const word = fc.oneof(fc.constantFrom('*', 'L', 'LW', '15W', '1-5', '*/7', 'fri#2', '5L', 'mon', 'jan', '?', '0', '59', '31', '7-2', 'L-3', '2-', '/', ',', '@daily'), fc.string({ maxLength: 5 }));
    fc.assert(fc.property(fc.array(word, { maxLength: 7 }).map((words) => words.join(' ')), (text) => {
      try {
        const due = new Cron(text, 'UTC').next(0);
        assert.ok(due === undefined || due.at > 0);
      } catch (error) {
        assert.ok(error instanceof PositionError, String(error));
        assert.ok(error.at >= 0 && error.at <= text.length, `${JSON.stringify(text)} at ${error.at}`);
      }
    }), { seed: 23, numRuns: 2000 });
  });

  const wrong: [string, number, RegExp][] = [
    ['', 1, /empty/], ['0 2 * *', 1, /4 fields/], ['0 2 * * * * *', 13, /7 fields/], ['60 2 * * *', 1, /"60" is no minute/], ['0 24 * * *', 3, /"24" is no hour/], ['0 2 0 * *', 5, /no day of the month/],
    ['0 2 * jen *', 7, /"jen" is no month/], ['0 2 * * mon,fry', 13, /"fry" is no day of the week/], ['0 2 * * 8', 9, /no day of the week/], ['*/0 2 * * *', 3, /no step/], ['5/10 2 * * *', 1, /step and no range/],
    ['0 22-6 * * *', 3, /ends before it begins/], ['0 2 30 2 *', 5, /no month has such a day/], ['0 2 31W 4,6 *', 5, /no month has such/], ['0 2 * * 1#6', 11, /at most five/], ['@dayly', 1, /not known/], ['@reboot', 1, /not known/],
    ['@daily 5', 8, /nothing may follow/], ['1-2-3 2 * * *', 1, /no range/], ['0 2 L-31 * *', 5, /no day of the month/], ['0,,5 2 * * *', 3, /"" is no minute/], ['-5 2 * * *', 1, /"" is no minute/],
  ];
  for (const [text, character, message] of wrong) {
    it(`${JSON.stringify(text)} is refused, with the place`, () => {
      assert.throws(() => new Cron(text, 'UTC'), (error: unknown) => {
        assert.ok(error instanceof PositionError);
        assert.match(error.message, message);
        assert.equal(error.at + 1, character, error.message);
        assert.ok((error.advice ?? '').length > 10);
        return true;
      });
    });
  }
});
