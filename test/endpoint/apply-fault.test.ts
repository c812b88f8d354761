/** Faults and races: nothing half done, nothing left behind, nothing outside the root touched. */
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync, chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPosix, type Posix } from '../../src/fs/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { execute, isTempName, leaveFolder, removeEntry } from '../../src/endpoint/apply/index.js';
import { assertSameTree, describeOn, makeTree, file, PLAIN_UID, plainFolder, randomTree, treePaths, whyNoOtherUser, describeIf } from '../support/index.js';
import { archive, Bench, leftovers, tampered, withBench } from './apply-bench.js';
import { useRoots } from './apply-roots.js';

const MB = 1 << 20;
const CHILD = fileURLToPath(new URL('apply-child.js', import.meta.url));

describe('apply: faults', () => {
  let source: string;
  let target: string;
  const temp = useRoots('apply-fault', (s, t) => { [source, target] = [s, t]; });
  const real = loadPosix();
  const old = (name: string, content = 'old'): void => {
    writeFileSync(`${target}/${name}`, content);
    utimesSync(`${target}/${name}`, 1000, 1000);
  };
  /** One file, one fault: `expect` is what must be told; the old file must stand, and nothing else. */
  const fails = (changes: (bench: Bench) => Partial<Posix>, expect: string, size = 10, options = archive()): void => {
    writeFileSync(`${source}/f`, Buffer.alloc(size, 7));
    old('f');
    const posix = tampered({ clone: () => -95 });
    withBench(source, target, { posix, options }, (bench) => {
      Object.assign(posix, changes(bench));
      assert.strictEqual(bench.apply('f'), false);
      assert.deepStrictEqual(bench.told, [expect]);
    });
    assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
    assert.deepStrictEqual(readdirSync(target), ['f']);
    rmSync(`${target}/f`);
  };

  describe('on the target leave the old file and no temporary one', () => {
    for (const size of [10, 3 * MB]) {
      for (const [errno, code] of [[-28, 'no-space'], [-122, 'no-space'], [-5, 'write-failed']] as const) {
        it(`write answers ${errno}, file of ${size} bytes`, () => fails(() => ({ write: () => errno, copyRange: () => -18 }), `${code} f`, size));
      }
      it(`a write that takes only a part and then fails, file of ${size} bytes`, () => {
        let n = 0;
        fails(() => ({ copyRange: () => -18, write: (fd, b, o, l, p) => (n++ === 0 ? real.write(fd, b, o, Math.min(l, 3), p) : -28) }), 'no-space f', size);
      });
      it(`close answers that it did not fit, file of ${size} bytes`, () => {
        fails((bench) => ({
          close: (fd) => { const result = real.close(fd); return fd === bench.ctx.scratch?.stage.fd ? -122 : result; },
        }), 'no-space f', size);
      });
      it(`rename fails, file of ${size} bytes`, () => fails(() => ({ rename: () => -13 }), 'write-failed f', size));
      it(`fsync fails, file of ${size} bytes`, () => fails(() => ({ fsync: () => -5 }), 'write-failed f', size, archive((o) => { o.replace.fsync = true; })));
    }
    it('no temporary file can be made', () => fails(() => ({ open: (at, name, flags, mode) => (flags.create ? -30 : real.open(at, name, flags, mode)) }), 'write-failed f'));
    it('copy_file_range meets a full disk', () => fails(() => ({ copyRange: () => -28, write: () => -28 }), 'no-space f', 3 * MB));
  });

  describe('at the source', () => {
    for (const size of [10, 3 * MB]) {
      it(`given an I/O error, leaves the old file (${size} bytes)`, () => fails(() => ({ read: () => -5, copyRange: () => -5 }), 'unreadable f', size));
      it(`given a file that ends before its size says, installs no part of it (${size} bytes)`, () => {
        fails(() => ({ copyRange: () => -18, read: (fd, b, o, l, p) => (p + l >= size ? 0 : real.read(fd, b, o, l, p)) }), 'unreadable f', size);
      });
      it(`reads on after short reads (${size} bytes)`, () => {
        const content = Buffer.alloc(size, 'abcdefg');
        writeFileSync(`${source}/f`, content);
        const posix = tampered({ clone: () => -95, copyRange: () => -18, read: (fd, b, o, l, p) => real.read(fd, b, o, Math.min(l, 4097), p) });
        withBench(source, target, { posix }, (bench) => assert.ok(bench.apply('f')));
        assert.ok(readFileSync(`${target}/f`).equals(content));
      });
      it(`given a file that changes while it is read, reads it again with its new size and time (${size} bytes)`, () => {
        writeFileSync(`${source}/f`, Buffer.alloc(size, 1));
        let reads = 0;
        const change = (): void => { if (reads++ === 0) appendFileSync(`${source}/f`, 'more'); };
        const posix = tampered({ clone: () => -95, copyRange: () => -18, read: (fd, b, o, l, p) => { const n = real.read(fd, b, o, l, p); change(); return n; } });
        withBench(source, target, { posix }, (bench) => {
          assert.ok(bench.apply('f'));
          assert.deepStrictEqual(bench.told, []);
        });
        assertSameTree(source, target, { root: false });
      });
      it(`given one that never stands still, keeps the last reading with the time of before it, and says so (${size} bytes)`, () => {
        writeFileSync(`${source}/f`, Buffer.alloc(size, 1));
        const posix = tampered({ clone: () => -95, copyRange: () => -18, read: (fd, b, o, l, p) => { const n = real.read(fd, b, o, l, p); appendFileSync(`${source}/f`, 'x'); return n; } });
        withBench(source, target, { posix }, (bench) => {
          assert.ok(bench.apply('f'));
          assert.deepStrictEqual(bench.told, ['changed f']);
          assert.strictEqual(bench.problems[0]?.severity, 'warning');
        });
        assert.notStrictEqual(statSync(`${target}/f`, { bigint: true }).mtimeNs, statSync(`${source}/f`, { bigint: true }).mtimeNs);
        withBench(source, target, {}, (bench) => bench.sync());
        assertSameTree(source, target, { root: false });
        assert.deepStrictEqual(leftovers(treePaths(target)), []);
      });
    }
    for (const [size, readings] of [[10, 3], [3 * MB, 3], [17 * MB, 1]] as const) {
      it(`given one that never stands still, and told to defer it, leaves the old file after ${readings} readings (${size} bytes)`, () => {
        writeFileSync(`${source}/f`, Buffer.alloc(size, 1));
        writeFileSync(`${target}/f`, 'the last whole one');
        let starts = 0;
        const posix = tampered({ clone: () => -95, copyRange: () => -18, read: (fd, b, o, l, p) => { const n = real.read(fd, b, o, l, p); if (p === 0) starts++; appendFileSync(`${source}/f`, 'x'); return n; } });
        withBench(source, target, { posix, options: archive((o) => { o.replace.deferChanging = true; }) }, (bench) => {
          assert.ok(!bench.apply('f'));
          assert.deepStrictEqual(bench.told, ['deferred f']);
          assert.strictEqual(bench.problems[0]?.severity, 'warning');
        });
        assert.deepStrictEqual([starts, readFileSync(`${target}/f`, 'utf8')], [readings, 'the last whole one']);
        assert.deepStrictEqual(leftovers(treePaths(target)), []);
      });
    }
    for (const [size, readings] of [[3 * MB, 3], [17 * MB, 1]] as const) {
      it(`given one that never stands still, and that a later session sees to, takes it after ${readings} readings (${size} bytes)`, () => {
        writeFileSync(`${source}/f`, Buffer.alloc(size, 1));
        let starts = 0;
        const posix = tampered({ clone: () => -95, copyRange: () => -18, read: (fd, b, o, l, p) => { const n = real.read(fd, b, o, l, p); if (p === 0) starts++; appendFileSync(`${source}/f`, 'x'); return n; } });
        withBench(source, target, { posix, options: archive((o) => { o.replace.deferChanging = false; }) }, (bench) => {
          assert.ok(bench.apply('f'));
          assert.deepStrictEqual(bench.told, ['changed f']);
        });
        assert.strictEqual(starts, readings);
        assert.ok(statSync(`${target}/f`).size >= size);
        assert.notStrictEqual(statSync(`${target}/f`, { bigint: true }).mtimeNs, statSync(`${source}/f`, { bigint: true }).mtimeNs);
      });
    }
    it('given a file that has changed since the plan, takes it as it is now', () => {
      writeFileSync(`${source}/f`, 'planned');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter();
        const op = bench.plan('f');
        writeFileSync(`${source}/f`, 'otherwise now');
        utimesSync(`${source}/f`, 77, 77);
        assert.ok(execute(bench.ctx, folder, op));
        assert.deepStrictEqual(bench.told, []);
      });
      assertSameTree(source, target, { root: false });
    });
    it('given a small file that has grown large since, copies all of it', () => {
      writeFileSync(`${source}/f`, 'small');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter();
        const op = bench.plan('f');
        writeFileSync(`${source}/f`, Buffer.alloc(2 * MB, 3));
        assert.ok(execute(bench.ctx, folder, op));
      });
      assertSameTree(source, target, { root: false });
    });
    it('given a file that is gone, warns and leaves the target alone', () => {
      writeFileSync(`${source}/f`, 'x');
      old('f');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter();
        const op = bench.plan('f');
        rmSync(`${source}/f`);
        assert.strictEqual(execute(bench.ctx, folder, op), false);
        assert.deepStrictEqual(bench.problems.map((p) => [p.code, p.severity, p.side]), [['vanished', 'warning', 'source']]);
      });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
    });
    for (const [what, make] of [
      ['a symlink', (path: string) => symlinkSync('/etc/passwd', path)],
      ['a folder', (path: string) => mkdirSync(path)],
      ['a FIFO', (path: string) => assert.strictEqual(spawnSync('mkfifo', [path]).status, 0)],
    ] as const) {
      it(`given ${what} where the plan saw a file, does nothing and says so`, () => {
        writeFileSync(`${source}/f`, 'x');
        withBench(source, target, {}, (bench) => {
          const folder = bench.enter();
          const op = bench.plan('f');
          rmSync(`${source}/f`);
          make(`${source}/f`);
          assert.strictEqual(execute(bench.ctx, folder, op), false);
          assert.deepStrictEqual(bench.problems.map((p) => [p.code, p.severity]), [['changed', 'error']]);
        });
        assert.deepStrictEqual(readdirSync(target), []);
      });
    }
  });

  it('given an end asked for, starts nothing more', () => {
    writeFileSync(`${source}/f`, 'x');
    withBench(source, target, {}, (bench) => {
      bench.abort = true;
      assert.strictEqual(bench.apply('f'), false);
      assert.deepStrictEqual(bench.told, []);
    });
    assert.deepStrictEqual(readdirSync(target), []);
  });

  it('given an end asked for in the middle of a large file, leaves the old one and nothing else', () => {
    writeFileSync(`${source}/f`, Buffer.alloc(20 * MB, 1));
    old('f');
    withBench(source, target, { posix: tampered({ clone: () => -95 }) }, (bench) => {
      bench.ctx.addBytes = () => { bench.abort = true; };
      assert.strictEqual(bench.apply('f'), false);
    });
    assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
    assert.deepStrictEqual(readdirSync(target), ['f']);
  });

  it('whatever call on the target fails at whatever moment, each name is old or new, and no temporary name stays', () => {
    // Every call that changes something is made to fail, one after the other, over a whole session.
    const calls = ['mkdir', 'unlink', 'rmdir', 'rename', 'renameNoReplace', 'link', 'symlink', 'mknod', 'write', 'truncate', 'fchown', 'fchmod', 'futimes', 'chown', 'utimes', 'fsync'] as const;
    const before = randomTree(21, { entries: 25, maxSize: 2000 });
    const after = randomTree(22, { entries: 25, maxSize: 2000 });
    let runs = 0;
    makeTree(temp.at('new'), after);
    makeTree(temp.at('base'), before);
    const options = archive((o) => { o.delete.when = 'during'; o.attributes.hardLinks = true; o.attributes.xattrs = true; });
    for (const marksIncomplete of [true, false]) {
      for (const call of calls) {
        for (const when of [0, 4]) {
          const to = temp.at(`run${runs++}`);
          assert.strictEqual(spawnSync('cp', ['-a', temp.at('base'), to]).status, 0);
          let n = 0;
          const posix = tampered({});
          (posix as unknown as Record<string, unknown>)[call] = (...args: unknown[]): number =>
            n++ === when ? -5 : (real[call] as unknown as (...a: unknown[]) => number).apply(real, args);
          withBench(temp.at('new'), to, { options, posix, marksIncomplete }, (bench) => bench.sync());
          const left = leftovers(spawnSync('find', [to, '-mindepth', '1', '-printf', '%P\\0'], { encoding: 'latin1' }).stdout.split('\0'));
          // An unlink that fails may leave what it was to remove: nothing else may.
          assert.ok(left.length === 0 || call === 'unlink', `${call} failing at ${when}: ${left.join()}`);
          withBench(temp.at('new'), to, { options, marksIncomplete }, (bench) => bench.sync());
          // What a failed unlink left is the session's to remove; everything else the next run mends.
          assertSameTree(temp.at('new'), to, { except: left, ignore: ['acl'] });
          rmSync(to, { recursive: true, force: true });
        }
      }
    }
  }).timeout(180000);

  describeOn(['tmpfs', 'ext4'], { sizeMiB: 8 }, (fs) => {
    it('given a full disk, says so for what did not fit, and leaves old files whole', () => {
      mkdirSync(fs.at('t'));
      writeFileSync(fs.at('t/small'), 'old');
      utimesSync(fs.at('t/small'), 1, 1);
      writeFileSync(`${source}/big`, Buffer.alloc(30 * MB, 5));
      writeFileSync(`${source}/small`, Buffer.alloc(200000, 6));
      withBench(source, fs.at('t'), {}, (bench) => {
        assert.strictEqual(bench.apply('big'), false);
        assert.deepStrictEqual(bench.told, ['no-space big']);
        const fill = fs.at('fill');
        try { for (let i = 0; i < 1000; i++) appendFileSync(fill, Buffer.alloc(65536, 1)); } catch { /* full now, as wanted */ }
        assert.strictEqual(bench.apply('small'), false);
        assert.deepStrictEqual(bench.told, ['no-space big', 'no-space small']);
        rmSync(fill);
      });
      assert.deepStrictEqual(readdirSync(fs.at('t')), ['small']);
      assert.strictEqual(readFileSync(fs.at('t/small'), 'utf8'), 'old');
    });
  });

  describe('races', () => {
    it('given a target folder exchanged for a symlink in mid-work, never writes where that points', () => {
      mkdirSync(temp.at('outside'));
      mkdirSync(`${source}/d`);
      mkdirSync(`${target}/d`);
      for (let i = 0; i < 20; i++) writeFileSync(`${source}/d/f${i}`, `content ${i}`);
      let n = 0;
      const swap = (): void => {
        if (n++ !== 5) return;
        renameSync(`${target}/d`, temp.at('moved-away'));
        symlinkSync(temp.at('outside'), `${target}/d`);
      };
      const posix = tampered({ open: (at, name, flags, mode) => { if (flags.create) swap(); return real.open(at, name, flags, mode); } });
      withBench(source, target, { posix }, (bench) => bench.sync());
      assert.deepStrictEqual(readdirSync(temp.at('outside')), []);
      assert.strictEqual(readdirSync(temp.at('moved-away')).length, 20); // they went into the folder that was opened
    });
    it('given that the handle is lost too, stops in that folder and says so', () => {
      mkdirSync(temp.at('outside'));
      writeFileSync(temp.at('outside/precious'), 'x');
      mkdirSync(`${source}/d`);
      mkdirSync(`${target}/d`);
      writeFileSync(`${source}/d/f`, 'x');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter('d');
        const file1 = bench.plan('d/f');
        const op = bench.plan('d');
        writeFileSync(`${target}/d/precious`, 'x');
        const removal = bench.removal('d/precious');
        renameSync(`${target}/d`, temp.at('moved-away'));
        symlinkSync(temp.at('outside'), `${target}/d`);
        bench.ctx.targetFolders.forget('' as ByteString);
        assert.strictEqual(execute(bench.ctx, folder, file1), false);
        assert.strictEqual(removeEntry(bench.ctx, folder, removal), false);
        leaveFolder(bench.ctx, folder, op);
        assert.deepStrictEqual(bench.problems.map((p) => p.code), ['escaped', 'delete-failed', 'escaped']);
      });
      assert.deepStrictEqual(readdirSync(temp.at('outside')), ['precious']);
    });
    it('given a source folder exchanged for a symlink, reads nothing from there', () => {
      mkdirSync(temp.at('outside'));
      writeFileSync(temp.at('outside/f'), 'secret');
      mkdirSync(`${source}/d`);
      mkdirSync(`${target}/d`);
      writeFileSync(`${source}/d/f`, 'x');
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter('d');
        const op = bench.plan('d/f');
        rmSync(`${source}/d`, { recursive: true });
        symlinkSync(temp.at('outside'), `${source}/d`);
        const { sourceFolder } = bench.ctx;
        bench.ctx.sourceFolder = (layer, path) => { const fresh = sourceFolder(layer, path); return path === 'd' ? real.openDir(sourceFolder(0, '' as ByteString), 'd' as ByteString) : fresh; };
        assert.strictEqual(execute(bench.ctx, folder, op), false);
        assert.deepStrictEqual(bench.told, ['escaped d/f']);
      });
      assert.deepStrictEqual(readdirSync(`${target}/d`), []);
    });
    it('given a target file exchanged for another one, sets no attributes on that', () => {
      writeFileSync(`${source}/f`, 'x');
      chmodSync(`${source}/f`, 0o666);
      withBench(source, target, {}, (bench) => bench.sync());
      chmodSync(`${source}/f`, 0o600);
      writeFileSync(temp.at('victim'), 'v', { mode: 0o644 });
      withBench(source, target, {}, (bench) => {
        const folder = bench.enter();
        const op = bench.plan('f');
        rmSync(`${target}/f`);
        spawnSync('ln', [temp.at('victim'), `${target}/f`]);
        assert.strictEqual(execute(bench.ctx, folder, op), false);
        assert.deepStrictEqual(bench.told, ['changed f']);
      });
      assert.strictEqual(statSync(temp.at('victim')).mode & 0o777, 0o644);
    });
    it('given a symlink in place of a folder that is about to be made, does not go through it', () => {
      mkdirSync(temp.at('outside'));
      mkdirSync(`${source}/d`);
      writeFileSync(`${source}/d/f`, 'x');
      const posix = tampered({
        mkdir: (at, name, mode) => {
          const result = real.mkdir(at, name, mode);
          if (name === 'd') { rmSync(`${target}/d`, { recursive: true }); symlinkSync(temp.at('outside'), `${target}/d`); }
          return result;
        },
      });
      withBench(source, target, { posix }, (bench) => {
        bench.sync();
        assert.deepStrictEqual(bench.problems.map((p) => p.code), ['escaped']);
      });
      assert.deepStrictEqual(readdirSync(temp.at('outside')), []);
    });
  });

  for (const how of ['marks', 'temp']) {
    it(`killed at any moment (${how}), leaves old or new under every name, and the next run finishes`, async () => {
      const tree: Parameters<typeof makeTree>[1] = {};
      for (let i = 0; i < 8; i++) tree[`f${i}`] = file({ size: 400000, seed: i });
      makeTree(join(source, 'd'), tree);
      mkdirSync(`${target}/e`);
      makeTree(join(source, 'e'), tree);
      for (let i = 0; i < 8; i++) { writeFileSync(`${target}/e/f${i}`, `old ${i}`); utimesSync(`${target}/e/f${i}`, 1, 1); }
      for (const delay of [60, 250, 600]) {
        const child = spawn(process.execPath, [CHILD, source, target, 'slow', how], { stdio: ['ignore', 'pipe', 'inherit'] });
        const ended = new Promise<void>((resolve) => { child.on('close', () => resolve()); });
        await new Promise<void>((resolve) => { child.stdout.once('data', () => resolve()); });
        setTimeout(() => child.kill('SIGKILL'), delay); // the moment of the kill: any will do
        await ended;
        for (const name of existsSync(`${target}/e`) ? readdirSync(`${target}/e`) : []) {
          if (isTempName(name as ByteString)) continue;
          const content = readFileSync(`${target}/e/${name}`);
          assert.ok(content.length === 400000 ? content.equals(readFileSync(`${source}/e/${name}`)) : content.toString().startsWith('old '), name);
        }
        for (const name of existsSync(`${target}/d`) ? readdirSync(`${target}/d`) : []) {
          if (isTempName(name as ByteString)) continue;
          const whole = readFileSync(`${target}/d/${name}`).equals(readFileSync(`${source}/d/${name}`));
          assert.ok(whole || (lstatSync(`${target}/d/${name}`).mode & 0o7777) === 0o1200, `${name} is half and not marked`);
        }
      }
      for (const folder of ['d', 'e']) {
        if (!existsSync(`${target}/${folder}`)) continue;
        for (const name of readdirSync(`${target}/${folder}`)) if (isTempName(name as ByteString)) rmSync(`${target}/${folder}/${name}`); // the scan's task
      }
      withBench(source, target, {}, (bench) => bench.sync());
      assertSameTree(source, target);
    });
  }

  describeIf('as a plain user', whyNoOtherUser(), () => {
    const runChild = (from: string, to: string, ...how: string[]): string[] => {
      const done = spawnSync(process.execPath, [CHILD, from, to, ...how], { uid: PLAIN_UID, gid: PLAIN_UID, encoding: 'utf8' });
      assert.strictEqual(done.status, 0, done.stderr);
      return JSON.parse(done.stdout.split('\n')[1] as string) as string[];
    };
    const give = (path: string): void => { assert.strictEqual(spawnSync('chown', ['-R', `${PLAIN_UID}:${PLAIN_UID}`, path]).status, 0); };

    it('keeps read-only folders and files, making folders writable only while it works in them', () => {
      makeTree(temp.at('from'), { d: 'x' });
      rmSync(temp.at('from/d'));
      mkdirSync(temp.at('from/d'));
      writeFileSync(temp.at('from/d/f'), 'new');
      writeFileSync(temp.at('from/d/locked'), 'x', { mode: 0o400 });
      const to = plainFolder(temp.path, 'to');
      mkdirSync(join(to, 'd'));
      writeFileSync(join(to, 'd/f'), 'old one');
      writeFileSync(join(to, 'd/gone'), 'gone');
      mkdirSync(join(to, 'd/gone-too'));
      writeFileSync(join(to, 'd/gone-too/x'), 'gone');
      give(to);
      give(temp.at('from'));
      chmodSync(join(to, 'd/gone-too'), 0o500);
      for (const path of [temp.at('from/d'), join(to, 'd')]) chmodSync(path, 0o555);
      assert.deepStrictEqual(runChild(temp.at('from'), to, 'delete'), []);
      assertSameTree(temp.at('from'), to, { root: false });
      assert.strictEqual(statSync(join(to, 'd')).mode & 0o777, 0o555);
    });
    it('gives a read-only folder its rights back also where nothing else of it is set', () => {
      mkdirSync(temp.at('from'));
      mkdirSync(temp.at('from/d'));
      writeFileSync(temp.at('from/d/f'), 'x');
      const to = plainFolder(temp.path, 'to');
      mkdirSync(join(to, 'd'));
      give(to);
      give(temp.at('from'));
      for (const path of [temp.at('from/d'), join(to, 'd')]) chmodSync(path, 0o555);
      assert.deepStrictEqual(runChild(temp.at('from'), to, 'no-times'), []);
      assert.strictEqual(readFileSync(join(to, 'd/f'), 'utf8'), 'x');
      assert.strictEqual(statSync(join(to, 'd')).mode & 0o777, 0o555);
    });
    it('given files and folders it may not read or write, says so and does the rest', () => {
      mkdirSync(temp.at('from'));
      writeFileSync(temp.at('from/secret'), 'x', { mode: 0o600 });
      writeFileSync(temp.at('from/open'), 'x');
      mkdirSync(temp.at('from/theirs'));
      writeFileSync(temp.at('from/theirs/f'), 'x');
      const to = plainFolder(temp.path, 'to');
      mkdirSync(join(to, 'theirs'));
      chownSync(join(to, 'theirs'), 0, 0);
      const told = runChild(temp.at('from'), to);
      assert.deepStrictEqual(told.filter((t) => !t.startsWith('attribute-failed')).sort(), ['unreadable secret', 'write-failed theirs/f']);
      assert.strictEqual(readFileSync(join(to, 'open'), 'utf8'), 'x');
      assert.deepStrictEqual(readdirSync(join(to, 'theirs')), []);
    });
  });
});
