/**
 * Bundles the command for a fast start: one CommonJS file for the program and its worker threads, in dist/bundle/, and
 * the code that V8 made of it. Loading a hundred ES modules one by one costs several times the start of Node itself.
 * The library (dist/index.js) stays as the compiler made it. Packages are not bundled.
 */
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = dirname(fileURLToPath(import.meta.url));
const outdir = join(scripts, '..', 'dist', 'bundle');

const { version } = JSON.parse(readFileSync(join(scripts, '..', 'package.json'), 'utf8'));

mkdirSync(outdir, { recursive: true });
for (const name of readdirSync(outdir)) if (name.endsWith('.cache')) rmSync(join(outdir, name));
await build({
  entryPoints: { main: join(scripts, 'bundle-entry.js') },
  outdir,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['age-encryption', 'chokidar', 'koffi', 'lmdb', 'nodemailer', 'rabin-wasm', 'tar-stream', 'xxhash-wasm', 'yaml', 'yargs'],
  // What CommonJS has no word for: the file's own address, by which the pool finds worker.js beside it.
  define: { 'import.meta.url': 'bundleUrl', TWINTREE_VERSION: JSON.stringify(version) },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  minify: true,
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
});
copyFileSync(join(scripts, 'bundle-load.js'), join(outdir, 'load.js'));
writeFileSync(join(outdir, 'worker.js'), "'use strict';\nrequire('./load.js').serve();\n");
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
makeCache();

/**
 * Runs small syncs, so that what a sync needs is compiled, and keeps the code: here, to another host and from it; then archives and evidence, each of whose threads
 * has a cache of its own. Each run adds to the cache of the one before it. Without a cache the start is only slower.
 */
function makeCache() {
  const folder = mkdtempSync(join(tmpdir(), 'twintree-bundle-'));
  try {
    const [from, to, shell, command] = ['a', 'c', 'shell', '../bin/twintree.js'].map((name, k) => (k < 3 ? join(folder, name) : join(scripts, name)));
    mkdirSync(join(from, 'b'), { recursive: true });
    writeFileSync(join(from, 'b', 'file'), 'content');
    writeFileSync(shell, '#!/bin/sh\nshift\nexec sh -c "$*"\n', { mode: 0o755 });
    const run = (...words) => {
      const done = spawnSync(process.execPath, [command, ...words], {
        encoding: 'utf8', env: { ...process.env, TWINTREE_STATE_DIR: join(folder, 'state'), TWINTREE_BUNDLE_LOADER: join(outdir, 'load.js'), NODE_OPTIONS: `--require=${JSON.stringify(join(scripts, 'bundle-cache.cjs'))}` },
      });
      if (done.status !== 0) process.stderr.write(`no code cache was made: ${done.stderr}\n`);
    };
    const remote = ['-e', shell, `--rsync-path=${process.execPath} ${command}`, '--no-bootstrap'];
    for (const words of [[`${from}/`, to], [...remote, `${from}/`, `host:${to}`], [...remote, `host:${from}/`, to]]) {
      mkdirSync(join(to, 'd'), { recursive: true });
      writeFileSync(join(to, 'd', 'old'), 'old');
      run('sync', '-aHAX', '--delete', '-iq', ...words);
      rmSync(to, { recursive: true });
    }
    for (let k = 0; k < 300; k++) writeFileSync(join(from, 'b', `f${k}`), `content ${k}`); // enough that threads take part
    run('seed', 'export', `${from}/`, join(folder, 'a.tar'), '--quiet');
    run('seed', 'import', join(folder, 'a.tar'), to, '--quiet');
    run('evidence', 'make', '--index', '--quiet', `${from}/`, `${to}/`, '-o', join(folder, 'evidence'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
