/** One run of a job at a time. */
export { askToStop, jobFolder, jobHolder, JobLock, type JobHolder, type LockRequest, type OverlapPolicy } from './lock.js';
