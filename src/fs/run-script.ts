/** run-script: runs a piece of JavaScript in a process of its own, for what might end the process that does it. */
import { spawnSync } from 'node:child_process';

/** True where `code` came to its end within `timeout` milliseconds. It sees `args` as process.argv from index 1. */
export function runScript(code: string, args: readonly string[], timeout: number): boolean {
  const done = spawnSync(process.execPath, ['-e', code, ...args], { timeout, stdio: 'ignore', killSignal: 'SIGKILL', env: { PATH: process.env['PATH'] } });
  return done.status === 0;
}
