/**
 * A Python process beside each test process: it makes and compares trees (make-tree.py, compare-trees.py), runs small
 * commands, and clears up where the test process ends without doing so, SIGKILL included. Starting Python for
 * each tree would cost more than most tests.
 *
 * Requests are answered one by one and waited for, through two FIFOs: tests are synchronous here. A failure over there, or
 * the end of the helper, is thrown here. Started when this module is loaded, so that no test sees handles come.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository: the tests run from build/test/…, whatever the build folder is called. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

interface Pipes {
  requests: number;
  answers: number;
}

let pipes: Pipes | undefined = start();

/** Starts Python between two FIFOs, which are gone by name when this returns. */
function start(): Pipes {
  const folder = mkdtempSync(join(tmpdir(), 'twintree-helper-'));
  try {
    const [to, from] = [join(folder, 'requests'), join(folder, 'answers')];
    const made = spawnSync('mkfifo', [to, from], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr || String(made.error));
    // Opening one end waits for the other, except for both at once: that handle stands in until the right ones are open.
    const both = [openSync(to, 'r+'), openSync(from, 'r+')] as const;
    const theirs = [openSync(to, 'r'), openSync(from, 'w')] as const;
    const ours = { requests: openSync(to, 'w'), answers: openSync(from, 'r') };
    // A group of its own: Ctrl-C ends the tests, and the helper when it has cleared up after them.
    const child = spawn('python3', ['-ISB', join(REPOSITORY, 'test/support/helper.py')], { stdio: [...theirs, 'inherit'], detached: true });
    child.on('error', (error) => process.stderr.write(`the helper of the tests: ${error.message}\n`));
    child.unref();
    for (const fd of [...both, ...theirs]) closeSync(fd);
    return ours;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const chunk = Buffer.allocUnsafe(1 << 16);

/** One line of the helper; undefined where it has ended. */
function line(fd: number): string | undefined {
  const parts: Buffer[] = [];
  for (;;) {
    const n = readSync(fd, chunk);
    if (n === 0) return undefined;
    parts.push(Buffer.from(chunk.subarray(0, n)));
    if (chunk[n - 1] === 10) return Buffer.concat(parts).toString('latin1'); // answers are ASCII, and one at a time
  }
}

/** Asks the helper; throws what goes wrong there. `about` must be what JSON can hold. */
export function ask(what: 'make' | 'compare' | 'list' | 'run' | 'keep' | 'remove', about: object): unknown {
  pipes ??= start();
  let answer: string | undefined;
  try {
    const request = Buffer.from(`${JSON.stringify({ do: what, ...about })}\n`);
    for (let done = 0; done < request.length;) done += writeSync(pipes.requests, request, done);
    answer = line(pipes.answers);
  } finally {
    if (answer === undefined) {
      closeSync(pipes.requests);
      closeSync(pipes.answers);
      pipes = undefined; // the next question gets another one
    }
  }
  if (answer === undefined) throw new Error(`the helper of the tests ended at ${what}`);
  const { ok, error } = JSON.parse(answer) as { ok?: unknown; error?: string };
  if (error !== undefined) throw new Error(error);
  return ok;
}

/** A path as the helper takes it: one unit per byte. */
export function bytePath(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1');
}

/** Runs a command to its end, without input, its stdout thrown away. */
export function runSmall(command: string, ...args: string[]): { status: number; stderr: string } {
  return ask('run', { argv: [command, ...args].map(bytePath) }) as { status: number; stderr: string };
}
