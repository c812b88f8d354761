/** A small world for a conductor: a service that is either on the old side or on the new one, as files that real hooks make and take away. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Conductor, Journal, standOf, type Following, type FollowStatus, type MigrationDefinition, type MigrationHook, type MigrationPorts, type OperationName, type Proof, type Request, type SessionResult } from '../../src/migrate/index.js';
import { ownAtHost } from '../../src/transport/index.js';
import { fromText, type ByteString } from '../../src/tree/index.js';
import { REPOSITORY } from '../support/temp.js';

export const PROGRAM = ownAtHost([process.execPath, join(REPOSITORY, 'bin/twintree.js')], true);
const NEAR: FollowStatus = { phase: 'following', lagMs: 0, backlogFiles: 0, backlogBytes: 0, complete: true, sessions: 1, files: 0, bytes: 0, trouble: null, failing: [] };
const DONE: SessionResult = { ok: true, ms: 1, entries: 1, files: 1, bytes: 1, sent: 1, message: '' };
const EQUAL: Proof = { ok: true, message: 'equal', fact: { event: 'evidence', file: 'f', root: 'r', key: 'k', mode: 'full', sample: 1, entries: 1, bytes: 1, differences: 0, extras: 0, missing: 0, losses: 0, ok: true } };

export const sh = (line: string): MigrationHook => ({ command: ['sh', '-c', line], side: 'source', timeoutMs: 10_000 });

export class World {
  readonly folder: ByteString;
  readonly definition: MigrationDefinition;
  /** What ports were asked for, in order. */
  readonly calls: string[] = [];
  ports: MigrationPorts;
  /** How near the target is. */
  near: () => FollowStatus = () => NEAR;
  private readonly oldServes: string;
  private readonly newServes: string;

  constructor(private readonly home: string, change: Partial<MigrationDefinition> = {}) {
    this.folder = fromText(home);
    this.oldServes = join(home, 'old.serves');
    this.newServes = join(home, 'new.serves');
    this.definition = {
      name: 'world', source: '/s/', target: '/t', words: [], reverse: true, key: undefined, final: 'dirty', converge: { lagMs: 1000, backlogBytes: 1, steadyMs: 0, patienceMs: 10_000 },
      // Whoever starts a side while the other one serves has failed: that is what must never be.
      freeze: { prepare: [], hooks: [sh(`rm -f ${this.oldServes}`)], thaw: [sh(`test ! -e ${this.newServes} && touch ${this.oldServes}`)], release: [], limitMs: 20_000, quietMs: 1 }, verify: { mode: 'full', sample: 1 },
      switch: { hooks: [sh(`test ! -e ${this.oldServes} && touch ${this.newServes}`)], undo: [sh(`rm -f ${this.newServes}`)], health: { hook: sh(`test -e ${this.newServes}`), attempts: 2, everyMs: 10 } },
      rehearse: { on: { kind: 'clone' }, hooks: [], undo: [] }, finish: { hooks: [] }, ...change,
    };
    this.ports = {
      ways: { there: undefined, env: {} }, targetHost: undefined,
      forward: () => this.following('forward'), back: () => this.following('back'),
      session: async (direction, { target }) => this.called(`session ${direction}${target === undefined ? '' : ` ${target}`}`, DONE),
      prove: async ({ direction, target }) => this.called(`prove ${direction}${target === undefined ? '' : ` ${target}`}`, EQUAL),
      digestAhead: async () => { await this.called('digest', undefined); }, warm: () => Promise.resolve(),
      makeClone: async () => this.called('clone', '/clone'), dropClone: async (clone) => { await this.called(`drop ${clone}`, undefined); },
      writers: async () => Promise.resolve([]), forecast: () => ({ ms: 1, plusMinusMs: 1, parts: [] }),
    };
    this.reset();
  }

  /** The old side serves, and nothing has happened. */
  reset(): void {
    for (const name of ['journal.jsonl', 'new.serves', 'guard.lock']) rmSync(join(this.home, name), { force: true });
    writeFileSync(this.oldServes, '');
    Journal.open(this.folder).add({ event: 'planned', name: 'world', source: '/s/', target: '/t', host: null, entries: 1, bytes: 1, lost: [] });
    this.calls.length = 0;
  }

  get serves(): string {
    return [existsSync(this.oldServes) ? 'old' : '', existsSync(this.newServes) ? 'new' : ''].filter((side) => side !== '').join(' and ') || 'nobody';
  }

  setServing(side: 'old' | 'new' | 'nobody'): void {
    rmSync(this.oldServes, { force: true });
    rmSync(this.newServes, { force: true });
    if (side !== 'nobody') writeFileSync(side === 'old' ? this.oldServes : this.newServes, '');
  }

  get state(): string {
    return standOf(Journal.open(this.folder).events)?.state ?? 'none';
  }

  get journal(): Journal {
    return Journal.open(this.folder);
  }

  /** A conductor does this one after the other, then ends. Whether each did what it should. */
  async conduct(...requests: Request[]): Promise<boolean[]> {
    const journal = Journal.open(this.folder);
    const conductor = new Conductor({ definition: this.definition, journal, ports: this.ports, folder: this.folder, program: PROGRAM });
    const controller = new AbortController();
    const results: boolean[] = [];
    const [first, ...rest] = requests;
    const stand = standOf(journal.events);
    let resumed = stand?.state === 'switching' || (stand?.state === 'rolling-back' && stand.operation !== undefined);
    const ended = new Promise<void>((resolve, reject) => {
      journal.follow((event) => {
        if (event.event !== 'operation' || event.phase !== 'ended') return;
        if (resumed) {
          resumed = false;
          if (first === undefined) resolve();
          return;
        }
        results.push(event.ok);
        setImmediate(() => {
          const next = rest.shift();
          try {
            if (next === undefined) resolve();
            else conductor.ask(next);
          } catch (error) {
            reject(error as Error);
          }
        });
      });
    });
    const run = conductor.run(controller.signal, first);
    try {
      await Promise.race([ended, run]);
      if (first === undefined) await run.catch(() => undefined); // at rest it ends by itself
    } finally {
      controller.abort();
      await run;
    }
    return results;
  }

  /** It recovers what the journal tells, and is ended as soon as nothing is under way. */
  async recover(): Promise<void> {
    const conductor = new Conductor({ definition: this.definition, journal: Journal.open(this.folder), ports: this.ports, folder: this.folder, program: PROGRAM });
    const controller = new AbortController();
    controller.abort(); // it recovers first, and goes to the end of what had begun
    await conductor.run(controller.signal);
  }

  private following(what: string): Following {
    this.calls.push(`${what} begins`);
    let stop: () => void = () => undefined;
    const over = new Promise<void>((resolve) => { stop = resolve; });
    return {
      status: () => this.near(), rest: () => this.called('rest', undefined), rouse: () => { this.calls.push('rouse'); }, hurry: () => undefined, heard: () => this.called('heard', undefined), caughtUp: () => Promise.resolve(), events: () => 1, over,
      stop: async () => {
        this.calls.push(`${what} ends`);
        stop();
        await Promise.resolve();
      },
    };
  }

  private async called<T>(what: string, result: T): Promise<T> {
    this.calls.push(what);
    return Promise.resolve(result);
  }
}

export const ask = (what: OperationName, more: Partial<Request> = {}): Request => ({ what, ...more });

export function assertServes(world: World, side: string, why: string): void {
  assert.equal(world.serves, side, why);
}
