/**
 * A client that was cut off comes back while its old session still waits on the target's host, for a connection of which nobody has told it that it is
 * gone. The new session takes over, the old one ends; others are kept out.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { AGENT, gone, left, logOf, runLocal, runOver, type CutRun } from './remote-cut-support.js';
import { assertSameTree, dir, file, makeTree, time, useTempFolder, type Tree } from '../support/index.js';

const MB = 1 << 20;
const T = time(1_600_000_000);

describe('an old session that still waits on the target', () => {
  const tmp = useTempFolder('fence');
  let log: string;
  let count = 0;

  beforeEach('an agent that tells how it ended', () => {
    log = tmp.at(`log${count++}`);
    writeFileSync(tmp.at('agent'), `#!/bin/sh\nexec 3<&0\n${AGENT.map((part) => `'${part}'`).join(' ')} <&3 3<&- 2>>'${tmp.at('errors')}' &\nexec 3<&- <&-\necho $! >>'${tmp.at('pids')}'\nwait $!\necho $? >>'${tmp.at('codes')}'\n`);
    chmodSync(tmp.at('agent'), 0o755);
    for (const name of ['errors', 'pids', 'codes']) writeFileSync(tmp.at(name), '');
  });
  afterEach('end who holds the connection', () => {
    for (const { holder } of logOf(log)) if (holder !== undefined && existsSync(`/proc/${holder}`)) process.kill(holder);
  });
  const lines = (name: string): string[] => readFileSync(tmp.at(name), 'utf8').split('\n').filter((line) => line !== '');
  /** Handles that a process has on the target or below. */
  const handles = (pid: string): string[] => (existsSync(`/proc/${pid}/fd`) ? readdirSync(`/proc/${pid}/fd`) : []).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  }).filter((path) => path === tmp.at('t') || path.startsWith(`${tmp.at('t')}/`));

  const push = (after: number, retries: number, listener = {}): Promise<CutRun> =>
    runOver(tmp, 'push', ['-a', '--delete'], `${tmp.at('s')}/`, tmp.at('t'), { cuts: [{ way: 'out', after, held: true }], retries, log, agent: [tmp.at('agent')], listener });

  const scenes: [string, Tree, number][] = [
    ['in the middle of a large file', { big: file({ size: 12 * MB, seed: 1 }, { mtime: T }) }, 5 * MB],
    ['in the middle of small files', { d: dir(Object.fromEntries(Array.from({ length: 60 }, (_, k) => [`f${k}`, file({ size: 20_000, seed: k }, { mtime: T })])), { mtime: T }) }, 500_000],
  ];
  for (const [name, tree, after] of scenes) {
    it(`is taken over by the client’s next one: ${name}`, async () => {
      makeTree(tmp.at('s'), tree, { mtime: T });
      makeTree(tmp.at('t'), { old: file('x', { mtime: T }) }, { mtime: T });
      const holds: string[][] = []; // what the first session has open of the target when each plan is told
      const done = await push(after, 1, { plan: () => { holds.push(handles(lines('pids')[0] ?? '')); } });
      assert.equal(done.error, undefined, done.error?.stack);
      assert.equal(done.outcome?.exitCode, 0);
      assertSameTree(tmp.at('s'), tmp.at('t'));
      assert.ok((holds[0]?.length ?? 0) > 0, 'the first session had the target open');
      assert.deepEqual(holds[1], [], 'when the second one knew what to do, the first had nothing of the target open');
      await gone(lines('pids').map(Number), 90_000);
      assert.deepEqual(left(tmp.at('t')), []);
      while (lines('codes').length < 2) await new Promise((resolve) => { setTimeout(resolve, 20); });
      assert.deepEqual(lines('codes').sort(), ['0', '75'], 'the first session ended as fenced');
    });
  }

  it('keeps other clients and local sessions out', async () => {
    makeTree(tmp.at('s'), { big: file({ size: 12 * MB, seed: 1 }, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('t'), {}, { mtime: T });
    await push(5 * MB, 0);
    assert.ok(handles(lines('pids')[0] ?? '').length > 0, 'the old session goes on');
    const other = await runOver(tmp, 'push', ['-a'], `${tmp.at('s')}/`, tmp.at('t'));
    assert.equal((other.error as { code?: string } | undefined)?.code, 'LOCKED');
    await assert.rejects(runLocal(['-a'], `${tmp.at('s')}/`, tmp.at('t')), { code: 'LOCKED' });
    assert.ok(!existsSync(tmp.at('t', 'big')));
    for (const { holder } of logOf(log)) if (holder !== undefined) process.kill(holder);
    await gone(lines('pids').map(Number));
    assert.equal((await runLocal(['-a'], `${tmp.at('s')}/`, tmp.at('t'))).exitCode, 0);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.deepEqual(left(tmp.at('t')), []);
  });
});
