/** Following: what is captured goes to the target, by sessions over dirty paths; what a mirror says of itself. */
export { Mirror } from './mirror.js';
export type { Follower } from './follower.js';
export type { RateRequest } from './controls.js';
export { captureOptions } from './request.js';
export { refuseOverlap } from './roots.js';
export type { FollowerListener, MirrorListener, MirrorRequest, SessionAbout, TargetRequest } from './request.js';
export { exposition, type Labels, type Metric, type Sample } from './exposition.js';
export { METRICS_TYPE, metricsText } from './metrics.js';
export { DriftLook, DriftSearch, SyncedTimes, youngChanges, type DriftFound, type DriftMode } from './drift.js';
export { LoadWatch, type LinkMeter } from './load-watch.js';
export { Deferrals, type Deferral } from './deferrals.js';
export { Agenda, type AgendaOptions, type Job, type JobKind } from './agenda.js';
export { Backoff, FIRST_WAIT, LONGEST_WAIT } from './backoff.js';
export { STATUS_VERSION, parseStatus, readAllStatus, readStatus, writeStatus, type FoundStatus, type MirrorStatus, type Phase as MirrorPhase } from './status.js';
export { ReadTimes } from './read-times.js';
export { judgeError, judgeOutcome } from './verdict.js';
export { dirtyPaths, ruleFileNames, widened } from './scope.js';
