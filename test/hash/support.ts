/** Kernels of every kind, and data of the kinds a delta meets. */
import fc from 'fast-check';
import { createKernel, type Kernel, type KernelKind, WholeHash } from '../../src/hash/index.js';

export const KINDS: readonly KernelKind[] = ['simd', 'plain', 'twin'];

/** One kernel of each kind. */
export function kernels(): Kernel[] {
  return KINDS.map((kind) => createKernel({ kind }));
}

/** Byte i is the top byte of i · 0x9E3779B1, the input of the published vectors in fixtures/delta. */
export function counted(length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = Math.imul(i, 0x9e3779b1) >>> 24;
  return data;
}

/** Noise of a seed (xorshift32): what does not compress and has anchors. */
export function noise(length: number, seed: number): Buffer {
  const data = Buffer.alloc(length);
  let x = (seed * 2654435761 + 1) >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    data[i] = x >>> 11;
  }
  return data;
}

/** `data` with bytes [at, at + remove) replaced by `insert`. */
export function spliced(data: Buffer, at: number, remove: number, insert: Buffer): Buffer {
  return Buffer.concat([data.subarray(0, at), insert, data.subarray(at + remove)]);
}

/** Random, periodic and sparse data, with lengths that like the given boundaries. */
export function content(most: number, boundaries: readonly number[]): fc.Arbitrary<Buffer> {
  const near = boundaries.flatMap((b) => [b - 1, b, b + 1]).filter((n) => n >= 0 && n <= most);
  const length = fc.oneof(fc.constantFrom(0, 1, ...near), fc.nat({ max: most }));
  return fc.tuple(length, fc.constantFrom('noise', 'periodic', 'sparse'), fc.nat({ max: 1 << 20 }), fc.integer({ min: 1, max: 100 }))
    .map(([n, how, seed, period]) => {
      if (how === 'noise') return noise(n, seed);
      if (how === 'sparse') {
        const data = Buffer.alloc(n);
        for (let i = seed % 50; i < n; i += 53 + period * 37) data[i] = period;
        return data;
      }
      return n === 0 ? Buffer.alloc(0) : Buffer.alloc(n, noise(period, seed));
    });
}

/** Some edits (position as a share, length removed, length inserted). */
export const edits: fc.Arbitrary<readonly (readonly [share: number, remove: number, insert: number, seed: number])[]> = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0, 1, 13, 300, 5000), fc.constantFrom(0, 0, 1, 13, 300, 5000), fc.nat({ max: 9999 })), { maxLength: 6 });

/** Content with edits applied in order. */
export function edited(data: Buffer, list: readonly (readonly [number, number, number, number])[]): Buffer {
  let out = data;
  for (const [share, remove, insert, seed] of list) out = spliced(out, Math.floor(share * out.length), remove, noise(insert, seed));
  return out;
}

/** Copies bytes into a kernel's memory and returns their address. */
export function place(kernel: Kernel, data: Uint8Array): number {
  const at = kernel.reserve(data.length + 64);
  kernel.bytes.set(data, at);
  return at;
}

/** The whole-file hash, computed apart. */
export function hashOf(data: Buffer): Buffer {
  const kernel = createKernel();
  const hash = new WholeHash(kernel);
  hash.addAt(place(kernel, data), data.length);
  return hash.digest();
}
