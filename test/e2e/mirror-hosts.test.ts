/** The live mirror to another host over one connection: a real sshd and a daemon; the connection cut, the other end killed between and during batches. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { assertSameTree, describeIf, twintree, useTempFolder } from '../support/index.js';
import { startSshd, whyNoSshd } from '../transport/sshd.js';
import { cut, RunningMirror, storm, type Told } from './mirror-support.js';
import { startDaemon } from './remote-serve-support.js';
import { REMOTE_PATH, remoteShell, wayArgs } from './remote-support.js';

describe('a mirror to another host', () => {
  const tmp = useTempFolder('mirror-hosts');
  const s = (name = ''): string => tmp.at('s') + name;
  let running: RunningMirror | undefined;
  beforeEach(() => {
    mkdirSync(s('/one/two'), { recursive: true });
    for (const name of ['a', 'one/b', 'one/two/c']) writeFileSync(s(`/${name}`), 'old');
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });
  const failed = (mirror: RunningMirror): number => mirror.told.filter((told: Told) => told.kind === 'failed').length;
  /** So many changes, each on the target before the next one. */
  async function change(mirror: RunningMirror, count: number): Promise<void> {
    for (let k = 0; k < count; k++) {
      writeFileSync(s(`/one/f${k % 3}`), `${Math.random()}`);
      await mirror.mirror.caughtUp();
    }
  }

  it('follows over one connection; the other end killed between batches, and in a storm of them, costs nothing but a new one', async () => {
    const shell = remoteShell(tmp, `echo $$ >>'${tmp.at('agents')}'`);
    const agents = (): number => readFileSync(tmp.at('agents'), 'utf8').trim().split('\n').length;
    const mirror = (running = new RunningMirror(['--delete', ...wayArgs('push', shell), `${s()}/`, `host:${tmp.at('t')}`]));
    await mirror.copied();
    await change(mirror, 8);
    assert.ok(mirror.sessions('batch').length >= 8);
    assert.equal(agents(), 1);
    cut(tmp.at('agents'));
    await change(mirror, 2);
    assert.ok(agents() <= 3);
    const weather = storm(s(), tmp.at('outside'), 4, 500);
    const before = mirror.sessions('batch').length;
    while (mirror.sessions('batch').length === before) await new Promise((resolve) => { setTimeout(resolve, 5); });
    cut(tmp.at('agents'));
    await weather;
    await mirror.mirror.caughtUp();
    assertSameTree(s(), tmp.at('t'), { ignore: ['hardlink'] });
    assert.equal(mirror.sessions('full').filter(({ about }) => about.reason !== 'hard links').length, 1, 'no second full session, but for other names of its files');
  });

  describeIf('over a real sshd', whyNoSshd(), () => {
    it('follows, is cut off, and goes on', async () => {
      const sshd = await startSshd();
      try {
        const mirror = (running = new RunningMirror(['--delete', '-e', sshd.rsh, `--rsync-path=${REMOTE_PATH}`, `${s()}/`, `box:${tmp.at('t')}`]));
        await mirror.copied();
        await change(mirror, 3);
        sshd.cut();
        await change(mirror, 2);
        assertSameTree(s(), tmp.at('t'));
        await mirror.stop();
        running = undefined;
      } finally {
        await sshd.close();
      }
    });
  });

  it('follows to a daemon over TLS, with one of its connections', async () => {
    const made = (name: string): string => /sha256:[0-9a-f]{64}/.exec(twintree(['cert', 'make', tmp.at(name)]).stdout)?.[0] ?? '';
    const [pin, me] = [made('server.pem'), made('client.pem')];
    mkdirSync(tmp.at('srv'));
    const daemon = await startDaemon(tmp, { identity: 'server.pem', roots: { data: { path: tmp.at('srv'), access: 'write-only', peers: [me], connections: 1 } } });
    try {
      const mirror = (running = new RunningMirror(['--delete', `--identity=${tmp.at('client.pem')}`, `--fingerprint=${pin}`, `${s()}/`, `twintree://127.0.0.1:${daemon.port}/data/t`]));
      await mirror.copied();
      await change(mirror, 3);
      assert.equal(failed(mirror), 0);
      assertSameTree(s(), tmp.at('srv/t'));
      await mirror.stop();
      running = undefined;
    } finally {
      await daemon.stop();
    }
  });
});
