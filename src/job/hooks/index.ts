/** Commands that run around a run. */
export { hookEnvironment, runHooks, type HookOptions, type HookSpec } from './hooks.js';
