/** Archives of a tree that is in use, and disks that are full: the archive is one all the same, nothing is told as whole that is not, and what is missing comes with the next run. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { seedExport, seedImport, sync } from '../../src/index.js';
import { assertSameTree, describeIf, dir, file, makeTree, mountFs, startCommand, useTempFolder, whyNoMount, type Mount, type Tree } from '../support/index.js';
import { exported, imported, T, told, untar, whyNo } from './support.js';

/** Writes into these files, and makes and removes others, without a pause, until it is ended. Says when it has begun. */
const WRITER = `
import os, sys
large, small, folder = sys.argv[1:]
fds = [os.open(path, os.O_WRONLY) for path in (large, small)]
sys.stdout.write('at work'); sys.stdout.flush()
n = 0
while True:
    n += 1
    for fd in fds: os.pwrite(fd, b'%8d' % n, (n * 4099) % 900)
    os.pwrite(fds[0], b'%8d' % n, (n * 1048573) % 60000000)
    open(folder + '/t%d' % (n % 50), 'w').close()
    if n % 7 == 0: os.unlink(folder + '/t%d' % (n % 50))
`;

describeIf('a seed archive of a tree that is in use', whyNo('tar') ?? whyNo('python3'), () => {
  const temp = useTempFolder('seed-used');

  it('is one that GNU tar restores, tells what changed, and leaves the rest to a sync', async () => {
    const tree: Tree = { large: file({ size: 60_000_000, seed: 3 }, { mtime: T }), small: file({ size: 1000, seed: 4 }, { mtime: T }), folder: dir({}, { mtime: T }) };
    for (let k = 0; k < 500; k++) tree[`f${k}`] = file({ size: 5000, seed: k + 9 }, { mtime: T });
    makeTree(temp.at('src'), tree);
    const writer = startCommand('python3', ['-c', WRITER, temp.at('src/large'), temp.at('src/small'), temp.at('src/folder')]);
    try {
      await writer.output(/at work/);
      const outcome = await seedExport({ source: `${temp.at('src')}/`, output: temp.at('a.tar'), args: [] });
      assert.equal(outcome.exitCode, 24, told(outcome).join('\n'));
      assert.ok(outcome.problems.every(({ code, severity }) => (code === 'changed' || code === 'vanished') && severity === 'warning'), told(outcome).join('\n'));
      assert.ok(outcome.problems.some(({ path }) => (path as string) === 'large'));
    } finally {
      await writer.kill('SIGKILL');
    }
    const checked = await seedImport({ archive: temp.at('a.tar') });
    assert.deepEqual([checked.exitCode, told(checked)], [0, []]);
    mkdirSync(temp.at('tar'));
    assert.equal(untar(temp.at('a.tar'), temp.at('tar')), '');
    const restored = await imported(temp.at('a.tar'), temp.at('dst'));
    assert.deepEqual([restored.exitCode, told(restored)], [0, []]);
    assertSameTree(temp.at('src'), temp.at('dst'), { except: ['large', 'small', 'folder', ...readdirSync(temp.at('src/folder')).map((name) => `folder/${name}`), ...readdirSync(temp.at('dst/folder')).map((name) => `folder/${name}`)], root: false });
    const after = await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args: ['-aHAX', '--delete'] });
    assert.deepEqual([after.exitCode, after.problems], [0, []]);
    assertSameTree(temp.at('src'), temp.at('dst'));
  });
});

describeIf('a seed archive and a full disk', whyNoMount('tmpfs'), () => {
  const temp = useTempFolder('seed-full');
  let disk: Mount;
  beforeEach(() => { disk = mountFs('tmpfs', { sizeMiB: 8 }); });
  afterEach(() => { disk.unmount(); });

  function files(): Tree {
    const tree: Tree = { large: file({ size: 12_000_000, seed: 7 }, { mtime: T }) };
    for (let k = 0; k < 300; k++) tree[`f${k}`] = file({ size: 20_000, seed: k + 1 }, { mtime: T });
    return tree;
  }

  it('while it is made: it is told, and nothing of it is left', async () => {
    makeTree(temp.at('src'), files());
    await assert.rejects(seedExport({ source: `${temp.at('src')}/`, output: disk.at('a.tar'), args: [] }), { code: 'NO_SPACE' });
    assert.deepEqual(readdirSync(disk.path), []);
    await assert.rejects(seedExport({ source: `${temp.at('src')}/`, output: disk.at('a.tar'), args: ['--split=3M'] }), { code: 'NO_SPACE' });
    const left = readdirSync(disk.path);
    assert.ok(left.length > 0 && left.every((name) => /^a\.tar\.\d{3}$/.test(name) && statSync(disk.at(name)).size === 3 << 20), `parts that are whole: ${left.join(' ')}`);
  });

  it('while it is restored: what has no room is told, nothing looks whole that is not, and the next import brings it', async () => {
    makeTree(temp.at('src'), files());
    await exported(temp.at('src'), temp.at('a.tar'));
    const outcome = await imported(temp.at('a.tar'), disk.at('dst'));
    assert.equal(outcome.exitCode, 23);
    assert.ok(outcome.problems.some(({ code }) => code === 'no-space'), told(outcome).join('\n'));
    const missing = new Set(outcome.problems.map(({ path }) => path as string));
    for (const name of readdirSync(temp.at('src'))) {
      if (missing.has(name)) assert.ok(!existsSync(disk.at('dst', name)) || (statSync(disk.at('dst', name)).mode & 0o7777) === 0o1200, `${name} is told and looks whole`);
      else assert.equal(statSync(disk.at('dst', name)).size, statSync(temp.at('src', name)).size, name);
    }
    disk.remount('size=64m');
    const again = await imported(temp.at('a.tar'), disk.at('dst'));
    assert.deepEqual([again.exitCode, told(again)], [0, []]);
    assertSameTree(temp.at('src'), disk.at('dst'));
  });
});
