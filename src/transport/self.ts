/** What this end says of itself when a connection is opened. */
import { createRequire } from 'node:module';
import type { HelloHost } from '../wire/index.js';

/** Program and version; a program that was sent to this host without its package does not know its version. */
export function ownProgram(): string {
  try {
    const { version } = createRequire(import.meta.url)('twintree/package.json') as { version: string };
    return `twintree ${version}`;
  } catch {
    return 'twintree';
  }
}

/** What it runs on, now. */
export function ownHost(): HelloHost {
  return { node: process.versions.node, system: `${process.platform} ${process.arch}`, clock: Date.now() };
}
