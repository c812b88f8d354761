/**
 * A file as a delta against a basis that only the session has: searched while it is read and sent as it is found, or, where the session
 * began with an aligned round, in several: compare what lies at its place, ask for sums of what is open, search that, and at last send all.
 *
 * The hash is of the first reading. A file that changes between the rounds ends with a record that says so, or with content whose
 * hash is another one: the session sees it either way.
 */
import { decodeAligned, DeltaSearch, exchange, LeafSummer, type Copy, type DeltaSink, type LeafSums, type Signature, type Stretch } from '../../delta/index.js';
import { dataExtents, nextData, type Extent, type Posix } from '../../fs/index.js';
import { WholeHash, type Kernel, type Seed } from '../../hash/index.js';
import type { ContentNeeds, ReadContent } from './content.js';
import type { RoundSums } from '../../wire/index.js';
import type { Outgoing } from './outgoing.js';
import { hashZeros } from './hashing.js';
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

/** Reads the file, finds in several rounds what the basis has of it, then sends. */
export function* sendRounds(posix: Posix, kernel: Kernel, out: Outgoing, file: OpenFile, opening: RoundSums, seed: Seed, needs: ContentNeeds): Job<ReadContent> {
  yield* out.flush(); // what was written before does not wait for the search
  const holes = file.sparse ? holesOf(posix, file) : [];
  const { leafLength } = decodeAligned(opening.round, opening.blockLength, opening.basisSize, opening.stretches);
  const { leaves, ...content } = yield* readLeaves(posix, kernel, file, leafLength, seed);
  if (leaves === undefined) return content;
  const read = (offset: number, into: Buffer): number => {
    needs.breathe();
    const got = posix.read(file.fd, into, 0, into.length, offset);
    if (got <= 0) throw new ReadFailed(got === 0 ? 0 : -got);
    return got;
  };
  try {
    const talk = exchange(kernel, { size: file.size, holes, leaves, read }, opening, seed);
    let step = talk.next();
    while (step.done !== true) {
      out.write({ kind: 'refine', ...step.value });
      yield* out.flush();
      yield Wait.refine;
      step = talk.next(needs.refined());
    }
    const { errno, size } = yield* emit(posix, out, file, step.value.copies(), holes);
    return { errno, size, hash: content.hash };
  } catch (error) {
    if (!(error instanceof ReadFailed)) throw error;
    return { errno: error.errno, size: 0, hash: content.hash };
  }
}

/** Reads the file once: its hash, and the sums of its leaves. Without those where it cannot be read to its end. */
function* readLeaves(posix: Posix, kernel: Kernel, file: OpenFile, leafLength: number, seed: Seed): Job<ReadContent & { leaves: LeafSums | undefined }> {
  const hash = new WholeHash(kernel);
  const summer = new LeafSummer(kernel, leafLength, file.size, seed);
  const extent: Extent = { start: 0, end: file.size };
  for (let at = 0; at < file.size;) {
    if (file.sparse && !nextData(posix, file.fd, at, file.size, extent)) extent.start = extent.end = file.size;
    if (extent.start > at) {
      yield* hashZeros(hash, extent.start - at);
      summer.hole(extent.start - at);
      at = extent.start;
    }
    while (at < extent.end) {
      const room = summer.input();
      const got = posix.read(file.fd, room, 0, Math.min(room.length, SLICE, extent.end - at), at);
      if (got <= 0) return { errno: Math.max(0, -got), size: at, hash: hash.digest(), leaves: undefined };
      hash.addAt(room.byteOffset, got);
      summer.advance(got);
      at += got;
      yield Wait.turn;
    }
  }
  return { errno: 0, size: file.size, hash: hash.digest(), leaves: summer.finish() };
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
