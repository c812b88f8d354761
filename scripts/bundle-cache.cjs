/** Loaded into each thread of the runs by which bundle.js makes the code caches: what a thread ran is kept when it ends. */
'use strict';
const { renameSync, writeFileSync } = require('node:fs');
const { threadId } = require('node:worker_threads');

process.on('exit', () => {
  const loaded = require.cache[process.env.TWINTREE_BUNDLE_LOADER];
  if (loaded === undefined) return;
  const { script, cacheFile } = loaded.exports;
  const made = `${cacheFile}.${process.pid}-${threadId}`;
  writeFileSync(made, script.createCachedData());
  renameSync(made, cacheFile); // a run reads while the one before it may still write
});
