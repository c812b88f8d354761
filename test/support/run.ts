/**
 * Runs the built `twintree`, and rsync, as child processes: captured, as another user, under injected faults,
 * or killed at a chosen moment.
 *
 * A child gets an empty state folder and the C locale, so that no test sees or touches the user's own. `bin/` runs
 * what is in dist/: build first (`npm test` does).
 */
import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { REPOSITORY, tempFolder } from './temp.js';
import { bindMount } from './mounts.js';

/** The user and group id of tests that run without privileges (nobody). */
export const PLAIN_UID = 65534;

/** After so long a child counts as one that hangs, ms: before mocha gives its test up, and long enough for a machine that is busy with other things. */
const PATIENCE_MS = 240_000;

/** A plain argument, or bytes where the argument is not valid UTF-8. */
export type Argument = string | Buffer;

export interface RunOptions {
  cwd?: string;
  /** Added to the environment; undefined removes. */
  env?: Record<string, string | undefined>;
  /** Runs as this user and group, without other groups. Root only. */
  uid?: number;
  gid?: number;
  /** Written to the child's standard input, which is then closed. Default: empty. */
  input?: string | Buffer;
  /** Milliseconds until the child is killed and the run fails. Default 240,000. */
  timeout?: number;
  /**
   * strace(1) fault injections, e.g. `renameat2:signal=SIGKILL:when=3` or `write:error=ENOSPC:when=5+`. Counted for each
   * thread of the child on its own. See `whyNoInjection`.
   */
  inject?: string[];
  /** Inject only into calls on these paths (strace -P). */
  injectPaths?: string[];
  /** A limit on the size of files the child may write, bytes (RLIMIT_FSIZE). */
  maxFileSize?: number;
  /** A limit on open files (RLIMIT_NOFILE). */
  maxOpenFiles?: number;
  umask?: number;
}

export interface RunResult {
  /** Exit code; null where a signal ended the child. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  stdoutBytes: Buffer;
  ms: number;
}

interface Call {
  command: string;
  args: string[];
  spawn: SpawnOptions;
}

/** A folder for the state of children, one for the test process; every user may write there. */
const home = tempFolder('state').at('home');
mkdirSync(home);
chmodSync(home, 0o1777);
// Sessions in this process leave the user's own state alone as well.
process.env['TWINTREE_STATE_DIR'] = join(home, 'twintree-here');

function environment(options: RunOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache'), XDG_CONFIG_HOME: join(home, 'config'), TWINTREE_STATE_DIR: join(home, `twintree-${options.uid ?? 'own'}`) };
  for (const name of ['RSYNC_RSH', 'RSYNC_PARTIAL_DIR', 'RSYNC_OLD_ARGS', 'RSYNC_PROTECT_ARGS', 'CVSIGNORE', 'NODE_OPTIONS', 'NODE_V8_COVERAGE']) delete env[name];
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  return env;
}

/** Quotes an argument's bytes for bash, in ASCII only. */
function quoted(argument: Argument): string {
  let out = "$'";
  for (const byte of typeof argument === 'string' ? Buffer.from(argument) : argument) {
    out += byte > 32 && byte < 127 && byte !== 39 && byte !== 92 ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${out}'`;
}

let spare: string[] | undefined;

/** The words by which strace (5.3 or later) stops a child at the calls it is told of alone, and not at every call. Signals are not injected then (6.1). */
function sparing(): string[] {
  const words = ['--seccomp-bpf'];
  return (spare ??= spawnSync('strace', [...words, '-f', '-qqq', '-o', '/dev/null', '-e', 'trace=chdir', 'true']).status === 0 ? words : []);
}

function prepare(command: string, args: readonly Argument[], options: RunOptions): Call {
  let line: Argument[] = [command, ...args];
  if (options.inject !== undefined) {
    const calls = options.inject.flatMap((rule) => (rule.split(':')[0] as string).split(','));
    line = ['strace', ...(options.inject.every((rule) => rule.includes(':error=')) ? sparing() : []), '-f', '-qqq', '-o', '/dev/null', '-e', `trace=${calls.join(',')}`, ...options.inject.flatMap((rule) => ['-e', `inject=${rule}`]), ...(options.injectPaths ?? []).flatMap((path) => ['-P', path]), ...line];
  }
  const limits: string[] = [];
  if (options.maxFileSize !== undefined) limits.push(`ulimit -f ${Math.ceil(options.maxFileSize / 1024)}`);
  if (options.maxOpenFiles !== undefined) limits.push(`ulimit -n ${options.maxOpenFiles}`);
  if (options.umask !== undefined) limits.push(`umask ${options.umask.toString(8)}`);
  const viaShell = limits.length > 0 || line.some((part) => typeof part !== 'string');
  if (viaShell) line = ['bash', '-c', [...limits, `exec ${line.map(quoted).join(' ')}`].join('\n')]; // Node passes only text
  return {
    command: line[0] as string,
    args: line.slice(1) as string[],
    spawn: {
      cwd: options.cwd, env: environment(options),
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
    },
  };
}

/** Runs any command to its end. */
export function runCommand(command: string, args: readonly Argument[], options: RunOptions = {}): RunResult {
  const call = prepare(command, args, options);
  const start = process.hrtime.bigint();
  const { uid, gid, cwd, env } = call.spawn;
  const done = spawnSync(call.command, call.args, {
    input: options.input ?? '', timeout: options.timeout ?? PATIENCE_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 28,
    ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }), ...(cwd === undefined ? {} : { cwd }), env,
  });
  if (done.error !== undefined) throw new Error(`${command}: ${done.error.message}\n${String(done.stderr)}`);
  return {
    code: done.status, signal: done.signal, stdout: done.stdout.toString('utf8'), stderr: done.stderr.toString('utf8'),
    stdoutBytes: done.stdout, ms: Number(process.hrtime.bigint() - start) / 1e6,
  };
}

