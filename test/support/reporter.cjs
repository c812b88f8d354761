/**
 * Mocha's spec reporter with one more line at the end, for machines: `N passed, N failed`.
 * A failed hook counts as failed, so does a file whose worker process crashed or could not load it, and so does a run that
 * ends early; the exit code is then never 0.
 */
'use strict';
const { relative } = require('node:path');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_FAIL } = Runner.constants;

class SpecWithCount extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    let ended = false;
    let told = '';
    const tell = () => {
      const { passes, failures } = runner.stats;
      const line = `${passes} passed, ${ended ? failures : failures + 1} failed\n`;
      if (line !== told) process.stdout.write(line);
      told = line;
    };
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      // What belongs to no test carries the file that a worker was to run.
      if (typeof error?.file === 'string') test.title += ` (${relative(process.cwd(), error.file)})`;
    });
    runner.once(EVENT_RUN_END, () => {
      ended = true;
      tell();
    });
    // Once more where that has changed: of several files that a worker could not run, all but the first are told after the end.
    process.once('exit', () => {
      if (!ended) process.stdout.write('\nthe tests ended before all had run\n');
      if (!ended || runner.stats.failures > 0) process.exitCode ||= 1;
      tell();
    });
  }
}

module.exports = SpecWithCount;
