/**
 * Whole-file hash: XXH3-128 without a seed, computed while the data streams by. It stands for content in the two ends' comparison; both
 * compute it apart and a file counts only where they agree.
 */
import { CALL_BYTES, STREAM_STATE, type Kernel } from './kernel.js';

/** Bytes of a whole-file hash. */
export const WHOLE_HASH_BYTES = 16;

/** A streaming XXH3-128 in a kernel's memory. */
export class WholeHash {
  readonly #kernel: Kernel;
  readonly #state: number;
  readonly #out: number;
  #zeros = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#state = kernel.reserve(STREAM_STATE);
    this.#out = kernel.reserve(WHOLE_HASH_BYTES);
    this.reset();
  }

  /** Starts again. */
  reset(): void {
    this.#kernel.call.streamBegin(this.#state, 0, 0);
  }

  /** Adds bytes that lie in the kernel's memory. */
  addAt(at: number, length: number): void {
    for (let done = 0; done < length; done += CALL_BYTES) this.#kernel.call.streamUpdate(this.#state, at + done, Math.min(CALL_BYTES, length - done));
  }

  /** Adds zeros (a hole). */
  addZeros(length: number): void {
    if (this.#zeros === 0) {
      this.#zeros = this.#kernel.reserve(CALL_BYTES / 4);
      this.#kernel.bytes.fill(0, this.#zeros, this.#zeros + CALL_BYTES / 4);
    }
    for (let left = length; left > 0; left -= CALL_BYTES / 4) this.#kernel.call.streamUpdate(this.#state, this.#zeros, Math.min(CALL_BYTES / 4, left));
  }

  /** The hash of what was added so far: low half first, each half little-endian. Adding may go on. */
  digest(): Buffer {
    this.#kernel.call.streamEnd(this.#state, 1, this.#out);
    return Buffer.from(this.#kernel.bytes.subarray(this.#out, this.#out + WHOLE_HASH_BYTES));
  }
}
