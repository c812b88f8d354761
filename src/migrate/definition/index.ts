/** What a migration is to be: the definition file and its meaning. */
export { definitionShape } from './fields.js';
export { definitionSchema, loadDefinition, readDefinition } from './load.js';
export type { HealthCheck, MigrationDefinition } from './model.js';
