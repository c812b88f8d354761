/** Over a real sshd on loopback, as people use it: push, pull, port and user, a login script that prints, hosts without twintree, the connection cut. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { left } from './remote-cut-support.js';
import { REMOTE_PATH } from './remote-support.js';
import { assertSameTree, changedTree, describeIf, file, makeTree, randomTree, startTwintree, time, twintree, useTempFolder, type RunResult } from '../support/index.js';
import { startSshd, whyNoSshd, type Sshd } from '../transport/sshd.js';

const T = time(1_600_000_000);

describeIf('over a real sshd', whyNoSshd(), () => {
  const tmp = useTempFolder('sshd');
  let sshd: Sshd;
  let box: string; // the other host's home and temporary folder
  before('start it', async () => {
    sshd = await startSshd();
  });
  after('end it', () => sshd.close());
  beforeEach('a home on the other host', () => {
    box = tmp.at('box');
    for (const name of ['home', 'tmp', 'bin']) mkdirSync(join(box, name), { recursive: true });
    symlinkSync(process.execPath, join(box, 'bin', 'node'));
  });

  const INSTALLED = [`--rsync-path=${REMOTE_PATH}`];
  /** A host whose shell finds Node.js, and no twintree; `prints` is what its login script says. */
  function shell(prints = ''): string {
    const path = tmp.at('rsh');
    const set = `PATH='${join(box, 'bin')}:/usr/bin:/bin' HOME='${join(box, 'home')}' TMPDIR='${join(box, 'tmp')}' XDG_CACHE_HOME=`;
    // What sshd would set for a user, set in front of the command: the words after the host are the command.
    writeFileSync(path, `#!/bin/sh\nfor word; do case $word in box) break;; esac; options="$options $word"; shift; done\nhost=$1; shift\nexec ${sshd.rsh} $options "$host" "${prints === '' ? '' : `echo '${prints}'; `}export ${set}; $*"\n`, { mode: 0o755 });
    return path;
  }
  const sync = (...words: string[]): RunResult => twintree(['sync', '-aHAX', '--delete', '--retries=0', ...words]);

  function trees(seed: number): void {
    for (const name of ['s', 't']) rmSync(tmp.at(name), { recursive: true, force: true });
    const old = randomTree(seed, { entries: 40 });
    makeTree(tmp.at('s'), { ...changedTree(old, seed, { changes: 20 }), big: file({ size: 1_500_000, seed }, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('t'), { ...old, big: file({ size: 1_400_000, seed: 99 }, { mtime: T }) }, { mtime: T });
  }
  async function equal(done: RunResult): Promise<void> {
    assert.equal(done.code, 0, done.stderr);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.deepEqual(left(tmp.at('t')), []);
    // The other host tidies up after the last word to us.
    for (const until = performance.now() + 5000; readdirSync(join(box, 'tmp')).length > 0 && performance.now() < until;) await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.deepEqual(readdirSync(join(box, 'tmp')), [], 'nothing is left in the temporary folder there');
  }

  it('pushes and pulls', async () => {
    trees(1);
    await equal(sync('-e', sshd.rsh, ...INSTALLED, `${tmp.at('s')}/`, `box:${tmp.at('t')}`));
    trees(2);
    await equal(sync('-e', sshd.rsh, ...INSTALLED, `box:${tmp.at('s')}/`, tmp.at('t')));
  });

  it('reaches a port and a user that the address names', async () => {
    trees(3);
    const config = `ssh -F ${join(sshd.folder, 'ssh_config')}`;
    await equal(sync('-e', config, ...INSTALLED, `ssh://root@box:${sshd.port}${tmp.at('s')}/`, tmp.at('t')));
    const wrong = sync('-e', config, ...INSTALLED, `ssh://root@box:1${tmp.at('s')}/`, tmp.at('t'));
    assert.equal(wrong.code, 5, wrong.stderr);
  });

  it('shows what a login script prints, and goes on', async () => {
    trees(4);
    const done = sync('-e', shell('Welcome to box'), ...INSTALLED, `${tmp.at('s')}/`, `box:${tmp.at('t')}`);
    await equal(done);
    assert.match(done.stdout + done.stderr, /Welcome to box/);
  });

  it('needs nothing but Node.js there: the program is sent along and goes again', async () => {
    trees(5);
    await equal(sync('-e', shell(), `${tmp.at('s')}/`, `box:${tmp.at('t')}`));
    trees(6);
    await equal(sync('-e', shell('hello'), `box:${tmp.at('s')}/`, tmp.at('t')));
    assert.deepEqual(readdirSync(join(box, 'home')), []);
  });

  it('says that twintree is missing there with --no-bootstrap', async () => {
    trees(5);
    const done = sync('-e', shell(), '--no-bootstrap', `${tmp.at('s')}/`, `box:${tmp.at('t')}`);
    assert.notEqual(done.code, 0);
    assert.match(done.stderr, /not found/);
  });

  it('keeps the program with --remote-cache, uses it again, and not what somebody has changed', async () => {
    trees(7);
    await equal(sync('-e', shell(), '--remote-cache', `${tmp.at('s')}/`, `box:${tmp.at('t')}`));
    const cache = join(box, 'home/.cache/twintree');
    const [hash = ''] = readdirSync(cache);
    assert.match(hash, /^[0-9a-f]{64}$/);
    const kept = join(cache, hash, 'agent');
    assert.ok(existsSync(kept));
    trees(8);
    await equal(sync('-e', shell(), '--remote-cache', `box:${tmp.at('s')}/`, tmp.at('t')));
    writeFileSync(kept, 'changed');
    trees(9);
    await equal(sync('-e', shell(), '--remote-cache', `${tmp.at('s')}/`, `box:${tmp.at('t')}`));
    rmSync(dirname(cache), { recursive: true });
  });

  it('is made again when the server’s processes are killed in the middle', async () => {
    makeTree(tmp.at('s'), { big: file({ size: 24 << 20, seed: 1 }, { mtime: T }) }, { mtime: T });
    mkdirSync(tmp.at('t'));
    const running = startTwintree(['sync', '-a', '--bwlimit=12M', '--retries=4', '--info=progress2', '--no-compress', '-e', sshd.rsh, ...INSTALLED, `${tmp.at('s')}/`, `box:${tmp.at('t')}`]);
    assert.ok(await running.output(/ [2-9]\d%/), 'some of it came');
    sshd.cut();
    const done = await running.finished;
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /connecting again/);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.deepEqual(left(tmp.at('t')), []);
  });
});
