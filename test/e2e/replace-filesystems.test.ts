/** Replacing on real file systems: clones, holes, folders of options on another file system, devices. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sync } from '../../src/index.js';
import {
  assertSameTree, describeIf, describeOn, dir, file, makeTree, mountFs, rsync, sparse, useTempFolder, whyNoMount, whyNoRsync, type Mount,
} from '../support/index.js';
import { assertNoLeftovers, copyTree, LATER, runHere, stage, THEN } from './replace-support.js';

const KB = 1024;
const MB = 1024 * KB;
const GB = 1024 * MB;

/** Bytes of a file's extents that the file system says are shared with another file. */
function sharedBytes(path: string): number {
  spawnSync('sync', ['-f', path]);
  const map = spawnSync('filefrag', ['-v', '-b1', path], { encoding: 'utf8' });
  assert.strictEqual(map.status, 0, map.stderr);
  let shared = 0;
  for (const line of map.stdout.split('\n')) {
    const extent = /^\s*\d+:\s+\d+\.\.\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+):.*\bshared\b/.exec(line);
    if (extent !== null) shared += Number(extent[1]);
  }
  return shared;
}

const whyNoFilefrag = spawnSync('filefrag', ['-V']).error === undefined ? undefined : 'filefrag is missing (package e2fsprogs)';

describe('sparse files', () => {
  describeOn(['ext4', 'xfs', 'btrfs', 'tmpfs'], { sizeMiB: 64 }, (fs) => {
    for (const args of [['-a'], ['-aS'], ['-a', '--inplace'], ['-aS', '--inplace'], ['-a', '--no-whole-file'], ['-aS', '--delay-updates']]) {
      it(`1 GiB with little in it keeps its holes (${args.join(' ')})`, async () => {
        for (const name of ['src', 'dst']) rmSync(fs.at(name), { recursive: true, force: true });
        const parts = [[0, { size: 5000, seed: 1 }], [300 * MB + 123, { size: 100 * KB, seed: 2 }], [GB - 4096, { size: 4096, seed: 3 }]] as [number, { size: number; seed: number }][];
        makeTree(fs.at('src'), { s: sparse(GB, parts, { mtime: LATER }), hole: sparse(GB, [], { mtime: LATER }), tail: sparse(512 * MB, [[0, 'x']], { mtime: LATER }) });
        // An old version with other data, part of which must become holes.
        makeTree(fs.at('dst'), { s: sparse(200 * MB, [[MB, { size: 2 * MB, seed: 4 }]], { mtime: THEN }) });
        const outcome = await sync({ source: `${fs.at('src')}/`, target: fs.at('dst'), args });
        assert.strictEqual(outcome.exitCode, 0, JSON.stringify(outcome.problems));
        for (const [name, most] of [['s', 1 * MB], ['hole', 64 * KB], ['tail', 128 * KB]] as const) {
          const a = statSync(fs.at('src', name));
          const b = statSync(fs.at('dst', name));
          assert.strictEqual(b.size, a.size);
          // Without -S what the old version had in place may stay written as zeros.
          const slack = args.includes('--inplace') && !args.includes('-aS') && name === 's' ? 3 * MB : 0;
          assert.ok(b.blocks * 512 <= Math.max(a.blocks * 512, most) + slack, `${name}: ${b.blocks * 512} bytes allocated, ${a.blocks * 512} at the source`);
        }
        for (const [offset, size] of [[0, 8192], [MB, 2 * MB], [300 * MB, 200 * KB], [GB - 8192, 8192]] as const) assertSameRange(fs.at('src/s'), fs.at('dst/s'), offset, size);
        assert.strictEqual((await sync({ source: `${fs.at('src')}/`, target: fs.at('dst'), args })).totals.operations, 0);
      });
    }
    it('zeros written out become holes with -S only', async () => {
      for (const name of ['src', 'dst', 'holes']) rmSync(fs.at(name), { recursive: true, force: true });
      mkdirSync(fs.at('src'));
      writeFileSync(fs.at('src/zeros'), Buffer.alloc(8 * MB));
      spawnSync('sync', ['-f', fs.path]);
      for (const [target, args, most] of [['holes', ['-aS'], 64 * KB], ['dst', ['-a', '--preallocate'], Infinity]] as const) {
        assert.strictEqual((await sync({ source: `${fs.at('src')}/`, target: fs.at(target), args })).exitCode, 0);
        assert.ok(statSync(fs.at(target, 'zeros')).blocks * 512 <= most);
        assertSameTree(fs.at('src'), fs.at(target));
      }
      spawnSync('sync', ['-f', fs.path]);
      assert.ok(statSync(fs.at('dst/zeros')).blocks * 512 >= 8 * MB, '--preallocate takes the space');
    });
  });
});

function assertSameRange(a: string, b: string, offset: number, size: number): void {
  const done = spawnSync('cmp', ['-i', String(offset), '-n', String(size), a, b], { encoding: 'utf8' });
  assert.strictEqual(done.status, 0, `${done.stdout}${done.stderr}`);
}

