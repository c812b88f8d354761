/**
 * A searched delta that is handed on while the search goes on: the source is searched for long blocks in slabs, what is open in a slab is settled by
 * rounds of its own, and then the slab is final. So the other end rebuilds while this one searches. As soon as a slab is
 * largely open the rest is searched as a whole, for then it is worth to know all of it before more is asked for.
 */
import type { Kernel, Seed } from '../hash/index.js';
import { fitting, searchRounds, type Ask, type RoundAnswer } from './exchange.js';
import { SearchPlan } from './plan.js';
import { copiesOf, feed, HOLE, OPEN, openBytes, SegmentList, SourceRounds, unusedStretches, type Copy, type ReadAt, type Segment } from './rounds.js';
import { DeltaSearch } from './search.js';
import { decodeRound } from './signature-format.js';
import type { Signature, Stretch } from './signature.js';

/** Bytes of the first slab; each is twice as long as the one before, up to the larger of the next two. */
const FIRST_SLAB = 16 << 20;
const LONG_SLAB = 64 << 20;
const SLABS = 16; // least part of the file that is a slab, then
/** A slab of which more than this share is open is not settled by itself, unless it is little: a share of a first slab. */
const MOSTLY_OPEN = 1 / 8;
const LITTLE_OPEN = 1 / 16;

/** The source of the delta. Reads go forward once over the whole of it, but for its holes, and besides over what is open in it. */
export interface StreamedSource {
  readonly size: number;
  readonly holes: readonly Stretch[];
  readonly read: ReadAt;
}

/** What is to be done: to ask for sums, or to hand on a part of the source, which is final. The parts follow each other and cover it. */
export type StreamStep = { readonly kind: 'ask'; readonly ask: Ask } | { readonly kind: 'final'; readonly start: number; readonly end: number; readonly copies: readonly Copy[] };

/**
 * The delta of a source against a basis of which nothing lies at its place. To be given the answer to each `ask`; throws as `exchange`.
 * @param firstSlab bytes
 */
export function* streamRounds(kernel: Kernel, source: StreamedSource, basisSize: number, seed: Seed, firstSlab = FIRST_SLAB): Generator<StreamStep, void, RoundAnswer | undefined> {
  const { size, holes, read } = source;
  const all = new SourceRounds(size, holes);
  const plan = new SearchPlan(basisSize);
  const first = plan.next(all);
  const answer = first === undefined ? undefined : fitting(yield ask({ aligned: false, ...first }), basisSize, first.blockLength);
  if (first === undefined || answer === undefined) {
    yield final(0, size, []);
    return;
  }
  const signature = decodeRound(answer.round, first.blockLength, basisSize, seed, answer.stretches);
  if (first.sample) {
    all.search(kernel, signature, read, {}, first.stretches);
    yield* asked(searchRounds(kernel, read, all, basisSize, seed, plan));
    yield final(0, size, all.copies());
    return;
  }
  const mark = kernel.mark();
  const flow = new Flow(kernel, signature, source);
  const done: Copy[] = []; // of the parts that were handed on
  let start = 0;
  for (let slab = firstSlab, to = slab; !flow.ended; slab = Math.min(2 * slab, Math.max((LONG_SLAB / FIRST_SLAB) * firstSlab, Math.ceil(size / SLABS))), to += slab) {
    flow.run(to);
    const open = flow.open;
    if (open > firstSlab * LITTLE_OPEN && open > (Math.min(to, size) - start) * MOSTLY_OPEN) break;
    const segments = flow.settled();
    const last = segments.at(-1);
    if (last === undefined) continue;
    const end = last.start + last.length;
    const from = behind(done.at(-1));
    const rounds = SourceRounds.of(segments, 0, from);
    const unused = (copies: readonly Copy[]): Stretch[] => gaps(segments, copies, from, flow.ended ? basisSize : undefined);
    if (rounds.open > 0) yield* asked(searchRounds(kernel, read, rounds, basisSize, seed, new SearchPlan(basisSize, first.blockLength, unused)));
    const copies = rounds.copies();
    yield final(start, end, copies);
    for (const copy of copies) done.push(copy);
    start = end;
  }
  flow.run(Infinity);
  const rest = flow.settled();
  kernel.release(mark);
  if (start === size) return;
  const rounds = SourceRounds.of(rest, bytes(copiesOf(rest)), behind(done.at(-1)));
  const unused = (copies: readonly Copy[]): Stretch[] => unusedStretches(basisSize, [...done, ...copies]);
  yield* asked(searchRounds(kernel, read, rounds, basisSize, seed, new SearchPlan(basisSize, first.blockLength, unused)));
  yield final(start, size, rounds.copies());
}

