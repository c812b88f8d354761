/** One file: how new content gets into its place, by every option that has a say in it. */
import assert from 'node:assert';
import {
  chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync,
  writeFileSync, openSync, ftruncateSync, writeSync, closeSync,
} from 'node:fs';
import { fromText, type ByteString } from '../../src/tree/index.js';
import { execute, finishDelayed, isTempName, tempName, tempTag } from '../../src/endpoint/apply/index.js';
import { assertSameTree, describeOn, readTree, treePaths } from '../support/index.js';
import { archive, leftovers, tampered, withBench, type BenchOptions } from './apply-bench.js';
import { assertClean, syncQuietly, useRoots } from './apply-roots.js';
import { loadPosix } from '../../src/fs/index.js';

const MB = 1 << 20;
const bytes = (size: number, seed: number): Buffer => {
  const buffer = Buffer.alloc(size);
  let x = seed >>> 0;
  for (let i = 0; i < size; i++) { x = (Math.imul(x, 1664525) + 1013904223) >>> 0; buffer[i] = x >>> 24; }
  return buffer;
};
const isRoot = process.getuid?.() === 0;

describe('apply: temporary names', () => {
  it('are recognised with their session, and nothing else is', () => {
    const name = tempName('0af3', 77);
    assert.strictEqual(isTempName(name), true);
    assert.strictEqual(tempTag(name), '0af3');
    for (const other of ['.~twintree-', '.~twintree-0af3', 'x.~twintree-0af3-1', '.~twintree-0AF3-1', '.~twintree-0af3-1.txt', '.~twintree-0af3-1\n']) {
      assert.strictEqual(isTempName(other as ByteString), false, other);
    }
  });
});

