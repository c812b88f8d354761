/** docs/job-schema.json: scripts/make-job-schema.js writes it; a test checks that the file is current. */
import { configSchema } from '../../job/index.js';
import { optionCatalog } from './catalog.js';

export function jobSchemaText(): string {
  const nothing = optionCatalog({ readFile: () => -2, env: () => undefined, now: new Date(0) });
  return `${JSON.stringify(configSchema(nothing), null, 1)}\n`;
}