describeIf('clones', whyNoFilefrag, () => {
  describeOn(['xfs', 'btrfs'], { sizeMiB: 400 }, (fs) => {
    beforeEach(() => { for (const name of ['src', 'dst', 'bak']) rmSync(fs.at(name), { recursive: true, force: true }); });
    const run = (args: string[]): ReturnType<typeof sync> => sync({ source: `${fs.at('src')}/`, target: fs.at('dst'), args });

    it('a new file shares all its blocks with the source', async () => {
      makeTree(fs.at('src'), { big: file({ size: 20 * MB, seed: 1 }, { mtime: LATER }) });
      const outcome = await run(['-a']);
      assert.strictEqual(outcome.exitCode, 0);
      assert.strictEqual(sharedBytes(fs.at('dst/big')), 20 * MB);
      assert.deepStrictEqual([outcome.literalBytes, outcome.matchedBytes], [0, 20 * MB]);
      assertSameTree(fs.at('src'), fs.at('dst'), { root: false });
    });

    // Not on btrfs: what it calls free on a small disk is a guess.
    if (fs.kind === 'xfs') it('a copy for which there is no room is made where it takes none', async () => {
      makeTree(fs.at('src'), { big: file({ size: 100 * MB, seed: 1 }, { mtime: LATER }) });
      const { bavail, bsize } = statfsSync(fs.path);
      const filler = spawnSync('fallocate', ['-l', String(Math.max(1, bavail * bsize - 60 * MB)), fs.at('filler')], { encoding: 'utf8' });
      assert.strictEqual(filler.status, 0, filler.stderr);
      try {
        const outcome = await run(['-a']);
        assert.strictEqual(outcome.exitCode, 0, JSON.stringify(outcome.problems));
        assert.strictEqual(sharedBytes(fs.at('dst/big')), 100 * MB);
      } finally {
        rmSync(fs.at('filler'));
      }
    });

    it('--no-whole-file begins with a clone of the old file: only what differs is new', async () => {
      makeTree(fs.at('src'), { big: file({ size: 16 * MB, seed: 1 }, { mtime: LATER }) });
      mkdirSync(fs.at('dst'));
      writeFileSync(fs.at('dst/big'), readFileSync(fs.at('src/big'))); // written, not cloned
      copyTree(fs.at('dst'), fs.at('bak'));
      spawnSync('cp', ['--reflink=always', fs.at('dst/big'), fs.at('bak/snapshot')]);
      const source = readFileSync(fs.at('src/big'));
      source.fill(7, 5 * MB, 5 * MB + 1000);
      writeFileSync(fs.at('src/big'), source);
      const outcome = await run(['-a', '--no-whole-file']);
      assert.strictEqual(outcome.exitCode, 0);
      assert.ok(outcome.literalBytes <= 128 * KB, `${outcome.literalBytes} bytes written`);
      assert.ok(sharedBytes(fs.at('dst/big')) >= 15 * MB, 'still shares with the snapshot');
      assert.ok(readFileSync(fs.at('dst/big')).equals(source));
    });

    it('--inplace goes on sharing what it does not write', async () => {
      makeTree(fs.at('src'), { big: file({ size: 16 * MB, seed: 1 }, { mtime: LATER }) });
      mkdirSync(fs.at('dst'));
      writeFileSync(fs.at('dst/big'), readFileSync(fs.at('src/big')));
      spawnSync('cp', ['--reflink=always', fs.at('dst/big'), fs.at('dst/snapshot')]);
      const source = readFileSync(fs.at('src/big'));
      source.fill(7, 9 * MB, 9 * MB + 10);
      writeFileSync(fs.at('src/big'), source);
      assert.strictEqual((await run(['-a', '--inplace', '--no-whole-file'])).exitCode, 0);
      assert.ok(sharedBytes(fs.at('dst/big')) >= 15 * MB);
      assert.ok(readFileSync(fs.at('dst/big')).equals(source));
    });

    it('--copy-dest clones from the alternate folder; a backup on the same file system is no copy', async () => {
      makeTree(fs.at('bak'), { big: file({ size: 8 * MB, seed: 1 }, { mtime: LATER }) });
      const elsewhere = fs.at('src');
      makeTree(elsewhere, { big: file({ size: 8 * MB, seed: 1 }, { mtime: LATER }) });
      assert.strictEqual((await run(['-a', '--copy-dest=../bak'])).exitCode, 0);
      assert.strictEqual(sharedBytes(fs.at('dst/big')), 8 * MB);
    });
  });
});

