/**
 * `twintree delta chunks`: where content-defined chunking cuts a file, and what each chunk holds, as lines for other programs.
 * A chunk's bytes are held until its end is known: the longest chunk and one piece.
 */
import { createRabinChunker, GearChunker, type Chunker, type ChunkSizes } from '../../delta/index.js';
import { loadXxh64, type Kernel } from '../../hash/index.js';

/** Which boundaries. */
export type ChunkerName = 'gear' | 'rabin';

/** Writes a line for each chunk: offset, length and XXH64 of its bytes. */
export class ChunkLister {
  chunks = 0;
  #held: Uint8Array[] = [];
  #offset = 0;

  private constructor(private readonly hash: (bytes: Uint8Array) => string, private readonly write: (line: string) => void) {}

  static async open(kernel: Kernel, name: ChunkerName, sizes: ChunkSizes, write: (line: string) => void): Promise<{ lister: ChunkLister; chunker: Chunker }> {
    const lister = new ChunkLister(await loadXxh64(), write);
    const told = (length: number): void => { lister.#chunk(length); };
    return { lister, chunker: name === 'rabin' ? await createRabinChunker(sizes, told) : new GearChunker(kernel, sizes, told) };
  }

  /** The next bytes, before the chunker gets them; they are kept. */
  hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
  }

  #chunk(length: number): void {
    const bytes = this.#held.length === 1 ? (this.#held[0] as Uint8Array) : Buffer.concat(this.#held);
    this.write(`${this.#offset} ${length} ${this.hash(bytes.subarray(0, length))}\n`);
    this.#held = [bytes.subarray(length)];
    this.#offset += length;
    this.chunks++;
  }
}
