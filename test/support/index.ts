/** What tests stand on: temporary folders, trees, the independent comparer, file systems, child processes. Imports nothing of src/. */
export { runSmall } from './helper.js';
export * from './temp.js';
export * from './trees.js';
export * from './random-trees.js';
export * from './compare.js';
export * from './mounts.js';
export * from './run.js';
export * from './netns.js';
export * from './exposition.js';
export * from './well-formed.js';
