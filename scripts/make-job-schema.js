// Writes docs/job-schema.json and docs/migration-schema.json, by which editors know these files, from the descriptions that read them (run `npm run build` before).
// With --check it changes nothing and fails where a file is not current.
import { readFileSync, writeFileSync } from 'node:fs';
import { jobSchemaText, migrationSchemaText } from '../dist/cli/jobs/schema.js';

for (const [name, text] of [['job-schema.json', jobSchemaText()], ['migration-schema.json', migrationSchemaText()]]) {
  const file = new URL(`../docs/${name}`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`docs/${name} is not current: run npm run build && node scripts/make-job-schema.js`);
    process.exitCode = 1;
  }
}
