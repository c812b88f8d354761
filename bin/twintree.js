#!/usr/bin/env node
/**
 * The command. A shim: it answers --version by itself and loads the program only where it is needed, so
 * that starting costs little more than starting Node.
 */
import { readFileSync } from 'node:fs';

const first = process.argv[2];
if ((first === '--version' || first === '-V') && process.argv.length === 3) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`twintree ${version}\n`);
} else {
  const { main } = await import('../dist/cli/main.js');
  await main();
}
