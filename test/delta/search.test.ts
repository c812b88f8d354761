import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DeltaSearch, SignatureBuilder, SumCollector, Signature } from '../../src/delta/index.js';
import { ZERO_SEED, createKernel } from '../../src/hash/index.js';
import { content, edited, edits, KINDS, noise, spliced } from '../hash/support.js';
import { Tokens, encode, patch, search, sign } from './support.js';

const BLOCKS = [64, 100, 241, 700, 2048] as const;
const BOUNDARIES = [...BLOCKS, 1400, 4096];
const NO_HASH = { size: 0, hash: Buffer.alloc(16) };

describe('a delta', () => {
  it('makes the source of the basis: for any content, edits, block length and pieces', () => {
    fc.assert(fc.property(content(40_000, BOUNDARIES), edits, fc.constantFrom(...BLOCKS), fc.constantFrom(Infinity, 1, 77, 4096), fc.integer(), (basis, list, blockLength, pieces, low) => {
      const source = edited(basis, list);
      const { tokens, end } = search(sign(basis, blockLength, { seed: { low, high: 3 }, pieces }), source, { pieces });
      assert.equal(end.size, source.length);
      assert.equal(end.matched, source.length - tokens.literals);
      assert.ok(patch(basis, encode(tokens, { ...NO_HASH, size: basis.length }, { size: end.size, hash: end.hash ?? Buffer.alloc(0) }), pieces).equals(source));
    }), { numRuns: 250 });
  });

  it('is the same from each kernel', () => {
    fc.assert(fc.property(content(20_000, BOUNDARIES), edits, fc.constantFrom(...BLOCKS), (basis, list, blockLength) => {
      const source = edited(basis, list);
      const [first, ...others] = KINDS.map((kind) => {
        const { tokens, end } = search(sign(basis, blockLength, { kind }), source, { kind });
        return { list: tokens.list, end };
      });
      for (const other of others) assert.deepEqual(other, first);
    }), { numRuns: 60 });
  });

  it('does not depend on the pieces in which the bytes come', () => {
    fc.assert(fc.property(content(60_000, BOUNDARIES), edits, fc.constantFrom(...BLOCKS), fc.integer({ min: 1, max: 5000 }), (basis, list, blockLength, pieces) => {
      const source = edited(basis, list);
      const whole = sign(basis, blockLength);
      assert.deepEqual(sign(basis, blockLength, { pieces }).columns, whole.columns);
      assert.equal(search(whole, source, { pieces }).tokens.summary, search(whole, source).tokens.summary);
    }), { numRuns: 60 });
  });

  describe('of noise in blocks of 700 bytes', () => {
    const basis = noise(700 * 1000 + 123, 1);
    const signature = sign(basis, 700);
    const summary = (source: Buffer): string => search(signature, source).tokens.summary;

    it('to itself is one copy', () => assert.equal(summary(basis), '1 copies, 0 literals of 0 bytes'));
    it('with one byte overwritten has one block as a literal', () => {
      assert.equal(summary(spliced(basis, 350_010, 1, Buffer.from('x'))), '2 copies, 1 literals of 700 bytes');
    });
    it('with a byte in front has that byte as a literal, and the short block at the end still matches', () => {
      assert.equal(summary(Buffer.concat([Buffer.from('x'), basis])), '1 copies, 1 literals of 1 bytes');
    });
    it('with bytes inserted inside a block has that block and the bytes as a literal', () => {
      assert.equal(summary(spliced(basis, 70_350, 0, noise(1000, 7))), '2 copies, 1 literals of 1700 bytes');
    });
    it('with bytes removed inside a block has what is left of it as a literal', () => {
      assert.equal(summary(spliced(basis, 70_100, 300, Buffer.alloc(0))), '2 copies, 1 literals of 400 bytes');
    });
    it('with two halves exchanged is two copies', () => {
      assert.equal(summary(Buffer.concat([basis.subarray(350_000), basis.subarray(0, 350_000)])), '2 copies, 0 literals of 0 bytes');
    });
    it('with ten successive blocks overwritten has those ten as a literal', () => {
      assert.equal(summary(spliced(basis, 70_000, 7000, noise(7000, 9))), '2 copies, 1 literals of 7000 bytes');
    });
    it('with nothing in common is one literal', () => assert.equal(summary(noise(500_000, 99)), '0 copies, 1 literals of 500000 bytes'));
  });

  it('of periodic data, which has few places to hold on to, is found by the rolling search', () => {
    const basis = Buffer.alloc(300_000, noise(37, 4));
    const signature = sign(basis, 1024);
    assert.ok(signature.anchorless > 250, 'most blocks have no anchor');
    const source = Buffer.concat([Buffer.from('in front'), basis]);
    assert.ok(search(signature, source).tokens.literals <= 1024 + 37);
  });

  it('of zeros to more zeros has less than a block as a literal', () => {
    const { tokens } = search(sign(Buffer.alloc(100_000), 1024), Buffer.alloc(512_000));
    assert.ok(tokens.literals < 1024, tokens.summary);
  });

  it('keeps holes: they are tokens of their own, matching goes on behind them, and the hash counts them as zeros', () => {
    const [a, b] = [noise(50_000, 1), noise(50_001, 2)];
    const hole = 1_000_003;
    const plain = Buffer.concat([a, Buffer.alloc(hole), b]);
    const kernel = createKernel();
    const sums = new SumCollector();
    const builder = new SignatureBuilder(kernel, 512, ZERO_SEED, sums.add);
    builder.update(a);
    builder.hole(hole);
    builder.update(b);
    const basis = builder.finish();
    const signature = new Signature(512, basis.size, ZERO_SEED, [{ start: 0, length: basis.size }], sums.columns());
    assert.deepEqual(signature.columns, sign(plain, 512).columns);
    const tokens = new Tokens();
    const deltaSearch = new DeltaSearch(kernel, signature, tokens);
    deltaSearch.update(a);
    deltaSearch.hole(hole);
    deltaSearch.update(b);
    const end = deltaSearch.finish();
    assert.deepEqual(end.hash, basis.hash);
    assert.deepEqual(tokens.list.filter((t) => 'hole' in t), [{ hole }]);
    assert.ok(tokens.literals < 2 * 512, tokens.summary);
    assert.ok(patch(plain, encode(tokens, basis, basis)).equals(plain));
  });

  it('with a gate sends fruitless stretches unsearched, stays right and finds matches again', () => {
    const basis = noise(4 << 20, 1);
    const source = Buffer.concat([noise(40 << 20, 2), basis, basis, basis, basis, basis, basis, basis, basis]);
    const open = search(sign(basis, 4096), source, { search: { gateAfter: 0 } });
    const gated = search(sign(basis, 4096), source, { search: { gateAfter: 1 << 20 } });
    assert.equal(open.tokens.literals, 40 << 20);
    assert.deepEqual(gated.end.hash, open.end.hash);
    assert.ok(gated.tokens.literals > 40 << 20 && gated.tokens.literals < source.length - basis.length, gated.tokens.summary);
  });

  it('does bounded work on data made to raise false alarms', () => {
    // Every block of the basis starts with the same 64 bytes and so has the same anchor; the source repeats these bytes without end.
    const kernel = createKernel();
    const at = kernel.reserve(64);
    let head = noise(64, 0);
    for (let n = 1; kernel.bytes.set(head, at), kernel.call.nextAnchor(at + 32, at + 64, 2 ** 32 / 8192) === 0; n++) head = noise(64, n);
    const blocks = Array.from({ length: 64 }, (_, i) => Buffer.concat([head, noise(65536 - 64, 100 + i)]));
    // Unbounded, this would hash 64 KiB for each 64 bytes, sixteen times: a TiB, which no time limit of a test allows.
    const source = Buffer.alloc(64 << 20, head);
    const signature = sign(Buffer.concat(blocks), 65536);
    assert.deepEqual(signature.columns.mixes, Buffer.alloc(4 * 64, signature.columns.mixes.subarray(0, 4)));
    const { end } = search(signature, source);
    assert.equal(end.matched, 0);
  });
});

