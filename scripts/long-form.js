/** What the long forms of the tests have in common: each part is a test file that `npm test` has built, run by itself with its own environment. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** For a test that hangs; what takes longer says so itself. */
const LIMIT_MS = 600_000;
const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Runs the parts in their order; the process ends with the exit code of the first one that fails. @param parts [file, environment, what it is, by default its environment] */
export function runParts(parts) {
  for (const [file, env, title = JSON.stringify(env)] of parts) {
    process.stdout.write(`\n${file} ${title}\n`);
    const mocha = [at('node_modules/mocha/bin/mocha.js'), '--no-config', '--reporter', at('test/support/reporter.cjs'), '--timeout', String(LIMIT_MS), at(file)];
    const { status } = spawnSync(process.execPath, mocha, { stdio: 'inherit', env: { ...process.env, ...env } });
    if (status !== 0) process.exit(status ?? 1);
  }
}
