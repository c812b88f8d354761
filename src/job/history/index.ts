/** What is kept of the runs of jobs. */
export * from './record.js';
export { LagSeries } from './lag-series.js';
export { HISTORY_FORMAT, JobHistory, RETENTION, type JobStanding, type JobSummary, type Retention, type RunQuery } from './history.js';
export { newTotals, type JobTotals } from './totals.js';
