/**
 * A delta in rounds: what is equal at its place first (aligned.ts), then large blocks, then small ones of what is still unmatched, against what of
 * the basis is still unused. A round's signature costs little because it covers only that. The caller carries signatures and ranges between the two
 * ends. plan.ts says what to ask for and when to stop.
 */
import type { Kernel } from '../hash/index.js';
import { DeltaError } from './error.js';
import { DeltaSearch, type DeltaSink, type SearchOptions } from './search.js';
import { bytesOf, type Signature, type Stretch } from './signature.js';

/** Part of the source: `basis` is where it stands in the basis, or one of the two below. */
export interface Segment { readonly start: number; readonly length: number; readonly basis: number }

/** Not matched so far. */
export const OPEN = -1;
export const HOLE = -2;

/** Parts of a source that follow each other, neighbours of one kind joined. */
export class SegmentList {
  list: Segment[] = [];

  constructor(private at: number) {}

  add(length: number, basis: number): void {
    const last = this.list.at(-1);
    const joins = last !== undefined && (basis >= 0 ? last.basis >= 0 && last.basis + last.length === basis : last.basis === basis);
    if (joins) this.list[this.list.length - 1] = { ...last, length: last.length + length };
    else this.list.push({ start: this.at, length, basis });
    this.at += length;
  }
}

/** Reads source bytes from `offset` into all of `into`; the number read (0: the source ended). */
export type ReadAt = (offset: number, into: Buffer) => number;

/** A matched part of the source. */
export interface Copy { readonly start: number; readonly offset: number; readonly length: number }

/** The source's side of a delta in rounds. Memory grows with the number of matched places only. */
export class SourceRounds {
  #segments: Segment[] = [];
  #matched = 0;
  #from = 0; // where the basis probably goes on at the start

  /**
   * @param holes of the source, in order; they are never searched
   * @param equal what is known to lie at the same place in the basis, in order (aligned.ts); where the source has a hole it stays one
   */
  constructor(readonly size: number, holes: readonly Stretch[] = [], equal: readonly Stretch[] = []) {
    let known = 0;
    const between = (from: number, to: number): void => {
      for (let at = from; at < to;) {
        while ((equal[known]?.start ?? Infinity) + (equal[known]?.length ?? 0) <= at) known++;
        const next = equal[known] ?? { start: Infinity, length: 0 };
        const end = Math.min(to, next.start > at ? next.start : next.start + next.length);
        this.#segments.push({ start: at, length: end - at, basis: next.start > at ? OPEN : at });
        at = end;
      }
    };
    let at = 0;
    for (const { start, length } of holes) {
      between(at, start);
      this.#segments.push({ start, length, basis: HOLE });
      at = start + length;
    }
    between(at, size);
  }

  /**
   * A part of a source of which `segments` are known.
   * @param matched bytes that the last round matched
   * @param from where the basis goes on behind what comes before the part
   */
  static of(segments: readonly Segment[], matched: number, from: number): SourceRounds {
    const last = segments.at(-1);
    const rounds = new SourceRounds(last === undefined ? 0 : last.start + last.length);
    rounds.#segments = [...segments];
    rounds.#matched = matched;
    rounds.#from = from;
    return rounds;
  }

  /** Bytes of the source that are not matched yet. */
  get open(): number {
    return openBytes(this.#segments);
  }

  /** Bytes that the last round matched. */
  get matched(): number {
    return this.#matched;
  }

  /** All matched parts, in the source's order. */
  copies(): Copy[] {
    return copiesOf(this.#segments);
  }

  /**
   * Searches what is open.
   * @param sample stretches of the basis that the signature covers, where it is a sample: only what probably lies there is searched
   * @param kernel holds table and window for the time of the round
   * @throws DeltaError 'truncated' where the source ended early (it changed)
   */
  search(kernel: Kernel, signature: Signature, read: ReadAt, options: SearchOptions = {}, sample?: readonly Stretch[]): void {
    const mark = kernel.mark();
    const before = this.open;
    const next = new SegmentList(this.#segments[0]?.start ?? 0);
    const add = (length: number, basis: number): void => { next.add(length, basis); };
    const search = new DeltaSearch(kernel, signature, {
      copy: (offset, length) => { add(length, offset); },
      literal: (bytes) => { add(bytes.length, OPEN); },
      hole: () => undefined, // never fed
    }, { ...options, hash: false });
    let expected = this.#from; // where the basis goes on behind the last segment
    for (const segment of this.#segments) {
      if (segment.basis === OPEN) {
        let done = 0;
        for (const part of sample === undefined ? [{ start: 0, length: segment.length }] : within(segment.length, expected, sample)) {
          if (part.start > done) add(part.start - done, OPEN);
          search.jump(expected + part.start);
          feed(search, { start: segment.start + part.start, length: part.length }, read);
          search.jump(0);
          done = part.start + part.length;
        }
        if (segment.length > done) add(segment.length - done, OPEN);
        expected += segment.length;
      } else {
        add(segment.length, segment.basis);
        expected = segment.basis >= 0 ? segment.basis + segment.length : expected + segment.length;
      }
    }
    search.finish();
    this.#segments = next.list;
    this.#matched = before - this.open;
    kernel.release(mark);
  }

  /** Hands the whole delta to a sink, literals read once more. @throws DeltaError 'truncated'. */
  emit(sink: DeltaSink, read: ReadAt): void {
    const room = Buffer.allocUnsafe(256 << 10);
    for (const { start, length, basis } of this.#segments) {
      if (basis >= 0) sink.copy(basis, length);
      else if (basis === HOLE) sink.hole(length);
      else {
        for (let done = 0; done < length;) {
          const n = read(start + done, room.subarray(0, Math.min(room.length, length - done)));
          if (n <= 0) throw ended(start + done);
          sink.literal(room.subarray(0, n));
          done += n;
        }
      }
    }
  }
}

/** Bytes that are not matched yet. */
export function openBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, s) => sum + (s.basis === OPEN ? s.length : 0), 0);
}