function ask(what: Ask): StreamStep {
  return { kind: 'ask', ask: { aligned: what.aligned, blockLength: what.blockLength, stretches: what.stretches } };
}

function final(start: number, end: number, copies: readonly Copy[]): StreamStep {
  return { kind: 'final', start, end, copies };
}

/** Rounds as steps. */
function* asked(talk: Generator<Ask, void, RoundAnswer | undefined>): Generator<StreamStep, void, RoundAnswer | undefined> {
  for (let step = talk.next(); step.done !== true;) step = talk.next(yield ask(step.value));
}

function behind(copy: Copy | undefined): number {
  return copy === undefined ? 0 : copy.offset + copy.length;
}

function bytes(copies: readonly Copy[]): number {
  return copies.reduce((sum, { length }) => sum + length, 0);
}

/** Shortest piece of the basis that is asked for, bytes. */
const LEAST_GAP = 64;

/**
 * What of the basis lies between what stands before and behind each open part of a slab. `from`: where the basis goes on behind the slab before; `to`: where it ends,
 * if the slab is the last one. Later rounds look between the copies that are known by then.
 */
function gaps(slab: readonly Segment[], copies: readonly Copy[], from: number, to: number | undefined): Stretch[] {
  const stretches: Stretch[] = [];
  let at = slab[0]?.start ?? 0;
  let before = from;
  const between = (end: number | undefined): void => {
    if (end !== undefined && end - before >= LEAST_GAP) stretches.push({ start: before, length: end - before });
  };
  for (const copy of copies) {
    if (copy.start > at) between(copy.offset);
    at = copy.start + copy.length;
    before = copy.offset + copy.length;
  }
  const last = slab.at(-1);
  if (last !== undefined && last.start + last.length > at) between(to);
  return inOrder(stretches);
}

/** Stretches in their order, what they share told once. */
function inOrder(stretches: Stretch[]): Stretch[] {
  let end = 0;
  const apart: Stretch[] = [];
  for (const { start, length } of stretches.toSorted((a, b) => a.start - b.start)) {
    const from = Math.max(start, end);
    if (start + length - from >= LEAST_GAP) apart.push({ start: from, length: start + length - from });
    end = Math.max(end, start + length);
  }
  return apart;
}

/** The search for long blocks, as far as it was asked to go. */
class Flow {
  readonly #search: DeltaSearch;
  readonly #found = new SegmentList(0);
  #hole = 0; // the next one
  #at = 0; // bytes that were read or passed over
  ended = false;

  constructor(kernel: Kernel, signature: Signature, readonly source: StreamedSource) {
    this.#search = new DeltaSearch(kernel, signature, {
      copy: (offset, length) => { this.#found.add(length, offset); },
      literal: (literal) => { this.#found.add(literal.length, OPEN); },
      hole: (length) => { this.#found.add(length, HOLE); },
    }, { hash: false });
  }

  /** Searches on, as far as `to` or the end of the source. */
  run(to: number): void {
    const { size, holes, read } = this.source;
    const end = Math.min(to, size);
    while (this.#at < end) {
      const hole = holes[this.#hole];
      if (hole !== undefined && hole.start === this.#at) {
        this.#search.hole(hole.length);
        this.#at += hole.length;
        this.#hole++;
        continue;
      }
      const stop = Math.min(end, hole?.start ?? size);
      feed(this.#search, { start: this.#at, length: stop - this.#at }, read);
      this.#at = stop;
    }
    this.#search.flush();
    if (this.#at < size || this.ended) return;
    this.#search.finish();
    this.ended = true;
  }

  /** What was found since the last call, without an open part at its end that may go on. */
  settled(): Segment[] {
    const { list } = this.#found;
    const last = list.at(-1);
    this.#found.list = [];
    if (this.ended || last === undefined || last.basis !== OPEN) return list;
    this.#found.list = [last];
    return list.slice(0, -1);
  }

  /** Open bytes in what was found since the last call of `settled`. */
  get open(): number {
    return openBytes(this.#found.list);
  }
}
