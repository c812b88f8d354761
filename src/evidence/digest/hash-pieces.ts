/** The digest of a large file (manifest/content-pieces.ts): pieces whose sums are remembered are read and not hashed. */
import { createHash, hash } from 'node:crypto';
import { Errno, nextData, type Extent, type Posix } from '../../fs/index.js';
import { createKernel } from '../../hash/index.js';
import type { ByteString } from '../../tree/index.js';
import { pieceLengthOf, PIECES } from '../manifest/content-pieces.js';
import { DIGEST_BYTES } from '../manifest/entry.js';
import { PieceMemory, SUM_BYTES } from './piece-memory.js';

/** Where the pieces of a file are remembered. */
export interface PieceNote {
  readonly file: ByteString;
  /** What is remembered there counts; else it is only written. */
  readonly believe: boolean;
}

/** Bytes read at a time; a longer piece at once. */
const WINDOW = 1 << 20;

export interface PieceDigest {
  readonly digest: Buffer;
  /** Bytes that were read, of pieces that were not hashed, because their sums were remembered. */
  readonly known: number;
}

/** Reads up to `into.length` bytes at a position; fewer at the end of the file; or -errno. */
export type ReadFully = (into: Buffer, position: number) => number;

export class PieceHashes {
  private readonly kernel = createKernel();
  private zeros: { readonly length: number; readonly digest: Buffer } | undefined;

  /** @param aborted is asked between two windows */
  constructor(private readonly posix: Posix, private readonly aborted: () => boolean) {}

  /** Digest of the first `size` bytes of an open file; -errno; undefined where there are fewer. @param read reads from it, also a hole */
  of(fd: number, size: number, sparse: boolean, read: ReadFully, note: PieceNote | undefined): PieceDigest | number | undefined {
    const { kernel } = this;
    const length = pieceLengthOf(size);
    const window = Math.max(WINDOW, length);
    const before = note?.believe === true ? PieceMemory.read(note.file, length) : undefined;
    const memory = note === undefined ? undefined : PieceMemory.begin(length, Math.ceil(size / length), before);
    const mark = kernel.mark();
    const [room, sums] = [kernel.reserve(window), kernel.reserve(SUM_BYTES * (window / length))];
    const extent: Extent = { start: 0, end: 0 };
    const all = createHash('sha256').update(Uint8Array.of(PIECES));
    let known = 0;
    let isNew = false;
    try {
      for (let at = 0; at < size; at += window) {
        if (this.aborted()) return -Errno.ECANCELED;
        const here = Math.min(window, size - at);
        const isHole = sparse && (!nextData(this.posix, fd, at, size, extent) || extent.start >= at + here);
        const bytes = kernel.bytes.subarray(room, room + here);
        if (isHole) bytes.fill(0);
        else {
          const got = read(bytes, at);
          if (got < here) return got < 0 ? got : undefined;
        }
        if (memory !== undefined) this.sum(room, here, length, memory, sums);
        const [first, count] = [at / length, Math.ceil(here / length)];
        const digests = memory?.digests(first, count) ?? Buffer.allocUnsafe(count * DIGEST_BYTES);
        const missing = memory?.carry(before, first, count, kernel.bytes, sums) ?? Array.from({ length: count }, (_, k) => k);
        let hashed = 0;
        for (const k of missing) {
          const piece = bytes.subarray(k * length, (k + 1) * length);
          digests.set(isHole && piece.length === length ? this.zero(piece) : hash('sha256', piece, 'buffer'), k * DIGEST_BYTES);
          hashed += piece.length;
        }
        if (missing.length > 0) isNew = true;
        if (!isHole) known += here - hashed;
        all.update(digests);
      }
    } finally {
      kernel.release(mark);
    }
    if (note !== undefined && isNew) memory?.write(note.file);
    return { digest: all.digest(), known };
  }

  private sum(room: number, here: number, length: number, { seed }: PieceMemory, out: number): void {
    const { call } = this.kernel;
    const whole = Math.floor(here / length);
    call.strong128Blocks(room, whole, length, seed.low, seed.high, out);
    if (here > whole * length) call.strong128(room + whole * length, here - whole * length, seed.low, seed.high, out + whole * SUM_BYTES);
  }

  /** Digest of a piece of zeros. */
  private zero(piece: Buffer): Buffer {
    if (this.zeros?.length !== piece.length) this.zeros = { length: piece.length, digest: hash('sha256', piece, 'buffer') };
    return this.zeros.digest;
  }
}
