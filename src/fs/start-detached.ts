/** Starts a program that goes on by itself when this one ends: in a session of its own, its output appended to a file. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { toBytes, type ByteString } from '../tree/index.js';
import { errnoOfError } from './errno.js';

/** Its process number, or a negated errno. */
export function startDetached(argv: readonly [string, ...string[]], log: ByteString): number {
  let fd = -1;
  try {
    fd = fs.openSync(toBytes(log), 'a', 0o600);
    const [file, ...args] = argv;
    const child = spawn(file, args, { stdio: ['ignore', fd, fd], detached: true });
    child.on('error', () => undefined); // it says nothing then, and whoever waits for it sees that
    child.unref();
    return child.pid ?? -1;
  } catch (error) {
    return errnoOfError(error);
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}
