/** The scan: both trees walked together, folder by folder, into the plan. */
export * from './types.js';
export * from './selection.js';
export { addFindings, emptyFindings } from './findings.js';
export { withoutLost, type WalkSignals } from './walk-context.js';
export { rootRun, Walker } from './walker.js';
export { MOST_CLAIMS, renamesServe, verifyRenames } from './verify-renames.js';
export { Listing, type FollowRule } from './listing.js';
export { followRule } from './follow.js';
export { NameTwins } from './name-twins.js';
export { leadsBack } from './loops.js';
export { MOST_ABOVE, MOST_ABOVE_BYTES, NO_SCOPES, rulesAbove, WalkFilters, type Scopes } from './filters.js';
export { EntryProbe } from './probe.js';
export { linkTextOf } from './fake-stat.js';
