/** Two hosts on one machine: a remote shell that runs its command here, and a sync over it beside the same sync between local trees. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../../src/cli/errors.js';
import { REPOSITORY } from '../support/temp.js';
import { sync } from './attributes-support.js';
import { twintree, type RunOptions, type RunResult, type TempFolder } from '../support/index.js';

/** The program, as the remote shell starts it. */
export const REMOTE_PATH = `${process.execPath} ${join(REPOSITORY, 'bin/twintree.js')}`;

/** Writes a remote shell that runs the command on this machine, as ssh would hand it to the user's shell there. Returns its path. */
export function remoteShell(tmp: TempFolder, before = ''): string {
  const path = tmp.at('rsh');
  writeFileSync(path, `#!/bin/sh\nwhile [ "$1" = -l ] || [ "$1" = -p ]; do shift 2; done\nshift\n${before}\nexec sh -c "$*"\n`);
  chmodSync(path, 0o755);
  return path;
}

export type Way = 'local' | 'push' | 'pull';

/** The words that make a sync go that way over `shell`. */
export function wayArgs(way: Way, shell: string): string[] {
  return way === 'local' ? [] : ['-e', shell, `--rsync-path=${REMOTE_PATH}`, '--no-bootstrap', '--retries=0'];
}

/** Runs `sync OPTIONS from to` that way; both are paths of this machine, absolute. */
export function syncBy(way: Way, shell: string, options: readonly string[], from: string, to: string, run: RunOptions = {}): RunResult {
  return twintree(['sync', ...wayArgs(way, shell), ...options, way === 'pull' ? `host:${from}` : from, way === 'push' ? `host:${to}` : to], run);
}

/** Runs `sync ARGUMENTS` with this process as the client; the other host is a process as ever. */
export async function syncHere(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  try {
    const { code, lines, stderr } = await sync([...args]);
    return { code, stdout: lines.join('\n'), stderr };
  } catch (error) {
    const { exitCode, text } = describeError(error, false);
    return { code: exitCode, stdout: '', stderr: text };
  }
}
