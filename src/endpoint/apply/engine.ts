/**
 * The delta engine of one thread: a kernel whose memory holds the bytes at hand, the hash of what is being rebuilt, and signing of a
 * basis that is read straight into that memory.
 */
import { CALL_BYTES, createKernel, WholeHash, type Kernel, type Seed } from '../../hash/index.js';
import { encodeAligned, encodeProbe, encodeRound, LEAF_SUM, leafLengthFor, LeafRoot, LeafRuns, LeafSummer, Signature, SignatureBuilder, SumCollector, type LeafRun, type LeafSums, type Stretch } from '../../delta/index.js';
import type { Posix } from '../../fs/index.js';
import type { RoundSums } from '../../wire/index.js';

/** Bytes of `DeltaEngine.room`. */
export const ROOM = CALL_BYTES;

/** Reads a basis: the host's own calls, or those of who is writing to its file meanwhile. */
export type BasisReader = Pick<Posix, 'read' | 'seekData' | 'seekHole'>;

/** Reused from file to file. Its memory grows to what the largest basis needed and stays. */
export class DeltaEngine {
  private readonly kernel: Kernel;
  private readonly hash: WholeHash;
  private readonly at: number;
  private readonly base: number;
  private root: LeafRoot | undefined;
  private runs: LeafRuns | undefined; // of the file at hand, where its leaf sums are to be kept
  private passed = false;

  constructor(simd: boolean) {
    this.kernel = createKernel({ simd });
    this.hash = new WholeHash(this.kernel);
    this.hash.addZeros(0); // reserves what it needs now, below everything that is given back later
    this.at = this.kernel.reserve(ROOM);
    this.base = this.kernel.mark();
  }

  /** Room for the bytes at hand; taken anew after each call, as the memory may have moved. */
  get room(): Buffer {
    return this.kernel.bytes.subarray(this.at, this.at + ROOM);
  }

