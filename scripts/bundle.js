/**
 * Bundles the command for a fast start: one CommonJS file for the program and one for its worker threads, in
 * dist/bundle/. Loading a hundred ES modules one by one costs several times the start of Node itself. The library
 * (dist/index.js) stays as the compiler made it. koffi and yargs are packages of their own and are not bundled.
 */
import { build } from 'esbuild';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const outdir = join(dist, 'bundle');

await build({
  entryPoints: { main: join(dist, 'cli', 'main.js'), worker: join(dist, 'endpoint', 'pool', 'worker.js') },
  outdir,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['koffi', 'yargs'],
  // What CommonJS has no word for: the file's own address, by which the pool finds worker.js beside it.
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
});
mkdirSync(outdir, { recursive: true });
writeFileSync(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
