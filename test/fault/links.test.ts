/** -H where it goes wrong: a leader that cannot be made, a tree that never stands still. Never a hang, never a group left half linked once it is quiet. */
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { sync } from '../../src/index.js';
import { assertSameTree, describeIf, dir, file, makeTree, mountFs, PLAIN_UID, symlink, twintree, useTempFolder, whyNoMount, whyNoOtherUser, type Mount, type Tree } from '../support/index.js';
import { assertNoLeftovers, LATER, THEN } from '../e2e/replace-support.js';

describe('a hard-link group whose leader fails', () => {
  const temp = useTempFolder('leader');
  const ino = (path: string): number => statSync(temp.at('dst', path)).ino;

  it('given a leader that vanished, the next name takes its place and the rest are linked to that', async () => {
    const one = file('one inode', { mtime: LATER });
    makeTree(temp.at('src'), { a: one, b: one, c: one, d: dir({ e: one }) });
    const outcome = await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args: ['-aH'], listener: { plan: () => unlinkSync(temp.at('src/a')) } });
    assert.strictEqual(outcome.exitCode, 24, JSON.stringify(outcome.problems));
    assert.deepStrictEqual([ino('c'), ino('d/e')], [ino('b'), ino('b')]);
    assert.ok(!existsSync(temp.at('dst/a')));
  });

  it('given names that all vanished, says so for each and ends', async () => {
    const one = file('one inode', { mtime: LATER });
    makeTree(temp.at('src'), { a: one, b: one, c: one, z: file('z') });
    const outcome = await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args: ['-aH'], listener: { plan: () => { for (const name of ['a', 'b', 'c']) unlinkSync(temp.at('src', name)); } } });
    assert.strictEqual(outcome.exitCode, 24, JSON.stringify(outcome.problems));
    assert.deepStrictEqual(outcome.problems.map((p) => p.path).sort(), ['a', 'b', 'c']);
    assert.ok(existsSync(temp.at('dst/z')));
  });

  for (const args of [['-aH'], ['-aH', '--delay-updates'], ['-aH', '--inplace'], ['-abH']]) {
    it(`given symlinks as a group, and obstacles, makes and links what it can (${args.join(' ')})`, async () => {
      const link = symlink('x', { mtime: LATER });
      const one = file('one', { mtime: LATER });
      makeTree(temp.at('src'), { a: link, b: link, c: link, f: one, g: one });
      makeTree(temp.at('dst'), { b: file('in the way', { mtime: THEN }), g: symlink('in the way') });
      const outcome = await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args, listener: { plan: () => unlinkSync(temp.at('src/a')) } });
      // The leader's text is in the plan: it can be made though its source is gone.
      assert.ok([0, 24].includes(outcome.exitCode), JSON.stringify(outcome.problems));
      assert.strictEqual((await sync({ source: `${temp.at('src')}/`, target: temp.at('dst'), args: ['-aH', '--delete'] })).exitCode, 0);
      assertSameTree(temp.at('src'), temp.at('dst'), { ignore: ['dir-mtime'], ...(args.includes('-abH') ? { except: ['b~', 'g~'] } : {}) });
    });
  }

  describeIf('as a plain user', whyNoOtherUser(), () => {
    it('given a leader that may not be read, every name is a Problem, and other groups are linked', () => {
      const secret = file('secret', { mode: 0o600, uid: 0 });
      const open = file('open', { mode: 0o644 });
      chmodSync(temp.path, 0o755);
      makeTree(temp.at('src'), { a: secret, b: secret, c: open, d: open });
      mkdirSync(temp.at('dst'));
      chownSync(temp.at('dst'), PLAIN_UID, PLAIN_UID);
      const ran = twintree(['sync', '-rltH', `${temp.at('src')}/`, temp.at('dst')], { uid: PLAIN_UID });
      assert.strictEqual(ran.code, 23);
      assert.match(ran.stderr, /a: .*EACCES/);
      assert.match(ran.stderr, /b: .*EACCES/);
      assert.strictEqual(ino('c'), ino('d'));
    });
  });

  describeIf('on a folder made immutable', whyNoMount('ext4'), () => {
    let mount: Mount;
    before(() => { mount = mountFs('ext4'); });
    after(() => mount.unmount());

    it('the leader in it is a Problem, the other names are made and linked', async () => {
      const one = file('one inode', { mtime: LATER });
      const two = file('two', { mtime: LATER });
      makeTree(temp.at('src'), { a: dir({ x: one, y: two }, { mtime: LATER }), b: dir({ x: one }, { mtime: LATER }), c: one, d: two }, { mtime: LATER });
      makeTree(mount.at('dst'), { a: dir({ y: file('old', { mtime: THEN }) }, { mtime: LATER }) });
      assert.strictEqual(spawnSync('chattr', ['+i', mount.at('dst/a')]).status, 0);
      const what = { source: `${temp.at('src')}/`, target: mount.at('dst'), args: ['-aH', '--delete'] };
      try {
        const outcome = await sync(what);
        assert.strictEqual(outcome.exitCode, 23, JSON.stringify(outcome.problems));
        assert.ok(outcome.problems.every((p) => p.path.startsWith('a/') || p.path === 'a'), JSON.stringify(outcome.problems));
        assert.strictEqual(statSync(mount.at('dst/b/x')).ino, statSync(mount.at('dst/c')).ino);
        assert.strictEqual(readFileSync(mount.at('dst/d'), 'utf8'), 'two');
        assert.strictEqual(readFileSync(mount.at('dst/a/y'), 'utf8'), 'old');
        assertNoLeftovers(mount.at('dst'));
      } finally {
        spawnSync('chattr', ['-i', mount.at('dst/a')]);
      }
      assert.strictEqual((await sync(what)).exitCode, 0);
      assertSameTree(temp.at('src'), mount.at('dst'));
    });
  });
});

