/**
 * Signatures: the sums of a basis' blocks. The builder is fed with the basis in pieces and hands out columns of sums in batches, so that
 * its memory does not grow with the file; `Signature` is what a search needs, all columns of one basis.
 *
 * A basis is one stretch or several (what an earlier round left unmatched); blocks lie end to end in each, the last may be short.
 */
import { CALL_BYTES, STREAM_STATE, WholeHash, multiplierOf, type Kernel, type Seed } from '../hash/index.js';
import { DeltaError } from './error.js';
import { MAX_BLOCK, MAX_BLOCKS, MIN_BLOCK, anchorThreshold } from './sizes.js';

/** Some blocks' sums, as little-endian columns. Views: copy what is to stay. */
export interface SumBatch {
  readonly count: number;
  /** 4 bytes a block. */
  readonly weaks: Buffer;
  /** 8 bytes a block. */
  readonly strongs: Buffer;
  /** 4 bytes a block: the mix of the 32 bytes before the anchor; 0 where there is none. */
  readonly mixes: Buffer;
  /** 4 bytes a block: where in the block the anchor stands (32 to its length); 0 where there is none. */
  readonly offsets: Buffer;
}

/** A part of a file. */
export interface Stretch { readonly start: number; readonly length: number }

/** Bytes of stretches. */
export function bytesOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { length }) => sum + length, 0);
}

/** Blocks of stretches, of which each has its last one possibly short. */
export function blocksOf(stretches: readonly Stretch[], blockLength: number): number {
  return stretches.reduce((sum, { length }) => sum + Math.ceil(length / blockLength), 0);
}

/** Feeds zeros to whoever takes bytes in the room that it gives. */
export function feedZeros(taker: { input(): Buffer; advance(length: number): void }, length: number): void {
  for (let left = length; left > 0;) {
    const room = taker.input();
    const part = Math.min(room.length, left);
    room.fill(0, 0, part);
    taker.advance(part);
    left -= part;
  }
}

/** The sums of all blocks of a basis. */
export class Signature {
  readonly count: number;
  /** Numbers of short blocks, rising; at most one a stretch. */
  readonly shorts: readonly number[];
  readonly #firsts: number[] = []; // number of each stretch's first block

  /**
   * @param basisSize bytes of the whole basis; a copy never reaches past it
   * @param strongBytes how many of the strong sums' bytes count, 4–8
   * @throws DeltaError where columns, stretches and lengths do not fit each other
   */
  constructor(readonly blockLength: number, readonly basisSize: number, readonly seed: Seed, readonly stretches: readonly Stretch[], readonly columns: SumBatch, readonly strongBytes = 8) {
    checkBlockLength(blockLength);
    if (!(strongBytes >= 4 && strongBytes <= 8)) throw new DeltaError('limit', `strong sums of ${strongBytes} bytes are not between 4 and 8`);
    const shorts: number[] = [];
    let count = 0;
    let end = 0;
    for (const { start, length } of stretches) {
      if (!(start >= end && length > 0 && start + length <= basisSize)) throw new DeltaError('range', 'the stretches of a signature overlap or leave the basis');
      end = start + length;
      this.#firsts.push(count);
      count += Math.ceil(length / blockLength);
      if (length % blockLength !== 0) shorts.push(count - 1);
    }
    if (count > MAX_BLOCKS) throw new DeltaError('limit', `${count} blocks are more than ${MAX_BLOCKS}; longer blocks are needed`);
    if (columns.count !== count) throw new DeltaError('range', `a signature of ${count} blocks came with ${columns.count} sums`);
    this.count = count;
    this.shorts = shorts;
  }

