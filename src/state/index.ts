/** What is remembered between runs. A cache: it may be deleted at any time, and never lies inside a tree. */
export { pairName, stateFolder } from './place.js';
export { RootGuard, type GuardedRoot } from './root-guard.js';
export { Fence, type Holder } from './fence.js';
