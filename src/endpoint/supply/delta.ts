/**
 * A file as a delta against a basis that only the session has: searched while it is read and sent as it is found, or, where the session
 * began with an aligned round, in several: compare what lies at its place, ask for sums of what is open, search that, and at last send all.
 *
 * The hash is of the first reading. A file that changes between the rounds ends with a record that says so, or with content whose
 * hash is another one: the session sees it either way.
 */
import {
  decodeAligned, DeltaError, DeltaSearch, exchange, firstAligned, isProbe, LEAF_SUM, LeafSummer, probeFits, rootOf, SourceRounds, streamRounds, type AlignedRound, type Ask, type Copy, type DeltaSink, type LeafSums, type Signature, type Stretch,
} from '../../delta/index.js';
import { dataExtents, nextData, type Extent, type Posix } from '../../fs/index.js';
import { WHOLE_HASH_BYTES, WholeHash, type Kernel, type Seed } from '../../hash/index.js';
import type { ContentNeeds, ReadContent } from './content.js';
import type { RoundSums } from '../../wire/index.js';
import type { Outgoing } from './outgoing.js';
import { Wait, type Job } from './wait.js';

/** Bytes read at a time. */
const SLICE = 256 << 10;
/** Bytes of a hole summed between two turns. */
const ZEROS = 64 << 20;

/** A file to be read; `sparse`: it may have holes. */
export interface OpenFile { fd: number; size: number; sparse: boolean }

/** Searches and sends in one go. */
export function* sendStreamed(posix: Posix, kernel: Kernel, out: Outgoing, file: OpenFile, signature: Signature): Job<ReadContent> {
  const search = new DeltaSearch(kernel, signature, sinkOf(out));
  const extent: Extent = { start: 0, end: file.size };
  let errno = 0;
  reading: for (let at = 0; at < file.size;) {
    if (file.sparse && !nextData(posix, file.fd, at, file.size, extent)) extent.start = extent.end = file.size;
    if (extent.start > at) {
      search.hole(extent.start - at);
      at = extent.start;
      yield Wait.turn;
    }
    while (at < extent.end) {
      const room = search.input();
      const got = posix.read(file.fd, room, 0, Math.min(room.length, SLICE, extent.end - at), at);
      if (got <= 0) {
        errno = Math.max(0, -got);
        break reading;
      }
      search.advance(got);
      at += got;
      yield* out.pump();
      yield Wait.turn;
    }
  }
  const { size, hash } = search.finish();
  yield* out.pump();
  return { errno, size, hash: hash ?? Buffer.alloc(0) };
}

/** Reading failed, or the file has become shorter. */
export class ReadFailed extends Error {
  /** @param reached bytes from the start that had been read */
  constructor(readonly errno: number, readonly reached = 0) {
    super(`reading ended with errno ${errno}`);
  }

  /** What is told of it. */
  get content(): ReadContent {
    return { errno: this.errno, size: this.reached, hash: Buffer.alloc(WHOLE_HASH_BYTES) };
  }
}

/** Finds in several rounds what the basis has of the file, then sends. */
export function* sendRounds(posix: Posix, kernel: Kernel, out: Outgoing, file: OpenFile, first: RoundSums, seed: Seed, needs: ContentNeeds): Job<ReadContent> {
  yield* out.flush(); // what was written before does not wait for the search
  const sending = new RoundsJob(posix, kernel, out, file, first.basisSize, seed, needs);
  try {
    const round = decodeAligned(first.round, first.blockLength, first.basisSize, first.stretches);
    if (!isProbe(round, first.basisSize)) return yield* sending.aligned(round.leafLength, first, false);
    return yield* (sending.anythingFits(round) ? sending.aligned(round.leafLength, undefined, round.rooted) : sending.searched());
  } catch (error) {
    if (!(error instanceof ReadFailed)) throw error;
    return error.content;
  }
}

/** One file on its way to its delta. */
export class RoundsJob {
  readonly holes: readonly Stretch[];

  constructor(
    private readonly posix: Posix, private readonly kernel: Kernel, private readonly out: Outgoing, private readonly file: OpenFile, private readonly basisSize: number, private readonly seed: Seed,
    private readonly needs: ContentNeeds,
  ) {
    this.holes = file.sparse ? holesOf(posix, file) : [];
  }

