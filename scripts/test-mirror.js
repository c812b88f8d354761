#!/usr/bin/env node
/**
 * The long form of the tests of the mirror, after `npm test` has built them: real programs and storms change its source for minutes, with kills of
 * either side, cuts of the connection and a full disk in between. TWINTREE_MIRROR_SECONDS says for how long each part (default 180),
 * TWINTREE_MIRROR_SEED when trouble comes. Uses git and python3, and stress-ng and PostgreSQL where they are installed. As root. Ends with the exit code of
 * the first part that fails.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const parts = [
  ['build/test/e2e/mirror.test.js', { MIRROR_STORMS: process.env.MIRROR_STORMS ?? '10' }],
  ['build/test/e2e/mirror-real.test.js', { TWINTREE_MIRROR_SECONDS: process.env.TWINTREE_MIRROR_SECONDS ?? '180' }],
];
for (const [file, env] of parts) {
  process.stdout.write(`\n${file} ${JSON.stringify(env)}\n`);
  const { status } = spawnSync(process.execPath, [at('node_modules/mocha/bin/mocha.js'), '--no-config', '--reporter', at('test/support/reporter.cjs'), '--timeout', '600000', at(file)], { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) process.exit(status ?? 1);
}
