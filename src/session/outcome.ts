/** Empty totals and outcomes. */
import { typeCounts } from '../tree/index.js';
import type { Outcome, PlanTotals } from './events.js';

/** Totals of an empty plan. */
export function newTotals(): PlanTotals {
  return {
    entries: typeCounts(), totalSize: 0, transferFiles: 0, transferBytes: 0, creates: typeCounts(), deletes: typeCounts(),
    moves: 0, links: 0, attributeChanges: 0, operations: 0,
  };
}

/** An outcome in which nothing happened yet. */
export function newOutcome(): Outcome {
  return {
    exitCode: 0, totals: newTotals(), created: typeCounts(), deleted: typeCounts(), transferredFiles: 0, transferredBytes: 0, literalBytes: 0, matchedBytes: 0,
    linked: 0, moved: 0, attributesSet: 0, deletionsSkipped: 0, problems: [], problemCount: 0, warningCount: 0, elapsedMs: 0, scanMs: 0, aborted: false,
  };
}
