/** The mirror as a process: killed in a storm and started again, its status from outside, its end by a signal. Local and over a connection. */
import assert from 'node:assert/strict';
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { assertSameTree, startTwintree, twintree, useTempFolder, type Running } from '../support/index.js';
import { storm } from './mirror-support.js';
import { remoteShell, wayArgs, type Way } from './remote-support.js';

const EQUAL = /"type":"status"[^\n]*"phase":"following"[^\n]*"lagMs":0,"backlog":\{"paths":0,[^\n]*"fullSessions":[1-9]/;

describe('a mirror as a process', () => {
  const temp = useTempFolder('mirror-process');
  let running: Running | undefined;

  afterEach(async () => {
    await running?.kill('SIGKILL');
    running = undefined;
  });

  for (const way of ['local', 'push'] satisfies Way[]) {
    it(`loses nothing when it is killed in a storm, and says how it stands (${way})`, async () => {
      const s = temp.at('s');
      const t = temp.at('t');
      mkdirSync(`${s}/one/two`, { recursive: true });
      writeFileSync(`${s}/one/file`, 'old');
      const env = { TWINTREE_STATE_DIR: temp.at('state') };
      const pair = [`${s}/`, way === 'push' ? `host:${t}` : t];
      const start = (): Running => (running = startTwintree(['mirror', '--json', '--delete', '--quiet-time=20ms', '--longest-delay=100ms', ...wayArgs(way, remoteShell(temp)), ...pair], { env }));
      const status = (...names: string[]): { code: number | null; stdout: string } => twintree(['status', ...names], { env });

      assert.deepEqual([status().code, status(...pair).stdout], [23, 'no mirror of these has run\n']);
      const first = start();
      assert.ok(await first.output(/"type":"session",[^\n]*"kind":"full"/));
      const weather = storm(s, temp.at('outside'), 3, 700);
      assert.ok(await first.output(/"kind":"batch"/));
      await first.kill('SIGKILL');
      const gone = status(...pair);
      assert.equal(gone.code, 23);
      assert.match(gone.stdout, /no mirror is at work \(process \d+ is gone/);
      await weather;
      writeFileSync(`${s}/while it was dead`, 'x');
      unlinkSync(`${s}/while it was dead`);

      const second = start();
      assert.ok(await second.output(EQUAL));
      assertSameTree(s, t, { ignore: ['hardlink'] });
      const alive = status('--json', ...pair);
      assert.equal(alive.code, 0);
      const told = JSON.parse(alive.stdout) as { alive: boolean; pid: number; target: string; lastSuccess: number };
      assert.deepEqual([told.alive, told.pid, told.target], [true, second.child.pid, way === 'push' ? `host:${t}` : t]);
      assert.equal(status().stdout.split('\n', 1)[0], `${s} -> ${told.target}`);

      const rival = twintree(['mirror', ...wayArgs(way, remoteShell(temp)), ...pair], { env });
      assert.equal(rival.code, 75, 'one mirror for a pair');
      const ended = await second.kill('SIGTERM');
      assert.deepEqual([ended.code, ended.signal], [0, null]);
      assert.match(ended.stdout, /\n\{"type":"end"\}\n$/);
      assert.match(status(...pair).stdout, /no mirror is at work \(process \d+ ended/);
    });
  }
});
