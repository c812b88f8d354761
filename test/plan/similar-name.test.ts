/** How alike names are, for -y. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MOST_APART, nameDistance } from '../../src/plan/index.js';
import { suffixOf } from '../../src/plan/similar-name.js';
import type { ByteString } from '../../src/tree/index.js';

const b = (text: string): ByteString => text as ByteString;

/** The plain recurrence. */
function edits(a: string, c: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_row, i) => Array.from({ length: c.length + 1 }, (_cell, j) => i + j));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= c.length; j++) {
      (rows[i] as number[])[j] = Math.min((rows[i - 1]?.[j] ?? 0) + 1, (rows[i]?.[j - 1] ?? 0) + 1, (rows[i - 1]?.[j - 1] ?? 0) + (a[i - 1] === c[j - 1] ? 0 : 1));
    }
  }
  return rows[a.length]?.[c.length] ?? 0;
}

describe('how alike names are', () => {
  it('counts edits, and those of the suffix ten times again', () => {
    for (const [a, c, distance] of [
      ['same', 'same', 0], ['report-2023.pdf', 'report-2024.pdf', 1], ['a.tar', 'a.tgz', 2 + 20], ['a.txt', 'a.pdf', Infinity], ['photo', 'photo.old', 4], ['log.1', 'log.22', 2], ['', 'x', 1],
      ['x'.repeat(40), 'y'.repeat(40), Infinity], ['x'.repeat(200), 'x'.repeat(226), Infinity], ['x'.repeat(200), 'x'.repeat(225), 25],
    ] as const) assert.deepEqual([a, c, nameDistance(b(a), b(c))], [a, c, distance]);
  });

  it('knows suffixes behind marks of copies', () => {
    for (const [name, suffix] of [['a.txt', 'txt'], ['a.txt~', 'txt'], ['a.txt.bak', 'txt'], ['a.c.~12~', 'c'], ['.profile', ''], ['...', ''], ['a', ''], ['access.log.3', 'log'], ['.bak', ''], ['a.tar.gz', 'gz']] as const) {
      assert.deepEqual([name, suffixOf(b(name))], [name, suffix]);
    }
  });

  it('is the plain recurrence where that is within the limit', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
    fc.assert(fc.property(letters, letters, fc.integer({ min: 0, max: MOST_APART }), (a, c, limit) => {
      const plain = edits(a, c);
      assert.equal(nameDistance(b(a), b(c), limit), plain > limit ? Infinity : plain);
    }));
  });
});