  /** Whether any leaf of a probe lies at its place. */
  anythingFits(probe: AlignedRound): boolean {
    const { kernel, seed } = this;
    const mark = kernel.mark();
    const room = kernel.reserve(probe.blockLength);
    const out = kernel.reserve(LEAF_SUM);
    let fits = false;
    for (const [i, { start, length }] of probe.stretches.entries()) {
      if (length !== probe.blockLength || start + length > this.file.size) continue;
      for (let done = 0; done < length;) done += this.read(start + done, kernel.bytes.subarray(room + done, room + length));
      kernel.call.strong128(room, length, seed.low, seed.high, out);
      fits = probeFits(probe, i, kernel.bytes.subarray(out, out + LEAF_SUM));
      if (fits) break;
    }
    kernel.release(mark);
    return fits;
  }

  /**
   * Compares what lies at its place, then searches the rest. `opening`: the sums of the whole basis, where they are there; else they are asked for, and both ends read at the same time.
   * `rooted`: the hash is to be the file's root.
   */
  *aligned(leafLength: number, opening: RoundSums | undefined, rooted: boolean): Job<ReadContent> {
    const hash = rooted ? undefined : new WholeHash(this.kernel);
    const { source, leaves } = yield* this.compared(leafLength, opening, opening === undefined, hash);
    return { ...(yield* this.send(source, hash === undefined ? rootOf(this.kernel, leaves) : hash.digest())), leaves };
  }

  /** As `aligned`, and nothing is sent yet. The file is read once; `hash` takes all of it. @param probed something is known to lie at its place */
  *compared(leafLength: number, opening: RoundSums | undefined, probed: boolean, hash?: WholeHash): Job<{ source: SourceRounds; leaves: LeafSums }> {
    const { kernel, file, seed, basisSize } = this;
    const blockLength = firstAligned(basisSize, leafLength);
    if (opening === undefined) yield* this.ask({ aligned: true, blockLength, stretches: [{ start: 0, length: basisSize }] });
    const leaves = yield* readLeaves(this.posix, kernel, file, leafLength, seed, hash);
    const sums = opening ?? (yield* this.answer()); // also where reading failed: the next one is another file's
    if (leaves instanceof ReadFailed) throw leaves;
    if (sums.basisSize !== basisSize || (opening === undefined && sums.blockLength !== blockLength)) throw new DeltaError('range', 'a round has other sizes than were asked for');
    return { source: yield* this.talk(exchange(kernel, { size: file.size, holes: this.holes, leaves, read: (offset, into) => this.read(offset, into), probed }, sums, seed)), leaves };
  }

  /** Searches everything and sends what is final meanwhile; the hash is made of what the search reads. */
  *searched(): Job<ReadContent> {
    const { kernel, file, holes } = this;
    const hash = new WholeHash(kernel);
    hash.addZeros(1); // its zeros are made outside the memory of a round
    hash.reset();
    let hashed = 0;
    let whole = true; // nothing but holes was passed over
    const pass = (to: number): void => {
      whole &&= holes.some(({ start, length }) => start <= hashed && to <= start + length);
      if (whole) hash.addZeros(to - hashed);
    };
    const read = (offset: number, into: Buffer): number => {
      const got = this.read(offset, into);
      if (offset > hashed) pass(offset);
      if (whole && offset >= hashed) hash.addAt(into.byteOffset, got);
      hashed = Math.max(hashed, offset + got);
      return got;
    };
    const steps = streamRounds(kernel, { size: file.size, holes, read }, this.basisSize, this.seed);
    for (let step = steps.next(); step.done !== true;) {
      if (step.value.kind === 'ask') {
        yield* this.ask(step.value.ask);
        step = steps.next(yield* this.answer());
        continue;
      }
      const { start, end, copies } = step.value;
      const { errno, size } = yield* emit(this.posix, this.out, this.file, { start, end }, copies, this.holes);
      if (size < end) return { errno, size, hash: Buffer.alloc(WHOLE_HASH_BYTES) };
      yield* this.out.flush(); // the other end goes to work on it
      step = steps.next();
    }
    if (file.size > hashed) pass(file.size);
    if (!whole) yield* this.hashAll(hash);
    return { errno: 0, size: file.size, hash: hash.digest() };
  }

  /** A search that did not read everything leaves the hash to be made by itself. */
  private *hashAll(hash: WholeHash): Job {
    const { kernel, file } = this;
    const room = kernel.reserve(SLICE);
    hash.reset();
    for (let at = 0; at < file.size;) {
      const got = this.read(at, kernel.bytes.subarray(room, room + Math.min(SLICE, file.size - at)));
      hash.addAt(room, got);
      at += got;
      yield Wait.turn;
    }
  }

