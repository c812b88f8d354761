/** A client's process as the test sees it: what was acknowledged, what failed, and for how long nobody answered. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { ClientLine, Plan } from './client.js';
import type { ThreeHosts } from './hosts.js';
import type { Running } from '../../support/index.js';

const PROGRAM = fileURLToPath(new URL('./client.js', import.meta.url));

export class Load {
  readonly lines: ClientLine[] = [];
  /** What was written and acknowledged, by number. */
  readonly acknowledged = new Map<number, string>();
  private readonly running: Running;
  private partial = '';
  private readonly wakers = new Set<() => void>();

  constructor(hosts: ThreeHosts, plan: Plan) {
    this.running = hosts.start('client', [process.execPath, PROGRAM, JSON.stringify(plan)]);
    this.running.child.stdout?.on('data', (bytes: Buffer) => {
      const lines = (this.partial + bytes.toString('utf8')).split('\n');
      this.partial = lines.pop() ?? '';
      for (const line of lines) this.take(JSON.parse(line) as ClientLine);
      this.wake();
    });
    this.running.child.on('close', () => this.wake());
  }

  /** Waits until so many writes were acknowledged from now on. */
  async more(count: number): Promise<void> {
    const now = Date.now();
    const since = (): number => this.lines.filter(({ op, ok, at }) => op === 'write' && ok && at > now).length;
    while (since() < count) {
      const over = await Promise.race([this.running.finished, new Promise<undefined>((resolve) => { this.wakers.add(() => resolve(undefined)); })]);
      if (over !== undefined) assert.fail(`the client ended: ${over.stderr}`);
    }
  }

  /**
   * The longest time without an answer, milliseconds: from one answer to the next, of those that ended after `since` (milliseconds since 1970). Undefined
   * where there were none of this kind.
   */
  gap(op: ClientLine['op'], since = 0): number | undefined {
    const answered = this.lines.filter((line) => line.op === op && line.ok).map(({ at }) => at);
    if (answered.length === 0) return undefined;
    let longest = 0;
    for (let k = 1; k < answered.length; k++) if ((answered[k] as number) >= since) longest = Math.max(longest, (answered[k] as number) - (answered[k - 1] as number));
    return longest;
  }

  /** For how long a client had no service: of writes or reads, whichever was gone for longer. */
  downtime(since = 0): number {
    return Math.max(this.gap('write', since) ?? 0, this.gap('read', since) ?? 0);
  }

  /** Answers of a server that knew less than a client had been told before. */
  get lies(): string[] {
    return this.lines.filter(({ error }) => error !== undefined && /^(?:GONE|WRONG) /.test(error)).map(({ error }) => error as string);
  }

  /** Ends it after the work at hand. */
  async end(): Promise<void> {
    const { code, stderr } = await this.running.kill('SIGTERM');
    assert.equal(code, 0, stderr);
  }

  private take(line: ClientLine): void {
    this.lines.push(line);
    if (line.op === 'write' && line.ok) this.acknowledged.set(line.n, line.value ?? '');
  }

  private wake(): void {
    for (const waker of this.wakers) waker();
    this.wakers.clear();
  }
}
