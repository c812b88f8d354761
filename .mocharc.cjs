/**
 * How the tests run. Files named on the command line are run alone: mocha would add them to the list that stands here. The long
 * files come first, so that none of them is left for the end, when the other processes have nothing to do.
 */
'use strict';

const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

// With it each Node reads all certificates of the system when it starts, which takes longer than the rest of its start. No test asks the world.
delete process.env.NODE_EXTRA_CA_CERTS;

/** Longest first, by the CPU that they take. */
const LONG = [
  'e2e/migrate/trouble', 'e2e/migrate/services', 'e2e/promote', 'e2e/migrate', 'e2e/mirror-hosts',
  'e2e/remote-parity', 'e2e/remote-serve-confine', 'e2e/remote-resume', 'e2e/batch', 'e2e/select-filters', 'e2e/remote-hostile-client', 'e2e/remote-netns', 'e2e/remote-recorded', 'e2e/remote-serve',
  'fault/end', 'race/swap', 'e2e/remote-sshd', 'fault/kill', 'e2e/remote-hostile-agent', 'endpoint/apply-undo', 'e2e/remote-silent', 'cli/delta', 'cli/command', 'fault/space', 'endpoint/apply-remote', 'session/state',
  'e2e/select', 'e2e/attributes', 'e2e/remote-hostile', 'e2e/delete', 'e2e/output', 'e2e/remote-followed', 'e2e/remote-rules', 'filter/rsync-interop', 'session/properties', 'e2e/attributes-filesystems', 'e2e/links-symlinks',
];
/** All test files that were built, each once: a file that a list names and a pattern finds as well would be run twice. */
function files() {
  const root = join(__dirname, 'build', 'test');
  const found = existsSync(root) ? readdirSync(root, { recursive: true }).filter((name) => name.endsWith('.test.js')).sort() : [];
  const rank = (name) => [/^(?:session|fault|race)\//, /^e2e\//].findIndex((pattern) => pattern.test(name)) >>> 0; // what is in neither comes last
  const rest = found.toSorted((x, y) => rank(x) - rank(y));
  return [...new Set([...LONG.map((name) => `${name}.test.js`).filter((name) => found.includes(name)), ...rest])].map((name) => `build/test/${name}`);
}

const named = process.argv.slice(2).some((arg) => /\.test\.js$/.test(arg) || /^--spec(?:=|$)/.test(arg) || /^(?:\.\/)?build\//.test(arg));

module.exports = {
  ...(named ? {} : { spec: files() }),
  reporter: 'test/support/reporter.cjs',
  timeout: 300000, // for a test that hangs; how fast something is, is for benchmarks
  parallel: true,
  jobs: 4,
};
