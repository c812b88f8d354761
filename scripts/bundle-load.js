/**
 * Loads the bundle beside it with V8's code cache, where there is one that this Node made: half of what starting costs
 * beyond Node itself. Each kind of thread has a cache of its own, of what it runs. A cache that does not fit is refused by V8 and the
 * program is compiled as usual. Copied to dist/bundle/load.js.
 */
'use strict';
const { readFileSync } = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { join } = require('node:path');
const vm = require('node:vm');
const { isMainThread, workerData } = require('node:worker_threads');

const file = join(__dirname, 'main.js');
const kind = isMainThread ? 'main' : (workerData?.run ?? 'pool');
const cacheFile = join(__dirname, `${kind}.${process.version}.cache`);

function readCache() {
  try {
    return readFileSync(cacheFile);
  } catch {
    return undefined; // made by another Node, or removed
  }
}

/** Parts of Node that take milliseconds to set up and that most threads never call are set up at the first call. */
const DEAR = new Set(['node:child_process', 'node:crypto', 'node:tls', 'node:zlib']);
const ordinary = createRequire(file);
function lazily(id) {
  if (!DEAR.has(id)) return ordinary(id);
  let part;
  return new Proxy({}, { get: (_, name) => (part ??= ordinary(id))[name] });
}

const cachedData = readCache();
const script = new vm.Script(wrap(readFileSync(file, 'latin1')), {
  filename: file,
  importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, lazily, bundle, file, __dirname);
module.exports = { ...bundle.exports, script, cacheFile };
