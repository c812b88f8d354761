// Writes docs/options.md from the option table of the built program (run `npm run build` before).
// With --check it changes nothing and fails where the file is not current.
import { readFileSync, writeFileSync } from 'node:fs';
import { optionsDocument } from '../dist/cli/options/document.js';

const file = new URL('../docs/options.md', import.meta.url);
const text = optionsDocument();

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('docs/options.md is not current: run npm run build && node scripts/make-options-doc.js');
    process.exitCode = 1;
  }
} else writeFileSync(file, text);
