/**
 * A client under load, as a process on the client's host: writes numbered things one after another and reads, for as long as it lives. Prints a JSON line for every answer
 * and every failure. An answer in time is what counts: what takes longer than the time-out is a failure, and the next is tried at once, with the next number. SIGTERM ends it
 * after the work at hand.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

/** What the client is to do; `pause`: milliseconds between two operations, and after a failure. */
export type Plan = { readonly address: string; readonly pause?: number } & (
  /** PUT /PREFIX<n>-<hash> and GET of those and of the given ones, whose names end with the hash of their content (sha256, hexadecimal). */
  | { readonly kind: 'http'; readonly port: number; readonly prefix: string; readonly known: readonly string[] }
  /** Rows of table `numbered`, through psql, beside pgbench with so many transactions a second; undefined: as many as there may be. */
  | { readonly kind: 'postgres'; readonly psql: string; readonly pgbench: string; readonly rate?: number }
  /** Pushes of commits `n` to main of a repository. */
  | { readonly kind: 'git'; readonly repository: string; readonly work: string }
);

/** `at`: when the answer was there, milliseconds since 1970; `ms`: after how long. */
export interface ClientLine { readonly op: 'write' | 'read'; readonly n: number; readonly ok: boolean; readonly at: number; readonly ms: number; readonly value?: string; readonly error?: string }

const TIMEOUT_MS = 1000;
const PAUSE_MS = 5;

interface Load {
  /** Resolves with what was written, when it was acknowledged. */
  write(n: number): Promise<string>;
  read?(): Promise<void>;
  end?(): void;
}

const state = { ending: false };
process.once('SIGTERM', () => { state.ending = true; });

function http(plan: Plan & { kind: 'http' }): Load {
  const known = [...plan.known];
  const ask = (method: string, path: string, body?: Buffer): Promise<{ status: number; body: Buffer }> => new Promise((resolve, reject) => {
    const asked = request({ host: plan.address, port: plan.port, method, path, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS), headers: body === undefined ? {} : { 'content-length': body.length } }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => { resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts) }); });
    });
    asked.on('error', reject);
    asked.end(body);
  });
  return {
    write: async (n) => {
      const body = Buffer.from(`${n} `.repeat(50 + ((n * 37) % 2000)));
      const name = `${plan.prefix}${n}-${createHash('sha256').update(body).digest('hex')}`;
      const { status } = await ask('PUT', `/${name}`, body);
      if (status < 200 || status > 299) throw new Error(`PUT: ${status}`);
      known.push(name);
      return name;
    },
    read: async () => {
      const name = known[Math.floor(Math.random() * known.length)];
      if (name === undefined) return;
      const { status, body } = await ask('GET', `/${name}`);
      // Whatever was acknowledged once is there from then on: anything else is an answer of the wrong server.
      if (status === 404) throw new Error(`GONE ${name}`);
      if (status !== 200) throw new Error(`GET: ${status}`);
      if (createHash('sha256').update(body).digest('hex') !== name.slice(-64)) throw new Error(`WRONG ${name}`);
    },
  };
}

function postgres(plan: Plan & { kind: 'postgres' }): Load {
  const env = { ...process.env, PGHOST: plan.address, PGUSER: 'postgres', PGDATABASE: 'postgres', PGCONNECT_TIMEOUT: '2' };
  let session: { child: ChildProcess; answer: (line: string | undefined) => void } | undefined;
  const connect = (): { child: ChildProcess; answer: (line: string | undefined) => void } => {
    const child = spawn(plan.psql, ['-XAtq', '-v', 'ON_ERROR_STOP=1'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const made = { child, answer: (_line: string | undefined): void => undefined };
    createInterface(child.stdout).on('line', (line) => { made.answer(line); });
    child.stdin.on('error', () => undefined); // its end says so
    child.on('close', () => {
      if (session === made) session = undefined;
      made.answer(undefined);
    });
    return made;
  };
  let load: ChildProcess | undefined;
  const bench = (): void => {
    if (state.ending) return;
    load = spawn(plan.pgbench, ['-n', '-c', '2', '-T', '100000', ...(plan.rate === undefined ? [] : ['-R', String(plan.rate)])], { env, stdio: 'ignore' });
    load.on('close', () => setTimeout(bench, 100));
  };
  bench();
  return {
    write: async (n) => {
      const value = createHash('sha256').update(String(n)).digest('hex');
      session ??= connect();
      const { child } = session;
      const late = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
      const line = await new Promise<string | undefined>((resolve) => {
        (session as NonNullable<typeof session>).answer = resolve;
        child.stdin?.write(`begin; insert into numbered values (${n}, '${value}'); commit; select ${n};\n`);
      });
      clearTimeout(late);
      if (line !== String(n)) throw new Error(`psql: ${line ?? 'no connection'}`);
      return value;
    },
    end: () => {
      load?.kill('SIGTERM');
      session?.child.kill('SIGTERM');
    },
  };
}

function git(plan: Plan & { kind: 'git' }): Load {
  const run = (timeout: number, ...args: string[]): void => {
    const done = spawnSync('git', ['-C', plan.work, '-c', 'user.name=client', '-c', 'user.email=client@example.com', '-c', 'gc.auto=0', ...args], { encoding: 'utf8', timeout, killSignal: 'SIGKILL' });
    if (done.status !== 0) throw new Error(`git ${args[0]}: ${done.stderr}${String(done.error?.message ?? '')}`);
  };
  return {
    write: async (n) => {
      writeFileSync(join(plan.work, `file${n % 7}`), `${n}\n`.repeat(100));
      run(10_000, 'add', '.');
      run(10_000, 'commit', '-q', '-m', String(n));
      run(2 * TIMEOUT_MS, 'push', '-q', `git://${plan.address}/${plan.repository}`, 'HEAD:main');
      await wait(0); // signals are heard
      return String(n);
    },
  };
}

function loadOf(plan: Plan): Load {
  switch (plan.kind) {
    case 'http': return http(plan);
    case 'postgres': return postgres(plan);
    case 'git': return git(plan);
  }
}

async function repeat(op: 'write' | 'read', act: (n: number) => Promise<string | void>): Promise<void> {
  for (let n = 0; !state.ending; n++) {
    const began = performance.now();
    let line: Pick<ClientLine, 'ok' | 'value' | 'error'>;
    try {
      const value = await act(n);
      line = { ok: true, ...(value === undefined ? {} : { value }) };
    } catch (error) {
      line = { ok: false, error: error instanceof Error ? error.message : String(error) };
    }
    const now = performance.now();
    process.stdout.write(`${JSON.stringify({ op, n, at: performance.timeOrigin + now, ms: now - began, ...line } satisfies ClientLine)}\n`);
    await wait(plan.pause ?? PAUSE_MS);
  }
}

const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const load = loadOf(plan);
const { read } = load;
await Promise.all([repeat('write', (n) => load.write(n)), ...(read === undefined ? [] : [repeat('read', () => read())])]);
load.end?.();
