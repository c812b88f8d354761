/** One session from scan to recorded. */
export * from './events.js';
export { believed, placeStore, statePair } from './kept-state.js';
export type { DirtyPath } from './dirty.js';
export { SetPace, type Pace } from './pace.js';
export { runSync, type SyncRequest } from './run.js';
export { findLeftovers, type Leftovers } from './leftovers.js';
export { Promotable } from './promote.js';
export { promotedAt, tellLocally, type PointAnswer } from './standby.js';
export { cannotHold, TRAITS, type TargetFacts, type Trait } from './target-facts.js';
export { absolute, meansContents } from './sources.js';
export { sideFolders } from './target.js';
export { newOutcome, newTotals } from './outcome.js';
export { Batch, batchOptions, openBatch, openPlan, optionsOf, PlanFileError, runApply, runBatch, runPlan, type ApplyRequest, type BatchRequest, type OtherHost, type PlanOutput, type SealedPlan } from './recorded/index.js';
export { verifyTrees } from './verify.js';
export { explainPaths, type Explanation, type Verdict } from './explain.js';
export * from './remote/index.js';
