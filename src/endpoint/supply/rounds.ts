/** How many rounds a delta takes, as the supplier decides it: by the size of the file, and what the last round found. */
import { blockLengthFor, planRounds, unusedStretches, worthRefining, type SourceRounds, type Stretch } from '../../delta/index.js';

/** Bytes that a block costs in a round's sums. */
const BLOCK_COST = 12;
/** Most stretches that are asked for: what is cut to more pieces is sent as it is. */
const MOST_STRETCHES = 65536;

/** Bytes of a source below which one round is enough: a round trip for each file would cost more than the blocks that it saves. (Session: MOST_ALIKE.) */
const ROUNDS_WORTH = 64 << 10;

/**
 * Whether a file is worth several rounds against sums of such blocks; else it is sent while it is searched. Blocks not much longer than the
 * square root of the basis are for one round alone.
 */
export function worthRounds(size: number, basisSize: number, blockLength: number): boolean {
  return size >= ROUNDS_WORTH && blockLength >= 4 * blockLengthFor(basisSize) && nextRound(basisSize, blockLength) !== undefined;
}

/** Block length of the round behind one; undefined where there is none. */
function nextRound(basisSize: number, blockLength: number): number | undefined {
  return planRounds(basisSize).find((length) => length < blockLength);
}

/** What to ask for in the next round; undefined where it does not pay. */
export function refinement(rounds: SourceRounds, basisSize: number, blockLength: number): { blockLength: number; stretches: Stretch[] } | undefined {
  const next = nextRound(basisSize, blockLength);
  if (next === undefined || rounds.open === 0) return undefined;
  const stretches = unusedStretches(basisSize, rounds.copies());
  const blocks = stretches.reduce((sum, { length }) => sum + Math.ceil(length / next), 0);
  if (blocks === 0 || stretches.length > MOST_STRETCHES || !worthRefining(rounds.open, rounds.matched, blocks * BLOCK_COST)) return undefined;
  return { blockLength: next, stretches };
}
