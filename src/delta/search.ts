/**
 * The search: source bytes in, copy, literal and hole tokens out. Tried in this order: the block that is expected (the same offset at
 * first, then the one after the last match), the one after it (so that an overwritten block costs one look), then every place in the source
 * that an anchor, or where anchors are missing the rolling sum, says a block could lie. A block counts by its strong sum over
 * all its bytes. Memory: the table (some 40 bytes a block) and a window of about four blocks, at least 4 MiB; never more.
 *
 * Work is bounded for hostile data too: what failed verifications may hash is limited in proportion to the bytes searched.
 */
import { ANCHOR_WINDOW, CALL_BYTES, NO_BLOCK, WholeHash, type Kernel } from '../hash/index.js';
import { BlockTable } from './table.js';
import type { Signature } from './signature.js';

/** Who gets the delta. Tokens come in the source's order and cover it without gaps. */
export interface DeltaSink {
  /** Bytes [offset, offset + length) of the basis. */
  copy(offset: number, length: number): void;
  /** Bytes of the source; a view that is used again after the call. */
  literal(bytes: Buffer): void;
  /** Zeros that are a hole in the source. */
  hole(length: number): void;
}

/** How to search. */
export interface SearchOptions {
  /**
   * Stop searching for a while where it finds nothing: after this many fruitless bytes (default 32 MiB), search a quarter of what follows until
   * something matches. 0: always search.
   */
  readonly gateAfter?: number;
  /** false: no whole-file hash (a later round over parts of the file). */
  readonly hash?: boolean;
}

/** What was searched. */
export interface SearchedSource { readonly size: number; readonly hash: Buffer | undefined; readonly matched: number }

const GATE_AFTER = 32 << 20;
/** While the gate is closed, so much is passed on unsearched, then so much is searched. */
const GATE_SKIP = 24 << 20;
const GATE_PROBE = 8 << 20;
/** Bytes that failed verifications may hash, besides four for each byte searched. */
const WASTE = 64 << 20;
/** Least bytes of a scan, unless the source ends: entering one costs something. */
const STEP = 32 << 10;
/** Literals are handed on once there are so many. */
const FLUSH = 256 << 10;

/** One search of one source (or of stretches of it, see `jump`). */
export class DeltaSearch {
  readonly #blocks: BlockTable;
  readonly #hash: WholeHash | undefined;
  readonly #start: number; // window in the kernel's memory
  readonly #end: number;
  readonly #B: number;
  #lo: number; // first byte not yet handed on
  #hi: number; // end of what came
  #scan: number; // next anchor place, or next window of the rolling sum
  #rolled = false; // the rolling sum belongs to #scan
  #expected = 0; // block expected next; count: none
  #expectedAt = 0; // where, ≥ lo
  #refused = false; // it is not there; the one after it is still to be tried
  #size = 0;
  #copyFrom = 0; // copy not yet handed on
  #copyLength = 0;
  #matched = 0;
  #fruitless = 0;
  #gateAt: number;
  #quiet = 0; // bytes to pass on unsearched
  #waste = WASTE;
  readonly #gateAfter: number;