  /** Sends what is known now. */
  *send(rounds: SourceRounds, hash: Buffer): Job<ReadContent> {
    const { errno, size } = yield* emit(this.posix, this.out, this.file, { start: 0, end: this.file.size }, rounds.copies(), this.holes);
    return { errno, size, hash };
  }

  *talk<T>(talk: Generator<Ask, T, RoundSums | undefined>): Job<T> {
    let step = talk.next();
    while (step.done !== true) {
      yield* this.ask(step.value);
      step = talk.next(yield* this.answer());
    }
    return step.value;
  }

  *ask(ask: Ask): Job {
    this.needs.asks();
    this.out.write({ kind: 'refine', ...ask });
    yield* this.out.flush();
  }

  *answer(): Job<RoundSums> {
    yield Wait.refine;
    return this.needs.refined();
  }

  read(offset: number, into: Buffer): number {
    this.needs.breathe();
    const got = this.posix.read(this.file.fd, into, 0, into.length, offset);
    if (got <= 0) throw new ReadFailed(got === 0 ? 0 : -got);
    return got;
  }
}

/** Reads the file once: the sums of its leaves, or why it cannot be read to its end. `hash` takes all of it. */
export function* readLeaves(posix: Posix, kernel: Kernel, file: OpenFile, leafLength: number, seed: Seed, hash?: WholeHash): Job<LeafSums | ReadFailed> {
  const summer = new LeafSummer(kernel, leafLength, file.size, seed);
  const extent: Extent = { start: 0, end: file.size };
  for (let at = 0; at < file.size;) {
    if (file.sparse && !nextData(posix, file.fd, at, file.size, extent)) extent.start = extent.end = file.size;
    while (at < extent.start) {
      const length = Math.min(ZEROS, extent.start - at);
      hash?.addZeros(length);
      summer.hole(length);
      at += length;
      yield Wait.turn;
    }
    while (at < extent.end) {
      const room = summer.input();
      const got = posix.read(file.fd, room, 0, Math.min(room.length, SLICE, extent.end - at), at);
      if (got <= 0) return new ReadFailed(Math.max(0, -got), at);
      hash?.addAt(room.byteOffset, got);
      summer.advance(got);
      at += got;
      yield Wait.turn;
    }
  }
  return summer.finish();
}

/** Sends a part of the file as the rounds found it; what no copy covers is read once more. `size`: the place reached. */
function* emit(posix: Posix, out: Outgoing, file: OpenFile, part: Extent, copies: readonly Copy[], holes: readonly Stretch[]): Job<{ errno: number; size: number }> {
  const buffer = Buffer.allocUnsafeSlow(SLICE);
  let hole = holes.findIndex(({ start, length }) => start + length > part.start);
  if (hole < 0) hole = holes.length;
  let at = part.start;
  for (let k = 0; k <= copies.length; k++) {
    const copy = copies[k];
    const end = copy === undefined ? part.end : copy.start;
    while (at < end) {
      const next = holes[hole];
      if (next !== undefined && next.start <= at) {
        if (next.start === at) out.write({ kind: 'hole', length: next.length });
        at = Math.max(at, next.start + next.length);
        hole++;
        continue;
      }
      const got = posix.read(file.fd, buffer, 0, Math.min(SLICE, (next === undefined ? end : Math.min(end, next.start)) - at), at);
      if (got <= 0) return { errno: Math.max(0, -got), size: at };
      out.literal(buffer.subarray(0, got));
      at += got;
      yield* out.pump();
      yield Wait.turn;
    }
    if (copy !== undefined) {
      out.write({ kind: 'copy', offset: copy.offset, length: copy.length });
      at = copy.start + copy.length;
    }
    if (k % 4096 === 4095) yield* out.pump();
  }
  yield* out.pump();
  return { errno: 0, size: at };
}

function holesOf(posix: Posix, file: OpenFile): Stretch[] {
  const holes: Stretch[] = [];
  let at = 0;
  for (const { start, end } of dataExtents(posix, file.fd, file.size)) {
    if (start > at) holes.push({ start: at, length: start - at });
    at = end;
  }
  if (file.size > at) holes.push({ start: at, length: file.size - at });
  return holes;
}

function sinkOf(out: Outgoing): DeltaSink {
  return {
    copy: (offset, length) => { out.write({ kind: 'copy', offset, length }); },
    literal: (bytes) => { out.literal(bytes); },
    hole: (length) => { out.write({ kind: 'hole', length }); },
  };
}
