import assert from 'node:assert/strict';
import fc from 'fast-check';
import { blockLengthFor, bytesOf, decodeAligned, firstAligned, leafLengthFor, MAX_BLOCK, MAX_BLOCKS, MAX_FILE, nextAligned, SourceRounds, type DeltaSink, type Stretch } from '../../src/delta/index.js';
import { createKernel } from '../../src/hash/index.js';
import { content, edited, edits, noise, spliced } from '../hash/support.js';
import { BasisSide, converse, encode, leavesOf, sign, Tokens } from './support.js';

/** A delta in rounds between two ends in one process, and what would have gone over the wire. */
function inRounds(basis: Buffer, source: Buffer, options: Parameters<typeof converse>[2] = {}): { tokens: Tokens; bytes: number; asked: ReturnType<typeof converse>['asked'] } {
  const { rounds, asked, bytes } = converse(basis, source, options);
  const tokens = new Tokens();
  const sink: DeltaSink = tokens;
  rounds.emit(sink, (offset, into) => source.copy(into, 0, offset));
  return { tokens, asked, bytes: bytes + encode(tokens, { size: basis.length, hash: Buffer.alloc(16) }, { size: 0, hash: Buffer.alloc(16) }).length };
}

function rebuilt(basis: Buffer, tokens: Tokens): Buffer {
  return Buffer.concat(tokens.list.map((t) => ('copy' in t ? basis.subarray(t.copy, t.copy + t.length) : 'hole' in t ? Buffer.alloc(t.hole) : t.literal)));
}

describe('a delta in rounds', () => {
  it('makes the source of the basis, for any content and edits, also where the session has no more to offer', () => {
    fc.assert(fc.property(content(60_000, [4095, 4096, 8192, 65536]), edits, fc.constantFrom(Infinity, 0, 1, 2), (basis, list, stop) => {
      const source = edited(basis, list);
      assert.ok(rebuilt(basis, inRounds(basis, source, { stop }).tokens).equals(source));
    }), { numRuns: 120 });
  });

  it('makes it where source and basis have other lengths and the edits lie at borders of leaves', () => {
    const basis = noise(300_000, 9);
    for (const length of [4096, 4097, 65535, 65536, 299_999, 300_000]) {
      for (const at of [0, 4095, 4096, 65536, length - 1]) {
        const source = Buffer.from(basis.subarray(0, length));
        if (at < length) source[at] = (source[at] ?? 0) ^ 1;
        assert.ok(rebuilt(basis, inRounds(basis, source).tokens).equals(source), `${length} ${at}`);
        assert.ok(rebuilt(source, inRounds(source, basis).tokens).equals(basis), `${length} ${at}, the other way`);
      }
    }
  });

  const basis = noise(64 << 20, 1);

  it('of 250 bytes overwritten in 64 MiB costs little more than a thousand bytes, signatures and literal together', () => {
    const source = spliced(basis, 40_000_000, 250, noise(250, 2));
    const { tokens, bytes } = inRounds(basis, source);
    assert.ok(tokens.literals <= 512, tokens.summary);
    assert.ok(bytes < 2400, `${bytes} bytes`);
  });

  it('of 250 bytes inserted in 64 MiB sends little more than those, and few sums', () => {
    const source = spliced(basis, 40_000_000, 0, noise(250, 2));
    const { tokens, bytes } = inRounds(basis, source);
    assert.ok(tokens.literals <= 1024, tokens.summary);
    assert.ok(bytes < 64 << 10, `${bytes} bytes`);
  });

  it('of scattered edits in place asks for leaves of what differs only, and sends the edits', () => {
    const source = Buffer.from(basis);
    const places = 1200;
    for (let i = 0; i < places; i++) noise(4096, i + 10).copy(source, i * 53_248);
    const { tokens, bytes, asked } = inRounds(basis, source);
    assert.ok(rebuilt(basis, tokens).equals(source));
    assert.equal(tokens.literals, places * 4096, tokens.summary);
    assert.ok(bytes < places * 4096 * 1.06, `${bytes} bytes`);
    assert.ok(asked.filter(({ aligned }) => !aligned).every(({ stretches }) => stretches.length < places / 2), 'searching is tried on a sample only');
  });

  it('compares leaves where a probe has found an equal one, though no longer block is equal: a table of a data base', () => {
    const source = Buffer.from(basis);
    for (let at = 20_000; at < source.length; at += 60_000) source.fill('!', at, at + 100);
    const { tokens, asked } = inRounds(basis, source, { probed: true });
    assert.ok(rebuilt(basis, tokens).equals(source));
    assert.deepEqual(asked.filter(({ aligned }) => aligned).map(({ blockLength }) => blockLength), [65536, 4096]);
    assert.ok(asked.every(({ aligned, stretches }) => aligned || bytesOf(stretches) < source.length / 10), 'what is searched is the leaves that differ');
    assert.ok(tokens.literals < source.length / 40, tokens.summary);
  });

  it('of small edits at many places tries smaller blocks on a sample, and then on all', () => {
    const source = Buffer.from(basis.subarray(0, 32 << 20));
    const places = 2000;
    for (let i = 0; i < places; i++) source[i * 16_384 + 100] = (source[i * 16_384 + 100] ?? 0) ^ 1;
    const { tokens, asked } = inRounds(basis.subarray(0, 32 << 20), source);
    assert.ok(rebuilt(basis, tokens).equals(source));
    assert.ok(tokens.literals <= places * 512, tokens.summary);
    const searched = asked.filter(({ aligned }) => !aligned);
    assert.ok(searched.length >= 2 && (searched[0]?.stretches.length ?? 0) < (searched[1]?.stretches.length ?? 0));
  });

  it('of what is there twice sends it not at all, of something appended no sums beside it', () => {
    const old = basis.subarray(0, 1 << 20);
    assert.equal(inRounds(old, Buffer.concat([old, old])).tokens.literals, 0);
    const { tokens, asked } = inRounds(old, Buffer.concat([old, noise(20_000, 5)]));
    assert.deepEqual([tokens.literals, asked], [20_000, []]);
  });

  it('of nothing in common stops before small blocks are signed', () => {
    const source = noise(16 << 20, 2);
    const { tokens, bytes } = inRounds(basis.subarray(0, 16 << 20), source);
    assert.equal(tokens.literals, source.length);
    assert.ok(bytes < source.length * 1.006, `${bytes - source.length} bytes more than the file`);
  });

  it('of the same file asks for nothing', () => {
    const { tokens, asked } = inRounds(basis, basis);
    assert.deepEqual([tokens.summary, asked], ['1 copies, 0 literals of 0 bytes', []]);
  });

  it('keeps holes of the source, also where the basis has the same zeros', () => {
    const source = Buffer.concat([basis.subarray(0, 100_000), Buffer.alloc(500_000), basis.subarray(600_000, 900_000)]);
    const holes = [{ start: 100_000, length: 500_000 }];
    for (const old of [source, basis.subarray(0, 900_000)]) {
      const { tokens } = inRounds(old, source, { holes });
      assert.deepEqual(tokens.list.filter((t) => 'hole' in t), [{ hole: 500_000 }]);
      assert.ok(tokens.literals <= 4096, tokens.summary);
      assert.ok(rebuilt(old, tokens).equals(source));
    }
  });

  it('sums leaves alike however the bytes come, and holes as zeros', () => {
    const data = Buffer.concat([noise(10_000, 3), Buffer.alloc(50_000), noise(5000, 4)]);
    const seed = { low: 3, high: 4 };
    const whole = leavesOf(data, seed);
    assert.ok(leavesOf(data, seed, { pieces: 777 }).sums.equals(whole.sums));
    assert.ok(leavesOf(data, seed, { kind: 'twin' }).sums.equals(whole.sums));
    assert.ok(leavesOf(data, seed, {}, [{ start: 10_000, length: 50_000 }]).sums.equals(whole.sums));
    assert.ok(!leavesOf(data, { low: 3, high: 5 }).sums.equals(whole.sums), 'keyed');
  });

  it('refuses aligned rounds that do not fit', () => {
    const side = new BasisSide(basis.subarray(0, 100_000), { low: 1, high: 2 });
    const { round, blockLength, basisSize, stretches } = side.opening();
    assert.equal(decodeAligned(round, blockLength, basisSize, stretches).sums.length, 5 * 25);
    const refuses = (code: string, bytes: Buffer, length = blockLength, of: readonly Stretch[] = stretches): void => { assert.throws(() => decodeAligned(bytes, length, basisSize, of), { code }); };
    refuses('truncated', round.subarray(0, 1));
    refuses('range', round.subarray(0, round.length - 1));
    refuses('version', Buffer.concat([Buffer.from([0]), round.subarray(1)]));
    refuses('limit', Buffer.concat([Buffer.from([2, 25]), round.subarray(2)]));
    refuses('limit', Buffer.concat([Buffer.from([2, 3]), round.subarray(2)]));
    refuses('range', round, blockLength + 64);
    refuses('range', round, blockLength, [{ start: 64, length: 4096 }]);
    refuses('range', round, blockLength, [{ start: 0, length: 5000 }]);
    refuses('range', round, blockLength, [{ start: 0, length: 8192 }, { start: 4096, length: 4096 }]);
  });

  it('is refused where the source ends early', () => {
    const rounds = new SourceRounds(2000);
    assert.throws(() => rounds.search(createKernel(), sign(noise(1000, 1), 100), () => 0), { code: 'truncated' });
  });
});

