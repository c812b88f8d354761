/** One run of a job. */
export { conductRun, type RunRequest, type WorkContext, type WorkEnd } from './conduct.js';
export { LagWatch } from './lag-watch.js';
