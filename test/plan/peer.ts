/** The real rsync beside us, for tests that ask what it does; and a temporary folder that goes with the test. */
import { spawnSync } from 'node:child_process';
import { useTempFolder } from '../support/index.js';

const version = /version (\d+)\.(\d+)/.exec(spawnSync('rsync', ['--version'], { encoding: 'utf8' }).stdout ?? '');

/** Whether an rsync of at least this version is installed. */
export function hasRsync(major: number, minor: number): boolean {
  if (!version) return false;
  const found = [Number(version[1]), Number(version[2])] as const;
  return found[0] > major || (found[0] === major && found[1] >= minor);
}

/** Runs a command with a umask. */
export function run(command: string, args: readonly string[], umask = 0o022): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('sh', ['-c', `umask ${umask.toString(8)}; exec "$@"`, 'sh', command, ...args], { encoding: 'latin1' });
}

/**
 * Whether rsync, run by a user, leaves a folder that should have this mode with more: it opens each folder
 * for its owner while it works in it, and takes that back only where the owner may not write.
 */
export function leftOpen(mode: number): boolean {
  return process.getuid?.() !== 0 && (mode & 0o200) !== 0 && (mode & 0o500) !== 0o500;
}

/** Registers hooks that make a folder before each test and remove it after. */
export function withFolder(): { readonly path: string } {
  return useTempFolder('plan');
}
