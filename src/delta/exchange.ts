/**
 * The source's side of a delta in rounds, whoever carries the sums: what lies at its place is found first (aligned.ts), then what is
 * open is searched (plan.ts, rounds.ts). A generator: it yields what of the basis it wants sums of, and is given them.
 */
import type { Kernel, Seed } from '../hash/index.js';
import { AlignedSource, decodeAligned, nextAligned } from './aligned.js';
import { DeltaError } from './error.js';
import type { LeafSums } from './leaves.js';
import { SearchPlan } from './plan.js';
import { SourceRounds, type ReadAt } from './rounds.js';
import { decodeRound } from './signature-format.js';
import type { Stretch } from './signature.js';

/** What sums are wanted of. */
export interface Ask { readonly aligned: boolean; readonly blockLength: number; readonly stretches: readonly Stretch[] }

/** Sums that came. */
export interface RoundAnswer { readonly basisSize: number; readonly blockLength: number; readonly stretches: readonly Stretch[]; readonly round: Buffer }

/** The source of the delta. */
export interface ExchangeSource {
  readonly size: number;
  readonly holes: readonly Stretch[];
  /** Of the length that the opening round has. */
  readonly leaves: LeafSums;
  readonly read: ReadAt;
  /** A probe has shown that something lies at its place: the leaves are compared, however little is equal of longer blocks. */
  readonly probed?: boolean;
}

/**
 * Goes from the session's opening, aligned round to what is known at the end. To be given the answer to each request, or undefined where there will be
 * none: then it ends with what it has. `kernel` is used between two requests only.
 * @throws DeltaError where an answer is none; and whatever `source.read` throws
 */
export function* exchange(kernel: Kernel, source: ExchangeSource, opening: RoundAnswer, seed: Seed): Generator<Ask, SourceRounds, RoundAnswer | undefined> {
  const { basisSize } = opening;
  const { leafLength } = source.leaves;
  if (opening.stretches.length === 0) return new SourceRounds(source.size, source.holes);
  const mark = kernel.mark();
  const found = new AlignedSource(kernel, source.leaves, basisSize, seed, source.probed);
  const compare = (answer: RoundAnswer): void => { found.take(decodeAligned(answer.round, answer.blockLength, basisSize, answer.stretches)); };
  compare(opening);
  let answered = true;
  for (let length = nextAligned(opening.blockLength, leafLength); length !== undefined && answered; length = nextAligned(length, leafLength)) {
    for (const stretches of found.asks(length)) {
      const answer = fitting(yield { aligned: true, blockLength: length, stretches }, basisSize, length);
      if (answer === undefined) {
        answered = false;
        break;
      }
      compare(answer);
    }
  }
  kernel.release(mark);
  const rounds = new SourceRounds(source.size, source.holes, found.equal());
  if (answered) yield* searchRounds(kernel, source.read, rounds, basisSize, seed);
  return rounds;
}

/** Searches what is open in as many rounds as pay. Given and throws as `exchange`. */
export function* searchRounds(
  kernel: Kernel, read: ReadAt, rounds: SourceRounds, basisSize: number, seed: Seed, plan = new SearchPlan(basisSize),
): Generator<Ask, void, RoundAnswer | undefined> {
  for (let next = plan.next(rounds); next !== undefined; next = plan.next(rounds)) {
    const { blockLength, stretches, sample } = next;
    const answer = fitting(yield { aligned: false, blockLength, stretches }, basisSize, blockLength);
    if (answer === undefined) return;
    rounds.search(kernel, decodeRound(answer.round, blockLength, basisSize, seed, answer.stretches), read, {}, sample ? stretches : undefined);
  }
}

/** The answer, checked against what was asked for; undefined where the session has nothing more to offer. @throws DeltaError 'range'. */
export function fitting(answer: RoundAnswer | undefined, basisSize: number, blockLength: number): RoundAnswer | undefined {
  if (answer === undefined || answer.stretches.length === 0) return undefined;
  if (answer.basisSize !== basisSize || answer.blockLength !== blockLength) throw new DeltaError('range', 'a round has other sizes than were asked for');
  return answer;
}
