/** Trees over leaf sums: laid over the one before they are as made anew, read or written only where leaves changed; damage shows. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CheckedPages, DeltaError, leafLengthFor, LeafRuns, levelsOf, PAGE_SUMS, TreeSummer, type LeafRun, type SumPages, type TreeChange, type TreeShape } from '../../src/delta/index.js';
import { createKernel, type Seed } from '../../src/hash/index.js';
import { noise } from '../hash/support.js';
import { leavesOf } from './support.js';

const SEED: Seed = { low: 0x12345678, high: 0x9abcdef0 };
const LEAF = 4096;

/** A tree in memory, as a store would hold it. */
class Kept implements SumPages {
  readonly pages = new Map<string, Buffer>();
  reads: string[] = [];
  constructor(public size: number, public leafLength: number, public root: Buffer) {}
  page(level: number, n: number): Buffer {
    this.reads.push(`${level} ${n}`);
    const page = this.pages.get(`${level} ${n}`);
    assert.ok(page !== undefined, `page ${n} of level ${level}`);
    return page;
  }
  apply(change: TreeChange): void {
    for (const [level, pages] of change.pages.entries()) for (const [n, page] of pages) this.pages.set(`${level} ${n}`, page);
    this.root = change.root;
    this.size = change.size;
    const counts = levelsOf(change);
    for (const key of this.pages.keys()) { // what a store takes away
      const [level, n] = key.split(' ').map(Number) as [number, number];
      if (level >= counts.length || n >= Math.max(1, Math.ceil((counts[level] as number) / PAGE_SUMS))) this.pages.delete(key);
    }
  }
}

const summer = new TreeSummer(createKernel(), SEED);
const made = (shape: TreeShape, runs: readonly LeafRun[]): Kept => {
  const kept = new Kept(shape.size, shape.leafLength, Buffer.alloc(16));
  kept.apply(summer.change(shape, undefined, runs));
  return kept;
};
const POOL = noise(1 << 20, 1);
/** Sums of as many leaves, as if of a file; other ones for another number. */
function sumsOf(leaves: number, n: number): Buffer {
  const out = Buffer.alloc(leaves * 16);
  for (let at = 0; at < out.length; at += POOL.length - 16 * n) POOL.copy(out, at, 16 * n);
  return out;
}
const leaves = (size: number): number => Math.ceil(size / LEAF);

