/**
 * Builds the kernel: `node wasm/build.js`. Compiles assembly/ twice, with and without SIMD, and writes both as base64 into
 * src/hash/kernel-binary.ts, from where the compiler takes them into dist/: the package needs no file look-up at run time, and the
 * room that uses the kernel stays free of I/O. Writes only where something changed; with --check it says so instead and ends with 1.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, '..', 'src', 'hash', 'kernel-binary.ts');

async function compile(features) {
  let binary;
  const { error, stderr } = await asc.main(
    ['index.ts', '--baseDir', join(here, 'assembly'), '--outFile', 'kernel.wasm', '-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--initialMemory', '1', ...features],
    { writeFile: (name, content) => { if (name.endsWith('.wasm')) binary = Buffer.from(content); } },
  );
  if (error !== null || binary === undefined) throw new Error(`the kernel does not compile:\n${stderr.toString()}`);
  return binary.toString('base64');
}

const [simd, plain] = [await compile(['--enable', 'simd']), await compile([])];
const text = `/** Made by wasm/build.js from wasm/assembly; not to be edited. */\n\n/** The kernel with SIMD, base64. */\nexport const SIMD_KERNEL = '${simd}';\n\n/** The kernel without SIMD, base64. */\nexport const PLAIN_KERNEL = '${plain}';\n`;
if (!existsSync(output) || readFileSync(output, 'utf8') !== text) {
  if (process.argv.includes('--check')) {
    process.stderr.write('src/hash/kernel-binary.ts is not what wasm/assembly gives: run node wasm/build.js\n');
    process.exitCode = 1;
  } else writeFileSync(output, text);
}
