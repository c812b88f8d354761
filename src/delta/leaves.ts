/**
 * Leaf sums: wide strong sums of all short pieces of a file, in their order. One pass over the file makes them; the sum of any larger piece
 * is then made of them without reading again (a hash tree of two levels). With them the two ends find what is equal at its
 * place, coarse first (aligned.ts), for the price of one reading; and the root, the hash of them all, checks a file of which only what differs was read (leaf-root.ts).
 */
import { CALL_BYTES, type Kernel, type Seed } from '../hash/index.js';
import { feedZeros } from './signature.js';
import { MAX_FILE, MAX_BLOCK } from './sizes.js';

/** Shortest leaf, bytes: what a page of a data base and a block of a file system have. */
export const LEAST_LEAF = 4096;
/** Most leaves of a file: 64 MiB of sums. */
export const MAX_LEAVES = 1 << 22;
/** Bytes of a leaf's sum: XXH3-128 with the session's seed. */
export const LEAF_SUM = 16;
/** Bytes of the sum of several leaves; of one leaf it is the start of its own. */
const NODE_SUM = 8;

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

  /** Sums of the leaves from `start` to `end`, both at a leaf's border. */
  between(start: number, end: number): Buffer {
    return this.sums.subarray((start / this.leafLength) * LEAF_SUM, (end / this.leafLength) * LEAF_SUM);
  }
}

/** Sums of pieces of whole leaves, in a kernel's memory. */
export class NodeSummer {
  readonly #room: number;
  readonly #out: number;

  constructor(readonly kernel: Kernel, readonly leaves: LeafSums, readonly seed: Seed) {
    this.#room = kernel.reserve((MAX_BLOCK / LEAST_LEAF) * LEAF_SUM);
    this.#out = kernel.reserve(NODE_SUM);
  }

