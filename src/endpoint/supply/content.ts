/**
 * Content of one file: opened as a local session would open it, its attributes, then its bytes whole or as a delta (delta.ts), its
 * attributes once more, and the hash of all that was read. Files are read straight into the kernel's memory and hashed there.
 *
 * What cannot be opened is answered by the errno; a file that shrinks or fails while it is read ends early, and its second record
 * says what became of it: the session decides whether to ask again.
 */
import { ALIGNED_FORM, DeltaError, decodeAligned, decodeRound, LEAF_SUM, LEAST_LEAF, ROOTED_FORM, Signature } from '../../delta/index.js';
import { Errno, nextData, type Extent, type Posix } from '../../fs/index.js';
import { WHOLE_HASH_BYTES, WholeHash } from '../../hash/index.js';
import { S_IFBLK, S_IFCHR, StatTable } from '../../tree/index.js';
import type { Request, RoundSums } from '../../wire/index.js';
import { sendRounds, sendStreamed, type OpenFile } from './delta.js';
import { hashZeros, looksSparse } from './hashing.js';
import type { KernelBox } from './kernel-box.js';
import type { SupplySetup } from './messages.js';
import type { Outgoing } from './outgoing.js';
import type { Places } from './places.js';
import { Ended, Wait, type Job } from './wait.js';

/** Bytes read at a time. */
const SLICE = 256 << 10;
/** A delta that needs more memory than this waits until no other of its thread does. */
const MUCH = 32 << 20;
const NO_HASH = Buffer.alloc(WHOLE_HASH_BYTES);

export type ContentRequest = Extract<Request, { kind: 'content' }>;

/** What was read. */
export interface ReadContent { errno: number; size: number; hash: Buffer }

/** What a channel gives to the reading of content. */
export interface ContentNeeds {
  /** A Refine item is written: one `refine` request may come from now on. */
  asks(): void;
  /** The sums that the session sends in answer to a Refine item. */
  refined(): RoundSums;
  /** Lets others take a turn in the middle of long synchronous work. @throws Ended. */
  breathe(): void;
  /** Says whether this channel holds the leave to use much memory. */
  large(holds: boolean): void;
}

/** Serves requests of content on one channel. */
export class Contents {
  private readonly stat = new StatTable(1);

  constructor(
    private readonly posix: Posix, private readonly setup: SupplySetup, private readonly places: Places, private readonly kernels: KernelBox, private readonly out: Outgoing,
    private readonly needs: ContentNeeds,
  ) {}

  *serve(request: ContentRequest): Job {
    const { posix, stat, out } = this;
    const fd = this.open(request);
    if (fd < 0) {
      out.write({ kind: 'content-begin', errno: -fd, stat: undefined });
      yield* out.pump();
      return;
    }
    try {
      const sums = this.sums(request);
      if (typeof sums === 'number') {
        out.write({ kind: 'content-begin', errno: sums, stat: undefined });
        return;
      }
      out.write({ kind: 'content-begin', errno: 0, stat: Buffer.from(stat.bytes) });
      const device = !stat.isFile(0);
      const file: OpenFile = { fd, size: device ? Number.MAX_SAFE_INTEGER : stat.size(0), sparse: !device && looksSparse(stat, 0) };
      const read = sums === undefined || device ? yield* this.whole(file, request.from) : yield* this.delta(file, sums);
      const error = posix.fstat(fd, stat, 0);
      out.write({ kind: 'content-end', errno: read.errno, stat: error < 0 ? undefined : Buffer.from(stat.bytes), size: read.size, hash: read.hash });
    } finally {
      posix.close(fd);
    }
    yield* out.pump();
  }

