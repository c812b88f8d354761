/** Syncs over a connection that breaks where a test wants it to: the client in this process, a relay, and a real agent. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, processContext } from '../../src/cli/index.js';
import type { Outcome, SessionListener } from '../../src/session/index.js';
import { runRemote, type RemoteRequest } from '../../src/session/remote/index.js';
import { runSync } from '../../src/session/run.js';
import type { ByteString } from '../../src/tree/index.js';
import { REPOSITORY, type TempFolder } from '../support/index.js';
import type { Cut, RelayLine, RelayPlan } from './remote-relay.js';

export type { Cut } from './remote-relay.js';
export type Direction = 'push' | 'pull';

const RELAY = fileURLToPath(new URL('./remote-relay.js', import.meta.url));
export const AGENT = [process.execPath, join(REPOSITORY, 'bin/twintree.js'), '--server'];

const bytes = (text: string): ByteString => Buffer.from(text, 'utf8').toString('latin1') as ByteString;

/** What one run over a relay did. */
export interface CutRun {
  outcome: Outcome | undefined;
  error: Error | undefined;
  notices: string[];
  problems: string[];
  /** Bytes and turns of each attempt, in the order in which they ended. */
  attempts: { in: number; out: number; turns: number }[];
  /** Process ids of the agents. */
  agents: number[];
}

/** How a run is made. */
export interface CutOptions { cuts?: readonly (Cut | null)[]; retries?: number; signal?: AbortSignal; listener?: SessionListener; log?: string; agent?: readonly string[]; timeoutMs?: number; compression?: RemoteRequest['link']['compression'] }

let runs = 0;

/** The request for `sync ARGS from to` that way. */
export function requestFor(direction: Direction, args: readonly string[], from: string, to: string, argv: string[], over: Partial<RemoteRequest['link']> = {}): RemoteRequest {
  const parsed = parseSync([...args.map(bytes), bytes('--'), bytes(from), bytes(to)], processContext());
  assert.ok(parsed.kind === 'run');
  return {
    direction, sources: [bytes(from)], target: bytes(to), options: parsed.options, connect: { kind: 'command', argv }, root: undefined,
    link: { connectTimeoutMs: 0, timeoutMs: 0, compression: 'off', retries: 0, firstWaitMs: 1, ...over },
  };
}

/** Runs it over a relay. */
export async function runOver(tmp: TempFolder, direction: Direction, args: readonly string[], from: string, to: string, how: CutOptions = {}): Promise<CutRun> {
  const log = how.log ?? tmp.at(`relay-${process.pid}-${runs++}.log`);
  const plan: RelayPlan = { log, cuts: how.cuts ?? [] };
  const request = requestFor(direction, args, from, to, [process.execPath, RELAY, JSON.stringify(plan), ...(how.agent ?? AGENT)], { retries: how.retries ?? 0, timeoutMs: how.timeoutMs ?? 0, connectTimeoutMs: 60_000, ...(how.compression === undefined ? {} : { compression: how.compression }) });
  const run: CutRun = { outcome: undefined, error: undefined, notices: [], problems: [], attempts: [], agents: [] };
  try {
    run.outcome = await runRemote(request, {
      ...how.listener,
      notice: (code, message) => { run.notices.push(`${code}: ${message}`); },
      problem: (problem) => { run.problems.push(`${problem.code} ${problem.path} ${problem.message}`); },
    }, how.signal);
  } catch (error) {
    run.error = error as Error;
  }
  await gone(logOf(log).map((line) => line.relay ?? 0).filter((pid) => pid !== 0));
  const lines = logOf(log);
  run.attempts = lines.filter((line) => line.in !== undefined).map((line) => ({ in: line.in ?? 0, out: line.out ?? 0, turns: line.turns ?? 0 }));
  run.agents = lines.filter((line) => line.pid !== undefined).map((line) => line.pid ?? 0);
  return run;
}

export function logOf(log: string): RelayLine[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as RelayLine) : [];
}

/** The same between trees of this host. */
export async function runLocal(args: readonly string[], from: string, to: string): Promise<Outcome> {
  const { sources, target, options } = requestFor('push', args, from, to, []);
  return runSync({ sources, target, options });
}

/** Names of ours that are left below a folder. (Node's own recursive listing goes round in symlinks.) */
export function left(root: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(Buffer.from(root), { withFileTypes: true, encoding: 'buffer' })) {
    const name = entry.name.toString('latin1');
    if (name.startsWith('.~t')) found.push(name);
    if (entry.isDirectory() && !/[\x80-\xff]/.test(name)) for (const path of left(join(root, name))) found.push(`${name}/${path}`);
  }
  return found;
}

/** Waits until the processes are gone: an old session ends by itself when it finds its connection broken. */
export async function gone(pids: readonly number[], ms = 120_000): Promise<void> {
  const until = performance.now() + ms;
  for (const pid of pids) {
    while (existsSync(`/proc/${pid}`)) {
      assert.ok(performance.now() < until, `process ${pid} goes on`);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }
}
