/**
 * Content of one file: opened as a local session would open it, its attributes, then its bytes whole or as a delta (delta.ts), its
 * attributes once more, and the hash of all that was read. Files are read straight into the kernel's memory and hashed there.
 *
 * What cannot be opened is answered by the errno; a file that shrinks or fails while it is read ends early, and its second record
 * says what became of it: the session decides whether to ask again.
 */
import { ALIGNED_FORM, DeltaError, decodeAligned, decodeRound, LEAF_SUM, leafLengthFor, LeafRuns, LEAST_LEAF, MAX_FILE, ROOTED_FORM, Signature, type LeafSums, type TreeChange } from '../../delta/index.js';
import { Errno, nextData, type Extent, type Posix } from '../../fs/index.js';
import { WHOLE_HASH_BYTES, WholeHash, type Kernel } from '../../hash/index.js';
import { fingerprintOf, sameFingerprint, type Fingerprint } from '../../state/index.js';
import { joinPath, S_IFBLK, S_IFCHR, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { KnownBasis, Request, RoundSums, SourcePlace } from '../../wire/index.js';
import { SUMS_WORTH, type KeptSums } from '../kept-sums.js';
import { sendRounds, sendStreamed, type OpenFile } from './delta.js';
import { hashZeros, looksSparse } from './hashing.js';
import { Clones, CLONES_WORTH } from './clones.js';
import type { KernelBox } from './kernel-box.js';
import { sendKnown } from './known.js';
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
export interface ReadContent {
  errno: number;
  size: number;
  hash: Buffer;
  /** In place of the hash there is the root of the tree of sums. */
  tree?: boolean;
  /** Leaf sums, where they were made by the way. */
  leaves?: Pick<LeafSums, 'leafLength' | 'sums'> | undefined;
  /** The tree of what was sent. */
  change?: TreeChange | undefined;
}

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

/** Under which path the sums of a source's file are kept: mounts are told apart. */
function keptPath({ mount, folder, name }: SourcePlace): RelPath {
  return joinPath(`${mount}${folder === '' ? '' : '/'}${folder}` as ByteString, name);
}

/** Serves requests of content on one channel. */
export class Contents {
  private readonly stat = new StatTable(1);
  private readonly clones: Clones | undefined;
  private kept = false; // the clone at hand has its name

  constructor(
    private readonly posix: Posix, private readonly setup: SupplySetup, private readonly places: Places, private readonly kernels: KernelBox, private readonly out: Outgoing,
    private readonly needs: ContentNeeds, private readonly sums: KeptSums | undefined,
  ) {
    const folder = setup.sums?.clones;
    this.clones = folder === undefined || sums === undefined ? undefined : new Clones(posix, folder, sums.tag.toString('hex'));
  }

  *serve(request: ContentRequest): Job {
    const { posix, stat, out } = this;
    const fd = this.open(request);
    if (fd < 0) {
      out.write({ kind: 'content-begin', errno: -fd, stat: undefined });
      yield* out.pump();
      return;
    }
    try {
      const sums = this.sumsOf(request);
      if (typeof sums === 'number') {
        out.write({ kind: 'content-begin', errno: sums, stat: undefined });
        return;
      }
      out.write({ kind: 'content-begin', errno: 0, stat: Buffer.from(stat.bytes) });
      yield* this.send(request, fd, sums);
    } finally {
      posix.close(fd);
    }
    yield* out.pump();
  }

  /** Sends the open file, whose record was just taken, and its end. */
  private *send(request: ContentRequest, fd: number, sums: Signature | RoundSums | undefined): Job {
    const { posix, stat, out } = this;
    const moment = Date.now();
    const device = !stat.isFile(0);
    const path = keptPath(request.place);
    const before = fingerprintOf(stat, 0);
    const sparse = !device && looksSparse(stat, 0);
    const cloned = device ? -1 : this.clone(path, fd, before.size);
    try {
      const size = device ? Number.MAX_SAFE_INTEGER : cloned < 0 ? before.size : (this.clones?.size(cloned) ?? 0);
      const file: OpenFile = { fd: cloned < 0 ? fd : cloned, size, sparse };
      const { known, from } = request;
      const whole = device || from > 0 || (sums === undefined && known === undefined);
      const read = whole ? yield* this.whole(file, from) : sums === undefined ? yield* this.known(file, known as KnownBasis, path) : yield* this.delta(file, sums);
      const error = posix.fstat(fd, stat, 0);
      if (error >= 0 && read.errno === 0 && !device && sameFingerprint(before, fingerprintOf(stat, 0))) this.keep(path, before, moment, read, cloned);
      out.write({ kind: 'content-end', errno: read.errno, stat: error < 0 ? undefined : Buffer.from(stat.bytes), size: read.size, hash: read.hash, ...(read.tree === true ? { tree: true } : {}) });
    } finally {
      this.letGo(path, cloned);
    }
  }

  /** Keeps the sums of what was sent, for the next delta: it was not touched while it was read. */
  private keep(path: RelPath, fingerprint: Fingerprint, moment: number, { size, leaves, change }: ReadContent, cloned: number): void {
    const { sums } = this;
    if (sums === undefined || size < SUMS_WORTH) return;
    const made = change ?? (leaves === undefined ? undefined : sums.change({ size, leafLength: leaves.leafLength }, undefined, [{ first: 0, sums: leaves.sums }]));
    if (made === undefined) return;
    const clone = cloned < 0 ? undefined : this.clones?.keep(path, cloned);
    this.kept ||= clone !== undefined;
    sums.put(path, fingerprint, moment, made, clone);
  }

  /** A clone of the file, to be read in its place: handle, or -1. */
  private clone(path: RelPath, fd: number, size: number): number {
    this.kept = false;
    return this.clones === undefined || size < CLONES_WORTH ? -1 : Math.max(-1, this.clones.take(path, fd));
  }

  private letGo(path: RelPath, cloned: number): void {
    if (cloned < 0) return;
    this.posix.close(cloned);
    if (!this.kept) this.clones?.drop(path);
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
  private sumsOf({ sums, from }: ContentRequest): Signature | RoundSums | number | undefined {
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
      const stream = this.sums === undefined || from > 0 || file.size < SUMS_WORTH || file.size > MAX_FILE ? undefined : new LeafRuns(kernel, leafLengthFor(file.size), this.setup.seed);
      const extent: Extent = { start: 0, end: file.size };
      for (let at = 0; at < file.size;) {
        if (file.sparse && !nextData(posix, file.fd, at, file.size, extent)) extent.start = extent.end = file.size;
        if (extent.start > at) {
          yield* hashZeros(hash, extent.start - at);
          stream?.zeros(extent.start - at);
          if (extent.start > from) out.write({ kind: 'hole', length: extent.start - Math.max(at, from) });
          at = extent.start;
        }
        while (at < extent.end) {
          const got = posix.read(file.fd, kernel.bytes, room, Math.min(SLICE, extent.end - at), at);
          if (got <= 0) return { errno: Math.max(0, -got), size: at, hash: hash.digest() };
          hash.addAt(room, got);
          stream?.addAt(room, got);
          const skip = Math.min(got, Math.max(0, from - at));
          if (skip < got) out.literal(kernel.bytes.subarray(room + skip, room + got));
          at += got;
          yield* out.pump();
          if (got === SLICE) yield Wait.turn;
        }
      }
      return { errno: 0, size: file.size, hash: hash.digest(), ...(stream === undefined ? {} : { leaves: { leafLength: stream.leafLength, sums: stream.finish()[0]?.sums ?? Buffer.alloc(0) } }) };
    } finally {
      this.kernels.end();
    }
  }

  /** A delta against a basis whose sums the session keeps. */
  private *known(file: OpenFile, known: KnownBasis, path: RelPath): Job<ReadContent> {
    const { posix, out, setup: { seed }, needs, clones } = this;
    const kept = this.sums?.kept(path);
    const noted = kept?.head.clone;
    const clone = noted === undefined || clones === undefined ? -1 : clones.open(path, noted);
    const old = clone < 0 || clones === undefined ? undefined : { fd: clone, changed: () => clones.changed(clone, file.fd, file.size, () => { needs.breathe(); }) };
    try {
      return yield* this.withKernel(((file.size + known.size) / known.leafLength) * LEAF_SUM, (kernel) => sendKnown({ posix, kernel, out, file, known, seed, needs, kept, old, unchanged: (tree) => this.sums?.isOf(tree, this.stat, 0) === true }));
    } finally {
      if (clone >= 0) posix.close(clone);
    }
  }

  private *delta(file: OpenFile, sums: Signature | RoundSums): Job<ReadContent> {
    const memory = sums instanceof Signature ? 40 * sums.count + 4 * sums.blockLength : (file.size / LEAST_LEAF) * LEAF_SUM + 40 * Math.sqrt(sums.basisSize);
    return yield* this.withKernel(memory, (kernel) => (sums instanceof Signature
      ? sendStreamed(this.posix, kernel, this.out, file, sums)
      : sendRounds(this.posix, kernel, this.out, file, sums, this.setup.seed, this.needs)));
  }

  /** Runs a job with the kernel; one that needs much memory waits until no other of the thread does. */
  private *withKernel(memory: number, work: (kernel: Kernel) => Job<ReadContent>): Job<ReadContent> {
    const much = memory > MUCH;
    if (much) {
      yield Wait.memory;
      this.needs.large(true);
    }
    try {
      const kernel = this.kernels.begin();
      try {
        return yield* work(kernel);
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
