/** The mirror follows renames: folders as one, with what was edited in them, exchanged names, between hosts, and what was renamed while it was not there. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { assertSameTree, useTempFolder } from '../support/index.js';
import { RunningMirror } from './mirror-support.js';
import { remoteShell, wayArgs } from './remote-support.js';

describe('a live mirror and renames', () => {
  const temp = useTempFolder('mirror-moved');
  const s = (name = ''): string => temp.at('s') + (name === '' ? '' : `/${name}`);
  const t = (name = ''): string => temp.at('t') + (name === '' ? '' : `/${name}`);
  const inode = (name: string): number => statSync(t(name)).ino;
  let running: RunningMirror | undefined;

  beforeEach(() => {
    for (const at of [s(), t()]) rmSync(at, { recursive: true, force: true });
    for (const folder of ['a', 'b']) {
      mkdirSync(s(`${folder}/sub`), { recursive: true });
      for (let k = 0; k < 10; k++) writeFileSync(s(`${folder}/sub/${k}`), `${folder} ${k} `.repeat(300));
      writeFileSync(s(`${folder}/big`), Buffer.alloc(200_000, folder));
    }
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });

  const start = (...args: string[]): RunningMirror => (running = new RunningMirror(['--delete', '--quiet-time=300ms', '--longest-delay=3s', ...args]));
  const batches = (mirror: RunningMirror) => mirror.sessions('batch').map(({ outcome }) => outcome);
  const sum = (mirror: RunningMirror, of: 'moved' | 'transferredFiles'): number => batches(mirror).reduce((all, outcome) => all + outcome[of], 0);

  for (const way of ['local', 'push'] as const) {
    it(`moves a folder as one, with what was edited in it (${way})`, async () => {
      const mirror = start(...(way === 'local' ? [`${s()}/`, t()] : [...wayArgs('push', remoteShell(temp)), `${s()}/`, `host:${t()}`]));
      await mirror.copied();
      const kept = inode('a/sub/3');
      renameSync(s('a'), s('first'));
      renameSync(s('first'), s('b/c'));
      appendFileSync(s('b/c/big'), 'edited');
      await mirror.mirror.caughtUp();
      assertSameTree(s(), t());
      assert.equal(inode('b/c/sub/3'), kept);
      assert.equal(sum(mirror, 'transferredFiles'), 1);
      assert.equal(sum(mirror, 'moved'), 1);
    });
  }

  it('exchanges names', async () => {
    const mirror = start(`${s()}/`, t());
    await mirror.copied();
    const kept = ['a', 'b'].map(inode);
    renameSync(s('a'), s('x'));
    renameSync(s('b'), s('a'));
    renameSync(s('x'), s('b'));
    await mirror.mirror.caughtUp();
    assertSameTree(s(), t());
    assert.deepEqual([sum(mirror, 'transferredFiles'), ['b', 'a'].map(inode)], [0, kept]);
  });

  it('finds what was renamed while it was not there', async () => {
    const mirror = start(`${s()}/`, t());
    await mirror.copied();
    await mirror.stop();
    const kept = inode('a/sub/3');
    renameSync(s('a'), s('b/a'));
    renameSync(s('b'), s('c'));
    appendFileSync(s('c/a/big'), 'edited');
    const again = start(`${s()}/`, t());
    await again.copied();
    assertSameTree(s(), t());
    const { outcome } = again.sessions('full')[0] as { outcome: { moved: number; transferredFiles: number } };
    assert.deepEqual([outcome.moved, outcome.transferredFiles, inode('c/a/sub/3')], [2, 1, kept]);
  });
});
