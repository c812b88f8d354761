/**
 * PlanStore: the finished plan, in order, in bounded memory. Walkers deliver chunks and holes; the store
 * strings them together. What exceeds its memory goes to an unnamed temporary file.
 */
import { tmpdir } from 'node:os';
import { type Posix } from '../fs/index.js';
import { fromText, TwintreeError, type ByteString } from '../tree/index.js';

/** Bytes of plan kept in memory before the rest is written to a file. */
const MEMORY = 48 << 20;

type Piece = { bytes: Uint8Array } | { offset: number; length: number } | { hole: number };

/** Ordered streams of encoded operations. */
export class PlanStore {
  private readonly tasks = new Map<number, [Piece[], Piece[]]>();
  private held = 0;
  private fd = -1;
  private fileSize = 0;

  constructor(private readonly posix: Posix) {}

  /** Adds a chunk at the end of a task's stream. Task 0 is the root's. */
  chunk(task: number, stream: 0 | 1, bytes: Uint8Array): void {
    const pieces = this.of(task)[stream];
    if (this.held + bytes.length <= MEMORY) {
      this.held += bytes.length;
      pieces.push({ bytes });
      return;
    }
    pieces.push({ offset: this.fileSize, length: bytes.length });
    this.spill(bytes);
  }

  /** What task `hole` writes belongs here, in both streams. */
  hole(task: number, hole: number): void {
    const streams = this.of(task);
    streams[0].push({ hole });
    streams[1].push({ hole });
  }

  /** Forgets all of it: another plan takes its place. */
  clear(): void {
    this.tasks.clear();
    this.held = 0;
    this.close();
    this.fileSize = 0;
  }

  /** All chunks of a stream in plan order. */
  *chunks(stream: 0 | 1, task = 0): Generator<Uint8Array> {
    for (const piece of this.tasks.get(task)?.[stream] ?? []) {
      if ('bytes' in piece) yield piece.bytes;
      else if ('hole' in piece) yield* this.chunks(stream, piece.hole);
      else yield this.read(piece.offset, piece.length);
    }
  }

  close(): void {
    if (this.fd >= 0) this.posix.close(this.fd);
    this.fd = -1;
  }

  private of(task: number): [Piece[], Piece[]] {
    let streams = this.tasks.get(task);
    if (streams === undefined) {
      streams = [[], []];
      this.tasks.set(task, streams);
    }
    return streams;
  }

  private spill(bytes: Uint8Array): void {
    if (this.fd < 0) this.fd = unnamedFile(this.posix);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < buffer.length;) {
      const wrote = this.posix.write(this.fd, buffer, at, buffer.length - at, this.fileSize + at);
      if (wrote <= 0) throw new TwintreeError('IO', 'the plan could not be written to a temporary file', { advice: `Make room in ${tmpdir()} or set TMPDIR to a folder with more space.` });
      at += wrote;
    }
    this.fileSize += buffer.length;
  }

  private read(offset: number, length: number): Uint8Array {
    const buffer = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const got = this.posix.read(this.fd, buffer, at, length - at, offset + at);
      if (got <= 0) throw new TwintreeError('IO', 'the plan could not be read back from its temporary file');
      at += got;
    }
    return buffer;
  }
}

/** A temporary file without a name, open for reading and writing. @throws TwintreeError IO. */
export function unnamedFile(posix: Posix): number {
  const folder = posix.openRoot(fromText(tmpdir()));
  if (folder < 0) throw new TwintreeError('IO', 'the folder for temporary files cannot be opened', { path: fromText(tmpdir()), advice: 'Set TMPDIR to a folder that exists.' });
  const name = `.twintree-plan-${process.pid}-${Date.now().toString(36)}` as ByteString;
  const fd = posix.open(folder, name, { read: true, write: true, create: true, exclusive: true }, 0o600);
  if (fd >= 0) posix.unlink(folder, name);
  posix.close(folder);
  if (fd < 0) throw new TwintreeError('IO', 'a temporary file cannot be made', { path: fromText(tmpdir()), advice: 'Set TMPDIR to a folder that can be written.' });
  return fd;
}
