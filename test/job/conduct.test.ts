/** A run from its lock to its notices: the order of things, what each failure makes of it, and what is kept. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JobHistory, LagWatch, type JobRun } from '../../src/job/index.js';
import type { HookSpec } from '../../src/job/hooks/index.js';
import type { NoticeSpec } from '../../src/job/notices/index.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { sync } from '../../src/index.js';
import { someStatus } from '../mirror/some-status.js';
import { describeOn, useTempFolder } from '../support/index.js';
import { mailServer, webServer } from './servers.js';
import { bytes, conducted, historyIn, someOutcome } from './some-runs.js';

describe('a run of a job', () => {
  const temp = useTempFolder('conduct');
  const log = (): string[] => (existsSync(temp.at('log')) ? readFileSync(temp.at('log'), 'utf8').trim().split('\n') : []);
  const hook = (when: HookSpec['when'], script = 'true', onError: HookSpec['onError'] = 'stop'): HookSpec => ({ when, onError, timeoutMs: 20_000, command: ['sh', '-c', `echo "${when} $TWINTREE_RESULT $TWINTREE_EXIT_CODE" >> '${temp.at('log')}'; ${script}`] });
  const all = (): HookSpec[] => [hook('after'), hook('failure'), hook('before'), hook('lag')];
  const works = (exitCode = 0) => () => {
    appendFileSync(temp.at('log'), 'work\n');
    return Promise.resolve({ exitCode });
  };
  const kept = async (): Promise<JobRun> => (await historyIn(temp.at('state')).last('nightly')) as JobRun;
  const conduct = (more: Parameters<typeof conducted>[1]): ReturnType<typeof conducted> => conducted(temp.at('state'), { hooks: all(), work: works(), ...more });

  it('does its hooks before and after the work, and keeps all of it', async () => {
    const outcome = someOutcome({ transferredFiles: 4, transferredBytes: 1000, literalBytes: 100, matchedBytes: 900, elapsedMs: 40 });
    const done = await conduct({ work: (context) => { context.target(0, outcome, context.run.start, { sent: 5, received: 6 }); return works()(); } });
    assert.deepEqual(log(), ['before running ', 'work', 'after success 0']);
    const run = await kept();
    assert.deepEqual({ ...run, exitCode: 0 }, done);
    assert.deepEqual([run.result, run.exitCode, run.hooks.map(({ when }) => when), run.done[0]?.matchedBytes, run.done[0]?.receivedBytes, run.done[0]?.target], ['success', 0, ['before', 'after'], 900, 6, '/backup']);
    assert.ok(run.end !== null && run.end >= run.start);
  });

  it('keeps what real sessions did to each of its targets', async () => {
    for (const name of ['from', 'a', 'b']) mkdirSync(temp.at(name));
    writeFileSync(temp.at('from', 'file'), 'x'.repeat(1000));
    writeFileSync(temp.at('b', 'file'), 'in the way');
    const targets = [temp.at('a'), temp.at('b'), temp.at('missing', 'deep')];
    const run = await conduct({
      hooks: [], targets,
      work: async ({ target, run: { start } }) => {
        const codes: number[] = [];
        for (const [at, each] of targets.entries()) {
          const done = await sync({ source: `${temp.at('from')}/`, target: each, args: at === 1 ? ['-a', '--existing', '--max-size=1'] : ['-a', '--mkpath'] });
          target(at, done, start);
          codes.push(done.exitCode);
        }
        return { exitCode: Math.max(...codes) };
      },
    });
    assert.deepEqual(run.done.map(({ target, files, literalBytes, matchedBytes }) => [target, files, literalBytes + matchedBytes]), [[targets[0], 1, 1000], [targets[1], 0, 0], [targets[2], 1, 1000]]);
    assert.equal(readFileSync(join(targets[2] as string, 'file'), 'utf8').length, 1000);
  });

  it('runs the failure hooks too where it fails or could not do everything; what ended it is kept', async () => {
    await conduct({ work: works(23) });
    assert.deepEqual(log().slice(2), ['after partial 23', 'failure partial 23']);
    const error = new TwintreeError('CONNECT', 'no route', { advice: 'x' });
    const run = await conduct({ work: () => Promise.reject(error) });
    assert.deepEqual([run.result, run.exitCode, run.error], ['failed', 5, { code: 'CONNECT', message: 'no route' }]);
    assert.deepEqual(log().slice(-2), ['after failed 5', 'failure failed 5']);
    const vanished = await conduct({ work: works(24) });
    assert.deepEqual([vanished.result, vanished.exitCode, log().at(-1)], ['success', 24, 'after success 24']);
    const window = await conduct({ work: () => Promise.resolve({ exitCode: 30, result: 'stopped' }) });
    assert.deepEqual([window.result, window.exitCode, log().at(-1)], ['stopped', 30, 'after stopped 30']);
  });

  it('is not begun where a hook before it fails, but cleaned up after; a hook after it that fails makes it fail', async () => {
    const said: string[] = [];
    const before = await conduct({ hooks: [hook('before', 'exit 4'), ...all()], say: (message) => { said.push(message); } });
    assert.deepEqual([before.result, before.exitCode, before.error?.code], ['failed', 21, 'HOOK']);
    assert.deepEqual(log(), ['before running ', 'after failed 21', 'failure failed 21']);
    assert.equal(said.length, 1);
    assert.match(said[0] as string, /^the before hook failed: sh -c .*: it ended with exit code 4$/);
    const after = await conduct({ hooks: [hook('before', 'exit 4', 'ignore'), hook('after', 'exit 5'), hook('failure')] });
    assert.deepEqual([after.result, after.exitCode, (await kept()).hooks.map(({ ok }) => ok)], ['failed', 21, [false, false, true]]);
    assert.deepEqual(log().slice(-4), ['before running ', 'work', 'after success 0', 'failure failed 21']);
    const ignored = await conduct({ hooks: [hook('after', 'exit 5', 'ignore')] });
    assert.deepEqual([ignored.result, ignored.exitCode], ['success', 0]);
    const worse = await conduct({ hooks: [hook('after', 'exit 5')], work: works(23) });
    assert.deepEqual([worse.result, worse.exitCode], ['partial', 23], 'what went wrong first stays');
  });

  it('ended by a signal is cancelled, in its work and in a hook, and cleaned up after', async () => {
    const inWork = new AbortController();
    const first = await conduct({ signal: inWork.signal, work: ({ signal }) => { inWork.abort(new TwintreeError('ABORTED', 'a person')); signal.throwIfAborted(); return works()(); } });
    assert.deepEqual([first.result, first.exitCode, first.error?.message, log()], ['cancelled', 20, 'a person', ['before running ', 'after cancelled 20']]);
    const inHook = new AbortController();
    const running = conduct({ signal: inHook.signal, hooks: [hook('before', `touch '${temp.at('up')}'; while :; do sleep 0.05; done`), hook('after')] });
    while (!existsSync(temp.at('up'))) await new Promise((resolve) => { setImmediate(resolve); });
    inHook.abort(new TwintreeError('ABORTED', 'a person'));
    const second = await running;
    assert.deepEqual([second.result, second.exitCode, log().slice(2)], ['cancelled', 20, ['before running ', 'after cancelled 20']]);
  });

  it('tells who is to be told: the switch at its start and end, of failures and of the first success after them', async () => {
    const [box, web] = await Promise.all([mailServer(), webServer()]);
    try {
      const notices: NoticeSpec[] = [
        { kind: 'mail', on: ['failure', 'recovery'], to: ['a@b.c'], from: 'd@e.f', server: { host: 'localhost', port: box.port, tls: 'none' } }, { kind: 'ping', url: `${web.url}/ok`, startUrl: `${web.url}/start`, failUrl: `${web.url}/fail` },
      ];
      const delivery = { waits: [], attemptMs: 5000, host: 'web1' };
      for (const code of [0, 12, 23, 0, 0]) await conduct({ hooks: [], notices, delivery, work: works(code) });
      assert.deepEqual(box.mails.map(({ text }) => /^Subject: (.*)/m.exec(text)?.[1]), ['[twintree] nightly on web1: failed (exit code 12)', '[twintree] nightly on web1: not everything was done (exit code 23)', '[twintree] nightly on web1: works again']);
      assert.deepEqual(web.asked.map(({ url }) => url), ['/start', '/ok', '/start', '/fail', '/start', '/fail', '/start', '/ok', '/start', '/ok']);
      assert.deepEqual((await kept()).notices.map(({ kind, about, ok }) => [kind, about, ok]), [['ping', 'start', true], ['ping', 'success', true]]);
    } finally {
      await Promise.all([box.close(), web.close()]);
    }
  });

  it('is what it was where nobody can be told: that is said and kept', async () => {
    const said: string[] = [];
    const notices: NoticeSpec[] = [{ kind: 'webhook', on: ['failure'], url: 'http://localhost:1/token' }, { kind: 'ping', url: 'http://localhost:1/token', failUrl: 'http://localhost:1/token/fail' }];
    const run = await conduct({ hooks: [], notices, delivery: { waits: [] }, work: works(23), say: (message) => { said.push(message); } });
    assert.deepEqual([run.result, run.exitCode, (await kept()).notices.filter(({ ok }) => !ok).length], ['partial', 23, 2]);
    assert.deepEqual(said.sort(), ['the notice of fail by ping to http://localhost:1 failed: nothing listens there', 'the notice of failure by webhook to http://localhost:1 failed: nothing listens there']);
  });

  it('runs the hooks of lag once as long as a target is behind, and keeps how it went', async () => {
    const run = await conduct({
      lagLimitMs: 5000, hooks: [{ ...hook('lag'), command: ['sh', '-c', `echo "$TWINTREE_WHEN $TWINTREE_LAG_SECONDS $TWINTREE_LAG_LIMIT_SECONDS $TWINTREE_LAG_TARGET" >> '${temp.at('log')}'`] }], clock: ((at = 1_700_000_000_000) => () => (at += 20_000))(),
      work: ({ live }) => {
        for (const ms of [100, 7000, 9000, 300, 6000]) live(0, someStatus({ lagMs: ms, backlog: { paths: 1, failed: 2, whole: false, bytes: ms * 2, exact: true }, files: ms, bytes: 1000, literalBytes: 100, failing: [{ path: 'a', code: 'write-failed', message: 'no' }] }));
        return Promise.resolve({ exitCode: 0 });
      },
    });
    assert.deepEqual(log(), ['lag 7 5 /backup', 'lag 6 5 /backup']);
    assert.deepEqual((await kept()).lag.map(({ ms, bytes: size }) => [ms, size]), [[100, 200], [7000, 14_000], [9000, 18_000], [300, 600], [6000, 12_000]]);
    assert.deepEqual([run.hooks.length, run.done.length, run.done[0]?.files, run.done[0]?.matchedBytes, run.done[0]?.problems, run.problems.length], [2, 1, 6000, 900, 2, 1]);
    const watch = new LagWatch(10, 100);
    assert.deepEqual([watch.over(0, 11, 0), watch.over(1, 11, 1), watch.over(0, 11, 99), watch.over(0, 11, 100), watch.over(0, 10, 101), watch.over(0, 11, 102)], [true, true, false, true, false, true]);
  });

  it('tells the switch now and then that a live job is well, and nothing as long as one of its targets is not', async () => {
    const web = await webServer();
    try {
      const pings: NoticeSpec[] = [{ kind: 'ping', url: `${web.url}/ok`, startUrl: `${web.url}/start`, failUrl: `${web.url}/fail` }];
      await conduct({
        cause: 'live', targets: ['/a', '/b'], hooks: [], notices: pings, lagLimitMs: 5000, pingMs: 0,
        work: async ({ live }) => {
          const until = async (count: number): Promise<void> => { while (web.asked.length < count) await new Promise((resolve) => { setImmediate(resolve); }); };
          await until(1);
          live(0, someStatus({ phase: 'following' }));
          live(1, someStatus({ phase: 'waiting' }));
          live(1, someStatus({ phase: 'following', lagMs: 6000 }));
          live(1, someStatus({ phase: 'following', lagMs: 4000 }));
          await until(2);
          live(0, someStatus({ phase: 'held' }));
          live(1, someStatus({ phase: 'following' }));
          return { exitCode: 12 };
        },
      });
      assert.deepEqual(web.asked.map(({ url }) => url), ['/start', '/ok', '/fail']);
    } finally {
      await web.close();
    }
  });

  it('that lasts keeps what came last of hooks that run again and again, and what it ended with', async () => {
    let k = 0;
    const run = await conduct({
      hooks: [hook('lag'), hook('after')], lagLimitMs: 1,
      work: async ({ live }) => {
        for (; k < 40; k++) {
          live(0, someStatus({ lagMs: 5 }));
          live(0, someStatus({ lagMs: 0 }));
        }
        return Promise.resolve({ exitCode: 0 });
      },
    });
    assert.deepEqual([log().length, run.hooks.length, run.hooks.at(-1)?.when], [41, 32, 'after']);
  });

  it('is written while it goes on, so that a long one that is killed has left what it did', async () => {
    const outcome = someOutcome({ transferredFiles: 4 });
    await conduct({
      hooks: [], saveMs: 1,
      work: async ({ target, run }) => {
        target(0, outcome, run.start);
        while (((await kept()).done[0]?.files ?? 0) !== 4) await new Promise((resolve) => { setImmediate(resolve); });
        assert.equal((await kept()).result, 'running');
        assert.equal((await historyIn(temp.at('state')).standings())[0]?.totals.files, 4, 'counters grow while it goes on');
        return { exitCode: 0 };
      },
    });
    assert.equal((await kept()).done.length, 1);
    assert.equal((await historyIn(temp.at('state')).standings())[0]?.totals.files, 4);
  });

  describeOn(['tmpfs'], { sizeMiB: 1 }, (disk) => {
    it('goes on where the disk of the state is full, and says that its history is not kept', async () => {
      const state = disk.at('state');
      await conducted(state);
      mkdirSync(disk.at('full'));
      for (let k = 0, size = 1 << 16; size > 0; k++) {
        try {
          writeFileSync(disk.at('full', `f${k}`), Buffer.alloc(size));
        } catch {
          size = size === 1 ? 0 : Math.floor(size / 16);
        }
      }
      const said: string[] = [];
      let worked = false;
      const run = await conducted(state, { work: () => { worked = true; return Promise.resolve({ exitCode: 0 }); }, say: (message) => { said.push(message); } });
      assert.deepEqual([worked, run.result, run.exitCode], [true, 'success', 0]);
      assert.ok(said.some((message) => message.startsWith('the history of this run cannot be kept')), said.join('\n'));
      const history = new JobHistory(loadOwnPosix(), bytes(state), () => undefined);
      assert.equal((await history.list()).filter(({ result }) => result === 'running').length, 0);
    });
  });
});
