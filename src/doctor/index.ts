/** The doctor: whether a run can be done as it is asked for, what of it will not be, and what mends it. */
export { examine } from './examine.js';
export { lookOptions } from './ask/session.js';
export { GROUPS, isWorse, worst, type Finding, type Group, type Severity } from './finding.js';
export type { DoctorRequest, RunToJudge } from './request.js';
// Judges, which take facts alone.
export { judgeHost, type HostFacts } from './host.js';
export { judgeRights, type RightsFacts } from './rights.js';
export { judgeState, type StateFacts } from './state.js';
export { judgeConnection, type ConnectionFacts } from './connection.js';
export { judgeSource, type SourceFacts } from './source.js';
export { judgeFilters, type FilterFacts } from './filters.js';
export { judgeTarget, type DryRun, type TargetToJudge } from './target.js';
export { judgeCapture, type CaptureFacts } from './capture.js';
export { RuleAudit, type AuditOptions } from './audit.js';
export { NameWatch, type NameTroubles, type Troubled } from './names.js';