describe('trees of sums', () => {
  it('laid over the one before are as made anew, for any sizes and changes', () => {
    // Around one page, and around what a second level takes (its pages are sums of 250 leaves).
    const count = fc.oneof(fc.nat({ max: 3 }), fc.integer({ min: 248, max: 252 }), fc.nat({ max: 2600 }), fc.integer({ min: 62_400, max: 62_700 }));
    fc.assert(fc.property(count, count, fc.array(fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.integer({ min: 1, max: 900 })), { maxLength: 5 }), fc.nat({ max: 4095 }), (before, after, places, tail) => {
      const size = (n: number): number => Math.max(0, n * LEAF - (n > 0 ? tail : 0));
      const old = sumsOf(before, 1);
      const kept = made({ size: size(before), leafLength: LEAF }, before > 0 ? [{ first: 0, sums: old }] : []);
      const now = sumsOf(after, 2);
      old.copy(now, 0, 0, Math.min(old.length, now.length));
      const runs: LeafRun[] = [];
      let end = 0;
      const starts = places.map(([at, n]) => [Math.floor(at * after), n] as const).toSorted(([a], [b]) => a - b);
      if (after > before) starts.push([before, after - before]);
      for (const [at, n] of starts.toSorted(([a], [b]) => a - b)) {
        const first = Math.max(end, at);
        const to = Math.min(after, at + n);
        if (to <= first) continue;
        sumsOf(to - first, 3 + (first % 1000)).copy(now, first * 16);
        runs.push({ first, sums: Buffer.from(now.subarray(first * 16, to * 16)) });
        end = to;
      }
      const shape = { size: size(after), leafLength: LEAF };
      const anew = made(shape, after > 0 ? [{ first: 0, sums: now }] : []);
      kept.apply(summer.change(shape, kept, runs));
      assert.deepEqual(kept.root, anew.root);
      assert.deepEqual([...kept.pages.keys()].toSorted(), [...anew.pages.keys()].toSorted());
      for (const [key, page] of kept.pages) assert.ok(page.equals(anew.pages.get(key) as Buffer), key);
      assert.equal(new CheckedPages(summer, shape, kept.root, (level, n) => kept.pages.get(`${level} ${n}`)).leaves().compare(now), 0);
    }), { numRuns: 40 });
  });

  it('of 10 GiB with one leaf changed read and write a page of each level', () => {
    const size = 10 * 2 ** 30;
    const kept = made({ size, leafLength: LEAF }, [{ first: 0, sums: sumsOf(leaves(size), 1) }]);
    assert.deepEqual(levelsOf(kept), [2_621_440, 10_486, 42]);
    kept.reads = [];
    const change = summer.change({ size, leafLength: LEAF }, kept, [{ first: 1_234_567, sums: noise(16, 9) }]);
    assert.deepEqual(change.pages.map((pages) => [...pages.keys()]), [[4938], [19], [0]]);
    assert.deepEqual(kept.reads, ['0 4938', '1 19', '2 0']);
    assert.notDeepEqual(change.root, kept.root);
    const nothing = summer.change({ size, leafLength: LEAF }, kept, []);
    assert.deepEqual([nothing.root, nothing.pages.map((pages) => pages.size)], [kept.root, [0, 0, 0]]);
  });

  it('tell sizes, leaf lengths and keys apart', () => {
    const sums = sumsOf(3, 1);
    const roots = [made({ size: 3 * LEAF, leafLength: LEAF }, [{ first: 0, sums }]), made({ size: 3 * LEAF - 1, leafLength: LEAF }, [{ first: 0, sums }]), made({ size: 6 * LEAF, leafLength: 2 * LEAF }, [{ first: 0, sums }])].map(({ root }) => root.toString('hex'));
    roots.push(new TreeSummer(createKernel(), { low: 1, high: 2 }).change({ size: 3 * LEAF, leafLength: LEAF }, undefined, [{ first: 0, sums }]).root.toString('hex'));
    assert.equal(new Set(roots).size, 4);
  });

  it('notice any damage to a page before anything of it is used', () => {
    const count = 300_000;
    const shape = { size: count * LEAF, leafLength: LEAF };
    const kept = made(shape, [{ first: 0, sums: sumsOf(count, 1) }]);
    for (const key of ['0 0', '0 777', '0 1199', '1 0', '1 2', '2 0']) {
      for (const damage of [(b: Buffer) => b.subarray(0, b.length - 16), (b: Buffer) => { const c = Buffer.from(b); c[5] = (c[5] as number) ^ 1; return c; }, () => undefined]) {
        const pages = new CheckedPages(summer, shape, kept.root, (level, n) => (`${level} ${n}` === key ? damage(kept.page(level, n)) : kept.page(level, n)));
        assert.throws(() => pages.leaves(), (error) => error instanceof DeltaError && error.code === 'checksum', key);
      }
    }
  });

  it('are refused where a sum comes from nowhere, or from outside of the file', () => {
    const kept = made({ size: 10 * LEAF, leafLength: LEAF }, [{ first: 0, sums: sumsOf(10, 1) }]);
    const bad: [TreeShape, Kept | undefined, LeafRun[]][] = [
      [{ size: 11 * LEAF, leafLength: LEAF }, kept, []], [{ size: 2 * LEAF, leafLength: LEAF }, undefined, [{ first: 1, sums: sumsOf(1, 2) }]], [{ size: 2 * LEAF, leafLength: LEAF }, kept, [{ first: 1, sums: sumsOf(2, 2) }]],
      [kept, kept, [{ first: 1, sums: sumsOf(2, 2) }, { first: 2, sums: sumsOf(1, 2) }]], [{ size: 10 * LEAF, leafLength: 2 * LEAF }, kept, []], [{ size: 1, leafLength: 4095 }, undefined, [{ first: 0, sums: sumsOf(1, 2) }]],
    ];
    for (const [shape, base, runs] of bad) assert.throws(() => summer.change(shape, base, runs), DeltaError);
  });
});

describe('runs of leaf sums', () => {
  it('give the sums of a reading, however the bytes come, and of what was passed over none', () => {
    fc.assert(fc.property(fc.oneof(fc.nat({ max: 60_000 }), fc.constantFrom(4095, 4096, 8192, 65536)), fc.array(fc.tuple(fc.constantFrom('bytes', 'zeros', 'pass'), fc.integer({ min: 1, max: 20_000 })), { maxLength: 12 }), (size, steps) => {
      const data = noise(size, size);
      const kernel = createKernel();
      const stream = new LeafRuns(kernel, LEAF, SEED);
      const room = kernel.reserve(1 << 20);
      const passed = new Set<number>();
      const feed = (from: number, to: number): void => {
        kernel.bytes.set(data.subarray(from, to), room);
        stream.addAt(room, to - from);
      };
      let at = 0;
      for (const [kind, length] of steps) {
        const to = Math.min(data.length, at + length);
        if (kind === 'pass') {
          const whole = at % LEAF === 0 ? Math.floor((to - at) / LEAF) : 0;
          for (let k = 0; k < whole; k++) passed.add(at / LEAF + k);
          if (whole > 0) stream.pass(whole);
          at += whole * LEAF;
          continue;
        }
        if (kind === 'zeros') {
          data.fill(0, at, to);
          stream.zeros(to - at);
        } else feed(at, to);
        at = to;
        assert.equal(stream.position, at);
      }
      feed(at, data.length);
      const all = leavesOf(data, SEED).sums;
      const got = Buffer.alloc(all.length);
      const known = new Set<number>();
      for (const { first, sums } of stream.finish()) {
        sums.copy(got, first * 16);
        for (let k = 0; k < sums.length / 16; k++) known.add(first + k);
      }
      for (let leaf = 0; leaf * 16 < all.length; leaf++) {
        assert.equal(known.has(leaf), !passed.has(leaf), `leaf ${leaf}`);
        if (known.has(leaf)) assert.deepEqual(got.subarray(leaf * 16, leaf * 16 + 16), all.subarray(leaf * 16, leaf * 16 + 16));
      }
      assert.equal(leafLengthFor(data.length), LEAF);
    }), { numRuns: 150 });
  });
});