describe('-H on a tree that never stands still', () => {
  const temp = useTempFolder('stress');

  it('never hangs, and once quiet the next run makes it equal', async () => {
    const groups: Tree = {};
    for (let d = 0; d < 6; d++) {
      const folder: Tree = {};
      for (let k = 0; k < 30; k++) folder[`f${k}`] = file(`${d} ${k}`.repeat(20));
      groups[`d${d}`] = dir(folder);
    }
    makeTree(temp.at('src'), groups);
    // Links, renames, replaces and removes names all the time, over all folders.
    const writer = spawn(process.execPath, ['-e', `
      const fs = require('node:fs'); const root = process.argv[1]; let n = 1;
      const random = (k) => (n = (n * 1103515245 + 12345) % 2147483648) % k;
      const name = () => root + '/d' + random(6) + '/f' + random(30);
      const temporary = root + '/d0/t'; const parent = process.ppid;
      const go = () => {
        for (let i = 0; i < 40; i++) try {
          switch (random(5)) {
            case 0: { const to = name(); const from = name(); try { fs.unlinkSync(to); } catch {} fs.linkSync(from, to); break; }
            case 1: fs.renameSync(name(), name()); break;
            case 2: fs.writeFileSync(name(), 'written ' + n); break;
            case 3: fs.writeFileSync(temporary, 'fresh ' + n); fs.renameSync(temporary, name()); break;
            default: fs.unlinkSync(name());
          }
        } catch {}
        if (process.ppid === parent) setImmediate(go);
      };
      go(); process.stdout.write('on');`, temp.at('src')], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(writer.stdout, 'data');
    const what = { source: `${temp.at('src')}/`, target: temp.at('dst'), args: ['-aH', '--delete'] };
    for (let k = 0; k < 12; k++) {
      const outcome = await sync({ ...what, args: [...what.args, ...(k % 3 === 1 ? ['--delay-updates'] : k % 3 === 2 ? ['--threads=1'] : [])] });
      assert.ok([0, 23, 24].includes(outcome.exitCode));
      assert.ok(outcome.problems.every((p) => p.side === 'source' || p.code === 'write-failed' || p.code === 'changed'), JSON.stringify(outcome.problems));
    }
    const ended = once(writer, 'exit');
    writer.kill('SIGKILL');
    await ended;
    // By content: what was written again within one tick of the clock, at the same length, no time can tell.
    const last = await sync({ ...what, args: [...what.args, '-c'] });
    assert.strictEqual(last.exitCode, 0, JSON.stringify(last.problems));
    assertSameTree(temp.at('src'), temp.at('dst'));
    assertNoLeftovers(temp.at('dst'));
    const again = await sync(what);
    assert.strictEqual(again.totals.operations, 0, 'nothing is left to do');
  });
});
