/** Commands around the states of a migration. */
export { runMigrationHook, runMigrationHooks, type HookFact, type HookWays, type MigrationHook } from './hooks.js';
export { endLeftHook } from './left.js';
export { There } from './there.js';
