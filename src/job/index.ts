/** Jobs: replication that is described once and runs by itself. */
export * from './config/index.js';
export { openPace, type PaceClock } from './pace.js';
export { jobTimes, type JobTimes } from './times.js';
