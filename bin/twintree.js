#!/usr/bin/env node
/**
 * The command. A shim: it answers --version by itself and loads the program only where it is needed, so that
 * starting costs little more than starting Node. It is CommonJS (see package.json beside it), because loading
 * the first ES module alone costs a third of Node's own start.
 */
'use strict';

const first = process.argv[2];
if ((first === '--version' || first === '-V') && process.argv.length === 3) {
  const { version } = require('../package.json');
  process.stdout.write(`twintree ${version}\n`);
} else {
  void require('../dist/bundle/load.js').main();
}
