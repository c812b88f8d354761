/**
 * A file as a delta against a basis that only the session has: searched while it is read and sent as it is found, or, where the session
 * began with long blocks, in several rounds: search, ask for sums of what is open, search that, and at last send all.
 *
 * The hash is of the first reading. A file that changes between the rounds ends with a record that says so, or with content whose
 * hash is another one: the session sees it either way.
 */
import { decodeRound, DeltaError, DeltaSearch, SourceRounds, type Copy, type DeltaSink, type Signature, type Stretch } from '../../delta/index.js';
import { dataExtents, nextData, type Extent, type Posix } from '../../fs/index.js';
import { WholeHash, type Kernel, type Seed } from '../../hash/index.js';
import type { ContentNeeds, ReadContent } from './content.js';
import type { Outgoing } from './outgoing.js';
import { refinement } from './rounds.js';
import { Wait, type Job } from './wait.js';

/** Bytes read at a time. */
const SLICE = 256 << 10;

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

/** Reading failed, or the file has become shorter, in a search that reads by a callback. */
class ReadFailed extends Error {
  constructor(readonly errno: number) {
    super(`reading ended with errno ${errno}`);
  }
}

/** Searches in several rounds, then sends. */
export function* sendRounds(posix: Posix, kernel: Kernel, out: Outgoing, file: OpenFile, first: Signature, seed: Seed, needs: ContentNeeds): Job<ReadContent> {
  yield* out.flush(); // what was written before does not wait for the search
  const holes = file.sparse ? holesOf(posix, file) : [];
  const rounds = new SourceRounds(file.size, holes);
  const hash = new WholeHash(kernel);
  hash.addZeros(1); // its zeros are made outside the memory of a round
  hash.reset();
  let hashed = 0;
  const read = (offset: number, into: Buffer): number => {
    needs.breathe();
    const got = posix.read(file.fd, into, 0, into.length, offset);
    if (got <= 0) throw new ReadFailed(got === 0 ? 0 : -got);
    return got;
  };
  // The first round reads all that is no hole, in order, into the kernel's memory.
  const readFirst = (offset: number, into: Buffer): number => {
    const got = read(offset, into);
    if (offset > hashed) hash.addZeros(offset - hashed);
    hash.addAt(into.byteOffset, got);
    hashed = offset + got;
    return got;
  };
  try {
    rounds.search(kernel, first, readFirst);
    if (file.size > hashed) hash.addZeros(file.size - hashed);
    let { blockLength } = first;
    for (let ask = refinement(rounds, first.basisSize, blockLength); ask !== undefined; ask = refinement(rounds, first.basisSize, blockLength)) {
      out.write({ kind: 'refine', ...ask });
      yield* out.flush();
      yield Wait.refine;
      const sums = needs.refined();
      if (sums.stretches.length === 0) break; // the session has nothing more to offer
      if (sums.basisSize !== first.basisSize || sums.blockLength !== ask.blockLength) throw new DeltaError('range', 'a round has other sizes than were asked for');
      ({ blockLength } = ask);
      rounds.search(kernel, decodeRound(sums.round, blockLength, sums.basisSize, seed, sums.stretches), read);
    }
  } catch (error) {
    if (!(error instanceof ReadFailed)) throw error;
    return { errno: error.errno, size: 0, hash: hash.digest() };
  }
  const { errno, size } = yield* emit(posix, out, file, rounds.copies(), holes);
  return { errno, size, hash: hash.digest() };
}

/** Sends what the rounds found; what no copy covers is read once more. */
function* emit(posix: Posix, out: Outgoing, file: OpenFile, copies: readonly Copy[], holes: readonly Stretch[]): Job<{ errno: number; size: number }> {
  const buffer = Buffer.allocUnsafeSlow(SLICE);
  let hole = 0;
  let at = 0;
  for (let k = 0; k <= copies.length; k++) {
    const copy = copies[k];
    const end = copy === undefined ? file.size : copy.start;
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
