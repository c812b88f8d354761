/**
 * A program that runs beside this one and is watched: its lines are handed on, and it ends when this process does, however that ends: its standard input is a pipe
 * whose other end is here, and closes then.
 */
import { spawn } from 'node:child_process';
import { TwintreeError } from '../tree/index.js';

/** Longest line that is handed on, characters; the rest of it is left out. */
const LONGEST_LINE = 8192;

export interface ChildRun {
  readonly pid: number;
  /** How it ended. Never rejects. */
  readonly over: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Asks it to end in good order (SIGTERM). */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Starts `argv` with no shell. `line` gets what it prints, on either stream, without the end of line.
 * @throws TwintreeError IO where it cannot be started.
 */
export async function startChild(argv: readonly [string, ...string[]], env: NodeJS.ProcessEnv, line: (text: string) => void): Promise<ChildRun> {
  const [file, ...args] = argv;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => { reject(new TwintreeError('IO', `${file} cannot be started: ${error.message}`, { cause: error })); });
  });
  child.on('error', () => undefined); // a signal that could not be sent: it has ended
  child.stdin.on('error', () => undefined); // it closed its end
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
      for (const each of lines) line(each.slice(0, LONGEST_LINE));
    });
    stream.on('end', () => { if (rest !== '') line(rest); });
  }
  const over = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => { child.once('close', (code, signal) => { resolve({ code, signal }); }); });
  return { pid: child.pid ?? 0, over, stop: () => { child.kill('SIGTERM'); }, kill: () => { child.kill('SIGKILL'); } };
}
