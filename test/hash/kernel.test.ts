import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NO_BLOCK, createKernel, multiplierOf, type Kernel } from '../../src/hash/index.js';
import { content, kernels, noise, place } from './support.js';

const BOUNDARIES = [15, 16, 17, 31, 32, 33, 64, 128, 240, 256, 700, 1024, 2048, 4096];

/** Runs the same on each kind of kernel and holds the results against each other. */
function agree(run: (kernel: Kernel) => unknown): void {
  const [first, ...others] = kernels().map((kernel) => ({ kind: kernel.kind, result: run(kernel) }));
  for (const other of others) assert.deepEqual(other.result, first?.result, `${other.kind} differs from ${first?.kind}`);
}

describe('the kernel and its twin give the same bytes', () => {
  it('for weak sums of any content and length, in one piece or two', () => {
    fc.assert(fc.property(content(5000, BOUNDARIES), fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (data, low, share) => {
      const m = multiplierOf({ low, high: 1 });
      agree((kernel) => {
        const at = place(kernel, data);
        const cut = Math.floor(share * data.length);
        const whole = kernel.call.weak(at, data.length, m, 0) >>> 0;
        assert.equal(kernel.call.weak(at + cut, data.length - cut, m, kernel.call.weak(at, cut, m, 0)) >>> 0, whole);
        return whole;
      });
    }), { numRuns: 100 });
  });

  it('for the columns of signed blocks', () => {
    fc.assert(fc.property(content(20_000, BOUNDARIES), fc.constantFrom(64, 65, 100, 240, 241, 700, 2048), fc.integer(), (data, length, low) => {
      const count = Math.floor(data.length / length);
      agree((kernel) => {
        const at = place(kernel, data);
        const out = kernel.reserve(count * 20 + 16);
        kernel.call.signBlocks(at, count, length, multiplierOf({ low, high: 9 }), low, 9, Math.floor((2 ** 32 * 8) / length) >>> 0, out, out + 4 * count, out + 12 * count, out + 16 * count);
        return Buffer.from(kernel.bytes.subarray(out, out + 20 * count)).toString('hex');
      });
    }), { numRuns: 60 });
  });

  it('for wide sums of blocks, each of which is that of the block alone', () => {
    fc.assert(fc.property(content(20_000, BOUNDARIES), fc.constantFrom(64, 65, 240, 241, 700, 2048), fc.integer(), (data, length, low) => {
      const count = Math.floor(data.length / length);
      agree((kernel) => {
        const at = place(kernel, data);
        const out = kernel.reserve(16 * count + 16);
        kernel.call.strong128Blocks(at, count, length, low, 9, out);
        const sums = Buffer.from(kernel.bytes.subarray(out, out + 16 * count));
        for (let i = 0; i < count; i++) {
          kernel.call.strong128(at + i * length, length, low, 9, out);
          assert.ok(kernel.bytes.subarray(out, out + 16).equals(sums.subarray(16 * i, 16 * i + 16)));
        }
        return sums.toString('hex');
      });
    }), { numRuns: 60 });
  });

  it('for tables and both scans, and every named block holds its key', () => {
    fc.assert(fc.property(content(30_000, []), fc.constantFrom(64, 129, 700), fc.nat({ max: 3000 }), (data, length, shift) => {
      const count = Math.floor(data.length / length);
      fc.pre(count > 0);
      agree((kernel) => {
        const basis = place(kernel, data);
        const source = place(kernel, Buffer.concat([noise(32 + shift, 5), data]));
        const end = source + 32 + shift + data.length;
        const [weaks, strongs, mixes, offsets] = [kernel.reserve(4 * count), kernel.reserve(8 * count), kernel.reserve(4 * count), kernel.reserve(4 * count)];
        const threshold = Math.floor((2 ** 32 * 8) / length) >>> 0;
        kernel.call.signBlocks(basis, count, length, 0x4ffd, 1, 2, threshold, weaks, strongs, mixes, offsets);
        const out = kernel.reserve(16);
        const seen: number[] = [];
        for (const anchors of [true, false]) {
          const table = emptyTable(kernel, count);
          kernel.call.fillTable(table, anchors ? mixes : weaks, strongs, anchors ? offsets : 0, count);
          if (anchors) {
            for (let p = source + 31; (p = kernel.call.scanAnchors(p + 1, end, threshold, 1, 2, table, mixes, out)) !== 0;) seen.push(p - source, kernel.bytes.readUInt32LE(out));
          } else {
            kernel.bytes.writeUInt32LE(kernel.call.weak(source, length, 0x4ffd, 0) >>> 0, out + 4);
            const at = kernel.call.scanWeak(source, end - length, length, 0x4ffd, kernel.call.power(0x4ffd, length), table, weaks, out);
            assert.notEqual(at, 0, 'the first block of the basis lies in the source');
            const block = kernel.bytes.readUInt32LE(out);
            assert.equal(kernel.call.weak(at, length, 0x4ffd, 0) >>> 0, kernel.bytes.readUInt32LE(weaks + 4 * block));
            seen.push(at - source, block, kernel.bytes.readUInt32LE(out + 4), kernel.call.sameKey(table, weaks, block) >>> 0);
          }
        }
        const bytes = kernel.bytes;
        bytes[strongs + 7] = (bytes[strongs + 7] ?? 0) ^ 0x80; // the top bit of the first sum
        for (const drop of [0, 1, 16, 32]) seen.push(kernel.call.matchRun(basis, count, length, 1, 2, strongs, drop));
        assert.deepEqual(seen.slice(-4), [0, count, count, count]);
        return seen;
      });
    }), { numRuns: 60 });
  });

  it('and a memory that grows keeps what it holds', () => {
    agree((kernel) => {
      const at = place(kernel, noise(1000, 3));
      const far = kernel.reserve(10 << 20);
      kernel.bytes[far + (10 << 20) - 1] = 1;
      return kernel.call.weak(at, 1000, 0x4ffd, 0) >>> 0;
    });
  });
});

