// Writes docs/job-schema.json, by which editors know a configuration of jobs, from the description that reads it (run `npm run build` before).
// With --check it changes nothing and fails where the file is not current.
import { readFileSync, writeFileSync } from 'node:fs';
import { jobSchemaText } from '../dist/cli/jobs/schema.js';

const file = new URL('../docs/job-schema.json', import.meta.url);
const text = jobSchemaText();

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('docs/job-schema.json is not current: run npm run build && node scripts/make-job-schema.js');
    process.exitCode = 1;
  }
} else writeFileSync(file, text);
