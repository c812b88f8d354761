/** Everything that is no plain file's content: links, nodes, folders, moves, deletions, attributes. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import {
  chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync,
  utimesSync, writeFileSync,
} from 'node:fs';
import { loadPosix, type Posix } from '../../src/fs/index.js';
import { S_IFDIR, type ByteString, type RelPath } from '../../src/tree/index.js';
import { OpKind, SetBits } from '../../src/plan/index.js';
import { enterFolder, execute, leaveFolder, removeEntry } from '../../src/endpoint/apply/index.js';
import { assertSameTree, describeIf, describeOn, dir, fifo, file, makeTree, randomTree, readTree, rsync, symlink, time, whyNoRsync } from '../support/index.js';
import { archive, Bench, tampered, withBench, type BenchOptions } from './apply-bench.js';
import { assertClean, syncQuietly, useRoots } from './apply-roots.js';

const isRoot = process.getuid?.() === 0;

describe('apply: entries', () => {
  const real = loadPosix();
  let source: string;
  let target: string;
  const temp = useRoots('apply-entry', (s, t) => { [source, target] = [s, t]; });
  const run = (more: BenchOptions = {}): void => syncQuietly(source, target, more);
  const clean = (): void => assertClean(source, target);

  describe('symlinks and nodes', () => {
    it('replace what stands there by rename, and the other way round', () => {
      makeTree(temp.at('a'), { l: symlink('x', { mtime: time(5, 5) }), f: 'file', p: fifo({ mode: 0o640 }), d: 'file here, folder there' });
      makeTree(temp.at('b'), { l: 'file', f: symlink('y'), p: symlink('z'), d: dir({}) });
      withBench(temp.at('a'), temp.at('b'), {}, (bench) => { bench.sync(); assert.deepStrictEqual(bench.told, []); });
      assertSameTree(temp.at('a'), temp.at('b'));
    });
    it('a link text that changes is changed; the old link stands until then', () => {
      symlinkSync('new', `${source}/l`);
      symlinkSync('old', `${target}/l`);
      withBench(source, target, { posix: tampered({ rename: () => -5 }) }, (bench) => {
        assert.strictEqual(bench.apply('l'), false);
        assert.deepStrictEqual(bench.told, ['write-failed l']);
      });
      assert.strictEqual(readlinkSync(`${target}/l`), 'old');
      assert.deepStrictEqual(readdirSync(target), ['l']);
      run();
      clean();
    });
    it('a node that may not be made is skipped and said', () => {
      assert.strictEqual(spawnSync('mkfifo', [`${source}/p`]).status, 0);
      withBench(source, target, { posix: tampered({ mknod: () => -1 }) }, (bench) => {
        assert.strictEqual(bench.apply('p'), false);
        assert.deepStrictEqual(bench.told, ['special-skipped p']);
      });
    });
  });

  describe('hard links', () => {
    const hard = archive((o) => { o.attributes.hardLinks = true; });
    it('join names that were files of their own', () => {
      writeFileSync(`${source}/a`, 'x');
      linkSync(`${source}/a`, `${source}/b`);
      writeFileSync(`${target}/a`, 'old a');
      writeFileSync(`${target}/b`, 'old b');
      run({ options: hard });
      clean();
    });
    it('given both names on one inode already, do nothing and leave no temporary name', () => {
      writeFileSync(`${source}/a`, 'x');
      linkSync(`${source}/a`, `${source}/b`);
      run({ options: hard });
      const before = lstatSync(`${target}/a`).ctimeMs;
      withBench(source, target, { options: hard }, (bench) => {
        const op = bench.plan('b');
        op.kind = OpKind.Link;
        op.link = 'a' as RelPath;
        assert.ok(execute(bench.ctx, bench.enter(), op));
      });
      assert.strictEqual(lstatSync(`${target}/a`).ctimeMs, before);
      clean();
    });
    it('given that somebody makes the same link in between, leave no temporary name', () => {
      writeFileSync(`${source}/a`, 'x');
      linkSync(`${source}/a`, `${source}/b`);
      writeFileSync(`${target}/a`, 'x');
      writeFileSync(`${target}/b`, 'old b');
      const posix = tampered({
        link: (a, x, b, y) => { const result = real.link(a, x, b, y); rmSync(`${target}/b`); linkSync(`${target}/a`, `${target}/b`); return result; },
      });
      withBench(source, target, { options: hard, posix }, (bench) => {
        const op = bench.plan('b');
        op.kind = OpKind.Link;
        op.link = 'a' as RelPath;
        assert.ok(execute(bench.ctx, bench.enter(), op));
      });
      assert.deepStrictEqual(readdirSync(target), ['a', 'b']);
    });
    it('given a leader that is not there, say so and keep the old file', () => {
      writeFileSync(`${source}/b`, 'x');
      writeFileSync(`${target}/b`, 'old');
      withBench(source, target, { options: hard }, (bench) => {
        const op = bench.plan('b');
        op.kind = OpKind.Link;
        op.link = 'no/such' as RelPath;
        assert.strictEqual(execute(bench.ctx, bench.enter(), op), false);
        assert.deepStrictEqual(bench.told, ['write-failed b']);
      });
      assert.strictEqual(readFileSync(`${target}/b`, 'utf8'), 'old');
    });
    it('given a target that takes no more links, copy the content and say so', () => {
      writeFileSync(`${source}/a`, 'x');
      linkSync(`${source}/a`, `${source}/b`);
      symlinkSync('t', `${source}/l`);
      assert.strictEqual(spawnSync('ln', ['-P', `${source}/l`, `${source}/m`]).status, 0);
      withBench(source, target, { options: hard, posix: tampered({ link: () => -31 }) }, (bench) => {
        bench.sync();
        assert.deepStrictEqual(bench.problems.map((p) => `${p.severity} ${p.path}`), ['warning b', 'warning m']);
      });
      assertSameTree(source, target, { root: false, ignore: ['hardlink'] });
    });
    it('go across folders, also of symlinks and FIFOs', () => {
      const shared = file('shared');
      const sharedLink = symlink('text');
      const pipe = fifo();
      makeTree(temp.at('a'), { d: dir({ x: shared, l: sharedLink, p: pipe }), e: dir({ y: shared, m: sharedLink, q: pipe }) });
      withBench(temp.at('a'), target, { options: hard }, (bench) => { bench.sync(); assert.deepStrictEqual(bench.told, []); });
      assertSameTree(temp.at('a'), target);
    });
  });

  describe('folders', () => {
    it('given a file, symlink or FIFO in its place, is made', () => {
      mkdirSync(temp.at('outside'));
      for (const name of ['a', 'b', 'c']) { mkdirSync(`${source}/${name}`); writeFileSync(`${source}/${name}/f`, name); }
      writeFileSync(`${target}/a`, 'file');
      symlinkSync(temp.at('outside'), `${target}/b`);
      assert.strictEqual(spawnSync('mkfifo', [`${target}/c`]).status, 0);
      run();
      clean();
      assert.deepStrictEqual(readdirSync(temp.at('outside')), []);
    });
    it('with --backup keeps what stood in its place', () => {
      mkdirSync(`${source}/a`);
      writeFileSync(`${target}/a`, 'file');
      run({ options: archive((o) => { o.replace.backup = true; }) });
      assert.strictEqual(readFileSync(`${target}/a~`, 'utf8'), 'file');
    });
    it('with --keep-dirlinks a symlink to a folder is that folder', () => {
      mkdirSync(`${target}/elsewhere`);
      mkdirSync(`${source}/d`);
      writeFileSync(`${source}/d/f`, 'x');
      symlinkSync('elsewhere', `${target}/d`);
      run({ options: archive((o) => { o.symlinks.keepDirlinks = true; }) });
      assert.ok(lstatSync(`${target}/d`).isSymbolicLink());
      assert.strictEqual(readFileSync(`${target}/elsewhere/f`, 'utf8'), 'x');
    });
    it('that is not empty and in the way of a file stays, with --delete or --force it goes', () => {
      writeFileSync(`${source}/x`, 'file');
      mkdirSync(`${target}/x`);
      writeFileSync(`${target}/x/precious`, 'p');
      withBench(source, target, {}, (bench) => {
        assert.strictEqual(bench.apply('x'), false);
        assert.deepStrictEqual(bench.told, ['write-failed x']);
      });
      assert.ok(existsSync(`${target}/x/precious`));
      assert.deepStrictEqual(readdirSync(target), ['x']);
      run({ options: archive((o) => { o.delete.force = true; }) });
      clean();
    });
    it('gets its own time after everything in it', () => {
      makeTree(temp.at('a'), { d: dir({ e: dir({ f: 'x' }, { mtime: time(7, 1) }) }, { mtime: time(9, 2) }) });
      withBench(temp.at('a'), target, {}, (bench) => bench.sync());
      assertSameTree(temp.at('a'), target);
    });
    it('that another session makes meanwhile is taken, not as a fresh one', () => {
      mkdirSync(`${source}/d`);
      withBench(source, target, {}, (bench) => {
        const op = bench.plan('d');
        mkdirSync(`${target}/d`, 0o750);
        const folder = enterFolder(bench.ctx, bench.enter(), op);
        assert.strictEqual(folder?.fresh, false);
        leaveFolder(bench.ctx, folder, op);
      });
      clean();
    });
    it('a thousand levels deep, longer than any path the system takes', () => {
      const posix = real;
      const root = posix.openRoot(source as ByteString);
      let at = root;
      for (let i = 0; i < 1000; i++) {
        posix.mkdir(at, 'level' as ByteString, 0o755);
        const next = posix.openDir(at, 'level' as ByteString);
        posix.close(at);
        at = next;
      }
      posix.close(posix.open(at, 'leaf' as ByteString, { write: true, create: true }, 0o644));
      posix.close(at);
      run();
      clean();
    });
  });

  describe('deleting', () => {
    const gone = (path: string, more: BenchOptions = {}): { result: boolean; told: string[]; counters: Bench['ctx']['counters'] } =>
      withBench(source, target, more, (bench) => {
        const op = bench.removal(path);
        return { result: removeEntry(bench.ctx, bench.enter(), op), told: bench.told, counters: bench.ctx.counters };
      });
    it('removes files, symlinks (not what they name) and empty folders, and counts them', () => {
      mkdirSync(temp.at('outside'));
      writeFileSync(`${target}/f`, 'x');
      symlinkSync(temp.at('outside'), `${target}/l`);
      mkdirSync(`${target}/d`);
      assert.deepStrictEqual(gone('f').counters.deleted, { files: 1, dirs: 0, links: 0, devices: 0, specials: 0 });
      assert.deepStrictEqual(gone('l').counters.deleted, { files: 0, dirs: 0, links: 1, devices: 0, specials: 0 });
      assert.deepStrictEqual(gone('d').counters.deleted, { files: 0, dirs: 1, links: 0, devices: 0, specials: 0 });
      assert.deepStrictEqual(readdirSync(target), []);
      assert.ok(existsSync(temp.at('outside')));
    });
    it('keeps a folder that is not empty, as a warning', () => {
      mkdirSync(`${target}/d`);
      writeFileSync(`${target}/d/kept`, 'x');
      const { result, told } = gone('d');
      assert.strictEqual(result, false);
      assert.deepStrictEqual(told, ['not-empty d']);
      assert.ok(existsSync(`${target}/d/kept`));
    });
    it('is content with what has gone already, and never removes a folder for a file', () => {
      writeFileSync(`${target}/f`, 'x');
      writeFileSync(`${target}/g`, 'x');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter();
        const [f, g] = [bench.removal('f'), bench.removal('g')];
        rmSync(`${target}/f`);
        rmSync(`${target}/g`);
        mkdirSync(`${target}/g`);
        assert.strictEqual(removeEntry(bench.ctx, folder, f), true);
        assert.strictEqual(removeEntry(bench.ctx, folder, g), false);
        assert.deepStrictEqual(bench.told, ['delete-failed g']);
        assert.strictEqual(bench.ctx.counters.deleted.files, 0);
      });
      assert.ok(existsSync(`${target}/g`));
    });
  });

  describe('moves', () => {
    it('rename a file and set what has changed about it, without reading its content', () => {
      mkdirSync(`${source}/new`);
      writeFileSync(`${source}/new/f`, 'content', { mode: 0o600 });
      mkdirSync(`${target}/old`);
      writeFileSync(`${target}/old/g`, 'content', { mode: 0o644 });
      mkdirSync(`${target}/new`);
      const { ino } = lstatSync(`${target}/old/g`);
      withBench(source, target, { posix: tampered({ read: () => -5 }) }, (bench) => {
        assert.ok(execute(bench.ctx, bench.enter('new'), bench.move('old/g', 'new/f')));
        assert.deepStrictEqual(bench.told, []);
        assert.strictEqual(bench.ctx.counters.moved, 1);
      });
      assert.strictEqual(lstatSync(`${target}/new/f`).ino, ino);
      rmSync(`${target}/old`, { recursive: true });
      assertSameTree(source, target, { root: false, ignore: ['dir-mtime'] });
    });
    it('rename a folder with all that is in it, and forget its old handles', () => {
      makeTree(temp.at('b'), { old: dir({ e: dir({ f: 'x' }) }) });
      makeTree(temp.at('a'), { new: dir({ e: dir({ f: 'x' }) }, { mtime: time(9, 9) }) });
      withBench(temp.at('a'), temp.at('b'), {}, (bench) => {
        bench.ctx.targetFolders.open('old/e' as RelPath);
        const root = bench.enter();
        const op = bench.move('old', 'new');
        assert.strictEqual(op.mode & S_IFDIR, S_IFDIR);
        assert.ok(execute(bench.ctx, root, op));
        assert.strictEqual(bench.ctx.targetFolders.open('old/e' as RelPath), -2);
        assert.ok(bench.ctx.targetFolders.open('new/e' as RelPath) > 0);
      });
      assert.deepStrictEqual(readdirSync(temp.at('b')), ['new']);
    });
    it('given that the old file is gone, copy it from the source', () => {
      writeFileSync(`${source}/f`, 'content');
      withBench(source, target, {}, (bench) => {
        assert.ok(execute(bench.ctx, bench.enter(), bench.move('gone', 'f')));
        assert.deepStrictEqual(bench.told, []);
      });
      clean();
    });
    it('given something new under the name, replace nothing', () => {
      writeFileSync(`${source}/f`, 'content');
      writeFileSync(`${target}/g`, 'content');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter();
        const op = bench.move('g', 'f');
        writeFileSync(`${target}/f`, 'mine');
        assert.strictEqual(execute(bench.ctx, folder, op), false);
        assert.deepStrictEqual(bench.told, ['write-failed f']);
      });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'mine');
      assert.strictEqual(readFileSync(`${target}/g`, 'utf8'), 'content');
    });
  });

  describe('attributes', () => {
    it('are set on what stays: times, permissions, of files, symlinks and FIFOs', () => {
      makeTree(temp.at('a'), { f: file('x', { mode: 0o640, mtime: time(5, 6) }), l: symlink('q', { mtime: time(7, 8) }), p: fifo({ mode: 0o604, mtime: time(9, 1) }) });
      makeTree(temp.at('b'), { f: file('x', { mode: 0o600, mtime: time(5, 6) }), l: symlink('q'), p: fifo() });
      withBench(temp.at('a'), temp.at('b'), {}, (bench) => {
        bench.sync();
        assert.strictEqual(bench.ctx.counters.attributesSet, 3);
        assert.strictEqual(bench.ctx.counters.transferredFiles, 0);
      });
      assertSameTree(temp.at('a'), temp.at('b'), { root: false });
    });
    it('that fail are told, one by one, while the rest is done', () => {
      writeFileSync(`${source}/f`, 'x');
      chmodSync(`${source}/f`, 0o640);
      withBench(source, target, { posix: tampered({ fchmod: () => -1, futimes: () => -1 }), marksIncomplete: false }, (bench) => {
        bench.ctx.umask = 0o22;
        const folder = bench.enter();
        delete folder.defaultAcl;
        assert.strictEqual(execute(bench.ctx, folder, bench.plan('f')), true);
        assert.deepStrictEqual(bench.problems.map((p) => p.message.slice(0, 25)), ['cannot set its permission', 'cannot set its times: ope']);
      });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'x');
    });
    it('--omit-dir-times and no --times leave the times', () => {
      mkdirSync(`${source}/d`);
      utimesSync(`${source}/d`, 5, 5);
      writeFileSync(`${source}/f`, 'x');
      utimesSync(`${source}/f`, 5, 5);
      run({ options: archive((o) => { o.attributes.omitDirTimes = true; }) });
      assert.notStrictEqual(statSync(`${target}/d`).mtimeMs, 5000);
      assert.strictEqual(statSync(`${target}/f`).mtimeMs, 5000);
      rmSync(`${target}/f`);
      run({ options: archive((o) => { o.attributes.times = false; }) });
      assert.notStrictEqual(statSync(`${target}/f`).mtimeMs, 5000);
    });
    it('-U keeps access times', () => {
      writeFileSync(`${source}/f`, 'x');
      utimesSync(`${source}/f`, 12345, 54321);
      run({ options: archive((o) => { o.attributes.atimes = true; }) });
      assert.strictEqual(statSync(`${target}/f`).atimeMs, 12345_000);
    });

    const full = archive((o) => { o.attributes.acls = true; o.attributes.xattrs = true; });
    describeOn(['ext4'], { sizeMiB: 16 }, (fs) => {
      it('ACLs and xattrs are made equal, and what the source lacks is removed', () => {
        const name = `x${Math.random().toString(36).slice(2)}`;
        makeTree(fs.at(`${name}a`), {
          f: file('x', { xattrs: { 'user.a': '1', 'user.changed': 'new' }, acl: 'u:1000:rw-,m::rw-', mode: 0o660 }), plain: file('p', { mode: 0o400 }),
          d: dir({ g: 'y' }, { defaultAcl: 'u:1000:r-x', xattrs: { 'user.d': '\x00\xff' } }), big: file({ size: 400000, seed: 3 }, { xattrs: { 'user.big': 'v' } }),
        });
        makeTree(fs.at(`${name}b`), {
          f: file('x', { xattrs: { 'user.changed': 'old', 'user.extra': '1' }, mode: 0o644 }), plain: file('p', { acl: 'u:7:rwx', xattrs: { 'user.gone': '' } }), d: dir({}, { acl: 'g:5:rwx' }),
        });
        withBench(fs.at(`${name}a`), fs.at(`${name}b`), { options: full }, (bench) => {
          bench.sync();
          assert.deepStrictEqual(bench.told, []);
        });
        assertSameTree(fs.at(`${name}a`), fs.at(`${name}b`));
      });
      it('a folder\'s default ACL does not leak into files copied without -A, whose modes stay exact', () => {
        mkdirSync(fs.at('leak-s'));
        writeFileSync(fs.at('leak-s/f'), 'x');
        chmodSync(fs.at('leak-s/f'), 0o664);
        mkdirSync(fs.at('leak-t'));
        assert.strictEqual(spawnSync('setfacl', ['-d', '-m', 'u:1000:r--,m::r--', fs.at('leak-t')]).status, 0);
        withBench(fs.at('leak-s'), fs.at('leak-t'), {}, (bench) => bench.sync());
        assert.strictEqual(statSync(fs.at('leak-t/f')).mode & 0o777, 0o664);
      });
    });
    it('a class that the target does not know is told once, then only counted', () => {
      for (const name of ['a', 'b', 'c']) writeFileSync(`${source}/${name}`, 'x');
      const value = Buffer.from('v');
      const posix: Posix = tampered({ fgetXattr: () => value, fsetXattr: () => -95 });
      withBench(source, target, { posix, options: archive((o) => { o.attributes.xattrs = true; }) }, (bench) => {
        posix.flistXattrs = (fd) => (fd === bench.ctx.scratch?.stage.fd ? -95 : ['user.a' as ByteString]);
        for (const name of ['a', 'b', 'c']) assert.ok(bench.apply(name));
        assert.deepStrictEqual(bench.told, ['attribute-failed a']);
        assert.strictEqual(bench.ctx.counters.attributesLost, 3);
      });
    });
    it('owners and groups are changed by handle, and setuid comes back after (as root)', function () {
      if (!isRoot) this.skip();
      writeFileSync(`${source}/f`, 'x');
      chownSync(`${source}/f`, 11, 12);
      chmodSync(`${source}/f`, 0o4755);
      utimesSync(`${source}/f`, 9, 9);
      writeFileSync(`${target}/f`, 'x');
      chmodSync(`${target}/f`, 0o4755);
      utimesSync(`${target}/f`, 9, 9);
      withBench(source, target, { posix: tampered({ chown: () => -1, chmod: () => -1 }) }, (bench) => {
        const op = bench.plan('f');
        assert.strictEqual(op.kind, OpKind.Attributes);
        assert.ok((op.set & SetBits.Uid) !== 0);
        assert.ok(execute(bench.ctx, bench.enter(), op));
        assert.deepStrictEqual(bench.told, []);
      });
      clean();
    });
  });

  describeIf('--fake-super, understood by rsync', whyNoRsync() ?? (isRoot ? undefined : 'needs root to make what is to be faked'), () => {
    it('what is stored, rsync reads back as it was', () => {
      makeTree(temp.at('a'), randomTree(31, { entries: 40, xattrs: false, acls: false, hardLinks: false }));
      withBench(temp.at('a'), target, { options: archive((o) => { o.attributes.fakeSuper.target = true; }) }, (bench) => {
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
      });
      for (const [path, entry] of readTree(target)) {
        assert.ok(entry.type === 'file' || entry.type === 'dir', path);
        assert.ok((entry.mode & 0o7000) === 0 && entry.uid === 0 && entry.gid === 0, path);
      }
      assert.strictEqual(readTree(target).get('')?.mtime, readTree(temp.at('a')).get('')?.mtime);
      mkdirSync(temp.at('back'));
      const done = rsync(['-a', '--numeric-ids', '--fake-super', '-M--super', `${target}/`, `${temp.at('back')}/`]);
      assert.strictEqual(done.code, 0, done.stderr);
      assertSameTree(temp.at('a'), temp.at('back'), { root: false, ignore: ['dir-mtime'] }); // rsync itself leaves a folder's time where only its fraction differs
    });
  });

  it('--write-devices writes into the device, --copy-devices reads from it (as root)', function () {
    if (!isRoot) this.skip();
    const image = temp.at('image');
    writeFileSync(image, Buffer.alloc(1 << 20, 1));
    const loop = spawnSync('losetup', ['--find', '--show', image], { encoding: 'utf8' });
    if (loop.status !== 0) this.skip(); // no loop devices here
    const device = loop.stdout.trim();
    try {
      const { rdev } = statSync(device);
      spawnSync('mknod', [`${target}/dev`, 'b', String(rdev >> 8), String(rdev & 255)]);
      const content = Buffer.alloc(1 << 20, 'written through the device ');
      writeFileSync(`${source}/dev`, content);
      withBench(source, target, { options: archive((o) => { o.attributes.writeDevices = true; }) }, (bench) => {
        const op = bench.plan('dev');
        assert.ok(execute(bench.ctx, bench.enter(), op), bench.told.join());
      });
      spawnSync('blockdev', ['--flushbufs', device]);
      assert.ok(readFileSync(image).equals(content));
      assert.ok(lstatSync(`${target}/dev`).isBlockDevice());

      mkdirSync(temp.at('copies'));
      withBench(target, temp.at('copies'), { options: archive((o) => { o.attributes.copyDevices = true; }) }, (bench) => {
        const op = bench.plan('dev');
        op.kind = OpKind.File;
        op.mode = 0o100600;
        assert.ok(execute(bench.ctx, bench.enter(), op), bench.told.join());
      });
      assert.ok(readFileSync(temp.at('copies/dev')).equals(content));
    } finally {
      spawnSync('losetup', ['-d', device]);
    }
  });

  it('does the same by Node alone, without foreign calls, as far as that goes', () => {
    // TWINTREE_NO_FFI decides once a process: so in one of its own.
    makeTree(temp.at('a'), { f: 'x', d: dir({ g: file({ size: 300000, seed: 1 }), l: symlink('q') }), big: file({ size: 3000000, seed: 2 }) });
    const done = spawnSync(process.execPath, [new URL('apply-child.js', import.meta.url).pathname, temp.at('a'), target], { encoding: 'utf8', env: { ...process.env, TWINTREE_NO_FFI: '1' } });
    assert.strictEqual(done.status, 0, done.stderr);
    assertSameTree(temp.at('a'), target, { root: false, mtimeGranularity: 10000 });
  });

  it('renames are of names in handles: a folder that is renamed in mid-work gets its files all the same', () => {
    mkdirSync(`${source}/d`);
    writeFileSync(`${source}/d/f`, 'x');
    mkdirSync(`${target}/d`);
    withBench(source, target, {}, (bench) => {
      const folder = bench.enter('d');
      const op = bench.plan('d/f');
      renameSync(`${target}/d`, `${target}/renamed`);
      assert.ok(execute(bench.ctx, folder, op));
    });
    assert.strictEqual(readFileSync(`${target}/renamed/f`, 'utf8'), 'x');
  });
});
