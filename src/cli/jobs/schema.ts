/** docs/job-schema.json and docs/migration-schema.json: scripts/make-job-schema.js writes them; tests check that the files are current. */
import { configSchema, type OptionCatalog } from '../../job/index.js';
import { definitionSchema } from '../../migrate/index.js';
import { optionCatalog } from './catalog.js';

export function jobSchemaText(): string {
  return `${JSON.stringify(configSchema(nothing()), null, 1)}\n`;
}

export function migrationSchemaText(): string {
  return `${JSON.stringify(definitionSchema(nothing()), null, 1)}\n`;
}

function nothing(): OptionCatalog {
  return optionCatalog({ readFile: () => -2, env: () => undefined, now: new Date(0) });
}
