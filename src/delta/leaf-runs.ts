/**
 * Leaf runs: the leaf sums of a file as it goes by, from wherever the bytes lie. What is known to be as in the version before is passed over; what was
 * summed comes out as runs, to be laid over that version's tree (sum-tree.ts).
 */
import { CALL_BYTES, type Kernel, type Seed } from '../hash/index.js';
import { LEAF_SUM } from './leaves.js';
import type { LeafRun } from './sum-tree.js';

/** Sums that are gathered before they are copied together. */
const CHUNK = 64 << 10;

export class LeafRuns {
  readonly #kernel: Kernel;
  readonly #leaf: number; // a leaf that is not whole yet
  readonly #out: number;
  #held = 0;
  #done = 0; // whole leaves so far
  #runs: { first: number; count: number; parts: Buffer[]; used: number }[] = []; // `used`: bytes of the last part
  #zero: Buffer | undefined;

  /** @param kernel holds the leaf and the sums of CALL_BYTES from now on */
  constructor(kernel: Kernel, readonly leafLength: number, private readonly seed: Seed) {
    this.#kernel = kernel;
    this.#leaf = kernel.reserve(leafLength);
    this.#out = kernel.reserve(Math.max(1, CALL_BYTES / leafLength) * LEAF_SUM);
  }

  /** Begins another file. */
  restart(): void {
    this.#held = 0;
    this.#done = 0;
    this.#runs = [];
  }

  /** Where the next byte belongs. */
  get position(): number {
    return this.#done * this.leafLength + this.#held;
  }

  /** The next bytes, in the kernel's memory. */
  addAt(at: number, length: number): void {
    const { call, bytes } = this.#kernel;
    let from = at;
    let left = length;
    while (left > 0) {
      if (this.#held === 0 && left >= this.leafLength) {
        const count = Math.min(Math.floor(left / this.leafLength), Math.max(1, CALL_BYTES / this.leafLength));
        call.strong128Blocks(from, count, this.leafLength, this.seed.low, this.seed.high, this.#out);
        this.#take(bytes.subarray(this.#out, this.#out + count * LEAF_SUM));
        from += count * this.leafLength;
        left -= count * this.leafLength;
        continue;
      }
      const n = Math.min(left, this.leafLength - this.#held);
      bytes.copyWithin(this.#leaf + this.#held, from, from + n);
      this.#held += n;
      from += n;
      left -= n;
      if (this.#held === this.leafLength) this.#sumLeaf();
    }
  }

  /** Zeros; whole leaves of them are summed once. */
  zeros(length: number): void {
    for (let left = length; left > 0;) {
      if (this.#held === 0 && left >= this.leafLength) {
        const count = Math.min(Math.floor(left / this.leafLength), CHUNK / LEAF_SUM);
        const sums = Buffer.alloc(count * LEAF_SUM, this.#zeroSum());
        this.#take(sums);
        left -= count * this.leafLength;
        continue;
      }
      const n = Math.min(left, this.leafLength - this.#held);
      this.#kernel.bytes.fill(0, this.#leaf + this.#held, this.#leaf + this.#held + n);
      this.#held += n;
      left -= n;
      if (this.#held === this.leafLength) this.#sumLeaf();
    }
  }

  /** Whole leaves that are as before; only at a leaf's border. */
  pass(leaves: number): void {
    if (this.#held > 0) throw new RangeError('leaves are passed over at their borders only');
    this.#done += leaves;
  }

  /** Ends the file: what was summed, in order. */
  finish(): LeafRun[] {
    if (this.#held > 0) {
      const { call, bytes } = this.#kernel;
      call.strong128(this.#leaf, this.#held, this.seed.low, this.seed.high, this.#out);
      this.#take(bytes.subarray(this.#out, this.#out + LEAF_SUM));
      this.#held = 0;
    }
    return this.#runs.map(({ first, parts, used }) => ({ first, sums: Buffer.concat(parts.map((part, i) => (i === parts.length - 1 ? part.subarray(0, used) : part))) }));
  }

  #sumLeaf(): void {
    const { call, bytes } = this.#kernel;
    call.strong128(this.#leaf, this.leafLength, this.seed.low, this.seed.high, this.#out);
    this.#held = 0;
    this.#take(bytes.subarray(this.#out, this.#out + LEAF_SUM));
  }

  /** Keeps sums of the next leaves. */
  #take(sums: Buffer): void {
    let run = this.#runs.at(-1);
    if (run === undefined || run.first + run.count !== this.#done) {
      run = { first: this.#done, count: 0, parts: [], used: 0 };
      this.#runs.push(run);
    }
    for (let from = 0; from < sums.length;) {
      let part = run.parts.at(-1);
      if (part === undefined || run.used === part.length) {
        part = Buffer.allocUnsafeSlow(Math.min(CHUNK, part === undefined ? 64 : 8 * part.length)); // most runs are short
        run.parts.push(part);
        run.used = 0;
      }
      const n = sums.copy(part, run.used, from);
      run.used += n;
      from += n;
    }
    run.count += sums.length / LEAF_SUM;
    this.#done += sums.length / LEAF_SUM;
  }

  #zeroSum(): Buffer {
    if (this.#zero === undefined) { // no leaf is held now
      const { call, bytes } = this.#kernel;
      bytes.fill(0, this.#leaf, this.#leaf + this.leafLength);
      call.strong128(this.#leaf, this.leafLength, this.seed.low, this.seed.high, this.#out);
      this.#zero = Buffer.from(bytes.subarray(this.#out, this.#out + LEAF_SUM));
    }
    return this.#zero;
  }
}
