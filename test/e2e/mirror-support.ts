/** A mirror in the test's own process, by the parser of its command line; and a storm of changes in a thread. */
import { mkdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { mirrorRequest } from '../../src/cli/commands/mirror.js';
import { processContext } from '../../src/cli/index.js';
import { parseMirror } from '../../src/cli/options/index.js';
import { Mirror, type FollowerListener, type MirrorRequest, type MirrorStatus, type SessionAbout } from '../../src/mirror/index.js';
import type { Outcome } from '../../src/session/index.js';
import { fromText } from '../../src/tree/index.js';
import type { StormData } from '../mirror/storm.js';

/** What was told, as it came; targets by their number on the command line, from 0. */
export type Told =
  | { kind: 'session'; target: number; about: SessionAbout; outcome: Outcome; at: number }
  | { kind: 'failed'; target: number; code: string; message: string; retryAt: number | undefined }
  | { kind: 'problem'; target: number; path: string; code: string }
  | { kind: 'ended'; target: number; error: unknown }
  | { kind: 'drift'; found: string[]; repaired: boolean }
  | { kind: 'condition'; condition: string }
  | { kind: 'watching' };

export class RunningMirror {
  readonly told: Told[] = [];
  /** With -v: paths that were changed on any target. */
  readonly changed: string[] = [];
  /** The last one of each target. */
  readonly statuses: MirrorStatus[] = [];
  readonly over: Promise<void>;
  readonly mirror: Mirror;
  private readonly controller = new AbortController();
  private wakers: (() => void)[] = [];

  /** `args` without the command. Settles faster than by default. `change`: what is asked, as a test wants it. */
  constructor(args: readonly string[], change: (request: MirrorRequest) => MirrorRequest = (request) => request) {
    const parsed = parseMirror(['--quiet-time=20ms', '--longest-delay=200ms', ...args].map(fromText), processContext());
    if (parsed.kind !== 'run') throw new Error('that is no run');
    let targets = 0;
    const follower = (): FollowerListener => {
      const target = targets++;
      return {
        session: (about, outcome) => this.tell({ kind: 'session', target, about, outcome, at: Date.now() }),
        failed: (code, message, retryAt) => this.tell({ kind: 'failed', target, code, message, retryAt }),
        problem: (problem) => this.tell({ kind: 'problem', target, path: problem.path, code: problem.code }),
        ...(parsed.output.verbosity === 0 ? {} : { wantsOperations: 'changes', operation: (_op, path) => { this.changed.push(path); } }),
        drift: (found, repaired) => this.tell({ kind: 'drift', found: found.map(({ path, what }) => `${path}: ${what}`), repaired }),
        ended: (error) => this.tell({ kind: 'ended', target, error }),
        status: (status) => {
          this.statuses[target] = status;
          for (const wake of this.wakers.splice(0)) wake();
        },
      };
    };
    this.mirror = new Mirror(change(mirrorRequest(parsed)), { watching: () => this.tell({ kind: 'watching' }), condition: ({ kind }) => this.tell({ kind: 'condition', condition: kind }), follower });
    this.over = this.mirror.run(this.controller.signal);
    this.over.catch(() => { for (const wake of this.wakers) wake(); }); // who waits on it hears of it by `until`
  }

  /** Waits until something that fits was told; what was told before counts too. Rejects where the mirror ends before. */
  async until<T extends Told>(fits: (told: Told) => told is T): Promise<T>;
  async until(fits: (told: Told) => boolean): Promise<Told>;
  async until(fits: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const found = this.told.find(fits);
      if (found !== undefined) return found;
      await Promise.race([new Promise<void>((resolve) => { this.wakers.push(resolve); }), this.over.then(() => { throw new Error('the mirror has ended'); })]);
    }
  }

  /** Waits until a target stands so. */
  async untilStatus(fits: (status: MirrorStatus) => boolean, target = 0): Promise<MirrorStatus> {
    for (;;) {
      const status = this.statuses[target];
      if (status !== undefined && fits(status)) return status;
      await Promise.race([new Promise<void>((resolve) => { this.wakers.push(resolve); }), this.over.then(() => { throw new Error('the mirror has ended'); })]);
    }
  }

  /** The first copy is made. */
  async copied(target = 0): Promise<void> {
    await this.until((told) => told.kind === 'session' && told.target === target && told.about.kind === 'full');
  }

  /** All that happened before is on one target. */
  async caughtUp(target: number): Promise<void> {
    await this.mirror.caughtUp(this.mirror.followers.slice(target, target + 1));
  }

  /** Sessions that went through so far. */
  sessions(kind?: SessionAbout['kind']): Extract<Told, { kind: 'session' }>[] {
    return this.told.filter((each): each is Extract<Told, { kind: 'session' }> => each.kind === 'session' && (kind === undefined || each.about.kind === kind));
  }

  async stop(): Promise<void> {
    this.controller.abort();
    await this.over;
  }

  private tell(told: Told): void {
    this.told.push(told);
    for (const wake of this.wakers.splice(0)) wake();
  }
}

/** Lets a storm of `count` steps loose on a tree, in a thread of its own; resolves when it is over. `outside`: a folder for what leaves the tree. */
export async function storm(root: string, outside: string, seed: number, count: number): Promise<void> {
  mkdirSync(outside, { recursive: true });
  const flag = new SharedArrayBuffer(8);
  const byteText = (path: string): string => Buffer.from(path).toString('latin1');
  const data: StormData = { root: byteText(root), outside: byteText(outside), seed, count, rounds: 1, flag };
  const words = new Int32Array(flag);
  Atomics.store(words, 0, 1);
  const thread = new Worker(new URL('../mirror/storm.js', import.meta.url), { workerData: data, execArgv: [] });
  await new Promise((resolve) => { thread.once('exit', resolve); });
  if (Atomics.load(words, 1) !== 1) throw new Error('the storm failed');
}

/** Kills the other end of the last connection: `pids` has the processes of a remote shell, which became, or started, the agents. */
export function cut(pids: string): void {
  const last = Number(readFileSync(pids, 'utf8').trim().split('\n').at(-1));
  const children = readFileSync(`/proc/${last}/task/${last}/children`, 'utf8').trim().split(' ').filter((each) => each !== '').map(Number);
  for (const pid of [...children, last]) process.kill(pid, 'SIGKILL');
}
