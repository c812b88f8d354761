/** Somebody who writes into a tree and knows when each write was acknowledged; and what of it must be on a copy that is said to be complete up to a moment. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, normalize } from 'node:path';

/** One acknowledged write: of a file that is replaced as a careful program does it, or deleted (each seventh version), and `log` bytes of a file that only grows. */
interface Ack { name: string; version: number; at: number; log: number }

const LOG = 'log';

export class Writer {
  readonly acks: Ack[] = [];
  private readonly versions = new Map<string, number>();
  private log = '';
  private stopped = false;
  private over: Promise<void> | undefined;

  constructor(private readonly root: string, private seed: number) {
    for (const folder of ['one', 'two/deep']) mkdirSync(join(root, folder), { recursive: true });
  }

  /** Writes on until `stop`. */
  start(): void {
    this.over = this.work();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.over;
  }

  private async work(): Promise<void> {
    while (!this.stopped) {
      for (let k = 0; k < 4; k++) this.write();
      await new Promise((resolve) => { setTimeout(resolve, 4); });
    }
  }

  /** A write, or a deletion, and the moment after it. Each version has a size of its own. */
  write(): void {
    const name = `${['one', 'two/deep', '.'][this.random(3)] ?? ''}/f${this.random(12)}`;
    const version = (this.versions.get(name) ?? 0) + 1;
    if (version % 7 === 0) rmSync(join(this.root, name), { force: true });
    else {
      writeFileSync(join(this.root, `${name}.new`), text(version)); // what overwrites a file where it stands may be seen at half
      renameSync(join(this.root, `${name}.new`), join(this.root, name));
    }
    this.versions.set(name, version);
    const line = `${name} ${version}\n`;
    appendFileSync(join(this.root, LOG), line);
    this.log += line;
    this.acks.push({ name, version, at: Date.now(), log: this.log.length });
  }

  /** What a copy lacks of what was acknowledged before the moment. A later version than that is as good. */
  missing(copy: string, upTo: number): string[] {
    const wanted = new Map<string, number>();
    const log = existsSync(join(copy, LOG)) ? readFileSync(join(copy, LOG), 'utf8') : '';
    let least = 0;
    for (const ack of this.acks) {
      if (ack.at >= upTo) continue;
      wanted.set(ack.name, ack.version);
      least = ack.log;
    }
    const logged = log.length >= least && this.log.startsWith(log);
    return [...(logged ? [] : [LOG]), ...[...wanted].filter(([name, from]) => {
      const has = existsSync(join(copy, name)) ? readFileSync(join(copy, name), 'utf8') : undefined;
      for (let version = from; version <= (this.versions.get(name) ?? 0); version++) if (has === (version % 7 === 0 ? undefined : text(version))) return false;
      return true;
    }).map(([name]) => name)];
  }

  private random(below: number): number {
    this.seed = (Math.imul(this.seed, 1_103_515_245) + 12_345) >>> 0;
    return (this.seed >>> 8) % below;
  }
}

function text(version: number): string {
  return `${version} ${'x'.repeat(version)}`;
}

/** The acknowledged writes before the moment are some, and the copy has them all, but of paths that were told to have failed or been put off (they changed while they were read). */
export function assertComplete(writer: Writer, copy: string, told: { upTo: number | null; failing: number; names: readonly string[] } | null): void {
  assert.ok(told !== null && told.upTo !== null);
  const { upTo, failing, names } = told;
  assert.ok(writer.acks.some(({ at }) => at < upTo), 'something had been acknowledged by then');
  assert.equal(names.length, failing);
  assert.deepEqual(writer.missing(copy, upTo).filter((name) => !names.includes(normalize(name))), []);
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string, patience = 60_000): Promise<void> {
  for (const end = performance.now() + patience; !holds(); await new Promise((resolve) => { setTimeout(resolve, 20); })) assert.ok(performance.now() < end, `${what}: not within ${patience} ms`);
}
