#!/usr/bin/env node
/**
 * The long form of the tests between hosts, after `npm test` has built them: a connection that is cut a hundred times (TWINTREE_CUTS says another
 * number), all lies of a hostile host, and all options over a real sshd and over TLS. Ends with the exit code of the first part that fails.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const parts = [
  ['build/test/e2e/remote-hostile-agent.test.js', { TWINTREE_HOSTILE: 'all' }],
  ['build/test/fault/remote-cut.test.js', { TWINTREE_CUTS: process.env.TWINTREE_CUTS ?? '100' }],
  ['build/test/e2e/remote-parity.test.js', { TWINTREE_CARRIER: 'ssh' }],
  ['build/test/e2e/remote-parity.test.js', { TWINTREE_CARRIER: 'tls' }],
];
for (const [file, env] of parts) {
  process.stdout.write(`\n${file} ${JSON.stringify(env)}\n`);
  const { status } = spawnSync(process.execPath, [at('node_modules/mocha/bin/mocha.js'), '--no-config', '--reporter', at('test/support/reporter.cjs'), '--timeout', '600000', at(file)], { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) process.exit(status ?? 1);
}