it('a signature of lies makes a delta that covers the source and stays in the basis', () => {
  const basis = noise(30_000, 1);
  const honest = sign(basis, 512);
  fc.assert(fc.property(fc.constantFrom('weaks', 'strongs', 'mixes', 'offsets'), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 300 }), fc.boolean(), edits, (column, changes, same, list) => {
    const lies = Buffer.from(honest.columns[column]);
    for (const [at, byte] of changes) lies[at % lies.length] = byte;
    if (same) lies.fill(lies.subarray(0, column === 'strongs' ? 8 : 4)); // every block says the same
    const signature = new Signature(512, basis.length, ZERO_SEED, honest.stretches, { ...honest.columns, [column]: lies });
    const source = edited(basis, list);
    const { tokens } = search(signature, source);
    let size = 0;
    for (const token of tokens.list) {
      if ('copy' in token) assert.ok(token.copy >= 0 && token.copy + token.length <= basis.length);
      size += 'literal' in token ? token.literal.length : 'copy' in token ? token.length : token.hole;
    }
    assert.equal(size, source.length);
  }), { numRuns: 200 });
});

describe('a signature', () => {
  it('changes with its seed in every column', () => {
    const basis = noise(100_000, 1);
    const [a, b] = [sign(basis, 1000, { seed: { low: 1, high: 0 } }), sign(basis, 1000, { seed: { low: 2, high: 0 } })];
    assert.notDeepEqual(a.columns.weaks, b.columns.weaks);
    assert.notDeepEqual(a.columns.strongs, b.columns.strongs);
    assert.notDeepEqual(a.columns.mixes, b.columns.mixes);
  });

  it('of blocks longer than one call of the kernel is the sums of those blocks', () => {
    const basis = noise((5 << 20) + 17, 1);
    const long = 2 << 20;
    const kernel = createKernel();
    const at = kernel.reserve(basis.length);
    kernel.bytes.set(basis, at);
    const out = kernel.reserve(16);
    const signature = sign(basis, long);
    assert.equal(signature.count, 3);
    for (let i = 0; i < 3; i++) {
      kernel.call.strong(at + i * long, signature.lengthOf(i), 0, 0, out);
      assert.deepEqual(signature.columns.strongs.subarray(8 * i, 8 * i + 8), kernel.bytes.subarray(out, out + 8));
    }
    const source = Buffer.concat([noise(1000, 3), basis]);
    assert.equal(search(signature, source).tokens.summary, '1 copies, 1 literals of 1000 bytes');
  });
});