  /** Where block i starts in the basis. */
  offsetOf(i: number): number {
    const k = this.#stretchOf(i);
    return (this.stretches[k]?.start ?? 0) + (i - (this.#firsts[k] ?? 0)) * this.blockLength;
  }

  /** Bytes of block i. */
  lengthOf(i: number): number {
    const k = this.#stretchOf(i);
    const stretch = this.stretches[k];
    return stretch === undefined ? 0 : Math.min(this.blockLength, stretch.length - (i - (this.#firsts[k] ?? 0)) * this.blockLength);
  }

  /** The first block that starts at `offset` of the basis or after; `count` where there is none. */
  blockFrom(offset: number): number {
    for (let low = 0, high = this.stretches.length; ;) { // first stretch that ends after the offset
      if (low === high) {
        const stretch = this.stretches[low];
        if (stretch === undefined) return this.count;
        const first = this.#firsts[low] ?? 0;
        return first + Math.max(0, Math.ceil((offset - stretch.start) / this.blockLength));
      }
      const middle = (low + high) >>> 1;
      const { start, length } = this.stretches[middle] ?? { start: 0, length: 0 };
      if (start + length > offset) high = middle;
      else low = middle + 1;
    }
  }

  /** Full blocks that have no anchor. */
  get anchorless(): number {
    let n = 0;
    for (let i = 0; i < this.count; i++) if (this.columns.offsets.readUInt32LE(4 * i) === 0) n++;
    return n - this.shorts.reduce((sum, i) => sum + (this.columns.offsets.readUInt32LE(4 * i) === 0 ? 1 : 0), 0);
  }

  #stretchOf(i: number): number {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#firsts[middle] ?? 0) <= i) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** @throws DeltaError outside MIN_BLOCK to MAX_BLOCK. */
export function checkBlockLength(length: number): void {
  if (!Number.isInteger(length) || length < MIN_BLOCK || length > MAX_BLOCK) throw new DeltaError('limit', `a block length of ${length} is not between ${MIN_BLOCK} and ${MAX_BLOCK}`);
}

/** Collects batches into the columns of a `Signature`. */
export class SumCollector {
  readonly #parts: SumBatch[] = [];
  #count = 0;

  /** Takes a copy. @throws DeltaError past MAX_BLOCKS. */
  readonly add = (batch: SumBatch): void => {
    this.#count += batch.count;
    if (this.#count > MAX_BLOCKS) throw new DeltaError('limit', `more than ${MAX_BLOCKS} blocks; longer blocks are needed`);
    this.#parts.push({ count: batch.count, weaks: Buffer.from(batch.weaks), strongs: Buffer.from(batch.strongs), mixes: Buffer.from(batch.mixes), offsets: Buffer.from(batch.offsets) });
  };

  columns(): SumBatch {
    const join = (pick: (batch: SumBatch) => Buffer): Buffer => Buffer.concat(this.#parts.map(pick));
    return { count: this.#count, weaks: join((b) => b.weaks), strongs: join((b) => b.strongs), mixes: join((b) => b.mixes), offsets: join((b) => b.offsets) };
  }
}

/** What a finished signature knows of the basis. */
export interface SignedBasis { readonly size: number; readonly blocks: number; readonly hash: Buffer }

/** Blocks handed out at once, at most. */
const BATCH = 4096;

/** Makes a signature of bytes that are fed to it. */
export class SignatureBuilder {
  readonly #hash: WholeHash;
  readonly #m: number;
  readonly #threshold: number;
  readonly #at: number; // input buffer: room for the blocks of a batch
  readonly #room: number;
  readonly #batch: number; // blocks in it
  readonly #columns: number;
  readonly #stream: number;
  #held = 0; // bytes in the input buffer
  #size = 0;
  #blocks = 0;

  /** @param sink is told the sums batch by batch; the batch is a view that is used again. */
  constructor(readonly kernel: Kernel, readonly blockLength: number, readonly seed: Seed, readonly sink: (batch: SumBatch) => void) {
    checkBlockLength(blockLength);
    this.#hash = new WholeHash(kernel);
    this.#m = multiplierOf(seed);
    this.#threshold = anchorThreshold(blockLength);
    this.#batch = Math.max(1, Math.min(BATCH, Math.floor(CALL_BYTES / blockLength)));
    this.#room = this.#batch * blockLength;
    this.#at = kernel.reserve(this.#room);
    this.#columns = kernel.reserve(20 * this.#batch);
    this.#stream = kernel.reserve(STREAM_STATE);
  }

  /** Room to read the next bytes into (never empty); `advance` says how many came. Take it anew after each call. */
  input(): Buffer {
    return this.kernel.bytes.subarray(this.#at + this.#held, this.#at + this.#room);
  }

  /** The first `length` bytes of `input()` are the next bytes of the basis. */
  advance(length: number): void {
    this.#hash.addAt(this.#at + this.#held, length);
    this.#size += length;
    this.#held += length;
    if (this.#held === this.#room) this.#sign();
  }

  /** Adds bytes. */
  update(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const room = this.input();
      const n = Math.min(room.length, bytes.length - done);
      room.set(bytes.subarray(done, done + n));
      this.advance(n);
      done += n;
    }
  }

  /** Adds a hole: like as many zeros, but whole blocks of it are summed only once. */
  hole(length: number): void {
    let left = length;
    const head = Math.min(left, (this.blockLength - (this.#held % this.blockLength)) % this.blockLength);
    feedZeros(this, head);
    left -= head;
    if (left >= this.blockLength) {
      this.#sign();
      const blocks = Math.floor(left / this.blockLength);
      this.kernel.bytes.fill(0, this.#at, this.#at + this.blockLength);
      this.#sums(1, this.blockLength);
      this.#hash.addZeros(blocks * this.blockLength);
      this.#size += blocks * this.blockLength;
      this.#repeat(blocks);
      left -= blocks * this.blockLength;
    }
    feedZeros(this, left);
  }

  /** Ends a stretch: what is held becomes a short block. */
  endStretch(): void {
    this.#sign();
    if (this.#held === 0) return;
    const length = this.#held;
    this.#sums(1, length);
    this.kernel.bytes.fill(0, this.#columns + 12 * this.#batch, this.#columns + 12 * this.#batch + 4); // a short block is found by its place
    this.kernel.bytes.fill(0, this.#columns + 16 * this.#batch, this.#columns + 16 * this.#batch + 4);
    this.#hand(1);
    this.#held = 0;
  }

  /** Ends the basis. The hash is of all bytes that were fed. */
  finish(): SignedBasis {
    this.endStretch();
    return { size: this.#size, blocks: this.#blocks, hash: this.#hash.digest() };
  }

  /** Signs the full blocks that are held and keeps the rest. */
  #sign(): void {
    const count = Math.floor(this.#held / this.blockLength);
    if (count === 0) return;
    this.#sums(count, this.blockLength);
    this.#hand(count);
    const rest = this.#at + count * this.blockLength;
    this.kernel.bytes.copyWithin(this.#at, rest, this.#at + this.#held);
    this.#held -= count * this.blockLength;
  }

  /** Sums of blocks at the start of the buffer, into the columns. */
  #sums(count: number, length: number): void {
    const { call } = this.kernel;
    const [weaks, strongs, mixes, offsets] = [this.#columns, this.#columns + 4 * this.#batch, this.#columns + 12 * this.#batch, this.#columns + 16 * this.#batch];
    if (length <= CALL_BYTES) {
      call.signBlocks(this.#at, count, length, this.#m, this.seed.low, this.seed.high, this.#threshold, weaks, strongs, mixes, offsets);
      return;
    }
    let weak = 0; // one block, longer than a call should take
    let anchor = 0;
    call.streamBegin(this.#stream, this.seed.low, this.seed.high);
    for (let at = this.#at, end = at + length; at < end; at += CALL_BYTES) {
      const n = Math.min(CALL_BYTES, end - at);
      weak = call.weak(at, n, this.#m, weak);
      call.streamUpdate(this.#stream, at, n);
      if (anchor === 0) anchor = call.nextAnchor(Math.max(at + 1, this.#at + 32), at + n, this.#threshold);
    }
    call.streamEnd(this.#stream, 0, strongs);
    const { bytes } = this.kernel;
    bytes.writeUInt32LE(weak >>> 0, weaks);
    bytes.writeUInt32LE(anchor === 0 ? 0 : call.mixBefore(anchor, this.seed.low, this.seed.high) >>> 0, mixes);
    bytes.writeUInt32LE(anchor === 0 ? 0 : anchor - this.#at, offsets);
  }

  #hand(count: number): void {
    this.#blocks += count;
    const { bytes } = this.kernel;
    const column = (from: number, width: number): Buffer => bytes.subarray(this.#columns + from * this.#batch, this.#columns + from * this.#batch + count * width);
    this.sink({ count, weaks: column(0, 4), strongs: column(4, 8), mixes: column(12, 4), offsets: column(16, 4) });
  }

  /** Hands out the first block's sums `blocks` times. */
  #repeat(blocks: number): void {
    const { bytes } = this.kernel;
    for (const [from, width] of [[0, 4], [4, 8], [12, 4], [16, 4]] as const) {
      const column = bytes.subarray(this.#columns + from * this.#batch, this.#columns + from * this.#batch + width * Math.min(blocks, this.#batch));
      column.fill(Buffer.from(column.subarray(0, width)));
    }
    for (let left = blocks; left > 0; left -= this.#batch) this.#hand(Math.min(left, this.#batch));
  }
}
