/** The worker threads, and what runs in them. */
export * from './messages.js';
export { ApplyRunner } from './apply-runner.js';
export { compareFiles } from './compare-files.js';
export { ended, SpareThreads, Thread } from './threads.js';
export { WorkerPool, type PoolWorker } from './pool.js';
