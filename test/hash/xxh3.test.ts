import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { STREAM_STATE, WholeHash, createKernel } from '../../src/hash/index.js';
import { KINDS, counted, noise, place } from './support.js';

type Vector = [length: number, seed: string, h64: string, h128: string];
const vectors = JSON.parse(readFileSync('fixtures/delta/xxh3.json', 'utf8')) as Vector[];

/** Canonical (big-endian) hex of a little-endian digest: high half first. */
function canonical(bytes: Buffer): string {
  return Buffer.from(bytes.toReversed()).toString('hex');
}

function words(seed: string): [low: number, high: number] {
  return [Number.parseInt(seed.slice(8), 16), Number.parseInt(seed.slice(0, 8), 16)];
}

describe('XXH3', () => {
  const most = Math.max(...vectors.map(([n]) => n));
  for (const kind of KINDS) {
    describe(`of the ${kind} kernel`, () => {
      it('is what the reference implementation computes, for every length around its boundaries and any seed', () => {
        const kernel = createKernel({ kind });
        const at = place(kernel, counted(most));
        const out = kernel.reserve(16);
        for (const [length, seed, h64, h128] of vectors) {
          const [low, high] = words(seed);
          kernel.call.strong(at, length, low, high, out);
          assert.equal(canonical(kernel.bytes.subarray(out, out + 8)), h64, `64 bits, length ${length}, seed ${seed}`);
          kernel.call.strong128(at, length, low, high, out);
          assert.equal(canonical(kernel.bytes.subarray(out, out + 16)), h128, `128 bits, length ${length}, seed ${seed}`);
        }
      });

      it('is the same when the data comes in pieces', () => {
        const kernel = createKernel({ kind });
        const at = place(kernel, counted(10_000));
        const [state, one, two] = [kernel.reserve(STREAM_STATE), kernel.reserve(16), kernel.reserve(16)];
        fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom(0, 1, 63, 64, 65, 240, 241, 255, 256, 257, 1024), fc.nat({ max: 900 })), { maxLength: 9 }), fc.integer(), (pieces, seed) => {
          kernel.call.streamBegin(state, seed, 7);
          let total = 0;
          for (const n of pieces) {
            kernel.call.streamUpdate(state, at + total, n);
            total += n;
            for (const wide of [0, 1]) { // asking in between changes nothing
              kernel.call.streamEnd(state, wide, one);
              if (wide === 1) kernel.call.strong128(at, total, seed, 7, two);
              else kernel.call.strong(at, total, seed, 7, two);
              assert.deepEqual(kernel.bytes.subarray(one, one + 8 + 8 * wide), kernel.bytes.subarray(two, two + 8 + 8 * wide));
            }
          }
        }), { numRuns: 150 });
      });
    });
  }

  it('of a whole file counts a hole as zeros', () => {
    const kernel = createKernel();
    const data = noise(5000, 1);
    const at = place(kernel, Buffer.concat([data, Buffer.alloc(3_000_000), data]));
    const [holes, plain] = [new WholeHash(kernel), new WholeHash(kernel)];
    holes.addAt(at, 5000);
    holes.addZeros(3_000_000);
    holes.addAt(at, 5000);
    plain.addAt(at, 3_010_000);
    assert.equal(holes.digest().toString('hex'), plain.digest().toString('hex'));
    assert.notEqual(holes.digest().toString('hex'), Buffer.alloc(16).toString('hex'));
  });
});
