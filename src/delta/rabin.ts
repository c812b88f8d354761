/**
 * Chunks by Rabin fingerprints, through the package rabin-wasm (loaded only when asked for). What the package leaves to its user is
 * done here: it never gives out the last chunk, and it copies what it is given into memory that only grows, so it is fed in small pieces.
 */
import { checkChunkSizes, type ChunkSizes, type Chunker } from './chunker.js';

/** The part of rabin-wasm that is used (it has no types of its own). */
interface Fingerprinter { fingerprint(bytes: Uint8Array): Int32Array }
interface RabinModule { create(bits: number, min: number, max: number, window: number, polynomial?: number): Promise<Fingerprinter> }

/** Bytes that are given to the package at once. */
const PIECE = 64 << 10;
const WINDOW = 64;

/**
 * A chunker by Rabin fingerprints.
 * @param sizes the average is rounded to a power of two
 * @throws Error where rabin-wasm is not installed
 */
export async function createRabinChunker(sizes: ChunkSizes, chunk: (length: number) => void): Promise<Chunker> {
  checkChunkSizes(sizes);
  // @ts-ignore -- rabin-wasm ships no types for its entry; RabinModule says what is used
  const loaded = await import('rabin-wasm') as { default: RabinModule };
  const rabin = await loaded.default.create(Math.round(Math.log2(sizes.average)), sizes.min, sizes.max, WINDOW);
  return new RabinChunker(rabin, chunk);
}

class RabinChunker implements Chunker {
  #total = 0;
  #given = 0;

  constructor(readonly rabin: Fingerprinter, readonly chunk: (length: number) => void) {}

  push(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; done += PIECE) {
      const piece = bytes.subarray(done, done + PIECE);
      for (const length of this.rabin.fingerprint(piece)) {
        this.#given += length;
        this.chunk(length);
      }
      this.#total += piece.length;
    }
  }

  finish(): void {
    if (this.#total > this.#given) this.chunk(this.#total - this.#given);
    this.#given = this.#total;
  }
}
