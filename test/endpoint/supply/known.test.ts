/**
 * A basis that is named by the root of its kept sums: what was sent last is known without a question; what is not known is asked for; and whatever
 * is kept here, true, old or damaged, what is sent becomes the file, with the root of its own sums.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { DeltaError, TreeSummer } from '../../../src/delta/index.js';
import { createKernel } from '../../../src/hash/index.js';
import { equalStretches, leavesAt, refined } from '../../../src/endpoint/supply/known.js';
import { openEnvironment } from '../../../src/state/store/lmdb.js';
import { fromText, type ByteString } from '../../../src/tree/index.js';
import type { Item, KnownBasis } from '../../../src/wire/index.js';
import { Dice, useTempFolder } from '../../support/index.js';
import { BasisSide, leavesOf } from '../../delta/support.js';
import { noise } from '../../hash/support.js';
import { openPair } from '../../state/support.js';
import { SEED, setupFor, TestSession } from './support.js';

const LEAF = 4096;
const KB = 1024;
const summer = new TreeSummer(createKernel(), SEED);

function treeOf(data: Buffer): KnownBasis {
  const { root } = summer.change({ size: data.length, leafLength: LEAF }, undefined, data.length === 0 ? [] : [{ first: 0, sums: leavesOf(data, SEED).sums }]);
  return { root, size: data.length, leafLength: LEAF };
}

interface Rebuilt { data: Buffer; literals: number; asked: { aligned: boolean; bytes: number }[]; end: Extract<Item, { kind: 'content-end' }> }

describe('supply: a basis whose sums are kept', () => {
  const tmp = useTempFolder('known');
  const file = (): string => tmp.at('s/f');
  let pair: ReturnType<typeof openPair>;
  let session: TestSession | undefined;

  beforeEach(() => {
    fs.mkdirSync(tmp.at('s'));
    pair = openPair(tmp.at('state'));
  });
  afterEach(async () => {
    await session?.close();
    session = undefined;
    await pair.close();
  });

  function supplier(more: { state?: boolean } = {}): TestSession {
    return (session ??= new TestSession(setupFor(['-a'], [`${tmp.at('s')}/`], more.state === false ? {} : { sums: { folder: pair.folder, seed: SEED, devices: [] } })));
  }

  /** Asks for the file, as if the session had `basis` (whose root it tells, or none). */
  async function fetch(basis: Buffer | undefined, known = basis === undefined ? undefined : treeOf(basis), name = 'f'): Promise<Rebuilt> {
    const on = supplier();
    on.send(1, { kind: 'content', place: { mount: 0, folder: '' as ByteString, name: name as ByteString }, follow: false, noAtime: false, from: 0, sums: undefined, ...(known === undefined ? {} : { known }) });
    assert.equal((await on.take(1, 'content-begin')).errno, 0);
    const side = new BasisSide(basis ?? Buffer.alloc(0), SEED);
    const parts: Buffer[] = [];
    const out: Omit<Rebuilt, 'data' | 'end'> = { literals: 0, asked: [] };
    for (;;) {
      const item = await on.next(1);
      switch (item.kind) {
        case 'literal': parts.push(Buffer.from(item.bytes)); out.literals += item.bytes.length; break;
        case 'copy': parts.push((basis as Buffer).subarray(item.offset, item.offset + item.length)); break;
        case 'hole': parts.push(Buffer.alloc(item.length)); break;
        case 'refine':
          out.asked.push({ aligned: item.aligned, bytes: item.stretches.reduce((sum, { length }) => sum + length, 0) });
          on.send(1, { kind: 'refine', sums: side.answer(item) });
          break;
        case 'content-end': return { data: Buffer.concat(parts), ...out, end: item };
        default: throw new Error(`a ${item.kind} within a file`);
      }
    }
  }

  /** What came is the file; where a root was told, it is the file's own. */
  function assertIs(got: Rebuilt, data: Buffer, words = ''): void {
    assert.ok(got.data.equals(data), words);
    assert.equal(got.end.tree, true, words);
    assert.deepEqual(got.end.hash, treeOf(data).root, words);
  }

  it('that was sent last is known: only the inside of what changed is asked for, and nothing where all is new or nothing is', async () => {
    const old = noise(600 * KB, 1);
    fs.writeFileSync(file(), old);
    const first = await fetch(undefined);
    assert.ok(first.data.equals(old) && first.end.tree === undefined);
    const same = await fetch(old);
    assertIs(same, old);
    assert.deepEqual([same.literals, same.asked], [0, []]);
    const next = Buffer.from(old);
    noise(250, 2).copy(next, 300 * KB + 100);
    fs.writeFileSync(file(), next);
    const changed = await fetch(old);
    assertIs(changed, next);
    assert.deepEqual(changed.asked, [{ aligned: false, bytes: LEAF }]);
    assert.ok(changed.literals <= 512, String(changed.literals));
    // It is the version that is kept now.
    const again = await fetch(next);
    assertIs(again, next);
    assert.deepEqual([again.literals, again.asked], [0, []]);
    const longer = Buffer.concat([next, noise(30 * KB, 3)]);
    fs.writeFileSync(file(), longer);
    const grown = await fetch(next);
    assertIs(grown, longer);
    assert.ok(grown.literals <= 34 * KB && grown.asked.every(({ aligned }) => !aligned));
  });

  it('is answered for where the file turns out to be shorter than it said: what was asked for it is not taken for the next one', async function () {
    const name = 'uevent_seqnum'; // says that it has a page, and holds a number
    if (!fs.existsSync(`/sys/kernel/${name}`)) return void this.skip();
    session = new TestSession(setupFor(['-a'], ['/sys/kernel/'], {}));
    for (const basis of [noise(600 * KB, 1), noise(300 * KB, 2), noise(500 * KB, 3)]) {
      const { asked, end } = await fetch(basis, treeOf(basis), name);
      assert.deepEqual([asked, end.errno], [[{ aligned: true, bytes: basis.length }], 0]);
      assert.ok(end.size > 0 && end.size < 100, String(end.size));
    }
  });

  it('that is not known is asked for, also by a supplier that keeps nothing', async () => {
    const [old, data] = [noise(600 * KB, 1), noise(600 * KB, 1)];
    noise(100, 5).copy(data, 5000);
    fs.writeFileSync(file(), data);
    const got = await fetch(old);
    assertIs(got, data);
    assert.ok(got.asked[0]?.aligned === true && got.literals < 1024);
    await session?.close();
    session = undefined;
    supplier({ state: false });
    const without = await fetch(old);
    assertIs(without, data);
    assert.ok(without.asked[0]?.aligned === true && without.literals < 1024);
  });

  it('of which the kept pages are damaged is asked for', async () => {
    const old = noise(3000 * KB, 1);
    fs.writeFileSync(file(), old);
    await fetch(undefined);
    const next = Buffer.from(old);
    noise(250, 2).copy(next, 2500 * KB);
    fs.writeFileSync(file(), next);
    await session?.close();
    session = undefined;
    const store = openEnvironment(fromText(join(pair.folder, 'store')), false);
    const pages = store.table('sum-pages');
    store.write(() => {
      for (const { key, value } of [...pages.range(Buffer.from([0]), undefined)].filter(({ key: k }) => k.length > 1)) {
        value[7] = (value[7] as number) ^ 1;
        pages.put(key, value);
      }
    });
    await store.close();
    const got = await fetch(old);
    assertIs(got, next);
    assert.ok(got.asked[0]?.aligned === true);
    assertIs(await fetch(next), next);
  });

  for (let seed = 1; seed <= Number(process.env['PROPERTY_RUNS'] ?? 1); seed++) {
    it(`makes the file, whatever it was, is, and is said to have been (seed ${seed})`, async () => {
      const dice = new Dice(seed);
      const versions: Buffer[] = [noise(300 * KB, 77)];
      for (let step = 0; step < 30; step++) {
        const from = versions.at(-1) as Buffer;
        let next = Buffer.from(from);
        for (let k = dice.below(4); k > 0; k--) {
          const at = dice.below(Math.max(1, next.length));
          switch (dice.pick(['over', 'over', 'insert', 'cut', 'append', 'zero', 'align'])) {
            case 'over': noise(1 + dice.below(300), step).copy(next, at); break;
            case 'insert': next = Buffer.concat([next.subarray(0, at), noise(1 + dice.below(5000), step), next.subarray(at)]); break;
            case 'cut': next = Buffer.from(next.subarray(0, Math.max(256 * KB, at))); break;
            case 'append': next = Buffer.concat([next, noise(1 + dice.below(9000), step)]); break;
            case 'zero': next.fill(0, at, at + dice.below(20_000)); break;
            default: next = Buffer.from(next.subarray(0, Math.max(64, Math.ceil(at / LEAF)) * LEAF)); break;
          }
        }
        versions.push(next);
        fs.writeFileSync(file(), next);
        if (dice.chance(0.3)) fs.truncateSync(file(), next.length); // a hole has no other content
        const basis = dice.pick([versions.at(-2), versions.at(-2), versions.at(-2), next, dice.pick(versions), undefined]);
        const got = await fetch(basis);
        if (basis === undefined) assert.ok(got.data.equals(next), `step ${step}`);
        else assertIs(got, next, `step ${step}`);
      }
    });
  }
});

