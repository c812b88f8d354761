import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { DeltaError, DeltaReader, Signature, SignatureBuilder, SignatureReader, SignatureWriter, decodeRound, encodeRound, type DeltaSink } from '../../src/delta/index.js';
import { createKernel, type Kernel } from '../../src/hash/index.js';
import { counted, edited, edits, content, noise, spliced } from '../hash/support.js';
import { cut, encode, patch, search, sign } from './support.js';

const kernel: Kernel = createKernel();

/** Runs with the shared kernel's memory given back afterwards. */
function scratch<T>(run: () => T): T {
  const mark = kernel.mark();
  try {
    return run();
  } finally {
    kernel.release(mark);
  }
}

function signatureFile(basis: Buffer, blockLength: number, seed = { low: 1, high: 2 }): Buffer {
  return scratch(() => {
    const parts: Buffer[] = [];
    const writer = new SignatureWriter(kernel, (bytes) => parts.push(Buffer.from(bytes)), blockLength, seed);
    const builder = new SignatureBuilder(kernel, blockLength, seed, writer.batch);
    builder.update(basis);
    writer.finish(builder.finish());
    return Buffer.concat(parts);
  });
}

function readSignature(bytes: Buffer, pieces = Infinity): ReturnType<SignatureReader['finish']> {
  return scratch(() => {
    const reader = new SignatureReader(kernel);
    for (const piece of cut(bytes, pieces)) reader.push(piece);
    return reader.finish();
  });
}

/** The delta of two buffers as a file. */
function deltaFile(basis: Buffer, source: Buffer, blockLength: number): Buffer {
  const { signature, basis: identity } = readSignature(signatureFile(basis, blockLength));
  const { tokens, end } = search(signature, source);
  return encode(tokens, identity, { size: end.size, hash: end.hash ?? Buffer.alloc(16) });
}

/** `bytes` with some bytes changed, cut off, removed or doubled. */
function mutations(bytes: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat({ max: bytes.length - 1 });
  return fc.oneof(
    fc.array(fc.tuple(at, fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat({ max: 255 }))), { minLength: 1, maxLength: 4 })
      .map((changes) => changes.reduce((data, [i, byte]) => { data[i] = byte; return data; }, Buffer.from(bytes))),
    at.map((n) => bytes.subarray(0, n)),
    fc.tuple(at, fc.nat({ max: 40 }), fc.nat({ max: 40 }), fc.nat()).map(([i, remove, insert, seed]) => spliced(bytes, i, remove, noise(insert, seed))),
  );
}

/** What may be thrown at hostile bytes: nothing but a DeltaError. */
function refusesOrAccepts<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof DeltaError) return undefined;
    throw error;
  }
}

describe('a signature file', () => {
  it('gives back the signature, in pieces of any length', () => {
    fc.assert(fc.property(content(30_000, [64, 700, 1400]), fc.constantFrom(64, 700), fc.constantFrom(Infinity, 1, 50, 4096), (basis, blockLength, pieces) => {
      const seed = { low: 1, high: 2 };
      const read = readSignature(signatureFile(basis, blockLength, seed), pieces);
      assert.deepEqual(read.signature, sign(basis, blockLength, { seed }));
      assert.equal(read.basis.size, basis.length);
    }), { numRuns: 60 });
  });

  it('is refused where it is damaged in any way', () => {
    const file = signatureFile(noise(20_000, 1), 700);
    fc.assert(fc.property(mutations(file), (bytes) => {
      fc.pre(!bytes.equals(file));
      assert.equal(refusesOrAccepts(() => readSignature(bytes)), undefined);
    }), { numRuns: 1500 });
  });

  for (const [what, code, damage] of [
    ['another kind of file', 'magic', (f: Buffer) => spliced(f, 0, 1, Buffer.from('#'))],
    ['a later version', 'version', (f: Buffer) => spliced(f, 8, 1, Buffer.from([2]))],
    ['unknown features', 'version', (f: Buffer) => spliced(f, 9, 1, Buffer.from([1]))],
    ['a block length of zero', 'limit', (f: Buffer) => spliced(f, 12, 4, Buffer.alloc(4))],
    ['a block length beyond the limit', 'limit', (f: Buffer) => spliced(f, 12, 4, Buffer.from([1, 0, 0, 1]))],
    ['a batch beyond the limit', 'limit', (f: Buffer) => spliced(f, 24, 4, Buffer.alloc(4, 0xff))],
    ['an anchor outside its block', 'range', (f: Buffer) => spliced(f, 28 + 29 * 16, 4, Buffer.alloc(4, 0x7f))],
    ['a changed sum', 'checksum', (f: Buffer) => spliced(f, 30, 1, Buffer.from([f[30] === 0 ? 1 : 0]))],
    ['bytes after the end', 'range', (f: Buffer) => Buffer.concat([f, Buffer.alloc(1)])],
    ['a missing end', 'truncated', (f: Buffer) => f.subarray(0, -1)],
    ['nothing at all', 'truncated', () => Buffer.alloc(0)],
  ] as const) {
    it(`with ${what} is refused (${code})`, () => {
      assert.throws(() => readSignature(damage(signatureFile(noise(20_000, 1), 700))), (error) => error instanceof DeltaError && error.code === code);
    });
  }
});

