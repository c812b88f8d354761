/**
 * Reads files of open folders and hashes them, a batch at a time: in worker threads, and for a small tree in the thread that walks. A file counts as read only
 * where its fingerprint is the same before and after. Holes are hashed as zeros and not read (of a large file, which is
 * hashed in pieces, those that fill a window). All calls are synchronous.
 */
import { createHash, hash } from 'node:crypto';
import { Errno, nextData, type Extent, type Posix } from '../../fs/index.js';
import { fingerprintOf, sameFingerprint } from '../../state/index.js';
import { STAT_WORDS, StatTable, type ByteString } from '../../tree/index.js';
import { LARGE } from '../manifest/content-pieces.js';
import { DIGEST_BYTES } from '../manifest/entry.js';
import { PieceHashes, type PieceNote } from './hash-pieces.js';

/** Files to be read: names in open folders, and what stat told of each. Handles belong to the process and stay open until the answer. */
export interface HashBatch {
  readonly handles: Int32Array;
  readonly names: readonly ByteString[];
  /** A symlink stands for what it leads to. */
  readonly follow: boolean;
  /** A record (`StatTable`) for each. */
  readonly stats: Uint32Array;
  /** Where pieces are remembered, for each that is large. */
  readonly pieces: readonly (PieceNote | undefined)[];
  /** A large file that changes is not read again: what is remembered of its pieces is what was wanted. */
  readonly once: boolean;
}

/** For each file of a batch its digest, or why there is none. */
export interface HashResult {
  /** Before the reading began, ms since 1970. */
  readonly moment: number;
  /** 0: read; a positive errno; `CHANGED`. */
  readonly errnos: Int32Array;
  readonly digests: Uint8Array;
  /** The records with which the contents belong together. */
  readonly stats: Uint32Array;
  /** 1: its record is another one than the batch had. */
  readonly touched: Uint8Array;
  /** Bytes that were read. */
  readonly bytes: number;
  /** Of these, so many were known by the sums of their pieces, and not hashed. */
  readonly known: number;
}

/** Its fingerprint was another one after each reading, or it is no file any more. */
export const CHANGED = -1;
const ATTEMPTS = 3;
/** Bytes read at a time. */
const SLICE = 1 << 20;

export class FileHashes {
  private readonly buffer = Buffer.allocUnsafeSlow(SLICE);
  private zeros: Buffer | undefined;
  private readonly after = new StatTable(1);
  private bytes = 0;
  private known = 0;
  private pieces: PieceHashes | undefined;

  /** @param aborted is asked between two slices. @param read is told what was read, bytes */
  constructor(private readonly posix: Posix, private readonly aborted: () => boolean, private readonly read: (bytes: number) => void = () => undefined) {}

  run(batch: HashBatch): HashResult {
    const { names, stats } = batch;
    const count = names.length;
    const table = new StatTable(count);
    table.words.set(stats);
    const errnos = new Int32Array(count);
    const digests = new Uint8Array(count * DIGEST_BYTES);
    const touched = new Uint8Array(count);
    const moment = Date.now();
    this.bytes = 0;
    this.known = 0;
    for (let i = 0; i < count; i++) errnos[i] = this.file(batch, table, i, digests, touched);
    return { moment, errnos, digests, stats: table.words, touched, bytes: this.bytes, known: this.known };
  }

  private file({ handles, names, follow, pieces, once }: HashBatch, table: StatTable, i: number, digests: Uint8Array, touched: Uint8Array): number {
    const { posix, after } = this;
    const at = handles[i] as number;
    const name = names[i] as ByteString;
    const attempts = once && pieces[i] !== undefined ? 1 : ATTEMPTS;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (this.aborted()) return Errno.ECANCELED;
      const fd = posix.open(at, name, { read: true, nonBlock: true, noAtime: true, follow });
      if (fd < 0) return -fd;
      try {
        const digest = this.content(fd, table.size(i), table.blocks(i) * 512 < table.size(i), pieces[i]);
        const error = posix.fstat(fd, after, 0);
        if (error < 0) return -error;
        if (typeof digest !== 'number' && sameFingerprint(fingerprintOf(table, i), fingerprintOf(after, 0))) {
          digests.set(digest, i * DIGEST_BYTES);
          return 0;
        }
        if (typeof digest === 'number' && digest > 0) return digest;
      } finally {
        posix.close(fd);
      }
      const error = follow ? posix.statFollow(at, name, after, 0) : posix.stat(at, name, after, 0);
      if (error < 0) return -error;
      if (!after.isFile(0)) return CHANGED;
      table.words.set(after.words.subarray(0, STAT_WORDS), i * STAT_WORDS);
      touched[i] = 1;
    }
    return CHANGED;
  }

  /** Digest of the first `size` bytes of an open file; an errno, or `CHANGED` where there are fewer. */
  private content(fd: number, size: number, sparse: boolean, note: PieceNote | undefined): Buffer | number {
    if (size > LARGE) return this.large(fd, size, sparse, note);
    if (size <= SLICE && !sparse) {
      const got = this.fill(fd, 0, this.buffer.subarray(0, size));
      return got < 0 ? -got : got < size ? CHANGED : hash('sha256', this.buffer.subarray(0, size), 'buffer');
    }
    const sum = createHash('sha256');
    const extent: Extent = { start: 0, end: size };
    let at = 0;
    while (at < size) {
      if (sparse && !nextData(this.posix, fd, at, size, extent)) extent.start = extent.end = size;
      for (; at < extent.start; at = Math.min(extent.start, at + SLICE)) sum.update((this.zeros ??= Buffer.alloc(SLICE)).subarray(0, Math.min(SLICE, extent.start - at)));
      while (at < extent.end) {
        if (this.aborted()) return Errno.ECANCELED;
        const want = Math.min(SLICE, extent.end - at);
        const got = this.fill(fd, at, this.buffer.subarray(0, want));
        if (got < 0) return -got;
        if (got < want) return CHANGED;
        sum.update(this.buffer.subarray(0, got));
        at += got;
      }
    }
    return sum.digest();
  }

  private large(fd: number, size: number, sparse: boolean, note: PieceNote | undefined): Buffer | number {
    const pieces = (this.pieces ??= new PieceHashes(this.posix, this.aborted));
    const made = pieces.of(fd, size, sparse, (into, position) => this.fill(fd, position, into), note);
    if (made === undefined) return CHANGED;
    if (typeof made === 'number') return -made;
    this.known += made.known;
    return made.digest;
  }

  /** Bytes read up to the length of `into` from `position`, or -errno. */
  private fill(fd: number, position: number, into: Buffer): number {
    let done = 0;
    while (done < into.length) {
      const got = this.posix.read(fd, into, done, into.length - done, position + done);
      if (got < 0) return got;
      if (got === 0) break;
      done += got;
    }
    this.bytes += done;
    this.read(done);
    return done;
  }
}
