/** Backups and alternate folders (--link-dest and its kin), beside the real rsync. */
import assert from 'node:assert';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertSameTree, describeIf, dir, fifo, file, symlink, useTempFolder, whyNoRsync, type Tree } from '../support/index.js';
import { check, LATER, runHere, runPeer, stage, THEN, type Scene } from './replace-support.js';

/** Names that sort oddly, types that change, things that go. */
function source(): Tree {
  return {
    same: file('same', { mtime: THEN }),
    changed: file('new content', { mtime: LATER, mode: 0o640 }),
    link: symlink('new', { mtime: LATER }),
    fresh: file('fresh', { mtime: LATER }),
    type: file('was a symlink', { mtime: LATER }),
    sub: dir({ a: file('a new', { mtime: LATER }), deep: dir({ b: file('b new', { mtime: LATER }) }, { mtime: LATER, mode: 0o750 }) }, { mtime: LATER, mode: 0o711 }), // as the old ones: see 'folders of --backup-dir'
  };
}
function old(): Tree {
  return {
    same: file('same', { mtime: THEN }),
    changed: file('old', { mtime: THEN, mode: 0o600 }),
    link: symlink('old', { mtime: THEN }),
    type: symlink('old', { mtime: THEN }),
    gone: file('gone', { mtime: THEN }),
    pipe: fifo({ mtime: THEN }),
    sub: dir({ a: file('a old', { mtime: THEN }), gone: file('gone too', { mtime: THEN }), deep: dir({ b: file('b old', { mtime: THEN }) }, { mtime: THEN, mode: 0o750 }) }, { mtime: THEN, mode: 0o711 }),
    old: dir({ x: file('x', { mtime: THEN }), y: dir({ z: file('z', { mtime: THEN }) }, { mtime: THEN }) }, { mtime: THEN }),
  };
}

const scene = (args: string[], more: Partial<Scene> = {}): Scene => ({ folders: { src: source(), dst: old(), bak: {} }, args: [...args, '@/src/', '@/dst/'], ...more });
/** Folders that hold backups are of now. */
const BACKUP: Partial<Scene> = { ignore: ['dir-mtime'] };

describeIf('backups, beside rsync', whyNoRsync(), () => {
  const temp = useTempFolder('backup');
  for (const args of [
    ['-ab'], ['-ab', '--delete'], ['-ab', '--suffix=.old'], ['-ab', '--suffix=.old', '--delete'], ['-a', '--suffix=.old', '--delete'],
    ['-a', '--backup-dir=@/bak'], ['-a', '--backup-dir=@/bak', '--delete'], ['-ab', '--backup-dir=@/bak', '--suffix=.old', '--delete'], ['-a', '--backup-dir=../bak', '--delete'],
    ['-a', '--backup-dir=@/new/deep', '--delete'], ['-a', '--backup-dir=.bak', '--delete'], ['-a', '--backup-dir=.bak/deeper', '--delete'], ['-a', '--backup-dir=.bak'],
    ['-ab', '--inplace'], ['-ab', '--inplace', '--delete'], ['-a', '--inplace', '--backup-dir=@/bak', '--delete'], ['-ab', '--delay-updates', '--delete'],
    ['-a', '--backup-dir=@/bak', '--delay-updates', '--delete'], ['-ab', '--delete-before'], ['-ab', '--delete-during'], ['-ab', '--delete-delay'], ['-abH', '--delete'],
    ['-ab', '--no-whole-file'], ['-rltb', '--suffix=~~'],
  ]) {
    it(args.join(' '), () => check(scene(args, BACKUP)));
  }

  it('a folder that an option names stays with --delete, though it lies in the target (rsync nests it ever deeper)', async () => {
    const at = temp.path;
    stage(at, { src: { f: file('f', { mtime: THEN }) }, dst: { x: file('x', { mtime: THEN }), d: dir({ y: file('y', { mtime: THEN }) }), last: dir({ f: file('f', { mtime: THEN }) }), tmp: dir({}) } });
    for (const dirs of [['--backup-dir=bak/in'], [`--backup-dir=${at}/dst/bak/in`], ['--backup-dir=bak/in', '--link-dest=last', '--temp-dir=tmp']]) {
      const ran = await runHere(['-a', '--delete', '--exclude=tmp', '--exclude=last', ...dirs, `${at}/src/`, `${at}/dst/`]);
      assert.strictEqual(ran.code, 0, ran.errors);
      assert.deepStrictEqual([readdirSync(`${at}/dst/bak`), readdirSync(`${at}/dst/bak/in`).sort()], [['in'], ['d', 'x']]);
    }
    const ran = await runHere(['-a', '--delete', '--backup-dir=bak/in', '--link-dest=last', '--temp-dir=tmp', `${at}/src/`, `${at}/dst/`]);
    assert.deepStrictEqual([ran.code, ran.lines], [0, ['cannot delete non-empty directory: bak']], ran.errors);
    assert.deepStrictEqual(readdirSync(`${at}/dst`).sort(), ['bak', 'f', 'last', 'tmp']);
  });

  it('a second backup takes the place of the first, a name with the suffix is backed up like any other', () => check({
    folders: {
      src: { f: file('3', { mtime: LATER }), 'g~': file('new', { mtime: LATER }) },
      dst: { f: file('22', { mtime: THEN }), 'f~': file('1', { mtime: THEN }), 'g~': file('old', { mtime: THEN }) },
    },
    args: ['-ab', '@/src/', '@/dst/'],
    ...BACKUP,
  }));

  it('--delete with -b deletes no backups of earlier runs, but does with another suffix', async () => {
    for (const args of [['-ab', '--delete'], ['-ab', '--suffix=.b', '--delete']]) {
      await check({
        folders: { src: { f: file('1', { mtime: THEN }) }, dst: { f: file('1', { mtime: THEN }), 'f~': file('0', { mtime: THEN }), 'g.b': file('0', { mtime: THEN }), d: dir({ 'h~': file('0', { mtime: THEN }) }, { mtime: THEN }) } },
        args: [...args, '@/src/', '@/dst/'], ...BACKUP,
      });
    }
  });

  it('folders of --backup-dir get the attributes of the target\'s before the run (rsync: what they have by then)', async () => {
    const at = temp.path;
    stage(at, { src: { sub: dir({ a: file('new', { mtime: LATER }) }, { mode: 0o711, mtime: LATER }) }, dst: { sub: dir({ a: file('old', { mtime: THEN }) }, { mode: 0o700, mtime: THEN }) } });
    const ran = await runHere(['-a', `--backup-dir=${at}/bak`, `${at}/src/`, `${at}/dst/`]);
    assert.strictEqual(ran.code, 0, ran.errors);
    assert.strictEqual(statSync(`${at}/bak/sub`).mode & 0o777, 0o700);
    assert.strictEqual(statSync(`${at}/dst/sub`).mode & 0o777, 0o711);
  });

  it('an obstacle of another type is backed up too', () => check({
    folders: {
      src: { a: dir({ x: file('x', { mtime: LATER }) }, { mtime: LATER }), b: symlink('t', { mtime: LATER }) },
      dst: { a: file('file', { mtime: THEN }), b: file('file', { mtime: THEN }) },
    },
    args: ['-ab', '@/src/', '@/dst/'], ...BACKUP,
  }));
});

