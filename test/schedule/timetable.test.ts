/** Timetables against a naive model that asks for each minute by itself, over the days on which clocks change. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseRate } from '../../src/cli/options/values.js';
import { Timetable, type Limit } from '../../src/schedule/index.js';
import { fromText, TwintreeError } from '../../src/tree/index.js';

const MINUTE = 60_000;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

interface Entry { first: number; last: number; from: number; to: number; limit: string }

const clock = (minutes: number): string => `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
const written = (entries: readonly Entry[], otherwise: string): string =>
  [...entries.map((e) => `${DAYS[e.first]}-${DAYS[e.last]} ${clock(e.from)}-${clock(e.to)} ${e.limit}`), `else ${otherwise}`].join(', ');

/** What a person with a wall clock and a calendar would say. */
function naive(entries: readonly Entry[], otherwise: string, zone: string): (instant: number) => Limit {
  const wall = new Intl.DateTimeFormat('en-GB', { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const value = (text: string): Limit => (text === 'full' || text === 'off' ? text : Number(text.slice(0, -1)) * 1048576);
  return (instant) => {
    const text = wall.format(instant); // Mon 23:59
    const day = DAYS.indexOf(text.slice(0, 3).toLowerCase());
    const minute = Number(text.slice(-5, -3)) * 60 + Number(text.slice(-2));
    const named = (e: Entry, d: number): boolean => (e.first <= e.last ? d >= e.first && d <= e.last : d >= e.first || d <= e.last);
    for (const e of entries) {
      const today = e.from < e.to ? minute >= e.from && minute < e.to : minute >= e.from;
      const sinceYesterday = e.from > e.to && minute < e.to;
      if ((today && named(e, day)) || (sinceYesterday && named(e, (day + 6) % 7))) return value(e.limit);
    }
    return value(otherwise);
  };
}

/** Days around which clocks change: an hour in Berlin and New York, half an hour on Lord Howe; at midnight in Beirut and Santiago; none. */
const PLACES: readonly [string, string][] = [
  ['Europe/Berlin', '2026-03-29'], ['Europe/Berlin', '2026-10-25'], ['America/New_York', '2026-03-08'], ['America/New_York', '2026-11-01'],
  ['Australia/Lord_Howe', '2026-04-04'], ['Australia/Lord_Howe', '2026-10-03'], ['America/Santiago', '2026-04-05'], ['America/Santiago', '2026-09-06'],
  ['Asia/Kathmandu', '2026-01-01'], ['UTC', '1969-12-31'],
];

const minuteOfDay = fc.oneof(fc.constantFrom(0, 60, 90, 119, 120, 121, 150, 180, 1380, 1439), fc.nat(1439));
const entry = fc.record({ first: fc.nat(6), last: fc.nat(6), from: minuteOfDay, to: minuteOfDay, limit: fc.constantFrom('1M', '2M', 'off', 'full') }).filter((e) => e.from !== e.to);

describe('a timetable', () => {
  for (const [zone, day] of PLACES) {
    it(`is what the wall clock says, minute by minute, in ${zone} around ${day}`, () => {
      fc.assert(fc.property(fc.array(entry, { maxLength: 4 }), fc.constantFrom('10M', 'off', 'full'), fc.nat(59_999), (entries, otherwise, ms) => {
        const table = Timetable.parse(written(entries, otherwise), zone);
        const model = naive(entries, otherwise, zone);
        const start = Date.parse(`${day}T00:00Z`) - 14 * 60 * MINUTE;
        const minutes = 38 * 60;
        const limits = Array.from({ length: minutes }, (_, i) => model(start + i * MINUTE));
        let change: number | undefined;
        for (let i = minutes - 1; i >= 0; i--) {
          const at = start + i * MINUTE;
          if (i + 1 < minutes && limits[i + 1] !== limits[i]) change = at + MINUTE;
          if (i % 7 !== 0 && i + 1 < minutes && limits[i + 1] === limits[i]) continue; // a sample, and each edge
          assert.equal(table.limitAt(at), limits[i], new Date(at).toISOString());
          assert.equal(table.limitAt(at + ms), limits[i]);
          if (change !== undefined && i % 5 === 0) assert.equal(table.nextChange(at + ms), change, new Date(at).toISOString());
        }
      }), { numRuns: 8 });
    });
  }

  it('says when a limit changes next, also weeks away, and that it never does', () => {
    const berlin = Timetable.parse('sun 02:00-03:00 off', 'Europe/Berlin');
    const after = Date.parse('2026-03-22T03:00+01:00');
    assert.equal(berlin.nextChange(after), Date.parse('2026-04-05T02:00+02:00'), 'on the 29th that hour does not occur');
    assert.equal(berlin.nextChange(Date.parse('2026-10-25T02:30+02:00')), Date.parse('2026-10-25T03:00+01:00'), 'on that day it lasts two hours');
    assert.equal(Timetable.parse('mon full, else full', 'UTC').nextChange(0), undefined);
    assert.equal(Timetable.parse('2M', 'UTC').nextChange(0), undefined);
  });

  it('takes the first entry that fits, and goes past midnight', () => {
    const table = Timetable.parse('fri 22-6 1M, sat+mon 05:00-07:00 2M, mon-fri 08:00-18:00 off, else 10M', 'UTC');
    const at = (text: string): Limit => table.limitAt(Date.parse(`${text}Z`));
    assert.deepEqual(['2026-11-27T21:59', '2026-11-27T22:00', '2026-11-28T05:59', '2026-11-28T06:00', '2026-11-28T07:00', '2026-11-30T05:00', '2026-11-30T12:00'].map(at),
      [10485760, 1048576, 1048576, 2097152, 10485760, 2097152, 'off']);
  });

  it('reads rates as --bwlimit does', () => {
    fc.assert(fc.property(fc.nat(99_999), fc.constantFrom('', '.5', '.25'), fc.constantFrom('', 'K', 'k', 'M', 'MB', 'MiB', 'G', 'GB', 'B'), (whole, fraction, unit) => {
      const text = `${whole}${fraction}${unit}`;
      let expected: number;
      try {
        expected = parseRate('--bwlimit', fromText(text));
      } catch {
        assert.throws(() => Timetable.parse(text, 'UTC'), TwintreeError);
        return;
      }
      assert.equal(Timetable.parse(text, 'UTC').limitAt(0), expected === 0 ? 'full' : expected);
    }));
  });

  const wrong: [string, number, RegExp][] = [
    ['', 1, /empty/], ['mon 2M,, else 1M', 8, /empty/], ['mun-fri 2M', 1, /"mun-fri" is no day/], ['mon+fry 2M', 5, /"fry" is no day/], ['mon-tue-wed 2M', 1, /no day/],
    ['mon 8:00-18:60 2M', 5, /no time of day/], ['mon 25-26 2M', 5, /no time/], ['mon 08:00-08:00 off', 5, /no length/], ['mon 08:00 off', 5, /no time/],
    ['mon 08:00-09:00 fast', 17, /"fast" is no limit/], ['mon 8-9 9-10 2M', 9, /one too many/], ['else 2M, mon off', 10, /nothing may follow/], ['else mon 2M', 6, /takes a limit only/],
    ['100b', 1, /too small/], ['99999999P', 1, /too large/], ['mon', 1, /"mon" is no limit/],
  ];
  for (const [text, at, message] of wrong) {
    it(`refuses ${JSON.stringify(text)} and says where`, () => {
      assert.throws(() => Timetable.parse(text, 'UTC'), (error: unknown) => {
        assert.ok(error instanceof TwintreeError && error.code === 'USAGE' && error.advice !== undefined);
        assert.match(error.message, new RegExp(`at character ${at}: `));
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('refuses a zone that is none', () => {
    assert.throws(() => Timetable.parse('2M', 'Mars/Olympus'), { code: 'USAGE' });
  });
});
