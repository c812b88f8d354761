/** Following a tree: capture tells what may differ, settling when it is due. */
export type { Hint, HintReason, HintScope } from './hint.js';
export * from './settle/index.js';
export * from './capture/index.js';
export * from './control/index.js';
export * from './follow/index.js';
