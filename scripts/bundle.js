/**
 * Bundles the command for a fast start: one CommonJS file for the program and its worker threads, in dist/bundle/, and
 * the code that V8 made of it. Loading a hundred ES modules one by one costs several times the start of Node itself.
 * The library (dist/index.js) stays as the compiler made it. Packages are not bundled.
 */
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = dirname(fileURLToPath(import.meta.url));
const outdir = join(scripts, '..', 'dist', 'bundle');

mkdirSync(outdir, { recursive: true });
for (const name of readdirSync(outdir)) if (name.endsWith('.cache')) rmSync(join(outdir, name));
await build({
  entryPoints: { main: join(scripts, 'bundle-entry.js') },
  outdir,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['chokidar', 'koffi', 'lmdb', 'rabin-wasm', 'xxhash-wasm', 'yargs'],
  // What CommonJS has no word for: the file's own address, by which the pool finds worker.js beside it.
  define: { 'import.meta.url': 'bundleUrl' },
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

/** Runs a small sync, so that what a sync needs is compiled, and keeps the code. Without it the start is only slower. */
function makeCache() {
  const folder = mkdtempSync(join(tmpdir(), 'twintree-bundle-'));
  try {
    mkdirSync(join(folder, 'a', 'b'), { recursive: true });
    mkdirSync(join(folder, 'c', 'd'), { recursive: true });
    writeFileSync(join(folder, 'a', 'b', 'file'), 'content');
    writeFileSync(join(folder, 'c', 'd', 'old'), 'old');
    const code = `
      const { main, script } = require(${JSON.stringify(join(outdir, 'load.js'))});
      main().then(() => require('node:fs').writeFileSync(${JSON.stringify(outdir)} + '/main.' + process.version + '.cache', script.createCachedData()));`;
    writeFileSync(join(folder, 'make.cjs'), code);
    const done = spawnSync(process.execPath, [join(folder, 'make.cjs'), 'sync', '-aHAX', '--delete', '-iq', `${join(folder, 'a')}/`, join(folder, 'c')], { encoding: 'utf8' });
    if (done.status !== 0) process.stderr.write(`no code cache was made: ${done.stderr}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
