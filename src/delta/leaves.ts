/**
 * Leaf sums: strong sums of all short pieces of a file, in their order. One pass over the file makes them; the sum of any larger piece
 * is then made of them without reading again (a hash tree of two levels). With them the two ends find what is equal at its
 * place, coarse first (aligned.ts), for the price of one reading.
 */
import { CALL_BYTES, type Kernel, type Seed } from '../hash/index.js';
import { feedZeros } from './signature.js';
import { MAX_FILE, MAX_BLOCK } from './sizes.js';

/** Shortest leaf, bytes: what a page of a data base and a block of a file system have. */
export const LEAST_LEAF = 4096;
/** Most leaves of a file: 32 MiB of sums. */
export const MAX_LEAVES = 1 << 22;
/** Bytes of a leaf's sum. */
export const LEAF_SUM = 8;

/** Length of a file's leaves, bytes, a power of two. @throws RangeError for sizes above MAX_FILE. */
export function leafLengthFor(size: number): number {
  if (!(size >= 0 && size <= MAX_FILE)) throw new RangeError(`a file of ${size} bytes is past the limit of ${MAX_FILE}`);
  let length = LEAST_LEAF;
  while (size > length * MAX_LEAVES) length *= 2;
  return length;
}

/** The sums of all leaves of a file; the last leaf may be short. */
export class LeafSums {
  constructor(readonly leafLength: number, readonly size: number, readonly sums: Buffer) {}

  /** Memory that it holds, bytes. */
  get bytes(): number {
    return this.sums.length;
  }
}

/** Sums of pieces of whole leaves, in a kernel's memory. */
export class NodeSummer {
  readonly #room: number;
  readonly #out: number;

  constructor(readonly kernel: Kernel, readonly leaves: LeafSums, readonly seed: Seed) {
    this.#room = kernel.reserve((MAX_BLOCK / LEAST_LEAF) * LEAF_SUM);
    this.#out = kernel.reserve(LEAF_SUM);
  }

  /**
   * The sum of the leaves from `start` to `end` (both at a leaf's border, or the end of the file): that of the leaf where it is one, else the
   * strong sum of their sums. A view that is valid until the next call.
   */
  sum(start: number, end: number): Buffer {
    const { leaves, kernel, seed } = this;
    const from = (start / leaves.leafLength) * LEAF_SUM;
    const to = Math.ceil(end / leaves.leafLength) * LEAF_SUM;
    if (to - from === LEAF_SUM) return leaves.sums.subarray(from, to);
    kernel.bytes.set(leaves.sums.subarray(from, to), this.#room);
    kernel.call.strong(this.#room, to - from, seed.low, seed.high, this.#out);
    return kernel.bytes.subarray(this.#out, this.#out + LEAF_SUM);
  }
}

/** Makes the leaf sums of a file that is fed to it. */
export class LeafSummer {
  readonly #sums: Buffer;
  readonly #at: number; // input buffer, whole leaves
  readonly #room: number;
  readonly #out: number;
  #held = 0;
  #done = 0; // bytes that were summed
  #zero: Buffer | undefined; // sum of a leaf of zeros

  /** @param size of the file, bytes: no more may be fed */
  constructor(readonly kernel: Kernel, readonly leafLength: number, readonly size: number, readonly seed: Seed) {
    this.#sums = Buffer.allocUnsafeSlow(Math.ceil(size / leafLength) * LEAF_SUM);
    this.#room = Math.max(CALL_BYTES, leafLength);
    this.#at = kernel.reserve(this.#room);
    this.#out = kernel.reserve((this.#room / leafLength) * LEAF_SUM);
  }

  /** Room for the next bytes (never empty); `advance` says how many came. Take it anew after each call. */
  input(): Buffer {
    return this.kernel.bytes.subarray(this.#at + this.#held, this.#at + this.#room);
  }

  /** The first `length` bytes of `input()` are the next bytes of the file. */
  advance(length: number): void {
    this.#held += length;
    if (this.#held === this.#room) this.#sum(this.#held / this.leafLength);
  }

  /** Adds zeros; whole leaves of them are summed once. */
  hole(length: number): void {
    let left = length;
    const head = Math.min(left, (this.leafLength - (this.#held % this.leafLength)) % this.leafLength);
    feedZeros(this, head);
    left -= head;
    const leaves = Math.floor(left / this.leafLength);
    if (leaves > 0) {
      this.#sum(this.#held / this.leafLength);
      const from = (this.#done / this.leafLength) * LEAF_SUM;
      this.#sums.fill(this.#zeroSum(), from, from + leaves * LEAF_SUM);
      this.#done += leaves * this.leafLength;
      left -= leaves * this.leafLength;
    }
    feedZeros(this, left);
  }

  /** Bytes that came so far. */
  get position(): number {
    return this.#done + this.#held;
  }

  /** Ends the file, of which all must have come. */
  finish(): LeafSums {
    this.#sum(Math.floor(this.#held / this.leafLength));
    if (this.#held > 0) {
      const { call, bytes } = this.kernel;
      call.strong(this.#at, this.#held, this.seed.low, this.seed.high, this.#out);
      bytes.copy(this.#sums, (this.#done / this.leafLength) * LEAF_SUM, this.#out, this.#out + LEAF_SUM);
      this.#done += this.#held;
      this.#held = 0;
    }
    if (this.#done !== this.size) throw new RangeError(`${this.#done} bytes of a file of ${this.size} were fed`);
    return new LeafSums(this.leafLength, this.size, this.#sums);
  }

  /** Sums the first whole leaves that are held. */
  #sum(count: number): void {
    if (count === 0) return;
    const { call, bytes } = this.kernel;
    call.strongBlocks(this.#at, count, this.leafLength, this.seed.low, this.seed.high, this.#out);
    bytes.copy(this.#sums, (this.#done / this.leafLength) * LEAF_SUM, this.#out, this.#out + count * LEAF_SUM);
    const length = count * this.leafLength;
    this.#done += length;
    if (this.#held > length) bytes.copyWithin(this.#at, this.#at + length, this.#at + this.#held);
    this.#held -= length;
  }

  #zeroSum(): Buffer {
    if (this.#zero === undefined) { // the input buffer is empty now
      const { call, bytes } = this.kernel;
      bytes.fill(0, this.#at, this.#at + this.leafLength);
      call.strong(this.#at, this.leafLength, this.seed.low, this.seed.high, this.#out);
      this.#zero = Buffer.from(bytes.subarray(this.#out, this.#out + LEAF_SUM));
    }
    return this.#zero;
  }
}
