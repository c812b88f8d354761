import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_BLOCK, MAX_BLOCKS, MAX_FILE, SourceRounds, blockLengthFor, decodeRound, encodeRound, planRounds, unusedStretches, worthRefining, type DeltaSink } from '../../src/delta/index.js';
import { createKernel } from '../../src/hash/index.js';
import { content, edited, edits, noise, spliced } from '../hash/support.js';
import { Tokens, encode, patch, sign } from './support.js';

/** A delta in rounds between two ends in one process, and what would have gone over the wire. */
function inRounds(basis: Buffer, source: Buffer, lengths: readonly number[]): { tokens: Tokens; bytes: number; rounds: number } {
  const kernel = createKernel();
  const read = (offset: number, into: Buffer): number => source.copy(into, 0, offset);
  const rounds = new SourceRounds(source.length);
  let bytes = 0;
  let count = 0;
  for (const blockLength of lengths) {
    const stretches = unusedStretches(basis.length, rounds.copies());
    if (rounds.open === 0 || stretches.length === 0) break;
    const sent = encodeRound(sign(basis, blockLength, {}, stretches));
    if (count > 0 && !worthRefining(rounds.open, rounds.matched, sent.length)) break;
    bytes += sent.length;
    rounds.search(kernel, decodeRound(sent, blockLength, basis.length, { low: 0, high: 0 }, stretches), read);
    count++;
  }
  const tokens = new Tokens();
  const sink: DeltaSink = tokens;
  rounds.emit(sink, read);
  return { tokens, bytes: bytes + encode(tokens, { size: basis.length, hash: Buffer.alloc(16) }, { size: 0, hash: Buffer.alloc(16) }).length, rounds: count };
}

describe('a delta in rounds', () => {
  it('makes the source of the basis, for any content, edits and block lengths', () => {
    fc.assert(fc.property(content(60_000, [64, 4096]), edits, fc.constantFrom([4096, 512, 64], [16384, 256], [700, 100], [2048]), (basis, list, lengths) => {
      const source = edited(basis, list);
      const { tokens } = inRounds(basis, source, lengths);
      const rebuilt = Buffer.concat(tokens.list.map((t) => ('copy' in t ? basis.subarray(t.copy, t.copy + t.length) : 'hole' in t ? Buffer.alloc(t.hole) : t.literal)));
      assert.ok(rebuilt.equals(source));
    }), { numRuns: 120 });
  });

  const basis = noise(64 << 20, 1);

  it('of 250 bytes overwritten in 64 MiB costs little more than a thousand bytes, signatures and literal together', () => {
    const source = spliced(basis, 40_000_000, 250, noise(250, 2));
    const { tokens, bytes } = inRounds(basis, source, planRounds(basis.length));
    assert.ok(tokens.literals <= 512, tokens.summary);
    assert.ok(bytes < 2000, `${bytes} bytes`);
  });

  it('of 250 bytes inserted in 64 MiB costs little more', () => {
    const source = spliced(basis, 40_000_000, 0, noise(250, 2));
    const { tokens, bytes } = inRounds(basis, source, planRounds(basis.length));
    assert.ok(tokens.literals <= 1024, tokens.summary);
    assert.ok(bytes < 3000, `${bytes} bytes`);
  });

  it('of nothing in common stops before small blocks are signed', () => {
    const source = noise(16 << 20, 2);
    const { tokens, bytes } = inRounds(basis.subarray(0, 16 << 20), source, planRounds(16 << 20));
    assert.equal(tokens.literals, source.length);
    assert.ok(bytes < source.length * 1.005, `${bytes - source.length} bytes more than the file`);
  });

  it('keeps holes of the source', () => {
    const source = Buffer.concat([basis.subarray(0, 100_000), Buffer.alloc(50_000), basis.subarray(150_000, 300_000)]);
    const rounds = new SourceRounds(source.length, [{ start: 100_000, length: 50_000 }]);
    const read = (offset: number, into: Buffer): number => source.copy(into, 0, offset);
    rounds.search(createKernel(), sign(basis.subarray(0, 300_000), 1024), read);
    const tokens = new Tokens();
    rounds.emit(tokens, read);
    assert.deepEqual(tokens.list.filter((t) => 'hole' in t), [{ hole: 50_000 }]);
    assert.ok(tokens.literals <= 2048, tokens.summary);
    assert.equal(patch(basis, encode(tokens, { size: basis.length, hash: Buffer.alloc(16) }, { size: source.length, hash: hashOf(source) })).compare(source), 0);
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

  it('of rounds fall, and a link that carries more meanwhile gets fewer rounds', () => {
    for (const size of [0, 1, 5000, 1 << 20, 2 ** 30, 2 ** 40]) {
      const lengths = planRounds(size);
      assert.ok(lengths.length > 0 && lengths.every((n, i) => i === 0 || n < (lengths[i - 1] ?? 0)));
      assert.ok(Math.ceil(size / (lengths[0] ?? 1)) <= MAX_BLOCKS);
    }
    assert.ok(planRounds(2 ** 30, 1 << 20).length < planRounds(2 ** 30, 100).length);
  });
});

function hashOf(data: Buffer): Buffer {
  const kernel = createKernel();
  const at = kernel.reserve(data.length);
  kernel.bytes.set(data, at);
  const out = kernel.reserve(16);
  kernel.call.strong128(at, data.length, 0, 0, out);
  return Buffer.from(kernel.bytes.subarray(out, out + 16));
}
