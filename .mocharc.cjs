/**
 * How the tests run. Files named on the command line are run alone: mocha would add them to the list that stands here. The long
 * files come first, so that none of them is left for the end, when the other processes have nothing to do.
 */
'use strict';

// With it each Node reads all certificates of the system when it starts, which takes longer than the rest of its start. No test asks the world.
delete process.env.NODE_EXTRA_CA_CERTS;

/** Longest first, by the CPU that they take. */
const LONG = [
  'e2e/remote-parity', 'e2e/attributes', 'e2e/links-symlinks', 'e2e/batch', 'e2e/remote-resume', 'e2e/attributes-filesystems', 'fault/end', 'e2e/attributes-modes', 'e2e/remote-serve',
  'e2e/remote-serve-confine', 'session/properties', 'e2e/delete', 'fault/kill', 'race/swap', 'e2e/links-hard', 'endpoint/apply-remote', 'endpoint/apply-undo', 'filter/rsync-interop', 'e2e/output',
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
