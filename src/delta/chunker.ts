/**
 * Content-defined chunks behind one interface: boundaries that depend on the bytes near them, so that an insertion moves few of them. The
 * default is the kernel's gear hash (a boundary where the hash of the last 32 bytes falls below a threshold).
 */
import { ANCHOR_WINDOW, CALL_BYTES, type Kernel } from '../hash/index.js';

/** Cuts a stream into chunks. A chunker is used for one stream. */
export interface Chunker {
  /** Takes the next bytes; `chunk` is told the length of each chunk that is complete, in order. */
  push(bytes: Uint8Array): void;
  /** Ends the stream: what is left is the last chunk. */
  finish(): void;
}

/** Sizes of chunks in bytes. */
export interface ChunkSizes { readonly min: number; readonly average: number; readonly max: number }

/** Sizes that suit files of a megabyte and more. */
export const DEFAULT_CHUNKS: ChunkSizes = { min: 2048, average: 8192, max: 65536 };

/** @throws RangeError unless 64 ≤ min < average < max ≤ 16 MiB. */
export function checkChunkSizes({ min, average, max }: ChunkSizes): void {
  if (!(min >= 64 && min < average && average < max && max <= 16 << 20)) throw new RangeError(`chunks of ${min}, ${average} and ${max} bytes: 64 ≤ min < average < max ≤ 16 MiB must hold`);
}

/** The kernel's own boundaries. Memory: the longest chunk and 1 MiB. */
export class GearChunker implements Chunker {
  readonly #at: number;
  readonly #room: number;
  readonly #threshold: number;
  #from = 0; // where in the buffer the chunk starts
  #held = 0; // end of the data in it
  #seen = 0; // bytes of the chunk in which there is no boundary

  constructor(readonly kernel: Kernel, readonly sizes: ChunkSizes, readonly chunk: (length: number) => void) {
    checkChunkSizes(sizes);
    this.#room = sizes.max + CALL_BYTES;
    this.#at = kernel.reserve(this.#room);
    this.#threshold = Math.floor(2 ** 32 / (sizes.average - sizes.min)); // mean distance beyond the shortest chunk
  }

  push(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      if (this.#room - this.#held < CALL_BYTES / 2) this.#compact();
      const n = Math.min(bytes.length - done, this.#room - this.#held);
      this.kernel.bytes.set(bytes.subarray(done, done + n), this.#at + this.#held);
      this.#held += n;
      done += n;
      this.#cut();
    }
  }

  finish(): void {
    this.#cut();
    if (this.#held > this.#from) this.chunk(this.#held - this.#from);
    this.#from = this.#held = this.#seen = 0;
  }

  #cut(): void {
    const { min, max } = this.sizes;
    while (this.#held - this.#from > min) {
      const from = Math.max(min, this.#seen + 1, ANCHOR_WINDOW);
      const to = Math.min(max, this.#held - this.#from);
      const start = this.#at + this.#from;
      const found = from > to ? 0 : this.kernel.call.nextAnchor(start + from, start + to, this.#threshold);
      if (found === 0 && to < max) {
        this.#seen = to;
        return;
      }
      const length = found === 0 ? max : found - start;
      this.chunk(length);
      this.#from += length;
      this.#seen = 0;
    }
  }

  #compact(): void {
    this.kernel.bytes.copyWithin(this.#at, this.#at + this.#from, this.#at + this.#held);
    this.#held -= this.#from;
    this.#from = 0;
  }
}
