/** Where entries came from, by the hints of one batch. */
import assert from 'node:assert/strict';
import { movedIn } from '../../src/mirror/follow/moved.js';
import type { Hint } from '../../src/mirror/hint.js';
import { fromText, type RelPath } from '../../src/tree/index.js';

const path = (text: string): RelPath => fromText(text) as string as RelPath;
const hint = (name: string, from?: string, gone = false): Hint => ({ path: path(name), scope: 'entry', reason: 'moved', at: 1, gone, ...(from === undefined ? {} : { from: path(from) }) });
const pairs = (...hints: Hint[]): string[] => movedIn(hints).map(({ from, to }) => `${from} → ${to}`);

describe('moves in a batch of hints', () => {
  it('are the names that came from elsewhere and are there', () => {
    assert.deepEqual(pairs(hint('b', 'a'), hint('a', undefined, true), hint('c'), hint('d', 'c', true)), ['a → b']);
  });

  it('go back to the first name of what was moved several times', () => {
    assert.deepEqual(pairs(hint('d', 'c'), hint('c', 'b', true), hint('b', 'a', true), hint('a', undefined, true)), ['a → d']);
    assert.deepEqual(pairs(hint('a', 't'), hint('t', 'a', true)), [], 'there and back');
  });

  it('of names that were exchanged are both', () => {
    assert.deepEqual(pairs(hint('t', 'a', true), hint('a', 'b'), hint('b', 't')), ['b → a', 'a → b']);
  });

  it('come to an end where hints of different moments make a circle', () => {
    assert.deepEqual(pairs(hint('x', 'a'), hint('a', 'b', true), hint('b', 'a', true)).length, 1);
  });
});
