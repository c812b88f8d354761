/** Options and operations, and the pure rules that turn two listings into a plan. */
export * from './options.js';
export * from './operation.js';
export { decodeOptions, encodeOptions } from './options-codec.js';
export * from './codec.js';
export * from './chmod.js';
export * from './modes.js';
export * from './symlink-policy.js';
export * from './id-map.js';
export * from './planner.js';
export type { Probe, TargetFacts } from './kept-attributes.js';
export * from './reason.js';
export * from './acl.js';
export * from './fake-super.js';
export * from './xattr-policy.js';
export { MOST_APART, nameDistance } from './similar-name.js';
export { Renames, type MovedIn, type Rename } from './renames.js';
export { renameSteps, type RenameStep } from './rename-steps.js';
