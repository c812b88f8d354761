/**
 * Leaf runs: the leaf sums of a file as it goes by. What is known to be as in the version before is passed over; what was
 * summed comes out as runs, to be laid over that version's tree (sum-tree.ts).
 */
import type { Kernel, Seed } from '../hash/index.js';
import { LEAF_SUM, LeafStream } from './leaves.js';
import type { LeafRun } from './sum-tree.js';

/** Sums that are gathered before they are copied together. */
const CHUNK = 64 << 10;

/** Fed as a LeafStream is. */
export class LeafRuns {
  readonly #stream: LeafStream;
  #next = 0; // leaf
  #runs: { first: number; count: number; parts: Buffer[]; used: number }[] = []; // `used`: bytes of the last part

  constructor(kernel: Kernel, readonly leafLength: number, seed: Seed) {
    this.#stream = new LeafStream(kernel, leafLength, seed, (at, length) => { this.#take(kernel.bytes.subarray(at, at + length)); });
  }

  get position(): number {
    return this.#stream.position;
  }
  addAt(at: number, length: number): void {
    this.#stream.addAt(at, length);
  }
  zeros(length: number): void {
    this.#stream.zeros(length);
  }
  /** Whole leaves that are as before; only at a leaf's border. */
  pass(leaves: number): void {
    this.#stream.pass(leaves);
    this.#next += leaves;
  }

  /** Ends the file: what was summed, in order. */
  finish(): LeafRun[] {
    this.#stream.finish();
    return this.#runs.map(({ first, parts, used }) => ({ first, sums: Buffer.concat(parts.map((part, i) => (i === parts.length - 1 ? part.subarray(0, used) : part))) }));
  }

  /** Keeps sums of the next leaves. */
  #take(sums: Buffer): void {
    let run = this.#runs.at(-1);
    if (run === undefined || run.first + run.count !== this.#next) {
      run = { first: this.#next, count: 0, parts: [], used: 0 };
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
    this.#next += sums.length / LEAF_SUM;
  }
}