  /** Opens the file and reads its record. Handle or -errno: -ELOOP a symlink, -ENXIO anything else that is no file now. */
  private open({ place, follow, noAtime }: ContentRequest): number {
    const { posix, stat } = this;
    const { symlinks, attributes } = this.setup.options;
    if (follow && !symlinks.copyLinks && !symlinks.copyUnsafeLinks) return -Errno.EPERM;
    const at = this.places.folderOf(place);
    if (at < 0) return at;
    const fd = posix.open(at, place.name, { read: true, nonBlock: true, follow, noAtime: noAtime && attributes.openNoatime });
    if (fd < 0) return fd;
    const error = posix.fstat(fd, stat, 0);
    const type = stat.type(0);
    if (error === 0 && (stat.isFile(0) || (attributes.copyDevices && (type === S_IFBLK || type === S_IFCHR)))) return fd;
    posix.close(fd);
    return error < 0 ? error : -Errno.ENXIO;
  }

  /** The sums of the request: those of an aligned round, or a signature; undefined where the file goes whole; an errno where they are none. */
  private sums({ sums, from }: ContentRequest): Signature | RoundSums | number | undefined {
    if (sums === undefined || from > 0 || sums.stretches.length === 0) return undefined;
    try {
      if (sums.round[0] !== ALIGNED_FORM && sums.round[0] !== ROOTED_FORM) return decodeRound(sums.round, sums.blockLength, sums.basisSize, this.setup.seed, sums.stretches);
      decodeAligned(sums.round, sums.blockLength, sums.basisSize, sums.stretches);
      return sums;
    } catch (error) {
      if (error instanceof DeltaError) return Errno.EINVAL;
      throw error;
    }
  }

  /** Sends all bytes from `from` on. */
  private *whole(file: OpenFile, from: number): Job<ReadContent> {
    const { posix, out } = this;
    const kernel = this.kernels.begin();
    try {
      const hash = new WholeHash(kernel);
      const room = kernel.reserve(SLICE);
      const extent: Extent = { start: 0, end: file.size };
      for (let at = 0; at < file.size;) {
        if (file.sparse && !nextData(posix, file.fd, at, file.size, extent)) extent.start = extent.end = file.size;
        if (extent.start > at) {
          yield* hashZeros(hash, extent.start - at);
          if (extent.start > from) out.write({ kind: 'hole', length: extent.start - Math.max(at, from) });
          at = extent.start;
        }
        while (at < extent.end) {
          const got = posix.read(file.fd, kernel.bytes, room, Math.min(SLICE, extent.end - at), at);
          if (got <= 0) return { errno: Math.max(0, -got), size: at, hash: hash.digest() };
          hash.addAt(room, got);
          const skip = Math.min(got, Math.max(0, from - at));
          if (skip < got) out.literal(kernel.bytes.subarray(room + skip, room + got));
          at += got;
          yield* out.pump();
          if (got === SLICE) yield Wait.turn;
        }
      }
      return { errno: 0, size: file.size, hash: hash.digest() };
    } finally {
      this.kernels.end();
    }
  }

  private *delta(file: OpenFile, sums: Signature | RoundSums): Job<ReadContent> {
    const memory = sums instanceof Signature ? 40 * sums.count + 4 * sums.blockLength : (file.size / LEAST_LEAF) * LEAF_SUM + 40 * Math.sqrt(sums.basisSize);
    const much = memory > MUCH;
    if (much) {
      yield Wait.memory;
      this.needs.large(true);
    }
    try {
      const kernel = this.kernels.begin();
      try {
        if (sums instanceof Signature) return yield* sendStreamed(this.posix, kernel, this.out, file, sums);
        return yield* sendRounds(this.posix, kernel, this.out, file, sums, this.setup.seed, this.needs);
      } catch (error) {
        if (error instanceof Ended || !(error instanceof DeltaError)) throw error;
        // The session's sums of a later round are no sums: tokens so far cannot become the file.
        return { errno: Errno.EINVAL, size: 0, hash: NO_HASH };
      } finally {
        this.kernels.end();
      }
    } finally {
      if (much) this.needs.large(false);
    }
  }
}
