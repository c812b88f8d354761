/**
 * agent-program: what is sent to a host without twintree: the bundle that runs here, and where the other host is of our own kind,
 * the package for native calls (koffi) with its binary. One compressed block, the same for the same program.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { fromText, TwintreeError } from '../tree/index.js';
import type { LoaderHost } from './loader.js';

/** The program, ready to be sent. */
export interface AgentProgram {
  readonly bytes: Buffer;
  readonly sha256: string;
  /** Whether native calls are in it. */
  readonly native: boolean;
}

/** Folder of the bundle that belongs to this code: beside it, or dist/bundle of its package. Throws UNSUPPORTED where there is none. */
export function findBundle(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ;) {
    for (const found of [folder, join(folder, 'bundle'), join(folder, 'dist', 'bundle')]) {
      if (existsSync(join(found, 'load.js')) && existsSync(join(found, 'main.js'))) return found;
    }
    const above = dirname(folder);
    if (above === folder) throw new TwintreeError('UNSUPPORTED', 'the program that would be sent to the other host is not in this installation', { advice: 'Run npm run build.' });
    folder = above;
  }
}

/** Makes the program for a host. Throws IO where it cannot be read. */
export function makeProgram(bundle: string, host: LoaderHost): AgentProgram {
  const files = new Map<string, string>();
  try {
    for (const name of readdirSync(bundle).toSorted()) {
      const path = join(bundle, name);
      if (!name.endsWith('.cache') && statSync(path).isFile()) files.set(name, path);
    }
    const native = addNative(files, bundle, host);
    const bytes = pack(files);
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), native };
  } catch (error) {
    throw new TwintreeError('IO', 'the program for the other host cannot be read', { path: fromText(bundle), cause: error });
  }
}

/** koffi loads `@koromix/koffi-PLATFORM-ARCH`, and of it the binary for the C library; nothing else of both packages is needed. */
function addNative(files: Map<string, string>, bundle: string, host: LoaderHost): boolean {
  if (host.platform !== process.platform || host.arch !== process.arch) return false;
  const koffi = packageFolder(bundle, 'koffi');
  const binary = koffi === undefined ? undefined : packageFolder(join(koffi, 'index.cjs'), `@koromix/koffi-${host.platform}-${host.arch}`);
  if (koffi === undefined || binary === undefined) return false;
  const kind = `${host.libc === 'musl' ? 'musl' : host.platform}_${host.arch}`;
  const parts: [name: string, path: string][] = [
    ...['package.json', 'index.cjs', ...scriptsBelow(koffi, 'src')].map((name): [string, string] => [join('node_modules', 'koffi', name), join(koffi, name)]),
    ...['package.json', 'index.js', join(kind, 'koffi.node')].map((name): [string, string] => [join('node_modules', '@koromix', `koffi-${host.platform}-${host.arch}`, name), join(binary, name)]),
  ];
  if (!parts.every(([, path]) => existsSync(path))) return false; // another version of the package is laid out in another way
  for (const [name, path] of parts) files.set(name, path);
  return true;
}

/** The CommonJS files below a folder of a package: the rest of it is for its compiler. */
function scriptsBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = join(folder, entry.name);
    return entry.isDirectory() ? scriptsBelow(root, name) : entry.isFile() && name.endsWith('.cjs') ? [name] : [];
  });
}

/** Where Node would find a package from a place; undefined: nowhere. */
function packageFolder(from: string, name: string): string | undefined {
  for (const folder of createRequire(join(from, 'x.js')).resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  }
  return undefined;
}

function pack(files: ReadonlyMap<string, string>): Buffer {
  const index: [name: string, size: number][] = [];
  const contents: Buffer[] = [];
  for (const [name, path] of files) {
    const bytes = readFileSync(path);
    index.push([name, bytes.length]);
    contents.push(bytes);
  }
  const head = Buffer.from(JSON.stringify(index), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  const whole = Buffer.concat([length, head, ...contents]);
  return brotliCompressSync(whole, { params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: whole.length } });
}
