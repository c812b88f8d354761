/** The version, from the package's own package.json. The shim answers a plain --version itself, without loading this. */
import { createRequire } from 'node:module';

/** The line of --version, with its newline. */
export function versionText(): string {
  const { version } = createRequire(import.meta.url)('twintree/package.json') as { version: string };
  return `twintree ${version}\n`;
}
