/** The command line's face for the library: its options as words. */
export { parseApply, parseDoctor, parseExplain, parseExport, parseImport, parseMirror, parsePlan, parseSync, parseVerify, type Informative, type ParseContext, type ParsedRun } from './options/index.js';
export { doctorRequest } from './commands/doctor.js';
export { mirrorRequest } from './commands/mirror.js';
export { applyHow, applyRun } from './commands/apply.js';
export { migrate, migrationStatus, type MigrationCall, type MigrationStanding } from './migrate/library.js';
export { planRun } from './commands/plan.js';
export { processContext, type SessionRun } from './commands/shared.js';
export { parseEvidence } from './commands/evidence-args.js';
export { proofRequest } from './commands/evidence.js';
export { sessionRun } from './commands/remote.js';
export { exportRun, importRun } from './seed.js';
