/** Options and operations, and the pure rules that turn two listings into a plan. */
export * from './options.js';
export * from './operation.js';
