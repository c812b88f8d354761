/**
 * How the tests run. Files named on the command line are run alone: mocha would add them to the list that stands here. The long
 * files come first, so that none of them is left for the end, when the other processes have nothing to do.
 */
'use strict';

// With it each Node reads all certificates of the system when it starts, which takes longer than the rest of its start. No test asks the world.
delete process.env.NODE_EXTRA_CA_CERTS;

/** Longest first, by the CPU that they take. */
const LONG = [
  'e2e/remote-parity', 'e2e/remote-serve-confine', 'e2e/remote-resume', 'e2e/batch', 'e2e/select-filters', 'e2e/remote-hostile-client', 'e2e/remote-netns', 'e2e/remote-recorded', 'e2e/remote-serve',
  'fault/end', 'race/swap', 'e2e/remote-sshd', 'fault/kill', 'e2e/remote-hostile-agent', 'endpoint/apply-undo', 'e2e/remote-silent', 'cli/delta', 'cli/command', 'fault/space', 'endpoint/apply-remote', 'session/state',
  'e2e/select', 'e2e/attributes', 'e2e/remote-hostile', 'e2e/delete', 'e2e/output', 'e2e/remote-followed', 'e2e/remote-rules', 'filter/rsync-interop', 'session/properties', 'e2e/attributes-filesystems', 'e2e/links-symlinks',
];
const all = ['build/test/@(session|fault|race)/**/*.test.js', 'build/test/e2e/**/*.test.js', 'build/test/!(session|fault|race|e2e)/**/*.test.js'];
const named = process.argv.slice(2).some((arg) => /\.test\.js$/.test(arg) || /^--spec(?:=|$)/.test(arg) || /^(?:\.\/)?build\//.test(arg));

module.exports = {
  ...(named ? {} : { spec: [...LONG.map((name) => `build/test/${name}.test.js`), ...all] }),
  reporter: 'test/support/reporter.cjs',
  timeout: 60000,
  parallel: true,
  jobs: 4,
};