describe('sizes', () => {
  it('of blocks grow with the file and stay within the limits up to the largest file', () => {
    assert.equal(blockLengthFor(0), 512);
    assert.equal(blockLengthFor(1 << 20), 1024);
    assert.equal(blockLengthFor(2 ** 30), 32768);
    fc.assert(fc.property(fc.double({ min: 0, max: MAX_FILE, noNaN: true }).map(Math.floor), (size) => {
      const length = blockLengthFor(size);
      assert.ok(length % 64 === 0 && length <= MAX_BLOCK && Math.ceil(size / length) <= MAX_BLOCKS);
    }));
    assert.throws(() => blockLengthFor(MAX_FILE + 1), RangeError);
    assert.throws(() => blockLengthFor(Number.NaN), RangeError);
  });

  it('of aligned rounds fall to the leaf, the first with few blocks', () => {
    for (const size of [0, 1, 4096, 1 << 20, (1 << 20) + 1, 2 ** 30, 2 ** 40, MAX_FILE]) {
      const leaf = leafLengthFor(size);
      const first = firstAligned(size, leaf);
      assert.ok(size / first <= 256 || first === MAX_BLOCK);
      let last = first;
      for (let next = nextAligned(first, leaf); next !== undefined; next = nextAligned(next, leaf)) {
        assert.ok(next < last && last % next === 0 && next % leaf === 0);
        last = next;
      }
      assert.equal(last, leaf);
      assert.ok(Math.ceil(size / leaf) <= MAX_BLOCKS);
    }
    assert.throws(() => leafLengthFor(MAX_FILE + 1), RangeError);
  });
});
