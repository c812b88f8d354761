/** What this program is, and what this end says of itself when a connection is opened. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findBundle } from './agent-program.js';
import type { HelloHost } from '../wire/index.js';

/** Written into the bundle by scripts/bundle.js: there is no package around a bundle that was sent to another host. */
declare const TWINTREE_VERSION: string | undefined;

/** Its version, such as 0.1.0. */
export function ownVersion(): string {
  if (typeof TWINTREE_VERSION === 'string') return TWINTREE_VERSION;
  return (createRequire(import.meta.url)('twintree/package.json') as { version: string }).version;
}

/** Program and version, as other hosts are told. */
export function ownProgram(): string {
  return `twintree ${ownVersion()}`;
}

/** What runs this program on this host, with words behind it: the one beside this code, or what this process was started by. */
export function ownCommand(): [string, ...string[]] {
  const shim = join(findBundle(), '..', '..', 'bin', 'twintree.js');
  return [process.execPath, ...process.execArgv, existsSync(shim) ? shim : (process.argv[1] ?? '')];
}

/** What it runs on, now. */
export function ownHost(): HelloHost {
  return { node: process.versions.node, system: `${process.platform} ${process.arch}`, clock: Date.now() };
}
