/**
 * Leaf sums: wide strong sums of all short pieces of a file, in their order. One pass over the file makes them; the sum of any larger piece
 * is then made of them without reading again (a hash tree of two levels). With them the two ends find what is equal at its
 * place, coarse first (aligned.ts), for the price of one reading; and the root, the hash of them all, checks a file of which only what differs was read (leaf-root.ts).
 */
import { CALL_BYTES, type Kernel, type Seed } from '../hash/index.js';
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

/** Sums the leaves of what goes by, from wherever it lies, and hands the sums on in order: an address in the kernel's memory and bytes, valid for the call. */
export class LeafStream {
  readonly #leaf: number; // a leaf that is not whole yet
  readonly #out: number;
  readonly #most: number; // leaves of one call
  #held = 0;
  #done = 0; // bytes of whole leaves so far
  #zero: Buffer | undefined; // sum of a leaf of zeros

  /** @param kernel holds a leaf and the sums of CALL_BYTES from now on */
  constructor(readonly kernel: Kernel, readonly leafLength: number, readonly seed: Seed, readonly take: (at: number, length: number) => void) {
    this.#leaf = kernel.reserve(leafLength);
    this.#most = Math.max(1, CALL_BYTES / leafLength);
    this.#out = kernel.reserve(this.#most * LEAF_SUM);
  }

  /** Bytes that came so far. */
  get position(): number {
    return this.#done + this.#held;
  }

  /** The next bytes, in the kernel's memory. */
  addAt(at: number, length: number): void {
    const { call, bytes } = this.kernel;
    const { leafLength, seed } = this;
    for (let from = at, left = length; left > 0;) {
      if (this.#held === 0 && left >= leafLength) {
        const count = Math.min(Math.floor(left / leafLength), this.#most);
        call.strong128Blocks(from, count, leafLength, seed.low, seed.high, this.#out);
        this.#summed(count);
        from += count * leafLength;
        left -= count * leafLength;
        continue;
      }
      const n = Math.min(left, leafLength - this.#held);
      bytes.copyWithin(this.#leaf + this.#held, from, from + n);
      from += n;
      left -= n;
      this.#hold(n);
    }
  }

  /** Zeros; whole leaves of them are summed once. */
  zeros(length: number): void {
    for (let left = length; left > 0;) {
      if (this.#held === 0 && left >= this.leafLength) {
        const count = Math.min(Math.floor(left / this.leafLength), this.#most);
        const zero = this.#zeroSum();
        this.kernel.bytes.fill(zero, this.#out, this.#out + count * LEAF_SUM);
        this.#summed(count);
        left -= count * this.leafLength;
        continue;
      }
      const n = Math.min(left, this.leafLength - this.#held);
      this.kernel.bytes.fill(0, this.#leaf + this.#held, this.#leaf + this.#held + n);
      left -= n;
      this.#hold(n);
    }
  }

  /** Whole leaves whose sums are known already. @throws RangeError in the middle of a leaf */
  known(sums: Buffer): void {
    this.#checkBorder();
    for (let done = 0; done < sums.length; done += this.#most * LEAF_SUM) {
      const part = sums.subarray(done, done + this.#most * LEAF_SUM);
      this.kernel.bytes.set(part, this.#out);
      this.#summed(part.length / LEAF_SUM);
    }
  }

  /** Whole leaves that nobody wants the sums of. @throws RangeError in the middle of a leaf */
  pass(leaves: number): void {
    this.#checkBorder();
    this.#done += leaves * this.leafLength;
  }

  /** Ends the file: its last leaf may be short. */
  finish(): void {
    if (this.#held > 0) this.#sumLeaf();
  }

  #checkBorder(): void {
    if (this.#held > 0) throw new RangeError(`leaves that are known begin at ${this.position}, in the middle of one`);
  }

  /** Holds bytes that were put into the leaf at hand. */
  #hold(length: number): void {
    this.#held += length;
    if (this.#held === this.leafLength) this.#sumLeaf();
  }

  #sumLeaf(): void {
    this.kernel.call.strong128(this.#leaf, this.#held, this.seed.low, this.seed.high, this.#out);
    this.take(this.#out, LEAF_SUM);
    this.#done += this.#held;
    this.#held = 0;
  }

  /** The sums of the next whole leaves stand at #out. */
  #summed(leaves: number): void {
    this.take(this.#out, leaves * LEAF_SUM);
    this.#done += leaves * this.leafLength;
  }

  #zeroSum(): Buffer {
    if (this.#zero === undefined) { // no leaf is held now
      const { call, bytes } = this.kernel;
      bytes.fill(0, this.#leaf, this.#leaf + this.leafLength);
      call.strong128(this.#leaf, this.leafLength, this.seed.low, this.seed.high, this.#out);
      this.#zero = Buffer.from(bytes.subarray(this.#out, this.#out + LEAF_SUM));
    }
    return this.#zero;
  }
}

/** Makes the leaf sums of a file that is fed to it. */
export class LeafSummer {
  readonly #sums: Buffer;
  readonly #stream: LeafStream;
  readonly #at: number; // input buffer, whole leaves
  readonly #room: number;
  #held = 0;
  #length = 0;

  /** @param size of the file, bytes: no more may be fed */
  constructor(readonly kernel: Kernel, readonly leafLength: number, readonly size: number, readonly seed: Seed) {
    this.#sums = Buffer.allocUnsafeSlow(Math.ceil(size / leafLength) * LEAF_SUM);
    this.#room = Math.max(CALL_BYTES, leafLength);
    this.#at = kernel.reserve(this.#room);
    this.#stream = new LeafStream(kernel, leafLength, seed, (at, length) => {
      this.#length += kernel.bytes.copy(this.#sums, this.#length, at, at + length);
    });
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
    this.#sum();
    this.#stream.zeros(length);
  }

  /** Ends the file, of which all must have come. */
  finish(): LeafSums {
    this.#sum();
    this.#stream.finish();
    const { position } = this.#stream;
    if (position !== this.size) throw new RangeError(`${position} bytes of a file of ${this.size} were fed`);
    return new LeafSums(this.leafLength, this.size, this.#sums);
  }

  #sum(): void {
    this.#stream.addAt(this.#at, this.#held);
    this.#held = 0;
  }
}
