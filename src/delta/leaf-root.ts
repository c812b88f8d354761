/**
 * The root of a file: XXH3-128 over its leaf sums. It checks a rebuilt file as a hash of all bytes does, but what lay at its place in the basis counts with
 * the sums that were made when the basis was read, so it need not be read again. Leaf sums are keyed: a root is good for one session.
 */
import { WholeHash, type Kernel, type Seed } from '../hash/index.js';
import { LeafStream, type LeafSums } from './leaves.js';

/** Bytes of sums hashed at a time. */
const PIECE = 64 << 10;

/** The root of a file whose leaf sums are known. */
export function rootOf(kernel: Kernel, { sums }: LeafSums): Buffer {
  const mark = kernel.mark();
  const hash = new WholeHash(kernel);
  const room = kernel.reserve(PIECE);
  for (let at = 0; at < sums.length; at += PIECE) hash.addAt(room, sums.copy(kernel.bytes, room, at, at + PIECE));
  const root = hash.digest();
  kernel.release(mark);
  return root;
}

/** Makes the root of a file that goes by: of bytes, zeros, and leaves whose sums are known. Fed as a LeafStream is. */
export class LeafRoot {
  readonly #hash: WholeHash;
  readonly #stream: LeafStream;

  /** Holds memory of the kernel until its owner releases it. */
  constructor(kernel: Kernel, readonly leafLength: number, seed: Seed) {
    this.#hash = new WholeHash(kernel);
    this.#stream = new LeafStream(kernel, leafLength, seed, (at, length) => { this.#hash.addAt(at, length); });
  }

  addAt(at: number, length: number): void {
    this.#stream.addAt(at, length);
  }
  addZeros(length: number): void {
    this.#stream.zeros(length);
  }
  addKnown(sums: Buffer): void {
    this.#stream.known(sums);
  }

  /** The root of what was added; nothing may be added after. */
  digest(): Buffer {
    this.#stream.finish();
    return this.#hash.digest();
  }
}
