/** Jobs: replication that is described once and runs by itself. */
export * from './config/index.js';
export { openPace, type PaceClock } from './pace.js';
export * from './agent/index.js';
export * from './install/index.js';
export {
  addTarget, HISTORY_FORMAT, isFailure, isJobName, JobHistory, LagSeries, newRun, newTotals, decodeRun, encodeRun, failingSince, LIMITS, resultOf, RESULTS, RETENTION, setLiveTarget, sumsOf, targetRun, type HookRun, type JobRun,
  type JobStanding, type JobSummary, type JobTotals, type LagPoint, type NoticeRun, type RunCause, type RunProblem, type RunQuery, type RunResult, type RunSums, type TargetRun,
} from './history/index.js';
export { hookEnvironment, runHooks, type HookOptions } from './hooks/index.js';
export * from './lock/index.js';
export { occasionsOf, pingOf, runDocument, secretNames, sendNotices, sendPings, type DeliveryOptions, type NoticeContext, type Occasion, type Told } from './notices/index.js';
export * from './run/index.js';
export * from './report/index.js';
export * from './metrics/index.js';
