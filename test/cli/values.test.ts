/** Sizes, rates, numbers and points in time, as rsync writes them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDeleteLimit, parseDuration, parseInteger, parseRate, parseSize, parseStopAfter, parseStopAt } from '../../src/cli/options/values.js';
import { fromText } from '../../src/tree/index.js';
import { NOON } from './support.js';

describe('sizes', () => {
  const size = (text: string): number => parseSize('--max-size', fromText(text));

  it('have units of 1024, of 1000 with B, and an offset of one byte', () => {
    const cases: [string, number][] = [
      ['0', 0], ['500', 500], ['500b', 500], ['1K', 1024], ['1k', 1024], ['1KiB', 1024], ['1kib', 1024], ['1KB', 1000], ['1.5mb-1', 1499999], ['2g+1', 2147483649],
      ['.5K', 512], ['1.K', 1024], ['1T', 1024 ** 4], ['2PB', 2e15], ['3-1', 2], ['1.9', 1],
    ];
    for (const [text, bytes] of cases) assert.equal(size(text), bytes, text);
  });

  it('are refused where they are none', () => {
    for (const text of ['', 'abc', '-1', '1.5mbx', '1Ki', '1E', '+1', '1K+2', '1 K', '.', '1e3', '0x10', '9999P', '0-1']) assert.throws(() => size(text), /--max-size=.* is (?:not a size|too large)/, text);
  });

  it('mean what they say, for every number and unit', () => {
    const units = fc.constantFrom(...(['', 'b', 'K', 'm', 'G', 'T'] as const));
    const forms = fc.constantFrom(...(['', 'B', 'iB'] as const));
    fc.assert(fc.property(fc.nat(4000), units, forms, fc.constantFrom('', '+1', '-1'), (n, unit, form, offset) => {
      const written = unit === '' ? `${n}${offset}` : `${n}${unit}${form}${offset}`;
      const expected = n * (form === 'B' ? 1000 : 1024) ** 'bkmgt'.indexOf(unit === '' ? 'b' : unit.toLowerCase()) + Number(offset || 0);
      if (expected < 0) assert.throws(() => size(written));
      else assert.equal(size(written), expected);
    }));
  });
});

describe('rates', () => {
  const rate = (text: string): number => parseRate('--bwlimit', fromText(text));

  it('are KiB a second unless a unit is given, rounded to whole KiB', () => {
    assert.deepEqual([rate('0'), rate('5'), rate('1.5m'), rate('600b'), rate('1499b'), rate('1KB')], [0, 5120, 1572864, 1024, 1024, 1024]);
  });

  it('are refused below half a KiB', () => {
    assert.throws(() => rate('100b'), /too small/);
    assert.throws(() => rate('fast'), /not a size/);
  });
});

describe('numbers', () => {
  const integer = (text: string): number => parseInteger('--x', fromText(text));

  it('are decimal, hexadecimal or octal, as in C', () => {
    assert.deepEqual([integer('10'), integer('-10'), integer('+3'), integer('0x10'), integer('010'), integer('0')], [10, -10, 3, 16, 8, 0]);
  });

  it('are refused where they are none, or outside 32 bits', () => {
    for (const text of ['', 'x', '5s', '08', '1.5', '0x', '--1']) assert.throws(() => integer(text), /is not a whole number/, text);
    assert.throws(() => integer('2147483648'), /out of range/);
  });

  it('of --delete-limit are counts or shares', () => {
    assert.deepEqual(parseDeleteLimit('--delete-limit', fromText('100%')), { percent: 100 });
    assert.deepEqual(parseDeleteLimit('--delete-limit', fromText('0')), { count: 0 });
  });
});

describe('spans of time', () => {
  it('have units, seconds where there is none, and bounds', () => {
    const ms = (text: string): number => parseDuration('--quiet-time', fromText(text), 100, 86_400_000);
    assert.deepEqual(['200ms', '1.5', '5s', '2M', '3h', '1d'].map(ms), [200, 1500, 5000, 120_000, 10_800_000, 86_400_000]);
    for (const text of ['', 'x', '5x', '-1', '1e3', 'never']) assert.throws(() => ms(text), /is not a time/, text);
    for (const text of ['99ms', '2d', '9999999999999d']) assert.throws(() => ms(text), /is out of range/, text);
  });
});

describe('points in time', () => {
  const at = (text: string): string => local(new Date(parseStopAt('--stop-at', fromText(text), NOON))); // NOON is 2026-06-15 12:00:30

  it('are the next moment that fits', () => {
    const cases: [string, string][] = [
      ['2030-12-31T23:59', '2030-12-31 23:59'], ['2030/1/2', '2030-01-02 00:00'], ['27/1/2T5:6', '2027-01-02 05:06'], ['1-30', '2027-01-30 00:00'], ['7-1', '2026-07-01 00:00'],
      ['14:00', '2026-06-15 14:00'], ['T8:05', '2026-06-16 08:05'], ['12:00', '2026-06-16 12:00'], ['1', '2026-07-01 00:00'], ['31', '2026-07-31 00:00'], ['16T7:1', '2026-06-16 07:01'],
      [':59', '2026-06-15 12:59'], [':00', '2026-06-15 13:00'], ['2-29', '2028-02-29 00:00'], ['5T', '2026-07-05 00:00'],
    ];
    for (const [text, expected] of cases) assert.equal(at(text), expected, text);
  });

  it('are refused where they are none, or past', () => {
    for (const text of ['', 'x', '13-40', '2-30', '5T7', '7:', '8:5:1', '5:60', '24:00', '5 7:1', '0', '0-1', '1-2-3-4']) assert.throws(() => at(text), /not a point in time/, text);
    assert.throws(() => at('2000-1-1'), /not in the future/);
  });

  it('are minutes from now with --stop-after', () => {
    assert.equal(parseStopAfter('--stop-after', fromText('90'), NOON), NOON.getTime() + 5_400_000);
    for (const text of ['0', '-5', 'x', '']) assert.throws(() => parseStopAfter('--stop-after', fromText(text), NOON), /not a number of minutes/);
  });
});

function local(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