describe('a delta file', () => {
  const basis = noise(20_000, 1);
  const source = spliced(spliced(basis, 5000, 40, noise(90, 2)), 12_000, 0, basis.subarray(0, 3000));
  const file = deltaFile(basis, source, 256);

  it('makes the source, or is refused, or is told by the hash, where it is damaged in any way', () => {
    assert.ok(patch(basis, file).equals(source));
    fc.assert(fc.property(mutations(file), fc.constantFrom(Infinity, 7), (bytes, pieces) => {
      const result = refusesOrAccepts(() => patch(basis, bytes, pieces));
      if (result !== undefined) assert.ok(result.equals(source));
    }), { numRuns: 1500 });
  });

  it('against another basis is told by the hash', () => {
    assert.throws(() => patch(noise(20_000, 3), file), (error) => error instanceof DeltaError && error.code === 'mismatch');
    assert.throws(() => patch(basis.subarray(0, 19_000), file), DeltaError);
  });

  it('that makes more than was announced is refused before it costs anything', () => {
    const bomb = Buffer.concat([file.subarray(0, 40), Buffer.from([3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08])]); // a hole of 256 GiB
    assert.throws(() => patch(basis, bomb), (error) => error instanceof DeltaError && error.code === 'limit');
  });

  const header = file.subarray(0, 40);
  for (const [what, code, tokens] of [
    ['a copy past the basis', 'range', [2, 0, 0xa1, 0x9c, 0x01]],
    ['a copy from before the basis', 'range', [2, 1, 1]],
    ['a copy of nothing', 'range', [2, 0, 0]],
    ['a literal of nothing', 'limit', [1, 0]],
    ['a literal past the limit', 'limit', [1, 0x81, 0x80, 0x80, 0x08]],
    ['a hole past every file', 'limit', [3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a number that does not end', 'limit', [3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a number in a longer form', 'range', [3, 0x81, 0x00]],
    ['an unknown token', 'range', [4]],
    ['a size that is not what the tokens make', 'range', [3, 5, 0, 4, ...Array<number>(23).fill(0)]],
  ] as const) {
    it(`with ${what} is refused before anything is done (${code})`, () => {
      const nothing: DeltaSink = { copy: () => assert.fail(), literal: () => assert.fail(), hole: (length) => assert.equal(length, 5) };
      assert.throws(() => new DeltaReader(nothing).push(Buffer.concat([header, Buffer.from(tokens)])), (error) => error instanceof DeltaError && error.code === code);
    });
  }
});

describe('the compact form of a round', () => {
  it('gives back sums and anchors, cut to what it keeps', () => {
    fc.assert(fc.property(content(30_000, [64, 700]), fc.constantFrom(64, 700), edits, (basis, blockLength, list) => {
      const signature = sign(basis, blockLength);
      const bytes = encodeRound(signature);
      const back = decodeRound(bytes, blockLength, basis.length, signature.seed, signature.stretches);
      assert.ok(bytes.length <= 1 + 12 * signature.count);
      assert.equal(search(back, edited(basis, list)).tokens.summary, search(signature, edited(basis, list)).tokens.summary);
    }), { numRuns: 60 });
  });

  it('is refused where it does not fit', () => {
    const signature = sign(noise(20_000, 1), 700);
    const bytes = encodeRound(signature);
    fc.assert(fc.property(mutations(bytes), (damaged) => {
      const back = refusesOrAccepts(() => decodeRound(damaged, 700, 20_000, signature.seed, signature.stretches));
      if (back !== undefined) assert.equal(damaged.length, bytes.length); // sums are only numbers: the whole-file hash judges them
    }), { numRuns: 500 });
    assert.throws(() => decodeRound(bytes, 700, 20_000, signature.seed, [{ start: 0, length: 2 ** 40 }]), DeltaError);
    assert.throws(() => new Signature(700, 20_000, signature.seed, [{ start: 700, length: 700 }, { start: 0, length: 700 }], signature.columns), DeltaError);
  });
});

describe('the golden vectors', () => {
  const basis = counted(5000);
  const source = Buffer.concat([Buffer.from('front'), basis.subarray(0, 3000), Buffer.alloc(10, 7), basis.subarray(3000)]);
  const golden = (name: string): string => readFileSync(`fixtures/delta/${name}`, 'utf8').replaceAll(/\s/g, '');

  it('of signature and delta are what is written today', () => {
    assert.equal(signatureFile(basis, 512, { low: 0x12345678, high: 0x9abcdef0 }).toString('hex'), golden('signature.v1.hex'));
    assert.equal(deltaFile(basis, source, 512).toString('hex'), golden('delta.v1.hex'));
  });

  it('of the delta still makes its source', () => {
    assert.ok(patch(basis, Buffer.from(golden('delta.v1.hex'), 'hex')).equals(source));
  });
});
