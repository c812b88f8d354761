/** Plans in files: sealed, and carried out later. */
export { PlanFileError } from './format.js';
export { optionsOf, runApply, runPlan, type ApplyRequest, type PlanOutput } from './run-kept.js';
export { Batch, batchOptions, openBatch, runBatch, type BatchRequest } from './batch.js';
export { openPlan, SealedPlan } from './sealed-plan.js';
export type { OtherHost } from './head.js';
