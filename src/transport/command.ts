/**
 * command: a connection over a child's stdin and stdout. The child is started without a shell; its stderr passes to ours
 * while its last words are kept. Works in a worker thread. The connection is over when the child has exited and its output was read.
 */
import { spawn } from 'node:child_process';
import { TwintreeError } from '../tree/index.js';
import type { Connection, ConnectionEnd, ConnectOptions } from './connection.js';
import { deferred } from './deferred.js';
import { LastWords } from './last-words.js';
import { PairDuplex } from './pair-duplex.js';

/** From the child's exit until its stderr is no longer waited for, ms. */
const GRACE_MS = 300;
/** From SIGTERM to SIGKILL, ms. */
const PATIENCE_MS = 2000;

/** Starts the child. Rejects with CONNECT where it cannot be started. */
export async function startCommand(argv: readonly string[], env: Readonly<Record<string, string>> | undefined, options: ConnectOptions, detached = false): Promise<Connection> {
  const [file, ...args] = argv;
  if (file === undefined || file === '') throw new TwintreeError('USAGE', 'the remote shell is an empty command');
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached, env: env === undefined ? process.env : { ...process.env, ...env } });
  const words = new LastWords(options.stderr);
  child.stderr.on('data', (bytes: Buffer) => { words.push(bytes); });
  child.stderr.on('error', () => { child.stderr.destroy(); }); // nothing more will be read; the exit code still tells
  const stream = new PairDuplex(child.stdout, child.stdin);
  let failure: Error | undefined;
  stream.on('error', (error) => { failure ??= error; });
  const { promise: started, resolve: start, reject: refuse } = deferred<void>();
  const { promise: ended, resolve: end } = deferred<ConnectionEnd>();
  let over = false;
  child.once('spawn', () => { start(); });
  child.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error;
    if (child.pid !== undefined) return; // a signal could not be sent
    over = true;
    end({ error });
    refuse(new TwintreeError('CONNECT', `${file} cannot be started: ${startFailure(error)}`, { cause: error }));
  });
  // ssh may leave a shared connection's master behind that holds stderr open for hours: the child's exit ends what is kept of it.
  child.once('exit', () => {
    over = true;
    setTimeout(() => { child.stderr.destroy(); }, GRACE_MS).unref();
  });
  child.once('close', (code, signal) => {
    over = true;
    words.end();
    end({
      ...(code === null ? {} : { exitCode: code }),
      ...(signal === null ? {} : { signal }),
      ...(words.text === '' ? {} : { lastWords: words.text }),
      ...(failure === undefined ? {} : { error: failure }),
    });
  });
  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    stream.destroy();
    if (over) return;
    child.kill('SIGTERM');
    child.stderr.destroy();
    const timer = setTimeout(() => { if (!over) child.kill('SIGKILL'); }, PATIENCE_MS);
    timer.unref();
  };
  await started;
  return { stream, about: aboutCommand(argv), notices: [], ended, close };
}

function startFailure(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT': return 'there is no such program';
    case 'EACCES': return 'it may not be executed';
    default: return error.message;
  }
}

/** The command for messages: its program, without the arguments. */
function aboutCommand(argv: readonly string[]): string {
  const file = argv[0] ?? '';
  return file.slice(file.lastIndexOf('/') + 1);
}
