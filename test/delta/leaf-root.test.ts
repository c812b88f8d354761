import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LEAF_SUM, LeafRoot, rootOf } from '../../src/delta/index.js';
import { createKernel } from '../../src/hash/index.js';
import { content, noise, place } from '../hash/support.js';
import { leavesOf } from './support.js';

const SEED = { low: 5, high: 0x80000001 };
const LEAF = 4096;

/** What becomes of a piece of the file: fed as bytes, as known leaves as far as whole ones lie in it, or, where it is zeros, as a hole. */
type Piece = readonly [share: number, way: 'bytes' | 'known' | 'hole'];

describe('the root of a file', () => {
  it('is the same however its parts become known: bytes, leaves known before, holes', () => {
    const pieces = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom<Piece[1][]>('bytes', 'known', 'hole')), { maxLength: 12 });
    fc.assert(fc.property(content(60_000, [0, 1, 4095, 4096, 4097, 8192, 65536]), pieces, fc.constantFrom('simd', 'twin' as const), (random, list, kind) => {
      const data = Buffer.from(random);
      const cuts = list.map(([share, way]) => ({ end: Math.floor(share * data.length), way })).sort((a, b) => a.end - b.end);
      cuts.push({ end: data.length, way: 'bytes' });
      let from = 0;
      for (const { end, way } of cuts) {
        if (way === 'hole') data.fill(0, from, end);
        from = end;
      }
      const leaves = leavesOf(data, SEED);
      const kernel = createKernel({ kind });
      const root = new LeafRoot(kernel, LEAF, SEED);
      const add = (bytes: Buffer): void => { root.addAt(place(kernel, bytes), bytes.length); };
      let at = 0;
      for (const { end, way } of cuts) {
        const first = Math.ceil(at / LEAF) * LEAF;
        const last = Math.floor(end / LEAF) * LEAF;
        if (way === 'hole') root.addZeros(end - at);
        else if (way === 'known' && first < last) {
          add(data.subarray(at, first));
          root.addKnown(leaves.between(first, last));
          add(data.subarray(last, end));
        } else add(data.subarray(at, end));
        at = end;
      }
      assert.ok(root.digest().equals(rootOf(kernel, leaves)));
    }), { numRuns: 150 });
  });

  it('is another one for any other byte, length or seed', () => {
    const data = noise(20_000, 1);
    const rootOfData = (bytes: Buffer, seed = SEED): string => rootOf(createKernel(), leavesOf(bytes, seed)).toString('hex');
    const other = Buffer.from(data);
    other[9000] = (other[9000] ?? 0) ^ 1;
    const roots = [rootOfData(data), rootOfData(other), rootOfData(data.subarray(0, -1)), rootOfData(Buffer.concat([data, Buffer.alloc(1)])), rootOfData(data, { low: 6, high: SEED.high })];
    assert.equal(new Set(roots).size, roots.length);
  });

  it('takes known leaves at the border of a leaf only, and many of them at once', () => {
    const leaves = leavesOf(noise(3 << 20, 2), SEED);
    const kernel = createKernel();
    const root = new LeafRoot(kernel, LEAF, SEED);
    root.addKnown(leaves.sums);
    assert.equal(leaves.sums.length, 768 * LEAF_SUM);
    assert.ok(root.digest().equals(rootOf(kernel, leaves)));
    const other = new LeafRoot(kernel, LEAF, SEED);
    other.addAt(place(kernel, Buffer.alloc(1)), 1);
    assert.throws(() => { other.addKnown(leaves.sums); }, RangeError);
  });
});