describeIf('alternate folders, beside rsync', whyNoRsync(), () => {
  const last = (): Tree => ({
    same: file('same', { mtime: THEN }),
    mode: file('mode', { mtime: THEN, mode: 0o600 }),
    changed: file('old one', { mtime: THEN }),
    time: file('xxxx', { mtime: THEN }),
    link: symlink('same', { mtime: THEN }),
    other: symlink('old', { mtime: THEN }),
    pipe: fifo({ mtime: THEN }),
    kind: symlink('x', { mtime: THEN }),
    sub: dir({ a: file('a', { mtime: THEN }) }, { mtime: THEN }),
    dir: dir({ b: file('b', { mtime: THEN }) }, { mtime: THEN, mode: 0o700 }),
  });
  const now = (): Tree => {
    const pair = file('one inode', { mtime: THEN });
    return {
      ...last(),
      mode: file('mode', { mtime: THEN, mode: 0o644 }),
      changed: file('new content', { mtime: LATER }),
      time: file('yyyy', { mtime: LATER }),
      other: symlink('new', { mtime: LATER }),
      kind: file('is a file', { mtime: LATER }),
      fresh: file('fresh', { mtime: LATER }),
      pair, twin: pair,
      sub: dir({ a: file('a', { mtime: THEN }), c: file('c', { mtime: LATER }) }, { mtime: LATER }),
      dir: dir({ b: file('b', { mtime: THEN }) }, { mtime: THEN, mode: 0o755 }),
    };
  };
  const folders = (): Record<string, Tree> => {
    const pair = file('one inode', { mtime: THEN });
    return { src: now(), last: { ...last(), pair, twin: pair }, older: { fresh: file('fresh', { mtime: LATER }), mode: file('mode', { mtime: THEN, mode: 0o644 }) }, dst: {} };
  };

  for (const kind of ['link', 'copy', 'compare']) {
    for (const args of [['-a'], ['-aii'], ['-aH'], ['-aHii'], ['-a', '-c'], ['-a', '--delay-updates'], ['-a', '--inplace'], ['-rl'], ['-a', '--delete'], ['-a', '--no-whole-file']]) {
      it(`${args.join(' ')} --${kind}-dest`, () => check({
        folders: folders(), args: [...args, `--${kind}-dest=@/last`, '@/src/', '@/dst/'], restless: kind === 'compare' || args.includes('-rl') || args.join().includes('ii'),
        ...(args.includes('-rl') ? { ignore: ['mtime', 'dir-mtime', 'link-mtime'] } : {}),
      }));
    }
    it(`--${kind}-dest twice: the folder that has all of an entry wins`, () => check({
      folders: folders(), args: ['-a', `--${kind}-dest=@/last`, `--${kind}-dest=../older`, '@/src/', '@/dst/'], restless: kind === 'compare',
    }));
    it(`--${kind}-dest that does not exist is told and not used`, () => check({
      folders: folders(), args: ['-a', `--${kind}-dest=@/nowhere`, '@/src/', '@/dst/'], told: (lines) => lines.filter((line) => !line.includes('does not exist')),
    }));
    it(`--${kind}-dest with --remove-source-files`, () => check({
      folders: folders(), args: ['-a', '--remove-source-files', `--${kind}-dest=@/last`, '@/src/', '@/dst/'], restless: true, ignore: ['dir-mtime'],
      except: ['src/link', 'src/pipe'], // rsync leaves those it finds in the alternate folder, and takes files: ours takes all that have a second home
    }));
    it(`--${kind}-dest relative, for a target that does not exist yet`, () => check({
      folders: folders(), args: ['-a', `--${kind}-dest=../last`, '@/src/', '@/dst.new/'], restless: kind === 'compare', told: (lines) => lines.filter((line) => !line.startsWith('created directory')),
    }));
  }

  it('given an obstacle on the target, still links what the alternate folder has', () => check({
    folders: { src: { a: file('a', { mtime: THEN }) }, last: { a: file('a', { mtime: THEN }) }, dst: { a: symlink('x', { mtime: THEN }) } },
    args: ['-a', '--link-dest=@/last', '@/src/', '@/dst/'],
  }));

  it('a file left unfinished by a killed run is linked like one that is not there', async () => {
    const home = useHome();
    stage(home, { src: { a: file('a', { mtime: THEN }) }, last: { a: file('a', { mtime: THEN }) }, dst: {} });
    writeFileSync(join(home, 'dst/a'), 'half');
    chmodSync(join(home, 'dst/a'), 0o1200);
    const ran = await runHere(['-a', `--link-dest=${home}/last`, `${home}/src/`, `${home}/dst/`]);
    assert.strictEqual(ran.code, 0);
    assert.strictEqual(statSync(join(home, 'dst/a')).ino, statSync(join(home, 'last/a')).ino);
  });

  const temp = useTempFolder('alt');
  const useHome = (): string => temp.path;

  it('rsnapshot: a chain of snapshots holds each version once, and every snapshot is whole', async () => {
    const at = useHome();
    stage(at, { src: now() });
    const snapshot = async (n: number): Promise<void> => {
      for (const [who, run] of [['r', runPeer], ['t', runHere]] as const) {
        const ran = await run(['-aH', '--delete', '--numeric-ids', ...(n > 0 ? [`--link-dest=../${who}.${n - 1}`] : []), `${at}/src/`, `${at}/${who}.${n}/`]);
        assert.strictEqual(ran.code, 0, ran.errors);
      }
      assertSameTree(`${at}/src`, `${at}/t.${n}`);
      assertSameTree(`${at}/r.${n}`, `${at}/t.${n}`);
    };
    await snapshot(0);
    writeFileSync(`${at}/src/changed`, 'a third');
    await snapshot(1);
    chmodSync(`${at}/src/same`, 0o600);
    await snapshot(2);
    const ino = (n: number, name: string): number => statSync(`${at}/t.${n}/${name}`).ino;
    assert.strictEqual(ino(0, 'fresh'), ino(2, 'fresh'), 'unchanged: one inode through all snapshots');
    assert.notStrictEqual(ino(0, 'changed'), ino(1, 'changed'));
    assert.strictEqual(ino(1, 'changed'), ino(2, 'changed'));
    assert.notStrictEqual(ino(1, 'same'), ino(2, 'same'), 'other attributes: an inode of its own');
    assert.strictEqual(statSync(`${at}/t.1/same`).mode & 0o777, 0o644, 'the older snapshot keeps its own');
    assert.strictEqual(ino(2, 'pair'), ino(2, 'twin'));
  });

  it('a member of a group is linked to its leader, not to what the alternate folder has under the leader\'s name', async () => {
    const at = useHome();
    const pair = file('one inode', { mtime: THEN });
    // `a` differs in the alternate folder and is copied; `b` would be found there unchanged.
    stage(at, { src: { a: pair, b: pair }, last: { a: file('something else', { mtime: LATER }), b: file('one inode', { mtime: THEN }) }, dst: {} });
    const ran = await runHere(['-aH', `--link-dest=${at}/last`, `${at}/src/`, `${at}/dst/`]);
    assert.strictEqual(ran.code, 0, ran.errors);
    assertSameTree(`${at}/src`, `${at}/dst`, { root: false });
  });
});
