/**
 * A mirror as a process that is killed and started again, and real programs that change its source meanwhile. All of it is judged by what the
 * mirror says on its way out (JSON lines) and by what is on the disk.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY, startTwintree, type Running } from '../support/index.js';
import type { RelayLine } from './remote-relay.js';

const PROGRAMS = join(REPOSITORY, 'test/mirror/programs');

/** A line of a mirror's --json, as far as it is looked at here. */
export interface MirrorLine {
  type: string; kind?: string; code?: string; message?: string; phase?: string; lagMs?: number; backlog?: { paths: number; failed: number; whole: boolean };
  overflows?: number; failure?: { code: string; message: string } | null; retryAt?: number; exitCode?: number; at?: number;
}

/** One mirror, through several lives. */
export class Lives {
  /** What all lives said, as it came. */
  readonly lines: MirrorLine[] = [];
  lives = 0;
  private running: Running | undefined;
  private partial = '';
  private readonly wakers = new Set<() => void>();

  constructor(private readonly args: readonly string[], private readonly env: Record<string, string>) {}

  start(): void {
    this.lives++;
    this.partial = '';
    const running = startTwintree(['mirror', '--json', ...this.args], { env: this.env, timeout: 86_400_000 });
    this.running = running;
    running.child.stdout?.on('data', (bytes: Buffer) => {
      const lines = (this.partial + bytes.toString('utf8')).split('\n');
      this.partial = lines.pop() ?? '';
      for (const line of lines) this.lines.push(JSON.parse(line) as MirrorLine);
      this.wake();
    });
    running.child.on('close', () => this.wake());
  }

  get pid(): number {
    return this.running?.child.pid ?? 0;
  }

  /** Waits for a line that fits, of those said from the `from`-th on. Fails where the mirror ends before. */
  async until(what: string, fits: (line: MirrorLine) => boolean, from = this.lines.length): Promise<void> {
    const { running } = this;
    for (let next = from; ;) {
      for (; next < this.lines.length; next++) if (fits(this.lines[next] as MirrorLine)) return;
      const over = await Promise.race([running?.finished, new Promise<undefined>((resolve) => { this.wakers.add(() => resolve(undefined)); })]);
      if (over !== undefined) assert.fail(`the mirror ended (${over.code} ${over.signal}) before ${what}: ${over.stderr}${over.stdout.slice(-2000)}`);
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.running?.kill('SIGKILL');
  }

  /** Ends it in good order. */
  async end(): Promise<void> {
    if (this.running === undefined) return;
    const { code, stderr } = await this.running.kill('SIGTERM');
    this.running = undefined;
    assert.equal(code, 0, stderr);
  }

  /** Whatever it does. */
  async away(): Promise<void> {
    await this.running?.kill('SIGKILL');
    this.running = undefined;
  }

  /** Everything that happened so far is on the target: a mark made now has come, and nothing waits. */
  async equal(source: string, target: string, mark: string): Promise<void> {
    writeFileSync(join(source, mark), mark);
    const come = (): boolean => {
      try {
        return readFileSync(join(target, mark), 'utf8') === mark;
      } catch {
        return false;
      }
    };
    await this.until('all was equal', (line) => line.type === 'status' && line.phase === 'following' && line.lagMs === 0 && line.backlog?.paths === 0 && !line.backlog.whole && come());
  }

  private wake(): void {
    for (const waker of this.wakers) waker();
    this.wakers.clear();
  }
}

/** A program that changes a folder for so many seconds. Resolves when it has ended, and tells what it said. */
export async function program(name: string, folder: string, seconds: number, ...more: string[]): Promise<string> {
  const child = spawn(join(PROGRAMS, name), [folder, String(seconds), ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { out += bytes.toString('utf8'); });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  assert.equal(code, 0, `${name}: ${out.slice(-2000)}`);
  return out;
}

/** Runs a check on a copy; what it printed. */
export function check(command: string, ...args: string[]): string {
  const done = spawnSync(command.includes('/') || !command.endsWith('.sh') ? command : join(PROGRAMS, command), args, { encoding: 'utf8' });
  assert.equal(done.status, 0, `${command} ${args.join(' ')}: ${done.stderr}${String(done.error ?? '')}`);
  return done.stdout;
}

/** Whether a program is installed. */
export function installed(...names: string[]): boolean {
  return names.every((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0);
}

/** The relay and the agent of the connection that stands now; undefined: none. */
export function connected(log: string): { relay: number; agent: number } | undefined {
  let text: string;
  try {
    text = readFileSync(log, 'utf8');
  } catch {
    return undefined;
  }
  const lines = text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as RelayLine);
  for (const { relay, pid } of lines.toReversed()) {
    if (relay === undefined || pid === undefined) continue;
    return isAlive(relay) && isAlive(pid) ? { relay, agent: pid } : undefined;
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    return /^State:\s+[^ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
