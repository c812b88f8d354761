/**
 * Run after the tests are built: the worker threads of sessions in a test's own process load the bundle in dist/, which
 * is made of the same source, as those of the command do. Loading a hundred modules in each thread costs more than
 * most tests. Building the tests again takes it back.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const repository = new URL('../../', import.meta.url);
if (!existsSync(new URL('dist/bundle/load.js', repository))) throw new Error('dist/ is not built: npm run build');
const code = (up) => `import { createRequire } from 'node:module';\ncreateRequire(import.meta.url)('${up}dist/bundle/load.js').serve();\n`;
for (const room of ['endpoint/pool', 'endpoint/supply', 'archive', 'evidence/digest']) {
  const file = new URL(`build/src/${room}/worker.js`, repository);
  if (!existsSync(file)) throw new Error(`${fileURLToPath(file)} is missing: tsc -p test/tsconfig.json`);
  writeFileSync(file, code('../'.repeat(room.split('/').length + 2)));
}