describe('supply: what changed, from places', () => {
  it('is the leaves that they touch, and those at the end where the sizes differ', () => {
    const all = { start: 0, end: 1e9 };
    assert.deepEqual(leavesAt([], 10 * LEAF, 10 * LEAF, LEAF), []);
    assert.deepEqual(leavesAt([{ start: 1, end: 2 }, { start: LEAF - 1, end: LEAF + 1 }, { start: 5 * LEAF, end: 6 * LEAF }], 10 * LEAF, 10 * LEAF, LEAF), [{ start: 0, end: 2 }, { start: 5, end: 6 }]);
    assert.deepEqual(leavesAt([{ start: 20 * LEAF, end: 21 * LEAF }], 10 * LEAF + 5, 30 * LEAF, LEAF), [{ start: 10, end: 30 }]);
    assert.deepEqual(leavesAt([all], 30 * LEAF, 10 * LEAF + 5, LEAF), [{ start: 0, end: 11 }]);
    assert.deepEqual(leavesAt([], 30 * LEAF, 10 * LEAF, LEAF), []);
    assert.deepEqual(leavesAt([], 10 * LEAF + 9, 10 * LEAF + 5, LEAF), [{ start: 10, end: 11 }]);
    assert.deepEqual(leavesAt([all], 0, 0, LEAF), []);
  });

  it('is told to the byte where old and new are at hand, with copies of some length only', () => {
    const old = noise(20 * LEAF, 1);
    const dice = new Dice(3);
    for (let round = 0; round < 15; round++) {
      const size = old.length - dice.below(3) * 1000;
      const now = Buffer.from(old.subarray(0, size));
      for (let k = dice.below(5); k > 0; k--) {
        const at = dice.below(size);
        for (let i = at; i < Math.min(size, at + 1 + dice.below(700)); i++) if (dice.chance(0.9)) now[i] = (now[i] as number) ^ 255;
      }
      const [a, b] = [treeOf(old), treeOf(now)];
      const sums = leavesOf(now, SEED).sums;
      const base = summer.change(a, undefined, [{ first: 0, sums: leavesOf(old, SEED).sums }]);
      const pages = { ...a, page: (level: number, n: number): Buffer => base.pages[level]?.get(n) ?? assert.fail() };
      const change = summer.change(b, { ...pages, root: a.root }, [{ first: 0, sums }]);
      const equal = equalStretches(pages, size, change, [{ first: 0, sums }]);
      const exact = refined(equal, Math.min(old.length, size), (offset, into) => now.copy(into, 0, offset), (offset, into) => old.copy(into, 0, offset));
      let last = 0;
      const covered = new Uint8Array(size);
      for (const { start, length } of exact) {
        assert.ok(start >= last && length > 0);
        last = start + length;
        assert.equal(now.compare(old, start, last, start, last), 0);
        covered.fill(1, start, last);
      }
      for (const { start, length } of equal) assert.ok(covered.subarray(start, start + length).every((c) => c === 1));
      // No long run of equal bytes is sent.
      let run = 0;
      for (let i = 0; i < size; i++) {
        run = covered[i] === 0 && now[i] === old[i] ? run + 1 : 0;
        assert.ok(run < 32, `${run} equal bytes at ${i}`);
      }
    }
  });

  it('throws what a damaged page is', () => {
    const data = noise(10 * LEAF, 1);
    const change = summer.change(treeOf(data), undefined, [{ first: 0, sums: leavesOf(data, SEED).sums }]);
    const pages = { ...treeOf(data), page: (): Buffer => { throw new DeltaError('checksum', 'damaged'); } };
    assert.throws(() => equalStretches(pages, data.length, change, [{ first: 0, sums: leavesOf(data, SEED).sums }]), DeltaError);
  });
});
