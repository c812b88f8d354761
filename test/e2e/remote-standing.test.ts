/**
 * A connection that stays: sessions one after the other over it, each as if it were the only one; the other end killed, cut off, silent or old; nothing is left behind
 * by any number of them. STANDING_SESSIONS=1000 runs more.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { SessionOptions } from '../../src/plan/index.js';
import type { Outcome, SessionListener } from '../../src/session/index.js';
import { newOutcome } from '../../src/session/index.js';
import { openStanding, type Standing, type StandingOptions } from '../../src/session/remote/index.js';
import { fromText, TwintreeError, type RelPath } from '../../src/tree/index.js';
import { AGENT, gone, left, logOf, requestFor } from './remote-cut-support.js';
import { HostileEnd } from './remote-hostile-end.js';
import { startDaemon } from './remote-serve-support.js';
import { assertSameTree, file, makeTree, randomTree, changedTree, time, twintree, useTempFolder } from '../support/index.js';

const SESSIONS = Number(process.env['STANDING_SESSIONS'] ?? 60);
const RELAY = fileURLToPath(new URL('./remote-relay.js', import.meta.url));
const BRIDGE = fileURLToPath(new URL('./remote-bridge.js', import.meta.url));
const T = time(1_600_000_000);

describe('a connection that stays', () => {
  const tmp = useTempFolder('standing');
  let standing: Standing;
  let log: string;
  afterEach(() => standing.close());

  /** Over a relay, whose cuts are for one connection each. */
  function open(over: Partial<StandingOptions> = {}, cuts: readonly unknown[] = [], timeoutMs = 0): void {
    log = tmp.at('relay.log');
    const { connect, root, link } = requestFor('push', ['-a'], 's/', 't', [process.execPath, RELAY, JSON.stringify({ log, cuts }), ...AGENT], { timeoutMs, connectTimeoutMs: 60_000 });
    standing = openStanding({ connect, root, link, ...over });
  }
  const agents = (): number[] => logOf(log).map((line) => line.pid ?? 0).filter((pid) => pid !== 0);
  /** `sync ARGS s/ t` over it; `dirty`: these paths only. */
  async function run(args: readonly string[], dirty?: readonly string[], listener: SessionListener = {}): Promise<Outcome> {
    const { sources, target, options } = requestFor('push', args, `${tmp.at('s')}/`, tmp.at('t'), []);
    return standing.run({ sources, target, options, ...(dirty === undefined ? {} : { dirty: dirty.map((path) => ({ path: fromText(path) as unknown as RelPath, depth: 'entry' as const })) }) }, listener);
  }
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  const threads = (pid: number): number => readdirSync(`/proc/${pid}/task`).length;
  const handles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

  it('carries sessions of all kinds, each with its own outcome and events, by one process', async () => {
    open();
    let tree = randomTree(5, { entries: 40 });
    for (let round = 0; round < 5; round++) {
      makeTree(tmp.at(`s${round}`), tree, { mtime: T });
      const { sources, target, options } = requestFor('push', [['-aHAX', '--delete'], ['-aHAXc', '--delete', '-z'], ['-aHAX', '--delete', '--threads=1'], ['-aHAX', '--delete', '--no-whole-file', '--inplace'], ['-aHAX', '--delete', '--delete-before']][round] as string[], `${tmp.at(`s${round}`)}/`, tmp.at('t'), []);
      const told: string[] = [];
      const outcome = await standing.run({ sources, target, options }, { wantsOperations: 'changes', operation: (_op, path, result) => { told.push(`${path} ${result}`); } });
      assert.equal(outcome.exitCode, 0, JSON.stringify(outcome.problems));
      assert.ok(told.length > 0);
      assertSameTree(tmp.at(`s${round}`), tmp.at('t'));
      tree = changedTree(tree, round, { changes: 12 });
    }
    const shown: SessionOptions = requestFor('push', ['-a', '--delete', '--dry-run'], 's/', 't', []).options;
    const dry = await standing.run({ sources: [fromText(`${tmp.at('s0')}/`)], target: fromText(tmp.at('t')), options: shown });
    assert.equal(dry.exitCode, 0, JSON.stringify(dry.problems));
    assertSameTree(tmp.at('s4'), tmp.at('t'));
    assert.deepEqual([standing.connections, agents().length], [1, 1]);
    await standing.close();
    await gone(agents());
  });

  it(`leaves nothing behind after ${SESSIONS} sessions: handles, threads, temporary files`, async function () {
    this.timeout(600_000);
    open();
    mkdirSync(tmp.at('s/d'), { recursive: true });
    writeFileSync(tmp.at('s/d/f'), '0');
    await run(['-a']);
    const counts: { agent: [number, number]; own: [number, number] }[] = [];
    for (let k = 0; k < SESSIONS; k++) {
      writeFileSync(tmp.at('s/d/f'), `${k}`.padStart(8));
      if (k % 3 === 0) writeFileSync(tmp.at(`s/d/n${k}`), 'x');
      const outcome = await run(['-a', '--delete', '--threads=1', '--durable'], ['d/f', `d/n${k}`]);
      assert.deepEqual([outcome.exitCode, outcome.transferredFiles], [0, k % 3 === 0 ? 2 : 1]);
      const [agent = 0] = agents();
      counts.push({ agent: [handles(agent), threads(agent)], own: [handles(process.pid), threads(process.pid)] });
    }
    assert.equal(standing.connections, 1);
    assert.equal(readFileSync(tmp.at('t/d/f'), 'utf8'), `${SESSIONS - 1}`.padStart(8));
    assert.deepEqual(left(tmp.at('t')), []);
    assert.deepEqual(counts.at(-1), counts[5], 'as after the sixth session');
  });

  it('is made again where the other end is killed between two sessions, and the session does not notice', async () => {
    open();
    makeTree(tmp.at('s'), { a: file('a') }, { mtime: T });
    await run(['-a']);
    process.kill(agents()[0] ?? 0, 'SIGKILL');
    await until(() => !standing.stands);
    writeFileSync(tmp.at('s/b'), 'b');
    assert.equal((await run(['-a'], ['b'])).transferredFiles, 1);
    assert.equal(standing.connections, 2);
  });

  it('fails one session where it is cut in its middle, with an error that may pass, and the next one finishes', async () => {
    open({}, [{ way: 'out', after: 3_000_000 }]);
    makeTree(tmp.at('s'), { a: file('a'), big: file({ size: 6_000_000, seed: 1 }, { mtime: T }) }, { mtime: T });
    await run(['-a', '--exclude=big']);
    await assert.rejects(run(['-a']), (error) => error instanceof TwintreeError && error.code === 'CONNECTION_LOST');
    const outcome = await run(['-a']);
    assert.equal(outcome.exitCode, 0);
    assert.ok(outcome.literalBytes < 5_000_000, `what had come is taken up: ${outcome.literalBytes}`);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.equal(standing.connections, 2);
    await gone(agents().slice(0, 1));
    assert.deepEqual(left(tmp.at('t')), []);
  });

  it('notices between two sessions that the link is silently dead', async () => {
    open({}, [], 3000);
    makeTree(tmp.at('s'), { a: file('a') }, { mtime: T });
    await run(['-a']);
    const relay = logOf(log).find((line) => line.relay !== undefined)?.relay ?? 0;
    process.kill(relay, 'SIGSTOP');
    await until(() => !standing.stands);
    process.kill(relay, 'SIGKILL');
    writeFileSync(tmp.at('s/b'), 'b');
    assert.equal((await run(['-a'])).transferredFiles, 1);
  });

  it('is closed when no session needs it for long, and made again by the next one', async () => {
    open({ idleMs: 30 });
    makeTree(tmp.at('s'), { a: file('a') }, { mtime: T });
    await run(['-a']);
    await gone(agents());
    assert.equal((await run(['-a'])).exitCode, 0);
    assert.equal(standing.connections, 2);
  });

  it('lets others work on the target between two sessions, and knows way, rate and bytes', async () => {
    open();
    makeTree(tmp.at('s'), { a: file({ size: 400_000, seed: 1 }) }, { mtime: T });
    standing.limit(100_000_000);
    await run(['-a']);
    assert.equal(twintree(['sync', '-a', `${tmp.at('s')}/`, tmp.at('t')]).code, 0);
    assert.equal((await run(['-a', '--ignore-times'])).transferredFiles, 1);
    const way = standing.roundTrip();
    assert.ok(way !== undefined && way.minMs > 0 && way.minMs <= way.latestMs && way.queuedMs >= 0, JSON.stringify(way));
    assert.ok(standing.bytes().out > 0);
    while (standing.inFlight().queued > 0) await new Promise((resolve) => { setImmediate(resolve); }); // the last word of a session leaves a moment after it
    const { queued, unconfirmed } = standing.inFlight();
    assert.ok(queued === 0 && unconfirmed <= standing.bytes().out);
    await standing.close();
    assert.deepEqual([standing.stands, standing.roundTrip(), standing.inFlight()], [false, undefined, { queued: 0, unconfirmed: 0 }]);
    await assert.rejects(run(['-a']), /closed/);
  });

  describe('with another end that plays the agent', () => {
    let server: Server | undefined;
    let arrived: HostileEnd[];
    const waiting: (() => void)[] = [];
    afterEach(() => {
      for (const each of arrived) each.close();
      server?.close();
    });
    async function listen(): Promise<void> {
      arrived = [];
      const socket = tmp.at('socket');
      server = createServer((stream) => {
        arrived.push(new HostileEnd(stream));
        for (const wake of waiting.splice(0)) wake();
      });
      await new Promise<void>((resolve) => { server?.listen(socket, resolve); });
      const { connect: _, root, link } = requestFor('push', ['-a'], 's/', 't', [], {});
      standing = openStanding({ connect: { kind: 'command', argv: [process.execPath, BRIDGE, socket] }, root, link });
      makeTree(tmp.at('s'), { a: file('a') }, { mtime: T });
    }
    async function end(k: number): Promise<HostileEnd> {
      while (arrived[k] === undefined) await new Promise<void>((resolve) => { waiting.push(resolve); });
      return arrived[k];
    }
    const outcome = { type: 'outcome', outcome: { ...newOutcome(), problems: [] } };

    it('makes a connection for each session where the agent knows no other way, and asks it for --fsync in place of --durable', async () => {
      await listen();
      for (const k of [0, 1]) {
        const session = run(['-a', '--durable']);
        const agent = await end(k);
        agent.greet('agent');
        const opened = await agent.heard('open');
        assert.ok(opened !== undefined);
        const { replace } = opened['options'] as { replace: Record<string, unknown> };
        assert.deepEqual([replace['fsync'], replace['durable']], [true, undefined]);
        agent.control(outcome);
        assert.ok(await agent.heard('close') !== undefined);
        agent.finish();
        assert.equal((await session).exitCode, 0);
      }
      assert.equal(standing.connections, 2);
    });

    it('takes another connection where the agent asks or says anything between two sessions', async () => {
      await listen();
      const says: ((agent: HostileEnd) => void)[] = [
        (agent) => { agent.requests(1, { kind: 'walk', after: undefined }); },
        (agent) => { agent.control({ type: 'error', code: 'ABORTED', message: 'told to stop' }); },
        (agent) => { agent.control(outcome); },
      ];
      for (const [k, say] of says.entries()) {
        const session = run(['-a']);
        const agent = await end(k);
        agent.greet('agent', ['standing', 'durable']);
        assert.ok(await agent.heard('open') !== undefined);
        agent.control(outcome);
        assert.equal((await session).exitCode, 0);
        assert.ok(await agent.heard('again') !== undefined);
        say(agent);
        await until(() => !standing.stands);
      }
      const last = run(['-a']);
      const agent = await end(says.length);
      agent.greet('agent');
      await agent.heard('open');
      agent.control(outcome);
      assert.equal((await last).exitCode, 0);
      assert.equal(standing.connections, says.length + 1);
    });
  });

  it('goes through a daemon, within its limits', async () => {
    const made = (name: string): string => /sha256:[0-9a-f]{64}/.exec(twintree(['cert', 'make', tmp.at(name)]).stdout)?.[0] ?? '';
    const [pin, me] = [made('server.pem'), made('client.pem')];
    mkdirSync(tmp.at('srv/t'), { recursive: true });
    const daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('srv'), access: 'write-only', peers: [me], connections: 1, refuse: ['delete'] } } });
    try {
      const { link } = requestFor('push', ['-a'], 's/', 't', []);
      standing = openStanding({ connect: { kind: 'tls', host: '127.0.0.1', port: daemon.port, identity: tmp.at('client.pem'), pin }, root: fromText('data'), link });
      makeTree(tmp.at('s'), { a: file('a') }, { mtime: T });
      const session = (args: string[]): Promise<Outcome> => standing.run({ sources: [fromText(`${tmp.at('s')}/`)], target: fromText('/t'), options: requestFor('push', args, 's/', 't', []).options });
      for (let k = 0; k < 4; k++) { // one place among the connections is taken once
        writeFileSync(tmp.at('s/a'), `${k}`);
        assert.equal((await session(['-a', '--durable'])).exitCode, 0);
        assert.equal(readFileSync(tmp.at('srv/t/a'), 'utf8'), `${k}`);
      }
      assert.equal(standing.connections, 1);
      await assert.rejects(session(['-a', '--delete']), (error) => error instanceof TwintreeError && error.code === 'REFUSED');
      assert.equal(existsSync(tmp.at('srv/t/a')), true);
    } finally {
      await standing.close();
      await daemon.stop();
    }
  });
});

