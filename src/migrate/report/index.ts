/** What a migration did, as a page that stands alone and as text. Pure. */
export { migrationReport, type MigrationReportOptions } from './html.js';
export { migrationReportText } from './text.js';
export { historyOf, type MigrationHistory } from './model.js';
