/**
 * A delta in rounds: large blocks first, then small blocks of what is still unmatched, against what of the basis is still unused. A round's
 * signature costs little because it covers only that. The caller carries signatures and ranges between the two ends; both compute
 * the unused stretches alike from the copies so far. `planRounds` gives the block lengths, `worthRefining` says when to stop.
 */
import type { Kernel } from '../hash/index.js';
import { DeltaError } from './error.js';
import { DeltaSearch, type DeltaSink, type SearchOptions } from './search.js';
import type { Signature, Stretch } from './signature.js';

/** Part of the source: `basis` is where it stands in the basis, or one of the two below. */
interface Segment { readonly start: number; readonly length: number; readonly basis: number }

/** Not matched so far. */
const OPEN = -1;
const HOLE = -2;

/** Reads source bytes from `offset` into all of `into`; the number read (0: the source ended). */
export type ReadAt = (offset: number, into: Buffer) => number;

/** A matched part of the source. */
export interface Copy { readonly start: number; readonly offset: number; readonly length: number }

/** The source's side of a delta in rounds. Memory grows with the number of matched places only. */
export class SourceRounds {
  #segments: Segment[] = [];
  #matched = 0;

  /** @param holes of the source, in order; they are never searched */
  constructor(readonly size: number, holes: readonly Stretch[] = []) {
    let at = 0;
    for (const { start, length } of holes) {
      if (start > at) this.#segments.push({ start: at, length: start - at, basis: OPEN });
      this.#segments.push({ start, length, basis: HOLE });
      at = start + length;
    }
    if (size > at) this.#segments.push({ start: at, length: size - at, basis: OPEN });
  }

  /** Bytes of the source that are not matched yet. */
  get open(): number {
    return this.#segments.reduce((sum, s) => sum + (s.basis === OPEN ? s.length : 0), 0);
  }

  /** Bytes that the last round matched. */
  get matched(): number {
    return this.#matched;
  }

  /** All matched parts, in the source's order. */
  copies(): Copy[] {
    return this.#segments.filter((s) => s.basis >= 0).map(({ start, length, basis }) => ({ start, length, offset: basis }));
  }

  /**
   * Searches what is open.
   * @param kernel holds table and window for the time of the round
   * @throws DeltaError 'truncated' where the source ended early (it changed)
   */
  search(kernel: Kernel, signature: Signature, read: ReadAt, options: SearchOptions = {}): void {
    const mark = kernel.mark();
    const before = this.open;
    const next: Segment[] = [];
    let at = 0;
    const add = (length: number, basis: number): void => {
      const last = next.at(-1);
      const joins = last !== undefined && (basis >= 0 ? last.basis >= 0 && last.basis + last.length === basis : last.basis === basis);
      if (joins) next[next.length - 1] = { ...last, length: last.length + length };
      else next.push({ start: at, length, basis });
      at += length;
    };
    const search = new DeltaSearch(kernel, signature, {
      copy: (offset, length) => { add(length, offset); },
      literal: (bytes) => { add(bytes.length, OPEN); },
      hole: () => undefined, // never fed
    }, { ...options, hash: false });
    let expected = 0; // where the basis goes on behind the last segment
    for (const segment of this.#segments) {
      if (segment.basis === OPEN) {
        search.jump(expected);
        feed(search, segment, read);
        search.jump(0);
        expected += segment.length;
      } else {
        add(segment.length, segment.basis);
        expected = segment.basis >= 0 ? segment.basis + segment.length : expected + segment.length;
      }
    }
    search.finish();
    this.#segments = next;
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

function feed(search: DeltaSearch, { start, length }: Segment, read: ReadAt): void {
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