/** The matched parts. */
export function copiesOf(segments: readonly Segment[]): Copy[] {
  return segments.filter((s) => s.basis >= 0).map(({ start, length, basis }) => ({ start, length, offset: basis }));
}

/** Bytes around a sample that are searched as well: what lies there may have moved a little. */
const AROUND = 4096;

/** The parts of a segment of `length` bytes, expected at `expected` of the basis, that lie in or near the sample; relative to the segment. */
function within(length: number, expected: number, sample: readonly Stretch[]): Stretch[] {
  const parts: Stretch[] = [];
  let from = 0;
  for (let low = 0, high = sample.length; ;) { // the first one that ends behind the segment's beginning
    if (low === high) {
      from = low;
      break;
    }
    const middle = (low + high) >>> 1;
    const { start, length: bytes } = sample[middle] ?? { start: 0, length: 0 };
    if (start + bytes + AROUND > expected) high = middle;
    else low = middle + 1;
  }
  for (const { start, length: bytes } of sample.slice(from)) {
    if (start - AROUND >= expected + length) break;
    const last = parts.at(-1);
    const begin = Math.max(last === undefined ? 0 : last.start + last.length, start - AROUND - expected);
    const end = Math.min(length, start + bytes + AROUND - expected);
    if (end > begin) parts.push({ start: begin, length: end - begin });
  }
  return parts;
}

/** Feeds a stretch of the source to a search. @throws DeltaError 'truncated'. */
export function feed(search: DeltaSearch, { start, length }: Stretch, read: ReadAt): void {
  for (let done = 0; done < length;) {
    const room = search.input();
    const n = read(start + done, room.subarray(0, Math.min(room.length, length - done, 256 << 10)));
    if (n <= 0) throw ended(start + done);
    search.advance(n);
    done += n;
  }
}

function ended(at: number): DeltaError {
  return new DeltaError('truncated', `the source ended at ${at}: it changed while it was read`);
}

/**
 * About `blocks` blocks of these stretches, spread over all of them, to try out whether more would pay. In order.
 */
export function sampleOf(stretches: readonly Stretch[], blockLength: number, blocks: number): Stretch[] {
  const total = bytesOf(stretches);
  const wanted = blocks * blockLength;
  if (total <= wanted) return [...stretches];
  const places = 8;
  const step = total / places;
  const sample: Stretch[] = [];
  let before = 0; // bytes of the stretches before this one
  let place = 0;
  let left = 0; // of what is taken at this place
  for (const { start, length } of stretches) {
    for (let at = 0; at < length;) {
      if (left <= 0) {
        if (place === places) return sample;
        const next = Math.floor(place * step) - before;
        if (next >= length) break;
        at = Math.max(at, next - (next % blockLength));
        left = wanted / places;
        place++;
      }
      const part = Math.min(length - at, Math.max(blockLength, left - (left % blockLength)));
      sample.push({ start: start + at, length: part });
      at += part;
      left -= part;
    }
    before += length;
  }
  return sample;
}

/**
 * The stretches of the basis that no copy uses, in order: what the next round signs. Copies may overlap. Pieces
 * shorter than `least` are left out.
 */
export function unusedStretches(basisSize: number, copies: readonly Copy[], least = 64): Stretch[] {
  const used = copies.map(({ offset, length }) => ({ start: offset, length })).toSorted((a, b) => a.start - b.start);
  const stretches: Stretch[] = [];
  let at = 0;
  for (const { start, length } of used) {
    if (start - at >= least) stretches.push({ start: at, length: start - at });
    at = Math.max(at, start + length);
  }
  if (basisSize - at >= least) stretches.push({ start: at, length: basisSize - at });
  return stretches;
}
