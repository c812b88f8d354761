/** The scan: both trees walked together, folder by folder, into the plan. */
export * from './types.js';
export * from './selection.js';
export { addFindings, emptyFindings, rootRun, Walker, type WalkSignals } from './walker.js';