  /**
   * The sum of the leaves from `start` to `end` (both at a leaf's border, or the end of the file): the start of the leaf's where it is one, else the
   * strong sum of their sums. A view of 8 bytes that is valid until the next call.
   */
  sum(start: number, end: number): Buffer {
    const { leaves, kernel, seed } = this;
    const from = (start / leaves.leafLength) * LEAF_SUM;
    const to = Math.ceil(end / leaves.leafLength) * LEAF_SUM;
    if (to - from === LEAF_SUM) return leaves.sums.subarray(from, from + NODE_SUM);
    kernel.bytes.set(leaves.sums.subarray(from, to), this.#room);
    kernel.call.strong(this.#room, to - from, seed.low, seed.high, this.#out);
    return kernel.bytes.subarray(this.#out, this.#out + NODE_SUM);
  }
}

/** Sums the leaves of what is fed to it, in order, and hands the sums on: an address in the kernel's memory and bytes, valid for the call. */
export class LeafStream {
  readonly #at: number; // input buffer, whole leaves
  readonly #room: number;
  readonly #out: number;
  readonly #outRoom: number;
  #held = 0;
  #done = 0; // bytes that were summed
  #zero: Buffer | undefined; // sum of a leaf of zeros

  constructor(readonly kernel: Kernel, readonly leafLength: number, readonly seed: Seed, readonly take: (at: number, length: number) => void) {
    this.#room = Math.max(CALL_BYTES, leafLength);
    this.#at = kernel.reserve(this.#room);
    this.#outRoom = (this.#room / leafLength) * LEAF_SUM;
    this.#out = kernel.reserve(this.#outRoom);
  }

  /** Room for the next bytes (never empty); `advance` says how many came. Take it anew after each call. */
  input(): Buffer {
    return this.kernel.bytes.subarray(this.#at + this.#held, this.#at + this.#room);
  }

  /** The first `length` bytes of `input()` are the next bytes of the file. */
  advance(length: number): void {
    this.#held += length;
    if (this.#held === this.#room) this.#sum();
  }

  /** Adds zeros; whole leaves of them are summed once. */
  hole(length: number): void {
    let left = length;
    const head = Math.min(left, (this.leafLength - (this.#held % this.leafLength)) % this.leafLength);
    feedZeros(this, head);
    left -= head;
    const leaves = Math.floor(left / this.leafLength);
    if (leaves > 0) {
      this.#sum();
      const zeros = Buffer.alloc(Math.min(this.#outRoom, leaves * LEAF_SUM), this.#zeroSum());
      for (let todo = leaves * LEAF_SUM; todo > 0; todo -= zeros.length) this.#hand(zeros.subarray(0, Math.min(todo, zeros.length)));
      this.#done += leaves * this.leafLength;
      left -= leaves * this.leafLength;
    }
    feedZeros(this, left);
  }

  /** Adds whole leaves whose sums are known already. @throws RangeError where `position` is not at a leaf's border */
  known(sums: Buffer): void {
    if (this.position % this.leafLength !== 0) throw new RangeError(`known leaves at ${this.position}, in the middle of one`);
    this.#sum();
    for (let done = 0; done < sums.length; done += this.#outRoom) this.#hand(sums.subarray(done, done + this.#outRoom));
    this.#done += (sums.length / LEAF_SUM) * this.leafLength;
  }

  /** Bytes that came so far. */
  get position(): number {
    return this.#done + this.#held;
  }

  /** Ends the file: its last leaf may be short. */
  finish(): void {
    this.#sum();
    if (this.#held === 0) return;
    this.kernel.call.strong128(this.#at, this.#held, this.seed.low, this.seed.high, this.#out);
    this.take(this.#out, LEAF_SUM);
    this.#done += this.#held;
    this.#held = 0;
  }

  /** Sums the whole leaves that are held. */
  #sum(): void {
    const count = Math.floor(this.#held / this.leafLength);
    if (count === 0) return;
    this.kernel.call.strong128Blocks(this.#at, count, this.leafLength, this.seed.low, this.seed.high, this.#out);
    this.take(this.#out, count * LEAF_SUM);
    const length = count * this.leafLength;
    this.#done += length;
    if (this.#held > length) this.kernel.bytes.copyWithin(this.#at, this.#at + length, this.#at + this.#held);
    this.#held -= length;
  }

  #hand(sums: Buffer): void {
    this.kernel.bytes.set(sums, this.#out);
    this.take(this.#out, sums.length);
  }

  #zeroSum(): Buffer {
    if (this.#zero === undefined) { // the input buffer is empty now
      const { call, bytes } = this.kernel;
      bytes.fill(0, this.#at, this.#at + this.leafLength);
      call.strong128(this.#at, this.leafLength, this.seed.low, this.seed.high, this.#out);
      this.#zero = Buffer.from(bytes.subarray(this.#out, this.#out + LEAF_SUM));
    }
    return this.#zero;
  }
}

/** Makes the leaf sums of a file that is fed to it. */
export class LeafSummer {
  readonly #sums: Buffer;
  readonly #stream: LeafStream;
  #length = 0;

  /** @param size of the file, bytes: no more may be fed */
  constructor(readonly kernel: Kernel, readonly leafLength: number, readonly size: number, readonly seed: Seed) {
    this.#sums = Buffer.allocUnsafeSlow(Math.ceil(size / leafLength) * LEAF_SUM);
    this.#stream = new LeafStream(kernel, leafLength, seed, (at, length) => {
      this.#length += kernel.bytes.copy(this.#sums, this.#length, at, at + length);
    });
  }

  /** As LeafStream's. */
  input(): Buffer {
    return this.#stream.input();
  }
  advance(length: number): void {
    this.#stream.advance(length);
  }
  hole(length: number): void {
    this.#stream.hole(length);
  }
  get position(): number {
    return this.#stream.position;
  }

  /** Ends the file, of which all must have come. */
  finish(): LeafSums {
    this.#stream.finish();
    if (this.position !== this.size) throw new RangeError(`${this.position} bytes of a file of ${this.size} were fed`);
    return new LeafSums(this.leafLength, this.size, this.#sums);
  }
}
