/** The version of the program. The shim answers a plain --version itself, without loading this. */
import { ownProgram } from '../transport/index.js';

/** The line of --version, with its newline. */
export function versionText(): string {
  return `${ownProgram()}\n`;
}
