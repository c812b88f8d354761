#!/usr/bin/env node
/**
 * The long form of the tests of migrations, after `npm test` has built them: real services with more data, each moved there and back beside the same move by rsync, told
 * with the time for which clients had no service; a whole server at once; and trouble in every state, as often as TWINTREE_MIGRATE_ROUNDS says
 * (default 5). As root. Ends with the exit code of the first part that fails.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const parts = [
  ['build/test/e2e/migrate/services.test.js', 1],
  ['build/test/e2e/migrate/trouble.test.js', Number(process.env.TWINTREE_MIGRATE_ROUNDS ?? 5)],
];
for (const [file, rounds] of parts) {
  for (let round = 1; round <= rounds; round++) {
    process.stdout.write(`\n${file}${rounds > 1 ? `, round ${round} of ${rounds}` : ''}\n`);
    const { status } = spawnSync(process.execPath, [at('node_modules/mocha/bin/mocha.js'), '--no-config', '--reporter', at('test/support/reporter.cjs'), '--timeout', '600000', at(file)], { stdio: 'inherit', env: { ...process.env, TWINTREE_MIGRATE: 'long' } });
    if (status !== 0) process.exit(status ?? 1);
  }
}
