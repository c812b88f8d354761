/** Both ends agree on the order of a walk: prediction would be worthless otherwise. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { comparePaths, compareVisits } from '../../../src/endpoint/remote/order.js';
import { compareWalk } from '../../../src/endpoint/supply/index.js';
import { name } from './support.js';

const part = fc.stringMatching(/^[ -.0-9a-b\x80-\xff]{1,3}$/).filter((p) => p !== '.' && p !== '..');
const path = fc.array(part, { maxLength: 4 }).map((parts) => name(parts.join('/')));

describe('the order of a walk', () => {
  it('is the same at both ends', () => {
    fc.assert(fc.property(path, path, (a, b) => {
      assert.equal(Math.sign(comparePaths(a, b)), Math.sign(compareWalk(a, b)));
    }), { numRuns: 2000 });
  });

  it('visits parents before what is in them, also where a name sorts below the slash, and lower mounts first', () => {
    const sorted = ['', 'a', 'a/b', 'a/b/c', 'a b', 'a.b', 'b'].map((p) => name(p));
    assert.deepEqual(sorted.toReversed().sort(comparePaths), sorted);
    assert.ok(compareVisits(0, name('a'), 1, name('a')) < 0);
    assert.ok(compareVisits(1, name('a'), 0, name('b')) < 0);
  });
});
