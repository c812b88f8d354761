/**
 * Mocha's spec reporter with one more line at the end, for machines: `N passed, N failed`.
 * A failed hook counts as failed, a run that ends early as well.
 */
'use strict';
const { reporters, Runner } = require('mocha');

class SpecWithCount extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = runner.stats;
      process.stdout.write(`${passes} passed, ${failures} failed\n`);
    });
  }
}

module.exports = SpecWithCount;
