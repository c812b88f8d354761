/**
 * stdio: this process' own stdin and stdout as a connection, in any thread: pipes and sockets (a shell, ssh, inetd), and
 * files where a recorded session is played. Nobody else may write to stdout then. Terminals are refused.
 */
import { closeSync, createReadStream, createWriteStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { TwintreeError } from '../tree/index.js';
import type { Connection, ConnectionEnd } from './connection.js';
import { deferred } from './deferred.js';
import { PairDuplex } from './pair-duplex.js';

/** Opens fds 0 and 1. Once in a process. */
export function openStdio(): Connection {
  if (isatty(0) || isatty(1)) {
    throw new TwintreeError('USAGE', 'stdin and stdout are a terminal', { advice: 'The server mode is started by another twintree, over ssh for example.' });
  }
  const input: Readable = isStream(0) ? new Socket({ fd: 0, readable: true, writable: false }) : createReadStream('', { fd: 0, autoClose: true });
  const output: Writable = isStream(1) ? new Socket({ fd: 1, readable: false, writable: true }) : createWriteStream('', { fd: 1, autoClose: true });
  const { promise: ended, resolve: end } = deferred<ConnectionEnd>();
  const stream = new PairDuplex(input, output);
  let failure: Error | undefined;
  let open = 2;
  stream.on('error', (error) => { failure ??= error; });
  const closed = (): void => {
    if (--open > 0) return;
    occupy();
    end(failure === undefined ? {} : { error: failure });
  };
  input.once('close', closed);
  output.once('close', closed);
  return { stream, about: 'standard input and output', notices: [], ended, close: () => { stream.destroy(); } };
}

function isStream(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}

/** The next file to be opened must not become stdout: what some library prints would go into it. */
function occupy(): void {
  for (;;) {
    const fd = openSync('/dev/null', 'r+');
    if (fd <= 2) continue;
    closeSync(fd);
    return;
  }
}
