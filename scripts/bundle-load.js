/**
 * Loads the bundle beside it with V8's code cache, where there is one that this Node made: half of what starting costs
 * beyond Node itself. A cache that does not fit is refused by V8 and the program is compiled as usual. Copied to dist/bundle/load.js.
 */
'use strict';
const { readFileSync } = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { join } = require('node:path');
const vm = require('node:vm');

const file = join(__dirname, 'main.js');

function readCache() {
  try {
    return readFileSync(join(__dirname, `main.${process.version}.cache`));
  } catch {
    return undefined; // made by another Node, or removed
  }
}

const cachedData = readCache();
const script = new vm.Script(wrap(readFileSync(file, 'latin1')), {
  filename: file,
  importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, createRequire(file), bundle, file, __dirname);
module.exports = { ...bundle.exports, script };
