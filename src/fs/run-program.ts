/**
 * run-program: runs a program that a person has named, to its end or to a limit of time. No shell is involved. It is given a process group of
 * its own, so that a limit ends its children with it. Of what it says the end is kept, so that no output, however long, costs memory.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import type { Writable } from 'node:stream';
import { signalGroup } from './processes.js';

export interface ProgramRequest {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to its standard input, which is then closed. */
  readonly input: string;
  /** Milliseconds until it is ended (SIGTERM to its group). */
  readonly timeoutMs: number;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Bytes of its output (standard output and error as they come) that are kept: the last ones. */
  readonly keep: number;
  /** Told the number of its process group before it begins: it waits until this has returned, and never begins where this process ends before. */
  readonly before?: (group: number) => void;
  /** Ends it as the limit of time does. */
  readonly signal?: AbortSignal;
}

export interface ProgramResult {
  /** Null where it was not started or a signal ended it. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Why it could not be started. */
  startError: string | null;
  timedOut: boolean;
  /** `request.signal` ended it. */
  aborted: boolean;
  /** The end of its output, read as UTF-8. */
  output: string;
  /** Bytes of output in all. */
  outputBytes: number;
  durationMs: number;
}

/** From the program's end until its output is no longer waited for, ms: what it left in the background may hold it open for ever. */
const LAST_OUTPUT_MS = 300;
/** Milliseconds between two looks whether a group that was told to end is gone. */
const LOOK_MS = 20;

/** Waits for a line on handle 3, then becomes the program; where there is none, whoever would have written it is gone. Its process and group are the program's. */
const GATE = ['/bin/sh', '-c', 'read -r go <&3 || exit 125; exec 3<&-; exec "$@"', 'gate'] as const;

function letGo(child: ChildProcess, before: ProgramRequest['before']): void {
  const gate = child.stdio[3] as Writable | null | undefined;
  gate?.on('error', () => undefined); // it was ended meanwhile
  try {
    if (child.pid !== undefined) before?.(child.pid);
    gate?.end('go\n');
  } catch (error) {
    gate?.destroy();
    throw error;
  }
}

/** Whether a program can be started by this name, as far as one can see. What is not there tells so itself. */
function isThere(file: string, env: Readonly<Record<string, string>>): boolean {
  const places = file.includes('/') ? [file] : (env['PATH'] ?? '').split(':').map((folder) => `${folder === '' ? '.' : folder}/${file}`);
  return places.some((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs it. Never rejects. */
export async function runProgram(request: ProgramRequest): Promise<ProgramResult> {
  const begun = performance.now();
  const tail = new Tail(request.keep);
  const [file, ...args] = request.argv;
  const result = (more: Partial<ProgramResult>): ProgramResult => ({
    exitCode: null, signal: null, startError: null, timedOut: false, aborted: false, output: tail.text(), outputBytes: tail.total, durationMs: Math.round(performance.now() - begun), ...more,
  });
  if (file === undefined || file === '') return result({ startError: 'the command is empty' });
  if (request.signal?.aborted === true) return result({ aborted: true });
  let child: ChildProcess;
  try {
    const waits = request.before !== undefined && isThere(file, request.env);
    const [program, words] = waits ? [GATE[0], [...GATE.slice(1), ...request.argv]] : [file, args];
    child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe', ...(waits ? ['pipe' as const] : [])], env: { ...request.env }, detached: true, ...(request.cwd === undefined ? {} : { cwd: request.cwd }) });
    if (waits) letGo(child, request.before);
  } catch (error) {
    return result({ startError: error instanceof Error ? error.message : String(error) }); // a NUL in an argument
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes: Buffer) => { tail.push(bytes); });
    stream?.on('error', () => { stream.destroy(); }); // nothing more will be read; the exit code still tells
  }
  child.stdin?.on('error', () => undefined); // it need not read what it is given
  child.stdin?.end(request.input);
  return new Promise((resolve) => {
    let why: 'timedOut' | 'aborted' | undefined;
    let killer: NodeJS.Timeout | undefined;
    const end = (reason: 'timedOut' | 'aborted'): void => {
      if (why !== undefined) return;
      why = reason;
      signalChild(child, 'SIGTERM');
      killer = setTimeout(() => { signalChild(child, 'SIGKILL'); }, request.graceMs);
    };
    const timer = setTimeout(() => { end('timedOut'); }, request.timeoutMs);
    const onAbort = (): void => { end('aborted'); };
    request.signal?.addEventListener('abort', onAbort);
    const done = (more: Partial<ProgramResult>): void => {
      clearTimeout(timer);
      clearTimeout(killer);
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result({ ...more, ...(why === undefined ? {} : { [why]: true }) }));
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) done({ startError: startFailure(error) });
    });
    child.once('exit', (exitCode, signal) => {
      const cut = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, LAST_OUTPUT_MS);
      child.once('close', () => {
        clearTimeout(cut);
        if (why === undefined) done({ exitCode, signal });
        else untilGone(child, request.graceMs, () => { done({ exitCode, signal }); }); // its children may take no notice of SIGTERM
      });
    });
  });
}

/** What a program inherits of this process' environment. */
export function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What is wrong with how a program ended, half a sentence; null: nothing. @param ended how it is said that `signal` ended it. */
export function programTrouble({ startError, timedOut, aborted, exitCode, signal }: ProgramResult, timeoutMs: number, ended: string): string | null {
  if (startError !== null) return `it cannot be started: ${startError}`;
  if (timedOut) return `it took longer than ${timeoutMs / 1000} s and was ended`;
  if (aborted) return ended;
  if (signal !== null) return `it was ended by ${signal}`;
  return exitCode === 0 ? null : `it ended with exit code ${exitCode}`;
}

/** Whether any process of the group got it. */
function signalChild({ pid }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  return pid !== undefined && signalGroup(pid, signal);
}

/** Waits until the group has ended, which SIGKILL sees to after `graceMs`. A group's number is not given away while it has a member. */
function untilGone(child: ChildProcess, graceMs: number, then: () => void): void {
  const until = performance.now() + graceMs;
  const look = (): void => {
    if (signalChild(child, 0) && performance.now() < until) {
      setTimeout(look, LOOK_MS);
      return;
    }
    signalChild(child, 'SIGKILL');
    then();
  };
  look();
}

function startFailure(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT': return 'there is no such program';
    case 'EACCES': return 'it may not be executed';
    default: return error.message;
  }
}

/** The last bytes of a stream. */
class Tail {
  total = 0;
  private parts: Buffer[] = [];
  private held = 0;

  constructor(private readonly keep: number) {}

  push(bytes: Buffer): void {
    this.total += bytes.length;
    this.parts.push(bytes.length > this.keep ? bytes.subarray(bytes.length - this.keep) : bytes);
    this.held += Math.min(bytes.length, this.keep);
    if (this.held > 2 * this.keep + 65536) this.shrink();
  }

  text(): string {
    this.shrink();
    return Buffer.concat(this.parts).toString('utf8');
  }

  private shrink(): void {
    const all = Buffer.concat(this.parts);
    const end = Buffer.from(all.subarray(Math.max(0, all.length - this.keep)));
    this.parts = [end];
    this.held = end.length;
  }
}
