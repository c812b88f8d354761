/**
 * The leaf sums of a file while it is rebuilt, where they are kept between runs. What of the basis is known by kept sums is passed over (kept-leaves.ts). At
 * the end all sums make the tree of the new version: its root is what the supplier's is held against, and it is kept for the next delta.
 */
import { leafLengthFor, MAX_FILE, type TreeChange } from '../../delta/index.js';
import { SUMS_WORTH, type KeptSums, type KeptTree } from '../kept-sums.js';
import type { OpenBasis } from './announce.js';
import type { ApplyContext } from './context.js';
import { OTHER, type Scratch } from './scratch.js';

/** Begins the engine's hash of the file at hand, and its sums where they are kept. `basis` has just been described (its attributes are in OTHER). */
export function beginResult(ctx: ApplyContext, s: Scratch, basis: OpenBasis | undefined): void {
  const { sums } = ctx;
  const { kept } = s.answer;
  const leafLength = kept?.leafLength ?? (s.size <= MAX_FILE && s.size >= SUMS_WORTH ? leafLengthFor(s.size) : undefined);
  s.change = undefined;
  s.sums = undefined;
  if (sums === undefined || leafLength === undefined || s.answer.from > 0) return s.engine.begin();
  // RACE: somebody writes to the basis behind our back, after this look. Where a new file is built that is seen at its end, as the basis is another one then; a file
  // that is patched in place we write to ourselves, and the worst outcome is that sums are kept of leaves that somebody else has changed, until `verify` finds it.
  const known = kept !== undefined && basis?.place.kind === 'target' && sums.isOf(kept, s.table, OTHER) ? kept : undefined;
  s.sums = new ResultSums(sums, s, leafLength, known);
  s.engine.begin({ leafLength, seed: sums.seed });
}

/** Sums of the file that is being rebuilt. */
export class ResultSums {
  /** @param known the basis' tree, where the basis still is what it was kept of */
  constructor(private readonly sums: KeptSums, private readonly s: Scratch, private readonly leafLength: number, private readonly known: KeptTree | undefined) {}

  /** Length of the leaves that need no reading where they stay at their place; undefined: none are known. */
  get knownLeaf(): number | undefined {
    return this.known === undefined ? undefined : this.leafLength;
  }

  /** The tree of the file, `size` bytes long; undefined where its sums were not gathered, or do not make one. */
  finish(size: number): TreeChange | undefined {
    const made = this.s.engine.finishRuns();
    return made === undefined ? undefined : this.sums.change({ size, leafLength: this.leafLength }, made.passed ? this.known : undefined, made.runs);
  }
}
