/** Seed archives: a tree as a standard tar archive and back, checked on the way. */
export { seedExport, type ExportOutcome, type ExportRequest } from './export.js';
export { seedImport, type ImportOutcome, type ImportRequest } from './import.js';
export type { Encryption, Opening } from './age.js';
