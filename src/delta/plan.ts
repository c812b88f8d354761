/**
 * What of the basis to ask sums for, after the aligned rounds: blocks to search what is open for, long ones first. Cheap rounds are always worth it;
 * a dear one is tried on a sample first, unless the round before it has paid. Pure decisions, the source's side alone makes them.
 */
import { unusedStretches, sampleOf, type Copy, type SourceRounds } from './rounds.js';
import { blocksOf, bytesOf, type Stretch } from './signature.js';
import { MAX_BLOCK, ROUND_BLOCK_COST } from './sizes.js';

/** Most stretches of one request: what is cut to more pieces is sent as it is. */
export const MOST_STRETCHES = 65536;
/** Shortest block that is searched for, bytes. */
const LEAST = 256;
/** A round's blocks are so many times shorter than those before. */
const FAN_OUT = 16;
/** Bytes of sums that are always worth trying, and share of what is open that is. */
const CHEAP = 65536;
const CHEAP_SHARE = 1 / 2048;
/** A round pays where it finds so many times its sums. */
const PAYS = 4;
/** Where what is unused is a smaller share of what is open, and sums of all cost no larger one, all is searched for. */
const SECOND_TIME = 1 / 2;
const SECOND_COST = 1 / 16;
/** Blocks of a sample. */
const SAMPLE = 1365;

/** A request for sums. */
export interface SearchAsk {
  readonly blockLength: number;
  readonly stretches: readonly Stretch[];
  /** These are some of the unused stretches only, to see whether all of them would pay. */
  readonly sample: boolean;
}

/** Plans the searched rounds of one delta, or of a part of one. */
export class SearchPlan {
  #last: number | undefined;
  #trial: number | undefined; // what the sample's sums cost

  /**
   * @param after block length of a round that was searched before
   * @param unused what of the basis is worth asking for when these copies are known; by default what none of them uses
   */
  constructor(readonly basisSize: number, after?: number, readonly unused = (copies: readonly Copy[]): Stretch[] => unusedStretches(basisSize, copies)) {
    this.#last = after;
  }

  /** What to ask for now; undefined where nothing more pays. `rounds` has searched what was asked for before. */
  next(rounds: SourceRounds): SearchAsk | undefined {
    if (rounds.open === 0) return undefined;
    const unused = this.unused(rounds.copies());
    const stretches = this.#last === undefined ? this.#first(rounds.open, unused) : unused;
    if (stretches.length === 0 || stretches.length > MOST_STRETCHES) return undefined;
    if (this.#trial !== undefined) {
      const paid = rounds.matched >= PAYS * this.#trial;
      this.#trial = undefined;
      return paid && this.#last !== undefined ? { blockLength: this.#last, stretches, sample: false } : undefined;
    }
    const first = this.#last === undefined;
    const blockLength = this.#last === undefined ? firstLength(stretches) : this.#last <= 2 * LEAST ? undefined : Math.max(LEAST, this.#last / FAN_OUT);
    if (blockLength === undefined) return undefined;
    this.#last = blockLength;
    const cost = costOf(stretches, blockLength);
    if (cost >= rounds.open || cost > ROUND_BLOCK_COST * MOST_BLOCKS) return undefined;
    if (cost <= Math.max(CHEAP, rounds.open * CHEAP_SHARE) || (!first && rounds.matched >= PAYS * cost)) return { blockLength, stretches, sample: false };
    const sample = sampleOf(stretches, blockLength, SAMPLE);
    this.#trial = costOf(sample, blockLength);
    return { blockLength, stretches: sample, sample: true };
  }

  /** What the first round is of: what is unused; where much more is open than that, all of the basis: parts of it may be there a second time. */
  #first(open: number, unused: Stretch[]): Stretch[] {
    if (this.basisSize === 0 || bytesOf(unused) >= open * SECOND_TIME) return unused;
    const all = [{ start: 0, length: this.basisSize }];
    return costOf(all, firstLength(all)) <= open * SECOND_COST ? all : unused;
  }
}

/** Four times the square root of what is unused, not longer than an eighth of a usual stretch; a power of two. */
function firstLength(stretches: readonly Stretch[]): number {
  const unused = bytesOf(stretches);
  const wanted = Math.min(4 * Math.sqrt(unused), Math.max(unused / stretches.length / 8, unused / MOST_BLOCKS));
  return Math.min(MAX_BLOCK, Math.max(LEAST, 2 ** Math.floor(Math.log2(wanted))));
}

/** Blocks of a first round, at most. */
const MOST_BLOCKS = 1 << 20;

function costOf(stretches: readonly Stretch[], blockLength: number): number {
  return ROUND_BLOCK_COST * blocksOf(stretches, blockLength);
}