  /** Starts the hash of a file: of all bytes, unless `rooted` is called before any came. With `sums` its leaf sums are made besides. */
  begin(sums?: { readonly leafLength: number; readonly seed: Seed }): void {
    this.hash.reset();
    this.passed = false;
    if (this.root !== undefined || this.runs !== undefined) this.kernel.release(this.base);
    this.root = undefined;
    this.runs = sums === undefined ? undefined : new LeafRuns(this.kernel, sums.leafLength, sums.seed);
  }
  /** Whole leaves are as in the basis, and are not read: from here on there is no hash of all bytes. */
  pass(leaves: number): void {
    this.runs?.pass(leaves);
    this.passed = true;
  }
  /** The leaf sums of the file, but for those that were passed over; undefined where they were not wanted. */
  finishRuns(): { runs: LeafRun[]; passed: boolean } | undefined {
    const { runs, passed } = this;
    this.runs = undefined;
    return runs === undefined ? undefined : { runs: runs.finish(), passed };
  }
  /** The hash is to be the file's root (delta/leaf-root.ts). */
  rooted(leafLength: number, seed: Seed): void {
    this.runs = undefined;
    this.root = new LeafRoot(this.kernel, leafLength, seed);
  }
  /** Length of its leaves where the hash is a root. */
  get rootLeaf(): number | undefined {
    return this.root?.leafLength;
  }
  /** Adds the first `length` bytes of `room` to the hash. */
  addRoom(length: number): void {
    if (!this.passed) (this.root ?? this.hash).addAt(this.at, length);
    this.runs?.addAt(this.at, length);
  }
  addBytes(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; done += ROOM) {
      const part = bytes.subarray(done, done + ROOM);
      this.room.set(part);
      this.addRoom(part.length);
    }
  }
  addZeros(length: number): void {
    if (length <= 0) return;
    if (!this.passed) (this.root ?? this.hash).addZeros(length);
    this.runs?.zeros(length);
  }
  /** Whole leaves with these sums, where the hash is a root. */
  addKnown(sums: Buffer): void {
    this.root?.addKnown(sums);
  }
  /** The hash of all that was added; nothing may be added after. Undefined where leaves were passed over. */
  digest(): Buffer | undefined {
    return this.passed ? undefined : (this.root ?? this.hash).digest();
  }

  /**
   * Sums of the stretches of a basis, read from `fd`. A negated errno, or -EIO's stand-in `CHANGED` where it ended early.
   * @throws DeltaError where the stretches do not fit the basis or each other
   */
  sign(posix: BasisReader, fd: number, basisSize: number, blockLength: number, stretches: readonly Stretch[], seed: Seed, sparse: boolean): RoundSums | number {
    const mark = this.kernel.mark();
    try {
      const sums = new SumCollector();
      const builder = new SignatureBuilder(this.kernel, blockLength, seed, sums.add);
      for (const { start, length } of stretches) {
        const error = feed(posix, fd, builder, start, start + length, sparse);
        if (error < 0) return error;
        builder.endStretch();
      }
      const signature = new Signature(blockLength, basisSize, seed, stretches, sums.columns());
      return { basisSize, blockLength, stretches, round: encodeRound(signature) };
    } finally {
      this.kernel.release(mark);
    }
  }

  /** Leaf sums of a basis, which is read once. A negated errno, or `CHANGED` where it ended early. */
  leaves(posix: BasisReader, fd: number, basisSize: number, seed: Seed, sparse: boolean): LeafSums | number {
    const mark = this.kernel.mark();
    try {
      const summer = new LeafSummer(this.kernel, leafLengthFor(basisSize), basisSize, seed);
      const error = feed(posix, fd, summer, 0, basisSize, sparse);
      return error < 0 ? error : summer.finish();
    } finally {
      this.kernel.release(mark);
    }
  }

  /** Sums of some leaves of a basis, to see whether anything lies at its place. `rooted`: as in encodeProbe. A negated errno, or `CHANGED`. */
  probe(posix: BasisReader, fd: number, basisSize: number, leafLength: number, stretches: readonly Stretch[], seed: Seed, rooted: boolean): RoundSums | number {
    const mark = this.kernel.mark();
    try {
      const room = this.kernel.reserve(leafLength);
      const out = this.kernel.reserve(LEAF_SUM);
      const sums: Buffer[] = [];
      for (const { start, length } of stretches) {
        for (let done = 0; done < length;) {
          const n = posix.read(fd, this.kernel.bytes, room + done, length - done, start + done);
          if (n <= 0) return n === 0 ? CHANGED : n;
          done += n;
        }
        this.kernel.call.strong128(room, length, seed.low, seed.high, out);
        sums.push(Buffer.from(this.kernel.bytes.subarray(out, out + LEAF_SUM)));
      }
      return { basisSize, blockLength: leafLength, stretches, round: encodeProbe(leafLength, sums, rooted) };
    } finally {
      this.kernel.release(mark);
    }
  }

  /** An aligned round of a basis. @throws DeltaError as `sign`. */
  aligned(leaves: LeafSums, blockLength: number, stretches: readonly Stretch[], seed: Seed): RoundSums {
    return { basisSize: leaves.size, blockLength, stretches, round: encodeAligned(this.kernel, leaves, seed, blockLength, stretches) };
  }
}

/** The basis ended before its size: somebody writes to it. */
export const CHANGED = -200030;

function feed(posix: BasisReader, fd: number, builder: Pick<SignatureBuilder, 'input' | 'advance' | 'hole'>, from: number, to: number, sparse: boolean): number {
  let at = from;
  let dataEnd = sparse ? from : to;
  while (at < to) {
    if (at >= dataEnd) {
      const data = posix.seekData(fd, at);
      const start = data > at ? Math.min(data, to) : data >= 0 ? at : to; // an error there (ENXIO) means that no data follows
      if (start > at) builder.hole(start - at);
      at = start;
      if (at >= to) break;
      const hole = posix.seekHole(fd, at);
      dataEnd = hole > at ? Math.min(hole, to) : to;
    }
    const input = builder.input();
    const n = posix.read(fd, input, 0, Math.min(input.length, dataEnd - at), at);
    if (n <= 0) return n === 0 ? CHANGED : n;
    builder.advance(n);
    at += n;
  }
  return 0;
}