const reachable = new Map<number, string>();

/** The repository under a path that user `uid` may read: itself, or a bind mount where it lies in a closed home. */
function repositoryFor(uid: number | undefined): string {
  if (uid === undefined || uid === 0) return REPOSITORY;
  let path = reachable.get(uid);
  if (path === undefined) {
    const readable = spawnSync('test', ['-r', join(REPOSITORY, 'package.json')], { uid, gid: uid }).status === 0;
    if (readable) path = REPOSITORY;
    else {
      path = tempFolder('repository').at('bound');
      mkdirSync(path);
      bindMount(REPOSITORY, path);
    }
    reachable.set(uid, path);
  }
  return path;
}

function shim(uid: number | undefined): string {
  if (!existsSync(join(REPOSITORY, 'dist/index.js'))) throw new Error('dist/ is not built: npm run build');
  return join(repositoryFor(uid), 'bin/twintree.js');
}

/** Runs `twintree ARGS…` to its end. */
export function twintree(args: readonly Argument[], options: RunOptions = {}): RunResult {
  return runCommand(process.execPath, [shim(options.uid), ...args], options);
}

/** Runs rsync to its end, in the same surroundings. */
export function rsync(args: readonly Argument[], options: RunOptions = {}): RunResult {
  return runCommand('rsync', args, options);
}

/** Why rsync cannot be asked here, for `describeIf`. */
export function whyNoRsync(): string | undefined {
  return spawnSync('rsync', ['--version']).status === 0 ? undefined : 'rsync is missing (package rsync)';
}

/** Why a test cannot run as a plain user here, for `describeIf`. */
export function whyNoOtherUser(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root to become another user';
}

/** Why faults cannot be injected here, for `describeIf`. */
export function whyNoInjection(): string | undefined {
  if (spawnSync('strace', ['--version']).status !== 0) return 'strace is missing (package strace)';
  const tried = spawnSync('strace', ['-f', '-qqq', '-o', '/dev/null', '-e', 'trace=chdir', '-e', 'inject=chdir:error=EIO', 'true']);
  return tried.status === 0 ? undefined : 'strace may not trace here';
}

/** A folder owned by a plain user, inside `parent`. */
export function plainFolder(parent: string, name: string, uid = PLAIN_UID): string {
  const path = join(parent, name);
  mkdirSync(path);
  chownSync(path, uid, uid);
  return path;
}

/** A child that is still running. */
export class Running {
  private out: Buffer[] = [];
  private err: Buffer[] = [];
  private readonly start = process.hrtime.bigint();
  private readonly listeners = new Set<() => void>();
  private ended = false;
  readonly finished: Promise<RunResult>;

  constructor(readonly child: ChildProcess, options: RunOptions) {
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? PATIENCE_MS);
    child.stdout?.on('data', (chunk: Buffer) => this.heard(this.out, chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.heard(this.err, chunk));
    child.stdin?.on('error', () => { /* the child may end without reading its input: its result says why */ });
    child.stdin?.end(options.input ?? '');
    this.finished = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        this.ended = true;
        this.wake();
        const stdoutBytes = Buffer.concat(this.out);
        resolve({ code, signal, stdout: stdoutBytes.toString('utf8'), stderr: Buffer.concat(this.err).toString('utf8'), stdoutBytes, ms: Number(process.hrtime.bigint() - this.start) / 1e6 });
      });
    });
  }

  private heard(into: Buffer[], chunk: Buffer): void {
    into.push(chunk);
    this.wake();
  }
  private wake(): void {
    for (const listener of this.listeners) listener();
  }

  /** Standard output and error so far. */
  get printed(): string {
    return Buffer.concat([...this.out, ...this.err]).toString('utf8');
  }

  /** Waits until standard output and error together match; false where the child ended before. */
  async output(pattern: RegExp): Promise<boolean> {
    const seen = (): boolean => pattern.test(this.printed);
    while (!seen()) {
      if (this.ended) return seen();
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.listeners.delete(listener);
          resolve();
        };
        this.listeners.add(listener);
      });
    }
    return true;
  }

  /** Waits until `path` exists (its folder must exist already); false where the child ended before. */
  async exists(path: string): Promise<boolean> {
    let wakeUp = (): void => { /* set below, before anything can call it */ };
    const watcher = watch(dirname(path), (_event, name) => {
      if (name === null || name === basename(path)) wakeUp();
    });
    const listener = (): void => wakeUp();
    this.listeners.add(listener);
    try {
      while (!existsSync(path)) {
        if (this.ended) return existsSync(path);
        await new Promise<void>((resolve) => {
          wakeUp = resolve;
          if (existsSync(path) || this.ended) resolve();
        });
      }
      return true;
    } finally {
      watcher.close();
      this.listeners.delete(listener);
    }
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<RunResult> {
    this.child.kill(signal);
    return this.finished;
  }
}

/** Starts any command and returns at once. */
export function startCommand(command: string, args: readonly Argument[], options: RunOptions = {}): Running {
  const call = prepare(command, args, options);
  return new Running(spawn(call.command, call.args, { ...call.spawn, stdio: ['pipe', 'pipe', 'pipe'] }), options);
}

/** Starts `twintree ARGS…` and returns at once. */
export function startTwintree(args: readonly Argument[], options: RunOptions = {}): Running {
  return startCommand(process.execPath, [shim(options.uid), ...args], options);
}
