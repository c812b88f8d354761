/**
 * The bytes of an archive: its parts one after the other, decrypted and decompressed where they are. What is missing or damaged is not the
 * end of it: a gap of known length, behind which it goes on, as far as the layer can tell.
 */
import { InputFile } from '../fs/index.js';
import { displayName, TwintreeError, type ByteString } from '../tree/index.js';
import { ContentSum } from './content-sum.js';
import type { ManifestPart } from './manifest.js';

/** What `read` says where bytes are missing; `gap` tells how many. */
export const GAP = -1;

export interface ByteInput {
  /** Bytes that were read into `into` (as many as there was room for, or fewer), 0 at the end, GAP. */
  read(into: Buffer): number | Promise<number>;
  /** After GAP: bytes that are missing; Infinity where nobody knows how many. */
  readonly gap: number;
  /** What a place in the stream is called for people. */
  where(offset: number): string;
  close(): void;
}

/** A part that is read. `expected` is what the manifest says of it; a part without a path is not there. */
export interface InputPart { path: ByteString | undefined; name: ByteString; expected: ManifestPart | undefined }

/** Tells what is wrong with the archive as a whole. */
export type Tell = (message: string) => void;

/** Files one after the other. */
export class PartsInput implements ByteInput {
  gap = 0;
  /** Damaged or missing parts. */
  damaged = 0;
  private at = 0; // of the part
  private start = 0; // of the part, in the stream
  private index = 0;
  private file: InputFile | undefined;
  private readonly sum = new ContentSum();
  private readonly starts: number[] = [];

  constructor(private readonly parts: readonly InputPart[], private readonly tell: Tell) {}

  read(into: Buffer): number {
    for (;;) {
      const part = this.parts[this.index];
      if (part === undefined) return 0;
      const { expected } = part;
      if (this.file === undefined && this.at === 0) {
        this.starts[this.index] = this.start;
        this.file = this.open(part);
        if (this.file === undefined) {
          this.gap = expected?.size ?? Infinity;
          this.next(expected?.size ?? 0);
          return GAP;
        }
        this.sum.begin();
      }
      const room = expected === undefined ? into : into.subarray(0, Math.min(into.length, expected.size - this.at));
      const n = room.length === 0 ? 0 : (this.file as InputFile).read(room, this.at);
      if (n > 0) {
        if (expected !== undefined) this.sum.add(into.subarray(0, n));
        this.at += n;
        return n;
      }
      const missing = this.endPart(part);
      if (missing > 0) {
        this.gap = missing;
        return GAP;
      }
    }
  }

  where(offset: number): string {
    if (this.parts.length === 1) return `byte ${offset}`;
    let k = 0;
    while (k + 1 < this.starts.length && (this.starts[k + 1] as number) <= offset) k++;
    return `byte ${offset - (this.starts[k] ?? 0)} of ${displayName((this.parts[k] as InputPart).name)}`;
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }

  private open({ path, name, expected }: InputPart): InputFile | undefined {
    try {
      if (path !== undefined) return new InputFile(path);
    } catch (error) {
      if (!(error instanceof TwintreeError) || expected === undefined) throw error;
    }
    this.damaged++;
    this.tell(`part ${displayName(name)} is missing`);
    return undefined;
  }

  /** The end of a part; bytes of it that are missing. */
  private endPart({ name, expected }: InputPart): number {
    const size = this.file?.size ?? this.at;
    const missing = expected === undefined ? 0 : expected.size - this.at;
    if (expected !== undefined) {
      const wrong = missing > 0 ? `is cut off: ${this.at} of ${expected.size} bytes are there` : size > expected.size ? `is longer than it was: ${size} bytes, not ${expected.size}` : this.sum.digest() !== expected.hash ? 'is not what was written' : undefined;
      if (wrong !== undefined) {
        this.damaged++;
        this.tell(`part ${displayName(name)} ${wrong}`);
      }
    }
    this.close();
    this.next(this.at + missing);
    return missing;
  }

  private next(length: number): void {
    this.start += length;
    this.at = 0;
    this.index++;
  }
}

/** Standard input. */
export class PipeInput implements ByteInput {
  readonly gap = 0;
  private readonly file = new InputFile('-' as ByteString);
  private readonly pieces: AsyncGenerator<Buffer, void, undefined>;
  private held: Buffer = Buffer.alloc(0);

  constructor(signal: AbortSignal) {
    this.pieces = this.file.pieces(signal);
  }

  async read(into: Buffer): Promise<number> {
    while (this.held.length === 0) {
      const next = await this.pieces.next();
      if (next.done === true) return 0;
      this.held = next.value;
    }
    const n = this.held.copy(into);
    this.held = this.held.subarray(n);
    return n;
  }

  where(offset: number): string {
    return `byte ${offset}`;
  }

  close(): void {
    void this.pieces.return();
    this.file.close();
  }
}

/** Reads on until `into` is full, the end or a gap: how many bytes there are, and which of them it was. */
export async function readFull(input: ByteInput, into: Buffer): Promise<{ got: number; why: 'full' | 'end' | 'gap' }> {
  let got = 0;
  while (got < into.length) {
    const answer = input.read(into.subarray(got));
    const n = typeof answer === 'number' ? answer : await answer;
    if (n === 0) return { got, why: 'end' };
    if (n === GAP) return { got, why: 'gap' };
    got += n;
  }
  return { got, why: 'full' };
}

/** An input with some of its bytes put back in front. */
export class Pushed implements ByteInput {
  constructor(private head: Buffer, private readonly input: ByteInput) {}

  get gap(): number {
    return this.input.gap;
  }
  read(into: Buffer): number | Promise<number> {
    if (this.head.length === 0) return this.input.read(into);
    const n = this.head.copy(into);
    this.head = this.head.subarray(n);
    return n;
  }
  where(offset: number): string {
    return this.input.where(offset);
  }
  close(): void {
    this.input.close();
  }
}
