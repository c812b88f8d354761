/** Decrypts an archive of age, chunk by chunk: a damaged one is a gap of its own 64 KiB, and the rest is read. */
import { CHUNK, openChunk, TAG } from './age.js';
import { GAP, readFull, type ByteInput, type Tell } from './input.js';

const SEALED = CHUNK + TAG;

export class AgeInput implements ByteInput {
  gap = 0;
  private number = 0;
  private held: Buffer = Buffer.alloc(0);
  private sealed = Buffer.allocUnsafe(SEALED);
  private next = Buffer.allocUnsafe(SEALED);
  private ready: Awaited<ReturnType<typeof readFull>> | undefined;
  private over = false;

  /** @param input behind the header @param start where that is in the stream below */
  constructor(private readonly input: ByteInput, private readonly key: Buffer, private readonly start: number, private readonly tell: Tell) {}

  async read(into: Buffer): Promise<number> {
    if (this.held.length === 0) {
      if (this.over) return 0;
      const chunk = await this.chunk();
      if (chunk === GAP || chunk.length === 0) return chunk === GAP ? GAP : 0;
      this.held = chunk;
    }
    const n = this.held.copy(into);
    this.held = this.held.subarray(n);
    return n;
  }

  where(offset: number): string {
    return `byte ${offset} of what is encrypted`;
  }

  close(): void {
    this.input.close();
  }

  /** The next chunk's plain bytes; the one after it is read before, for the last is sealed as such. */
  private async chunk(): Promise<Buffer | typeof GAP> {
    this.ready ??= await readFull(this.input, this.sealed);
    const { got, why } = this.ready;
    if (why === 'gap') return this.pass(got);
    const after = why === 'end' ? undefined : await readFull(this.input, this.next);
    const last = after === undefined || (after.got === 0 && after.why === 'end');
    const number = this.number++;
    const plain = openChunk(this.key, number, last, this.sealed.subarray(0, got)) ?? (last ? openChunk(this.key, number, false, this.sealed.subarray(0, got)) : undefined);
    const cutOff = last && plain !== undefined && openChunk(this.key, number, true, this.sealed.subarray(0, got)) === undefined;
    [this.sealed, this.next] = [this.next, this.sealed];
    this.ready = after;
    this.over = last;
    if (cutOff) this.tell(`what is encrypted is cut off at ${this.input.where(this.start + number * SEALED + got)}`);
    if (plain !== undefined) return plain;
    this.tell(`the encrypted ${got} bytes from ${this.input.where(this.start + number * SEALED)} on are damaged`);
    this.gap = Math.max(0, got - TAG);
    return GAP;
  }

  /** Bytes are missing below: whole chunks are passed over, to where the next one begins. */
  private async pass(got: number): Promise<typeof GAP> {
    const missing = this.input.gap;
    if (missing === Infinity) {
      this.over = true;
      this.gap = Infinity;
      return GAP;
    }
    const lost = Math.ceil((got + missing) / SEALED);
    const skip = lost * SEALED - got - missing;
    const rest = skip > 0 ? await readFull(this.input, this.next.subarray(0, skip)) : { got: 0, why: 'full' as const };
    this.number += lost;
    this.ready = undefined;
    if (rest.why === 'end') this.over = true; // the last chunk was among them, and was shorter: its length is not known
    else if (rest.why === 'gap') this.ready = { got: 0, why: 'gap' };
    this.gap = lost * CHUNK;
    return GAP;
  }
}