describe('a kernel', () => {
  it('is without SIMD where that was asked for', () => {
    assert.equal(createKernel().kind, 'simd');
    assert.equal(createKernel({ simd: false }).kind, 'plain');
  });

  it('gives released memory again and refuses what it can never hold', () => {
    const kernel = createKernel();
    const mark = kernel.mark();
    const first = kernel.reserve(100);
    kernel.release(mark);
    assert.equal(kernel.reserve(200), first);
    assert.throws(() => kernel.reserve(2 ** 31), RangeError);
    assert.throws(() => kernel.reserve(Number.NaN), RangeError);
  });

  it('bounds the blocks of one key', () => {
    const kernel = createKernel();
    const count = 1000;
    const [keys, strongs] = [kernel.reserve(4 * count), kernel.reserve(8 * count)];
    kernel.bytes.fill(7, keys, keys + 4 * count); // one key, a thousand different contents
    for (let i = 0; i < count; i++) kernel.bytes.writeBigUInt64LE(BigInt(i), strongs + 8 * i);
    const table = emptyTable(kernel, count);
    kernel.call.fillTable(table, keys, strongs, 0, count);
    let links = 1;
    for (let block = 0; (block = kernel.call.sameKey(table, keys, block) >>> 0) !== NO_BLOCK; links++);
    assert.equal(links, 16);
  });
});

function emptyTable(kernel: Kernel, count: number): number {
  const [bitmap, heads, next, table] = [kernel.reserve(8192), kernel.reserve(4 * 256), kernel.reserve(4 * count), kernel.reserve(32)];
  const bytes = kernel.bytes;
  bytes.fill(0, bitmap, table);
  [bitmap, 16, heads, 24, next].forEach((word, i) => bytes.writeUInt32LE(word, table + 4 * i));
  return table;
}
