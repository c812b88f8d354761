/** Serving sides for tests: a remote shell that is bound by its own command line whatever it is told, and a daemon. */
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { startTwintree, twintree, type RunOptions, type RunResult, type Running, type TempFolder } from '../support/index.js';
import { REMOTE_PATH } from './remote-support.js';

/** A remote shell as ssh is with a forced command: what it is asked to run is not looked at. Returns its path. */
export function forcedShell(tmp: TempFolder, args: string, name = 'forced'): string {
  const path = tmp.at(name);
  writeFileSync(path, `#!/bin/sh\nexec ${REMOTE_PATH} serve --stdio ${args}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** `sync ARGS` over that shell. */
export function syncOver(shell: string, args: readonly string[], run: RunOptions = {}): RunResult {
  return twintree(['sync', '-e', shell, '--no-bootstrap', '--retries=0', ...args], run);
}

/** A port of the loopback address that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A daemon that listens, and where. */
export interface Daemon { running: Running; port: number; stop(): Promise<RunResult> }

/** Starts a daemon with this configuration (without `listen`), and waits until it listens. */
export async function startDaemon(tmp: TempFolder, config: Readonly<Record<string, unknown>>, run: RunOptions = {}): Promise<Daemon> {
  const port = await freePort();
  const file = tmp.at('daemon.json');
  writeFileSync(file, JSON.stringify(config));
  const running = startTwintree(['serve', '--listen', `127.0.0.1:${port}`, '--config', file], run);
  if (!(await running.output(/listening on/))) throw new Error(`the daemon did not start: ${(await running.finished).stderr}`);
  return { running, port, stop: () => running.kill('SIGTERM') };
}