describeIf('folders of options on another file system', whyNoMount('tmpfs') ?? whyNoRsync(), () => {
  let other: Mount;
  before(() => { other = mountFs('tmpfs', { sizeMiB: 64 }); });
  after(() => other.unmount());
  const temp = useTempFolder('other');
  let n = 0;
  const fresh = (): string => {
    const at = other.at(`at${n++}`);
    mkdirSync(at);
    return at;
  };
  const folders = (): Parameters<typeof stage>[1] => ({
    src: { f: file('new', { mtime: LATER, mode: 0o640 }), big: file({ size: 3 * MB, seed: 1 }, { mtime: LATER }), sub: dir({ x: file('x', { mtime: LATER }) }, { mtime: LATER }), same: file('same', { mtime: THEN }) },
    dst: { f: file('old', { mtime: THEN }), big: file({ size: MB, seed: 2 }, { mtime: THEN }), gone: file('gone', { mtime: THEN, mode: 0o600 }), same: file('same', { mtime: THEN }) },
  });

  for (const args of [['--temp-dir=OTHER'], ['--backup-dir=OTHER', '--delete'], ['--partial-dir=OTHER'], ['--temp-dir=OTHER', '--inplace'], ['-b', '--inplace', '--backup-dir=OTHER', '--delete']]) {
    it(args.join(' '), async () => {
      const places = [fresh(), fresh()] as const;
      stage(temp.at('r'), folders());
      copyTree(temp.at('r'), temp.at('t'));
      const say = (place: string): string[] => args.map((arg) => arg.replace('OTHER', place));
      const peer = rsync(['-ai', ...say(places[0]), `${temp.at('r/src')}/`, `${temp.at('r/dst')}/`]);
      const mine = await runHere(['-ai', ...say(places[1]), `${temp.at('t/src')}/`, `${temp.at('t/dst')}/`]);
      assert.deepStrictEqual([mine.code, mine.lines], [peer.code, peer.stdout.split('\n').filter(Boolean).sort()], mine.errors);
      assertSameTree(temp.at('r'), temp.at('t'), { root: false });
      assertSameTree(places[0], places[1], { ignore: ['dir-mtime'] });
      assertNoLeftovers(places[1]);
      assertNoLeftovers(temp.at('t'));
    });
  }

  it('--link-dest on another file system copies instead', async () => {
    const last = join(fresh(), 'last');
    stage(temp.path, { src: { f: file('f', { mtime: THEN }), g: file('g', { mtime: THEN }) }, dst: {} });
    copyTree(temp.at('src'), last);
    const ran = await runHere(['-a', `--link-dest=${last}`, `${temp.at('src')}/`, `${temp.at('dst')}/`]);
    assert.strictEqual(ran.code, 0, ran.errors);
    assertSameTree(temp.at('src'), temp.at('dst'), { root: false });
  });
});

describeIf('devices', process.getuid?.() === 0 && existsSync('/dev/loop-control') && spawnSync('losetup', ['--version']).status === 0 ? undefined : 'needs root and loop devices', () => {
  const temp = useTempFolder('devices');
  let loop = '';
  beforeEach(() => {
    writeFileSync(temp.at('image'), '');
    truncateSync(temp.at('image'), 2 * MB);
    const done = spawnSync('losetup', ['-f', '--show', temp.at('image')], { encoding: 'utf8' });
    assert.strictEqual(done.status, 0, done.stderr);
    loop = done.stdout.trim();
  });
  afterEach(() => { spawnSync('losetup', ['-d', loop]); });

  it('--copy-devices copies the content of a device into a file', async () => {
    const data = Buffer.alloc(2 * MB, 'device ');
    writeFileSync(loop, data);
    mkdirSync(temp.at('dst'));
    const ran = await runHere(['-t', '--copy-devices', loop, `${temp.at('dst')}/`]);
    assert.strictEqual(ran.code, 0, ran.errors);
    const copy = temp.at('dst', loop.slice(5));
    assert.ok(statSync(copy).isFile());
    assert.ok(readFileSync(copy).equals(data));
  });

  it('--copy-devices with -a and a second run: as rsync, a file, and nothing more to do; a character device is an empty one', async () => {
    writeFileSync(loop, Buffer.alloc(2 * MB, 'device '));
    for (const source of [loop, '/dev/zero']) {
      const name = source.slice(5);
      const peer = rsync(['-ai', '--copy-devices', source, `${temp.at('r')}/`]);
      const mine = await runHere(['-ai', '--copy-devices', source, `${temp.at('t')}/`]);
      assert.deepStrictEqual([mine.code, mine.lines.filter((line) => line.startsWith('>'))], [peer.code, peer.stdout.split('\n').filter((line) => line.startsWith('>'))], mine.errors);
      assert.ok(readFileSync(temp.at('t', name)).equals(readFileSync(temp.at('r', name))));
      assert.deepStrictEqual((await runHere(['-ai', '--copy-devices', source, `${temp.at('t')}/`])).lines, []);
    }
  });

  it('--write-devices writes a file into a device, and nothing else of it changes', async () => {
    const data = Buffer.alloc(MB + 777, 'image ');
    writeFileSync(temp.at('data'), data);
    writeFileSync(loop, Buffer.alloc(2 * MB, 1));
    const before = statSync(loop);
    const ran = await runHere(['-t', '--write-devices', temp.at('data'), loop]);
    assert.strictEqual(ran.code, 0, ran.errors);
    spawnSync('sync');
    const now = readFileSync(loop);
    assert.ok(now.subarray(0, data.length).equals(data), 'the file is there');
    assert.ok(now.subarray(data.length).equals(Buffer.alloc(2 * MB - data.length, 1)), 'the rest of the device is as it was');
    const after = statSync(loop);
    assert.deepStrictEqual([after.ino, after.mode, after.rdev], [before.ino, before.mode, before.rdev]);
  });
});
