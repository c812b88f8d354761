/** A migration of a small service in which a test has anything go wrong at a moment that it chooses: hooks, processes of either side, the cable. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { REPOSITORY } from '../../support/index.js';
import { EXAMPLES, type ThreeHosts } from './hosts.js';
import { Load } from './load.js';
import { Migration, SHIM } from './migration.js';
import { Keeper } from './services.js';
import { quoted } from './units.js';

const PROGRAMS = join(REPOSITORY, 'test/e2e/migrate/programs');
const NAME = 'trouble';
const LOOK_MS = 10;

/** What hooks can be made to do: end with an error, the same after their work, never end, be killed, wait to be let go. */
export type HookFault = 'fail' | 'fail-after' | 'hang' | 'die' | 'hold';
/** `drop`: the switch hook on the old host; `switch`: that on the new one. */
export type HookKind = 'freeze' | 'thaw' | 'drop' | 'switch' | 'undo' | 'health' | 'finish';

export class Trouble {
  readonly service: Keeper;
  readonly migration: Migration;
  readonly load: Load;
  private readonly faults: string;

  private constructor(readonly hosts: ThreeHosts, service: Keeper) {
    this.service = service;
    this.faults = hosts.at('old', 'faults');
    mkdirSync(this.faults);
    const hook = (kind: HookKind, command: string): string => `[${[join(PROGRAMS, 'hook.sh'), this.faults, kind, command].map((word) => JSON.stringify(word)).join(', ')}]`;
    const address = (verb: string): string => `${join(EXAMPLES, 'address.sh')} ${verb} ${service.address}/24 eth0`;
    const start = `systemctl start keeper && ${address('take')}`;
    const held = [join(PROGRAMS, 'held.sh'), this.faults, hosts.at('old', 'state/migrations', NAME, 'journal.jsonl'), process.execPath, SHIM].map(quoted).join(' ');
    this.migration = new Migration(hosts, NAME, `migration: ${NAME}
source: ${service.data('old')}/
target: box:${service.data('new')}
options: { rsh: ${JSON.stringify(hosts.sshd.rsh)}, rsync-path: ${JSON.stringify(held)}, timeout: 3 }
converge: { lag: 2s, steady: 50ms }
freeze:
  hooks: [ { run: ${hook('freeze', 'systemctl stop keeper')}, timeout: 2s } ]
  thaw: [ { run: ${hook('thaw', start)}, timeout: 2s } ]
  limit: 1m
  quiet: 50ms
final: full
verify: index
switch:
  hooks: [ { run: ${hook('drop', address('drop'))} }, { run: ${hook('switch', start)}, at: target, timeout: 2s } ]
  undo: [ { run: ${hook('undo', `${address('drop')}; systemctl stop keeper`)}, at: target, timeout: 2s } ]
  health: { run: ${hook('health', `curl -fsS --max-time 1 http://${service.address}:7000/health`)}, attempts: 3, every: 50ms, timeout: 2s }
finish: { hooks: [ { run: ${hook('finish', 'true')}, timeout: 2s } ] }
`);
    this.load = new Load(hosts, { ...service.plan(), pause: 40 });
  }

  static async begin(hosts: ThreeHosts): Promise<Trouble> {
    const service = new Keeper(hosts, 'files');
    await service.begin();
    const made = new Trouble(hosts, service);
    await made.load.more(5);
    await made.migration.plan();
    return made;
  }

  /** From now on a hook goes wrong in this way. */
  hook(kind: HookKind, fault: HookFault): void {
    writeFileSync(join(this.faults, kind), fault);
  }

  /** Hooks and what serves the other host do what they should again; what was held goes on. */
  heal(): void {
    rmSync(this.faults, { recursive: true });
    mkdirSync(this.faults);
  }

  /** What is started on the new host while the migration is in this state waits to be let go. */
  holdStarts(state: string): void {
    writeFileSync(join(this.faults, 'start'), state);
  }

  /** Waits until a hook, or a start, is held. */
  async held(what: HookKind | 'start'): Promise<void> {
    while (!existsSync(join(this.faults, `${what}.held`))) {
      const { running } = this.migration;
      if (running !== undefined && (running.child.exitCode ?? running.child.signalCode) !== null) assert.fail(`the conductor ended before ${what} was held: ${running.printed}\n${this.migration.told()}`);
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    }
  }

  /** Processes of ours on a host, but for the conductor. */
  processes(host: 'old' | 'new', like: RegExp): number[] {
    return spawnSync('ip', ['netns', 'pids', this.hosts.lan.host(host).name], { encoding: 'utf8' }).stdout.split('\n').map(Number).filter((pid) => {
      if (pid <= 0 || pid === this.migration.running?.child.pid) return false;
      try {
        return like.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '));
      } catch {
        return false; // it has ended
      }
    });
  }

  /** kill -9 of all that serves the migration on the new host. */
  killTarget(): void {
    this.signal(/twintree\.js|held\.sh/, 'SIGKILL');
  }

  /** What serves a proof on the new host, over a connection that stands before, does nothing for now, or goes on. */
  prover(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.signal(/twintree\.js --at-host/, signal);
  }

  private signal(like: RegExp, signal: NodeJS.Signals): void {
    for (const pid of this.processes('new', like)) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** kill -9 of the conductor; resolves when it is gone. */
  async killConductor(): Promise<void> {
    await this.migration.running?.kill('SIGKILL');
  }

  /** What clients were told is on this host, which serves; and never did both. */
  async right(host: 'old' | 'new'): Promise<void> {
    await this.load.more(3);
    await this.service.verify(host, this.load);
    this.service.judge(this.load);
  }

  async close(): Promise<void> {
    this.heal();
    await this.load.end();
  }
}