  constructor(readonly kernel: Kernel, readonly signature: Signature, readonly sink: DeltaSink, options: SearchOptions = {}) {
    this.#hash = options.hash === false ? undefined : new WholeHash(kernel);
    this.#blocks = new BlockTable(kernel, signature);
    this.#B = signature.blockLength;
    const room = Math.max(4 << 20, 4 * this.#B);
    this.#start = kernel.reserve(room);
    this.#end = this.#start + room;
    this.#gateAfter = options.gateAfter ?? GATE_AFTER;
    this.#gateAt = this.#gateAfter;
    this.#lo = this.#hi = this.#expectedAt = this.#start;
    this.#scan = this.#first();
  }

  /** Room for the next bytes (never empty); `advance` says how many came. Take it anew after each call. */
  input(): Buffer {
    if (this.#end - this.#hi < (this.#end - this.#start) / 4) this.#compact();
    return this.kernel.bytes.subarray(this.#hi, this.#end);
  }

  /** The first `length` bytes of `input()` are the next bytes of the source. */
  advance(length: number): void {
    this.#hash?.addAt(this.#hi, length);
    this.#hi += length;
    this.#size += length;
    this.#search(false);
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

  /** The source has a hole here. Matching goes on behind it, at the same offset first. */
  hole(length: number): void {
    if (length === 0) return;
    this.#search(true);
    this.#flushCopy();
    this.sink.hole(length);
    this.#hash?.addZeros(length);
    this.#size += length;
    this.expect(this.#size);
  }

  /**
   * The bytes that follow are not those after the last ones, but another stretch of the source; what comes probably equals the basis
   * from `basisOffset` on. Tokens go on without a gap: whoever jumps knows where they belong.
   */
  jump(basisOffset: number): void {
    this.#search(true);
    this.#flushCopy();
    this.expect(basisOffset);
  }

  /** Hands on the copy at hand, though it may go on: then another one follows. */
  flush(): void {
    this.#flushCopy();
  }

  /** Ends the source. */
  finish(): SearchedSource {
    this.#search(true);
    this.#flushCopy();
    return { size: this.#size, hash: this.#hash?.digest(), matched: this.#matched };
  }

  /** Says which offset of the basis the next byte probably has. All that came before must have been handed on. */
  expect(basisOffset: number): void {
    this.#restart(this.#hi);
    const block = this.signature.blockFrom(basisOffset);
    const ahead = block < this.signature.count ? this.signature.offsetOf(block) - basisOffset : Infinity;
    this.#expect(ahead < this.#B ? block : this.signature.count, this.#lo + Math.min(ahead, this.#B));
  }

  #expect(block: number, at: number): void {
    this.#expected = block;
    this.#expectedAt = at;
    this.#refused = false;
  }

  /** Moves what is still needed to the start of the window. */
  #compact(): void {
    const by = this.#lo - this.#start;
    if (by === 0) return;
    this.kernel.bytes.copyWithin(this.#start, this.#lo, this.#hi);
    this.#lo -= by;
    this.#hi -= by;
    this.#scan -= by;
    this.#expectedAt -= by;
  }

  #restart(at: number): void {
    this.#lo = at;
    this.#scan = this.#first();
    this.#rolled = false;
  }

  /** Where scanning starts behind a match. */
  #first(): number {
    return this.#blocks.by === 'anchors' ? this.#lo + ANCHOR_WINDOW : this.#lo;
  }

  /** Searches as far as the bytes reach; with `all`, nothing more follows and all is handed on. */
  #search(all: boolean): void {
    for (;;) {
      if (this.#quiet > 0) {
        if (!this.#pass(all)) return;
      } else if (this.#expected < this.signature.count) {
        if (!this.#tryExpected(all)) return;
      } else if (!this.#tryScan(all)) return;
    }
  }

  /** The expected block and the one after it. False: more bytes are needed. */
  #tryExpected(all: boolean): boolean {
    const blocks = this.#blocks;
    const { count } = this.signature;
    const first = this.#expected;
    const at = this.#expectedAt;
    const length = this.signature.lengthOf(first);
    if (at + length > this.#hi && !all) return false;
    if (at + length <= this.#hi && !this.#refused) {
      const run = blocks.run(at, this.#hi, first);
      if (run > 0) {
        this.#match(at, first, run);
        return true;
      }
      this.#fail(length);
      this.#refused = true;
    }
    if (first + 1 < count) {
      const after = at + length;
      const afterLength = this.signature.lengthOf(first + 1);
      if (after + afterLength > this.#hi && !all) return false;
      const adjacent = this.signature.offsetOf(first + 1) === this.signature.offsetOf(first) + length;
      if (adjacent && after + afterLength <= this.#hi) {
        const run = blocks.run(after, this.#hi, first + 1);
        if (run > 0) {
          this.#match(after, first + 1, run);
          return true;
        }
        this.#fail(afterLength);
      }
    }
    this.#expected = count;
    return true;
  }

  /** One step of scanning. False: more bytes are needed, or with `all` everything is done. */
  #tryScan(all: boolean): boolean {
    const limit = this.#blocks.by === 'anchors' ? (all ? this.#hi : this.#hi - this.#B + ANCHOR_WINDOW) : this.#hi - this.#B;
    if (this.#scan > limit || (!all && limit - this.#scan < STEP)) {
      if (all) this.#scannedAll();
      else if (this.#settled() - this.#lo >= FLUSH) this.#literal(this.#settled());
      return false;
    }
    const to = Math.min(limit, this.#scan + CALL_BYTES - 1);
    const before = this.#scan;
    const found = this.#blocks.by === 'anchors' ? this.#scanAnchors(to) : this.#scanWeak(to);
    if (found) {
      this.#fruitless = 0;
      this.#gateAt = this.#gateAfter;
    } else this.#searched(this.#scan - before);
    return true;
  }

  #searched(bytes: number): void {
    this.#waste += 4 * bytes;
    this.#fruitless += bytes;
    if (this.#gateAfter === 0 || this.#fruitless < this.#gateAt) return;
    this.#quiet = GATE_SKIP;
    this.#gateAt = this.#fruitless + Math.max(GATE_PROBE, 4 * this.#B);
  }

  /** Hands on unsearched bytes while the gate is closed. */
  #pass(all: boolean): boolean {
    const n = Math.min(this.#quiet, this.#hi - this.#lo);
    this.#literal(this.#lo + n);
    this.#quiet -= n;
    this.#restart(this.#lo);
    if (this.#quiet > 0 && all) this.#quiet = 0;
    return this.#quiet === 0;
  }

  #scanAnchors(to: number): boolean {
    const blocks = this.#blocks;
    const { low, high } = this.signature.seed;
    const p = this.kernel.call.scanAnchors(this.#scan, to, blocks.threshold, low, high, blocks.table, blocks.keys, blocks.out);
    if (p === 0) {
      this.#scan = to + 1;
      return false;
    }
    for (let block = this.#candidate(); block !== NO_BLOCK; block = this.#next(block)) {
      if (this.#verify(p - blocks.anchorOffset(block), block)) return true;
    }
    this.#scan = p + 1;
    return false;
  }

  #scanWeak(to: number): boolean {
    const blocks = this.#blocks;
    const { call } = this.kernel;
    if (!this.#rolled) {
      let sum = 0;
      for (let done = 0; done < this.#B; done += CALL_BYTES) sum = call.weak(this.#scan + done, Math.min(CALL_BYTES, this.#B - done), blocks.m, sum);
      this.kernel.bytes.writeUInt32LE(sum >>> 0, blocks.out + 4);
      this.#rolled = true;
    }
    const at = call.scanWeak(this.#scan, to, this.#B, blocks.m, blocks.mLength, blocks.table, blocks.keys, blocks.out);
    if (at !== 0) {
      for (let block = this.#candidate(); block !== NO_BLOCK; block = this.#next(block)) {
        if (this.signature.lengthOf(block) === this.#B && this.#verify(at, block)) return true;
      }
    }
    const { bytes } = this.kernel;
    const last = at === 0 ? to : at;
    this.#scan = last + 1;
    if (last + this.#B < this.#hi) {
      const rolled = Math.imul(bytes.readUInt32LE(blocks.out + 4), blocks.m) + (bytes[last + this.#B] ?? 0) - Math.imul(bytes[last] ?? 0, blocks.mLength);
      bytes.writeUInt32LE(rolled >>> 0, blocks.out + 4);
    } else this.#rolled = false; // the byte that comes in is not here yet
    return false;
  }

  #candidate(): number {
    return this.kernel.bytes.readUInt32LE(this.#blocks.out);
  }

  #next(block: number): number {
    return this.kernel.call.sameKey(this.#blocks.table, this.#blocks.keys, block) >>> 0;
  }

  #verify(at: number, block: number): boolean {
    const length = this.signature.lengthOf(block);
    if (at < this.#lo || at + length > this.#hi || this.#waste < length) return false;
    if (!this.#blocks.isAt(at, block)) {
      this.#fail(length);
      return false;
    }
    this.#match(at, block, 1);
    return true;
  }

  #fail(length: number): void {
    this.#waste -= length;
  }

  /** Blocks `first` to `first + run - 1` lie at `at`. */
  #match(at: number, first: number, run: number): void {
    this.#literal(at);
    let end = at;
    for (let i = first; i < first + run;) { // as long as the blocks are neighbours in the basis too
      const offset = this.signature.offsetOf(i);
      const full = this.#neighbours(i, first + run);
      const length = this.signature.offsetOf(full - 1) + this.signature.lengthOf(full - 1) - offset;
      this.#copy(offset, length);
      end += length;
      i = full;
    }
    this.#waste += 4 * (end - at);
    this.#restart(end);
    this.#expect(first + run, end);
    this.#fruitless = 0;
    this.#gateAt = this.#gateAfter;
  }

  /** The end of the blocks from i, at most `to`, that lie in one stretch. */
  #neighbours(i: number, to: number): number {
    const last = this.signature.offsetOf(to - 1);
    if (last - this.signature.offsetOf(i) === (to - 1 - i) * this.#B) return to;
    let end = i + 1;
    while (end < to && this.signature.offsetOf(end) === this.signature.offsetOf(end - 1) + this.#B) end++;
    return end;
  }

  /** Everything before this can be in no block any more. */
  #settled(): number {
    return Math.max(this.#lo, this.#blocks.by === 'anchors' ? this.#scan - this.#B : this.#scan);
  }

  /** The end of the data: a short block may lie there. */
  #scannedAll(): void {
    const last = this.signature.count - 1;
    const length = last < 0 ? this.#B : this.signature.lengthOf(last);
    if (length < this.#B && this.#hi - length >= this.#lo && this.#blocks.isAt(this.#hi - length, last)) this.#match(this.#hi - length, last, 1);
    this.#literal(this.#hi);
    this.#restart(this.#hi);
    this.#expected = this.signature.count;
  }

  #literal(to: number): void {
    if (to <= this.#lo) return;
    this.#flushCopy();
    this.sink.literal(this.kernel.bytes.subarray(this.#lo, to));
    this.#lo = to;
  }

  #copy(offset: number, length: number): void {
    this.#matched += length;
    if (this.#copyLength > 0 && this.#copyFrom + this.#copyLength === offset) {
      this.#copyLength += length;
      return;
    }
    this.#flushCopy();
    this.#copyFrom = offset;
    this.#copyLength = length;
  }

  #flushCopy(): void {
    if (this.#copyLength > 0) this.sink.copy(this.#copyFrom, this.#copyLength);
    this.#copyLength = 0;
  }
}