describe('apply: one file', () => {
  let source: string;
  let target: string;
  const temp = useRoots('apply-file', (s, t) => { [source, target] = [s, t]; });
  /** Writes the file on both sides and makes the source's look newer. */
  const both = (name: string, from: Buffer | string, old: Buffer | string): void => {
    writeFileSync(`${source}/${name}`, from);
    writeFileSync(`${target}/${name}`, old);
    utimesSync(`${target}/${name}`, 1000, 1000);
  };
  const run = (more: BenchOptions = {}): void => syncQuietly(source, target, more);
  const clean = (): void => assertClean(source, target);

  it('given an old file, puts the new one there by rename: the old inode, seen by another name, stays as it was', () => {
    both('f', 'new', 'old content');
    linkSync(`${target}/f`, temp.at('other-name'));
    run();
    assert.strictEqual(readFileSync(temp.at('other-name'), 'utf8'), 'old content');
    clean();
  });

  it('given a folder it has just made, creates files there under their own names with the mark of an incomplete file', () => {
    mkdirSync(`${source}/d`);
    writeFileSync(`${source}/d/f`, 'x');
    const created: { name: string; mode: number | undefined }[] = [];
    const real = loadPosix();
    const posix = tampered({ open(at, name, flags, mode) { if (flags.create) created.push({ name, mode }); return real.open(at, name, flags, mode); } });
    run({ posix });
    assert.deepStrictEqual(created, [{ name: 'f', mode: 0o1200 }]);
    clean();
  });

  it('given a file system that does not keep the mark, goes by a temporary file in a new folder too', () => {
    mkdirSync(`${source}/d`);
    writeFileSync(`${source}/d/f`, 'x');
    const created: string[] = [];
    const real = loadPosix();
    const posix = tampered({ open(at, name, flags, mode) { if (flags.create) created.push(name); return real.open(at, name, flags, mode); } });
    run({ posix, marksIncomplete: false });
    assert.ok(created.length === 1 && isTempName(created[0] as ByteString), created.join());
    clean();
  });

  it('given an incomplete file of a killed run, replaces it', () => {
    writeFileSync(`${source}/f`, 'whole');
    writeFileSync(`${target}/f`, 'who');
    chmodSync(`${target}/f`, 0o1200);
    run();
    clean();
  });

  it('given a temporary file that is in the way, takes another name', () => {
    writeFileSync(`${source}/f`, 'x');
    withBench(source, target, { tag: 'abc' }, (bench) => {
      bench.enter();
      const next = [0, 1, 2].map((n) => tempName('abc', n * 4096));
      for (const name of next) writeFileSync(`${target}/${name}`, 'in the way');
      assert.ok(bench.apply('f'));
      for (const name of next) assert.strictEqual(readFileSync(`${target}/${name}`, 'utf8'), 'in the way');
    });
    assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'x');
  });

  it('given something that has appeared under a free name since the plan, leaves it and says so', () => {
    writeFileSync(`${source}/f`, 'x');
    withBench(source, target, {}, (bench) => {
      const folder = bench.enter();
      const op = bench.plan('f');
      writeFileSync(`${target}/f`, 'mine');
      assert.strictEqual(execute(bench.ctx, folder, op), false);
      assert.deepStrictEqual(bench.told, ['write-failed f']);
    });
    assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'mine');
    assert.deepStrictEqual(leftovers(treePaths(target)), []);
  });

  it('brings sizes around every buffer limit over exactly', () => {
    for (const size of [0, 1, 4095, 4096, 262143, 262144, 262145, MB - 1, MB, MB + 1, 3 * MB + 7]) writeFileSync(`${source}/f${size}`, bytes(size, size));
    run();
    clean();
  });

  if (isRoot) {
    it('sets the owner before the mode, so that setuid and setgid survive (as root)', () => {
      writeFileSync(`${source}/f`, 'x');
      chownSync(`${source}/f`, 1234, 5678);
      chmodSync(`${source}/f`, 0o6755);
      mkdirSync(`${source}/d`);
      writeFileSync(`${source}/d/g`, 'x');
      chownSync(`${source}/d/g`, 1234, 5678);
      chmodSync(`${source}/d/g`, 0o6511);
      run();
      clean();
    });
    it('given an owner that cannot be set, never leaves a setuid file of another user (as root)', () => {
      writeFileSync(`${source}/f`, 'x');
      chownSync(`${source}/f`, 1234, 5678);
      chmodSync(`${source}/f`, 0o6755);
      const posix = tampered({ fchown: () => -1 });
      withBench(source, target, { posix }, (bench) => {
        assert.strictEqual(bench.apply('f'), true);
        assert.deepStrictEqual(bench.told, ['attribute-failed f']);
      });
      assert.strictEqual(statSync(`${target}/f`).mode & 0o7777, 0o755);
    });
    it('never shows a file that will be another user\'s with more rights than its owner\'s before it is his (as root)', () => {
      writeFileSync(`${source}/f`, 'secret');
      chownSync(`${source}/f`, 1234, 5678);
      chmodSync(`${source}/f`, 0o660);
      const modes: number[] = [];
      const real = loadPosix();
      const posix = tampered({ open(at, name, flags, mode) { if (flags.create) modes.push(mode as number); return real.open(at, name, flags, mode); } });
      run({ posix });
      assert.deepStrictEqual(modes, [0o600]);
      clean();
    });
  }

  it('given setgid folders, gives files the group of the source all the same', function () {
    if (!isRoot) this.skip();
    mkdirSync(`${source}/d`);
    chownSync(`${source}/d`, 0, 777);
    chmodSync(`${source}/d`, 0o2755);
    mkdirSync(`${source}/d/e`);
    chownSync(`${source}/d/e`, 0, 0);
    writeFileSync(`${source}/d/f`, 'x');
    chownSync(`${source}/d/f`, 0, 0);
    mkdirSync(`${target}/d`);
    chownSync(`${target}/d`, 0, 777);
    chmodSync(`${target}/d`, 0o2755);
    run();
    clean();
  });

  describe('--temp-dir', () => {
    it('builds the file there and renames it from there', () => {
      both('f', 'new', 'old');
      mkdirSync(temp.at('tmp'));
      const created: number[] = [];
      const real = loadPosix();
      const posix = tampered({ open(at, name, flags, mode) { if (flags.create) created.push(at); return real.open(at, name, flags, mode); } });
      withBench(source, target, { posix, tempDir: temp.at('tmp') }, (bench) => {
        assert.ok(bench.apply('f'));
        assert.deepStrictEqual(created, [bench.ctx.tempRoot]);
      });
      clean();
      assert.deepStrictEqual(readdirSync(temp.at('tmp')), []);
    });
    it('given a folder from which nothing can be renamed, builds beside the place and leaves nothing there', () => {
      both('f', 'new', 'old');
      both('g', 'newer', 'old');
      mkdirSync(temp.at('tmp'));
      const real = loadPosix();
      let fromTemp = 0;
      const posix = tampered({});
      withBench(source, target, { posix, tempDir: temp.at('tmp') }, (bench) => {
        const { tempRoot } = bench.ctx;
        posix.rename = (a, x, b, y) => (a === tempRoot ? (fromTemp++, -18) : real.rename(a, x, b, y));
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
      });
      assert.strictEqual(fromTemp, 1);
      clean();
      assert.deepStrictEqual(readdirSync(temp.at('tmp')), []);
    });
  });

  describe('holes', () => {
    const makeSparse = (path: string, size: number, at: number[]): void => {
      const fd = openSync(path, 'w');
      for (const position of at) writeSync(fd, Buffer.alloc(4096, 7), 0, 4096, position);
      ftruncateSync(fd, size);
      closeSync(fd);
    };
    it('of the source stay holes', () => {
      makeSparse(`${source}/f`, 20 * MB, [0, 5 * MB, 19 * MB]);
      makeSparse(`${source}/only-a-hole`, 20 * MB, []);
      run();
      clean();
      assert.ok(statSync(`${target}/f`).blocks * 512 < MB);
      assert.strictEqual(statSync(`${target}/only-a-hole`).blocks, 0);
    });
    it('with -S are made of zeros, in small files too', () => {
      writeFileSync(`${source}/big`, Buffer.concat([bytes(5000, 1), Buffer.alloc(3 * MB), bytes(5000, 2), Buffer.alloc(MB)]));
      writeFileSync(`${source}/small`, Buffer.concat([Buffer.alloc(100000), bytes(10, 3)]));
      run({ options: archive((o) => { o.replace.sparse = true; }) });
      clean();
      assert.ok(statSync(`${target}/big`).blocks * 512 < 64 * 1024);
      assert.ok(statSync(`${target}/small`).blocks * 512 < 16 * 1024);
    });
    it('with --inplace are punched into the old content', () => {
      makeSparse(`${source}/f`, 4 * MB, [MB]);
      writeFileSync(`${target}/f`, bytes(5 * MB, 9));
      utimesSync(`${target}/f`, 1, 1);
      run({ options: archive((o) => { o.replace.inplace = true; }) });
      clean();
      assert.ok(statSync(`${target}/f`).blocks * 512 < MB);
    });
    it('given a target that cannot punch, are written as zeros over old content', () => {
      makeSparse(`${source}/f`, 4 * MB, [MB]);
      writeFileSync(`${target}/f`, bytes(5 * MB, 9));
      run({ posix: tampered({ punchHole: () => -95 }), options: archive((o) => { o.replace.inplace = true; o.compare.mode = 'ignore-times'; }) });
      clean();
    });
    it('with --preallocate get their space all the same', () => {
      writeFileSync(`${source}/f`, bytes(2 * MB, 4));
      let allocated = 0;
      const real = loadPosix();
      run({ posix: tampered({ allocate(fd, offset, length) { allocated += length; return real.allocate(fd, offset, length); } }), options: archive((o) => { o.replace.preallocate = true; }) });
      clean();
      assert.strictEqual(allocated, 2 * MB);
    });
  });

  describe('--no-whole-file', () => {
    it('counts what the old file already had as matched', () => {
      const content = bytes(4 * MB, 1);
      const old = Buffer.from(content);
      old.fill(0, 2 * MB, 2 * MB + 10);
      both('f', content, old);
      withBench(source, target, { options: archive((o) => { o.replace.wholeFile = false; }) }, (bench) => {
        assert.ok(bench.apply('f'));
        assert.strictEqual(bench.ctx.counters.literalBytes, 128 * 1024);
        assert.strictEqual(bench.ctx.counters.matchedBytes, 4 * MB - 128 * 1024);
        assert.strictEqual(bench.bytes, 4 * MB);
      });
      clean();
    });
    it('works where the old file is longer, shorter or empty', () => {
      const content = bytes(3 * MB + 5, 1);
      both('longer', content, Buffer.concat([content, content]));
      both('shorter', content, content.subarray(0, MB + 3));
      both('empty', content, '');
      both('to-empty', '', content);
      run({ options: archive((o) => { o.replace.wholeFile = false; o.compare.mode = 'ignore-times'; }) });
      clean();
    });
  });

  describe('--inplace', () => {
    const inplace = (more: Partial<ReturnType<typeof archive>['replace']> = {}): ReturnType<typeof archive> =>
      archive((o) => { o.compare.mode = 'ignore-times'; Object.assign(o.replace, { inplace: true }, more); });
    it('writes into the inode that stands there, whatever the sizes', () => {
      for (const [name, from, old] of [['longer', 10, 3 * MB], ['shorter', 3 * MB, 10], ['same', MB, MB], ['to-empty', 0, 5]] as const) both(name, bytes(from, 1), bytes(old, 2));
      const before = readTree(target);
      run({ options: inplace() });
      clean();
      const after = readTree(target);
      for (const name of ['longer', 'shorter', 'same', 'to-empty']) assert.strictEqual(after.get(name)?.ino, before.get(name)?.ino, name);
    });
    it('with --no-whole-file writes only the pages that differ', () => {
      const content = bytes(4 * MB, 1);
      const old = Buffer.from(content);
      old[3 * MB] = (old[3 * MB] as number) ^ 1;
      both('f', content, Buffer.concat([old, Buffer.alloc(100, 1)]));
      withBench(source, target, { options: inplace({ wholeFile: false }) }, (bench) => {
        assert.ok(bench.apply('f'));
        assert.strictEqual(bench.ctx.counters.literalBytes, 4096);
      });
      clean();
    });
    it('makes a file that is not there under its own name, and replaces a symlink rather than following it', () => {
      writeFileSync(temp.at('elsewhere'), 'untouched');
      symlinkSync(temp.at('elsewhere'), `${target}/l`);
      writeFileSync(`${source}/l`, 'file now');
      writeFileSync(`${source}/n`, bytes(MB, 2));
      run({ options: inplace() });
      clean();
      assert.strictEqual(readFileSync(temp.at('elsewhere'), 'utf8'), 'untouched');
    });
    it('given another inode under the name than the plan saw, never writes into that', () => {
      both('f', 'new', 'old');
      writeFileSync(temp.at('victim'), 'victim');
      withBench(source, target, { options: inplace() }, (bench) => {
        const folder = bench.enter();
        const op = bench.plan('f');
        rmSync(`${target}/f`);
        linkSync(temp.at('victim'), `${target}/f`);
        assert.ok(execute(bench.ctx, folder, op));
      });
      assert.strictEqual(readFileSync(temp.at('victim'), 'utf8'), 'victim');
      clean();
    });
    it('with --backup keeps a copy and the inode', () => {
      both('f', 'new', 'old');
      const ino = lstatSync(`${target}/f`).ino;
      run({ options: inplace({ backup: true }) });
      assert.strictEqual(readFileSync(`${target}/f~`, 'utf8'), 'old');
      assert.strictEqual(lstatSync(`${target}/f~`).mtimeMs, 1000_000);
      assert.strictEqual(lstatSync(`${target}/f`).ino, ino);
    });
  });

  describe('--append', () => {
    it('adds what is missing and does not look at the rest', () => {
      const content = bytes(MB, 1);
      both('f', content, Buffer.alloc(1000, 5));
      withBench(source, target, { options: archive((o) => { o.replace.append = 'append'; }) }, (bench) => {
        assert.ok(bench.apply('f'));
        assert.strictEqual(bench.ctx.counters.literalBytes, MB - 1000);
      });
      assert.deepStrictEqual(readFileSync(`${target}/f`), Buffer.concat([Buffer.alloc(1000, 5), content.subarray(1000)]));
      assert.strictEqual(lstatSync(`${target}/f`).mtimeMs, lstatSync(`${source}/f`).mtimeMs);
    });
    it('leaves a file that is longer already', () => {
      both('f', 'short', 'longer than that');
      run({ options: archive((o) => { o.replace.append = 'append'; }) });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'longer than that');
    });
    it('--append-verify appends where the beginning is the same, and writes all where it is not', () => {
      const content = bytes(3 * MB, 1);
      both('same', content, content.subarray(0, 2 * MB + 17));
      both('other', content, bytes(2 * MB, 3));
      both('other-at-the-end', content, Buffer.concat([content.subarray(0, 2 * MB - 1), Buffer.from([content[2 * MB - 1] as number ^ 1])]));
      run({ options: archive((o) => { o.replace.append = 'verify'; }) });
      clean();
    });
  });

  describe('--backup', () => {
    const withBackup = (more: Partial<ReturnType<typeof archive>['replace']> = {}): ReturnType<typeof archive> =>
      archive((o) => { o.delete.when = 'during'; o.compare.mode = 'ignore-times'; Object.assign(o.replace, { backup: true }, more); });

    it('keeps what is replaced or deleted under its name and the suffix', () => {
      both('f', 'new', 'old');
      writeFileSync(`${target}/gone`, 'gone');
      writeFileSync(`${target}/older~`, 'a backup is not backed up');
      symlinkSync('a', `${target}/l`);
      symlinkSync('b', `${source}/l`);
      run({ options: withBackup() });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'new');
      assert.strictEqual(readFileSync(`${target}/f~`, 'utf8'), 'old');
      assert.strictEqual(readFileSync(`${target}/gone~`, 'utf8'), 'gone');
      assert.deepStrictEqual(readdirSync(target).sort(), ['f', 'f~', 'gone~', 'l', 'l~']);
    });
    it('replaces an older backup, but never a folder that has its name', () => {
      both('f', 'new', 'old');
      writeFileSync(`${target}/f~`, 'older');
      both('g', 'new', 'old');
      mkdirSync(`${target}/g~`);
      writeFileSync(`${target}/g~/keep`, 'x');
      withBench(source, target, { options: withBackup() }, (bench) => {
        assert.ok(bench.apply('f'));
        assert.ok(!bench.apply('g'));
        assert.deepStrictEqual(bench.told, ['write-failed g']);
      });
      assert.strictEqual(readFileSync(`${target}/f~`, 'utf8'), 'old');
      assert.strictEqual(readFileSync(`${target}/g`, 'utf8'), 'old');
      assert.ok(existsSync(`${target}/g~/keep`));
    });
    it('with --backup-dir keeps the same path there, with the folders\' own attributes', () => {
      mkdirSync(temp.at('kept'));
      for (const side of [source, target]) mkdirSync(`${side}/d/e`, { recursive: true });
      both('d/e/f', 'new', 'old');
      writeFileSync(`${target}/d/gone`, 'gone');
      chmodSync(`${source}/d`, 0o750);
      chmodSync(`${target}/d`, 0o750);
      run({ options: withBackup({ suffix: fromText('') }), backupDir: temp.at('kept') });
      assert.strictEqual(readFileSync(temp.at('kept/d/e/f'), 'utf8'), 'old');
      assert.strictEqual(readFileSync(temp.at('kept/d/gone'), 'utf8'), 'gone');
      assert.strictEqual(statSync(temp.at('kept/d')).mode & 0o777, 0o750);
      assert.deepStrictEqual(readdirSync(`${target}/d`), ['e']);
    });
    it('never leaves the name empty while it backs up: the old file is linked, not renamed', () => {
      both('f', 'new', 'old');
      const real = loadPosix();
      const renames: string[] = [];
      const posix = tampered({ rename(a, x, b, y) { renames.push(y); return real.rename(a, x, b, y); } });
      run({ posix, options: withBackup() });
      assert.deepStrictEqual(renames, ['f']);
    });
    it('given a backup folder on another file system, copies with all attributes', () => {
      mkdirSync(temp.at('kept'));
      both('f', 'new', bytes(MB, 5));
      chmodSync(`${target}/f`, 0o640);
      writeFileSync(`${target}/gone`, 'gone');
      const real = loadPosix();
      const posix = tampered({});
      withBench(source, target, { posix, options: withBackup({ suffix: fromText('.bak') }), backupDir: temp.at('kept') }, (bench) => {
        const { backupRoot } = bench.ctx;
        posix.link = (a, x, b, y) => (b === backupRoot ? -18 : real.link(a, x, b, y));
        posix.rename = (a, x, b, y) => (b === backupRoot && a !== b ? -18 : real.rename(a, x, b, y));
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
      });
      assert.deepStrictEqual(readFileSync(temp.at('kept/f.bak')), bytes(MB, 5));
      assert.strictEqual(statSync(temp.at('kept/f.bak')).mode & 0o777, 0o640);
      assert.strictEqual(statSync(temp.at('kept/f.bak')).mtimeMs, 1000_000);
      assert.strictEqual(readFileSync(temp.at('kept/gone.bak'), 'utf8'), 'gone');
      assert.deepStrictEqual(readdirSync(target), ['f']);
      assert.deepStrictEqual(leftovers(readdirSync(temp.at('kept'))), []);
    });
    it('given that no backup can be made, leaves the old file', () => {
      both('f', 'new', 'old');
      const posix = tampered({ link: () => -28, rename: () => -28 });
      withBench(source, target, { posix, options: withBackup() }, (bench) => {
        assert.strictEqual(bench.apply('f'), false);
        assert.ok(bench.told.length > 0);
      });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
      assert.deepStrictEqual(leftovers(treePaths(target)), []);
    });
  });

  describe('--delay-updates', () => {
    const delayed = (more: Partial<ReturnType<typeof archive>['replace']> = {}): ReturnType<typeof archive> =>
      archive((o) => { o.compare.mode = 'ignore-times'; o.attributes.hardLinks = true; Object.assign(o.replace, { delayUpdates: true }, more); });
    it('keeps old files until the folder is finished, then puts all into place', () => {
      both('f', 'new', 'old');
      writeFileSync(`${source}/g`, 'g');
      withBench(source, target, { options: delayed() }, (bench) => {
        bench.apply('f');
        bench.apply('g');
        assert.deepStrictEqual(readdirSync(target).sort(), ['.~tmp~', 'f']);
        assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
      });
      withBench(source, target, { options: delayed() }, (bench) => bench.sync());
      // What the first session left in its own waiting folder is never put into place.
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'new');
    });
    it('leaves no waiting folder, links groups, and keeps backups', () => {
      both('f', 'new', 'old');
      linkSync(`${source}/f`, `${source}/f2`);
      run({ options: delayed({ backup: true }) });
      assert.deepStrictEqual(readdirSync(target).sort(), ['f', 'f2', 'f~']);
      assert.strictEqual(lstatSync(`${target}/f`).ino, lstatSync(`${target}/f2`).ino);
      assert.strictEqual(readFileSync(`${target}/f~`, 'utf8'), 'old');
    });
    it('given several threads, any of them puts everything of the session into place and removes the sources', () => {
      writeFileSync(`${source}/f`, 'x');
      writeFileSync(`${source}/g`, 'changes later');
      both('h', 'new', 'old');
      const options = delayed({ removeSourceFiles: true });
      withBench(source, target, { options, tag: 'abc01' }, (worker) => {
        worker.ctx.delayTag = 'abc';
        for (const name of ['f', 'g', 'h']) assert.ok(worker.apply(name));
        writeFileSync(`${source}/g`, 'changed');
        withBench(source, target, { options, tag: 'abc00' }, (main) => {
          main.ctx.delayTag = 'abc';
          finishDelayed(main.ctx, main.enter());
          assert.deepStrictEqual(main.told, ['changed g']);
        });
      });
      assert.deepStrictEqual(readdirSync(source), ['g']);
      assert.deepStrictEqual(readdirSync(target).sort(), ['f', 'g', 'h']);
      assert.strictEqual(readFileSync(`${target}/h`, 'utf8'), 'new');
    });
    it('removes sources only when their files are in place', () => {
      writeFileSync(`${source}/f`, 'x');
      withBench(source, target, { options: delayed({ removeSourceFiles: true }) }, (bench) => {
        bench.apply('f');
        assert.ok(existsSync(`${source}/f`));
        bench.sync();
        assert.ok(!existsSync(`${source}/f`));
      });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'x');
    });
  });

  describe('--partial and --partial-dir', () => {
    const content = bytes(20 * MB, 1);
    const options = (more: Partial<ReturnType<typeof archive>['replace']>): ReturnType<typeof archive> => archive((o) => { Object.assign(o.replace, more); });
    /** Runs until 8 MB are there, then the user ends it. */
    const interrupt = (more: BenchOptions): void => withBench(source, target, { ...more, posix: tampered({ clone: () => -95 }) }, (bench) => {
      bench.ctx.addBytes = (n) => { bench.bytes += n; if (bench.bytes >= 8 * MB) bench.abort = true; };
      assert.strictEqual(bench.apply('f'), false);
      assert.deepStrictEqual(bench.told, []);
    });
    beforeEach(() => writeFileSync(`${source}/f`, content));

    it('without them an interrupted file leaves nothing behind', () => {
      interrupt({});
      assert.deepStrictEqual(readdirSync(target), []);
    });
    it('--partial keeps what there is under the name, with the epoch as its time, and takes it up', () => {
      interrupt({ options: options({ partial: true }) });
      const kept = statSync(`${target}/f`);
      assert.strictEqual(kept.mtimeMs, 0);
      assert.ok(kept.size >= 8 * MB && kept.size < 20 * MB);
      assert.ok(readFileSync(`${target}/f`).equals(content.subarray(0, kept.size)));
      withBench(source, target, { options: options({ partial: true }) }, (bench) => {
        assert.ok(bench.apply('f'));
        assert.ok(bench.ctx.counters.matchedBytes >= 8 * MB);
      });
      clean();
    });
    it('--partial never gives a complete old file away for an incomplete new one', () => {
      writeFileSync(`${target}/f`, 'old');
      interrupt({ options: options({ partial: true }) });
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });
    it('--partial-dir keeps it there, continues it, and removes the folder', () => {
      const more = { options: options({ partial: true, partialDir: fromText('.part') }) };
      writeFileSync(`${target}/f`, 'old');
      interrupt(more);
      assert.strictEqual(readFileSync(`${target}/f`, 'utf8'), 'old');
      const had = statSync(`${target}/.part/f`).size;
      assert.ok(had >= 8 * MB);
      withBench(source, target, more, (bench) => {
        assert.ok(bench.apply('f'));
        assert.strictEqual(bench.ctx.counters.matchedBytes, had);
        assert.strictEqual(bench.ctx.counters.literalBytes, 20 * MB - had);
      });
      clean();
      assert.deepStrictEqual(readdirSync(target), ['f']);
    });
    it('--partial-dir: what is no beginning of the source is not believed', () => {
      const more = { options: options({ partial: true, partialDir: fromText('.part') }) };
      interrupt(more);
      const fd = openSync(`${target}/.part/f`, 'r+');
      writeSync(fd, Buffer.from([1, 2, 3]), 0, 3, 5 * MB);
      closeSync(fd);
      run(more);
      clean();
    });
    it('an absolute --partial-dir works the same', () => {
      mkdirSync(temp.at('part'));
      const more = { options: options({ partial: true, partialDir: fromText(temp.at('part')) }) };
      interrupt(more);
      assert.deepStrictEqual(readdirSync(temp.at('part')), ['f']);
      run(more);
      clean();
      assert.deepStrictEqual(readdirSync(temp.at('part')), []);
    });
  });

  describe('--link-dest and --copy-dest', () => {
    it('links what the alternate folder holds, and copies from there', () => {
      mkdirSync(temp.at('alt'));
      for (const name of ['linked', 'copied']) {
        writeFileSync(`${source}/${name}`, 'same');
        writeFileSync(temp.at('alt', name), 'same');
        for (const path of [`${source}/${name}`, temp.at('alt', name)]) utimesSync(path, 1000, 1000);
      }
      withBench(source, target, { altRoots: [temp.at('alt')] }, (bench) => {
        bench.alt = (path) => ({ index: 0, link: path === 'linked' });
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
        assert.strictEqual(bench.ctx.counters.linked, 1);
      });
      assert.strictEqual(lstatSync(`${target}/linked`).ino, lstatSync(temp.at('alt/linked')).ino);
      assert.notStrictEqual(lstatSync(`${target}/copied`).ino, lstatSync(temp.at('alt/copied')).ino);
      assertSameTree(source, target, { root: false, ignore: ['hardlink'] });
    });
    it('given that the link is refused, copies', () => {
      mkdirSync(temp.at('alt'));
      for (const path of [`${source}/f`, temp.at('alt/f')]) { writeFileSync(path, 'same'); utimesSync(path, 1000, 1000); }
      withBench(source, target, { altRoots: [temp.at('alt')], posix: tampered({ link: () => -31 }) }, (bench) => {
        bench.alt = () => ({ index: 0, link: true });
        bench.sync();
        assert.deepStrictEqual(bench.told, []);
      });
      clean();
    });
    it('given that the alternate file has changed size, takes the source', () => {
      mkdirSync(temp.at('alt'));
      writeFileSync(`${source}/f`, 'same');
      writeFileSync(temp.at('alt/f'), 'other size');
      withBench(source, target, { altRoots: [temp.at('alt')] }, (bench) => { bench.alt = () => ({ index: 0, link: false }); bench.sync(); });
      clean();
    });
  });

  describe('--remove-source-files', () => {
    const removing = archive((o) => { o.replace.removeSourceFiles = true; o.attributes.hardLinks = true; });
    it('removes what was copied or was equal already, and no folder', () => {
      mkdirSync(`${source}/d`);
      writeFileSync(`${source}/d/f`, 'x');
      writeFileSync(`${source}/same`, 'y');
      symlinkSync('q', `${source}/l`);
      writeFileSync(`${source}/h1`, 'h');
      linkSync(`${source}/h1`, `${source}/h2`);
      withBench(source, target, {}, (bench) => bench.apply('same'));
      run({ options: removing });
      assert.deepStrictEqual(treePaths(source).filter((p) => p !== ''), ['d']);
      assert.deepStrictEqual(treePaths(target).filter((p) => p !== ''), ['d', 'd/f', 'h1', 'h2', 'l', 'same']);
    });
    it('keeps a source that has changed since it was read', () => {
      writeFileSync(`${source}/f`, 'x');
      const real = loadPosix();
      const posix = tampered({});
      withBench(source, target, { posix, options: removing }, (bench) => {
        posix.renameNoReplace = (a, x, b, y) => { writeFileSync(`${source}/f`, 'changed'); return real.renameNoReplace(a, x, b, y); };
        assert.ok(bench.apply('f'));
        assert.deepStrictEqual(bench.told, ['changed f']);
      });
      assert.strictEqual(readFileSync(`${source}/f`, 'utf8'), 'changed');
    });
    it('keeps a source whose target could not be written', () => {
      writeFileSync(`${source}/f`, 'x');
      withBench(source, target, { posix: tampered({ renameNoReplace: () => -5 }), options: removing }, (bench) => assert.ok(!bench.apply('f')));
      assert.ok(existsSync(`${source}/f`));
    });
  });

  it('--fsync writes the file to disk before it gets its name, and the folder after', () => {
    writeFileSync(`${source}/f`, 'x');
    const calls: string[] = [];
    const real = loadPosix();
    const posix = tampered({
      fsync(fd) { calls.push('fsync'); return real.fsync(fd); },
      renameNoReplace(a, x, b, y) { calls.push('rename'); return real.renameNoReplace(a, x, b, y); },
    });
    run({ posix, options: archive((o) => { o.replace.fsync = true; }) });
    assert.deepStrictEqual(calls, ['fsync', 'rename', 'fsync']);
  });

  it('-L follows a symlink of the source; without it one that has come is not followed', () => {
    writeFileSync(temp.at('real'), 'real');
    symlinkSync(temp.at('real'), `${source}/l`);
    run({ options: archive((o) => { o.symlinks.copyLinks = true; }) });
    assert.strictEqual(readFileSync(`${target}/l`, 'utf8'), 'real');
    assert.ok(lstatSync(`${target}/l`).isFile());
  });

  it('--bwlimit: tells every byte it copies, in small portions', () => {
    writeFileSync(`${source}/f`, bytes(MB, 1));
    withBench(source, target, { posix: tampered({ clone: () => -95 }) }, (bench) => {
      const told: number[] = [];
      bench.ctx.throttle = (n) => told.push(n);
      assert.ok(bench.apply('f'));
      assert.strictEqual(told.reduce((a, b) => a + b, 0), MB);
      assert.ok(Math.max(...told) <= 64 * 1024);
    });
    clean();
  });

  describeOn(['xfs', 'btrfs'], { sizeMiB: 300 }, (fs) => {
    it('clones a large file instead of writing it', () => {
      mkdirSync(fs.at('s'));
      mkdirSync(fs.at('t'));
      writeFileSync(fs.at('s/f'), bytes(8 * MB, 1));
      withBench(fs.at('s'), fs.at('t'), {}, (bench) => {
        assert.ok(bench.apply('f'));
        assert.strictEqual(bench.ctx.counters.literalBytes, 0);
        assert.strictEqual(bench.ctx.counters.matchedBytes, 8 * MB);
      });
      assertSameTree(fs.at('s'), fs.at('t'), { root: false });
    });
    it('with --no-whole-file begins with a clone of the old file and writes only what differs', () => {
      const content = bytes(8 * MB, 2);
      writeFileSync(fs.at('s/g'), content);
      content[5] = (content[5] as number) ^ 1;
      writeFileSync(fs.at('t/g'), Buffer.concat([content, Buffer.alloc(MB)]));
      withBench(fs.at('s'), fs.at('t'), { options: archive((o) => { o.replace.wholeFile = false; }) }, (bench) => {
        assert.ok(bench.apply('g'));
        assert.strictEqual(bench.ctx.counters.literalBytes, 4096);
      });
      assertSameTree(fs.at('s'), fs.at('t'), { root: false });
    });
    it('gives a shorter file no more than the source has', () => {
      writeFileSync(fs.at('s/h'), bytes(MB, 3));
      writeFileSync(fs.at('t/h'), bytes(2 * MB, 3));
      truncateSync(fs.at('t/h'), 2 * MB);
      withBench(fs.at('s'), fs.at('t'), {}, (bench) => assert.ok(bench.apply('h')));
      assertSameTree(fs.at('s'), fs.at('t'), { root: false });
    });
  });
});
