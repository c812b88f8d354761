/**
 * A session over dirty paths: told every path that changed (and others), it makes the target what a full session makes of it, and it
 * looks at nothing else. DIRTY_RUNS=N lengthens the random histories.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { archive } from '../endpoint/apply-bench.js';
import { runSync, type DirtyPath, type Outcome } from '../../src/session/index.js';
import { sync } from '../../src/index.js';
import type { SessionOptions } from '../../src/plan/index.js';
import { loadPosix, type Posix } from '../../src/fs/index.js';
import { fromText, type ByteString, type RelPath, type StatTable } from '../../src/tree/index.js';
import { assertSameTree, Dice, useTempFolder } from '../support/index.js';

const RUNS = Number(process.env['DIRTY_RUNS'] ?? 25);

describe('a session over dirty paths', () => {
  const temp = useTempFolder('dirty');
  const source = (): string => temp.at('s');
  const target = (): string => temp.at('t');

  beforeEach(() => {
    for (const path of [source(), target()]) rmSync(path, { recursive: true, force: true });
    mkdirSync(source());
  });

  const options = (change: (o: SessionOptions) => void = () => undefined): SessionOptions => archive((o) => {
    o.walk.recursive = true;
    o.delete.when = 'after';
    change(o);
  });

  async function pass(dirty: readonly (string | DirtyPath)[], change?: (o: SessionOptions) => void): Promise<Outcome> {
    const paths = dirty.map((d) => (typeof d === 'string' ? { path: fromText(d) as string as RelPath, depth: 'entry' as const } : d));
    const outcome = await runSync({ sources: [fromText(`${source()}/`)], target: fromText(target()), options: options(change), dirty: paths });
    assert.deepEqual(outcome.problems, []);
    return outcome;
  }

  const tree = (path: string): DirtyPath => ({ path: fromText(path) as string as RelPath, depth: 'tree' });

  const first = async (): Promise<void> => { await sync({ source: `${source()}/`, target: target(), args: ['-a', '--delete'] }); };

  it('takes changed, new and vanished entries, and leaves all else alone', async () => {
    mkdirSync(`${source()}/a/b`, { recursive: true });
    for (const name of ['a/b/old', 'a/b/kept', 'a/gone', 'other']) writeFileSync(`${source()}/${name}`, name);
    await first();
    writeFileSync(`${source()}/a/b/old`, 'new content');
    writeFileSync(`${source()}/a/b/fresh`, 'x');
    writeFileSync(`${source()}/other`, 'changed, but nobody was told');
    rmSync(`${source()}/a/gone`);
    const outcome = await pass(['a/b/old', 'a/b/fresh', 'a/gone', 'never/was/there']);
    assert.equal(outcome.transferredFiles, 2);
    assert.deepEqual([outcome.deleted.files, existsSync(`${target()}/a/gone`)], [1, false]);
    assert.equal(statSync(`${target()}/other`).size, 5, 'not looked at');
    await pass(['other']);
    assertSameTree(source(), target());
  });

  it('asks for the attributes of nothing else, and still knows what runs that were killed left, and how much the folder holds', async () => {
    for (let k = 0; k < 50; k++) writeFileSync(`${source()}/f${k}`, 'x');
    await first();
    writeFileSync(`${target()}/.~twintree-0123456789abcd-0`, 'left by a run that was killed');
    writeFileSync(`${source()}/f7`, 'changed');
    rmSync(`${source()}/f8`);
    const asked = new Set<string>();
    const posix: Posix = Object.create(loadPosix(), {
      statMany: { value: (fd: number, names: readonly ByteString[], from: number, to: number, ...rest: [StatTable, Int32Array]) => {
        for (const name of names.slice(from, to)) asked.add(name);
        return loadPosix().statMany(fd, names, from, to, ...rest);
      } },
    }) as Posix;
    const paths = ['f7', 'f8'].map((path) => ({ path: path as RelPath, depth: 'entry' as const }));
    const outcome = await runSync({ sources: [fromText(`${source()}/`)], target: fromText(target()), options: options((o) => { o.lock = true; o.delete.limit = { percent: 10 }; }), dirty: paths, posix });
    assert.deepEqual([outcome.problems, outcome.transferredFiles, outcome.deleted.files], [[], 1, 2]);
    assert.deepEqual([...asked].sort(), ['.~twintree-0123456789abcd-0', 'f7', 'f8']);
    assertSameTree(source(), target(), { ignore: ['dir-mtime'] });
  });

  it('removes a folder that is gone with all in it, named by itself or by what was in it', async () => {
    for (const named of ['d', 'd/e/f']) {
      mkdirSync(`${source()}/d/e`, { recursive: true });
      writeFileSync(`${source()}/d/e/f`, '1');
      writeFileSync(`${source()}/d/g`, '1');
      await first();
      rmSync(`${source()}/d`, { recursive: true });
      await pass([named, '']);
      assert.deepEqual(readdirSync(target()), []);
    }
  });

  it('makes a folder whole that the target lacks, however little of it was named', async () => {
    await first();
    mkdirSync(`${source()}/n/m`, { recursive: true });
    for (const name of ['n/1', 'n/m/2', 'n/m/3']) writeFileSync(`${source()}/${name}`, name);
    await pass(['n/m/2', '']);
    assertSameTree(source(), target());
  });

  it('renames on the target what was renamed, folders and files', async () => {
    mkdirSync(`${source()}/from/deep`, { recursive: true });
    for (const name of ['from/deep/f', 'file']) writeFileSync(`${source()}/${name}`, 'x'.repeat(5000) + name);
    await first();
    const inode = statSync(`${target()}/from/deep/f`).ino;
    renameSync(`${source()}/from`, `${source()}/to`);
    renameSync(`${source()}/file`, `${source()}/to/file`);
    const outcome = await pass(['from', tree('to'), 'file', '']);
    assert.deepEqual([outcome.moved, outcome.literalBytes], [2, 0]);
    assert.equal(statSync(`${target()}/to/deep/f`).ino, inode);
    assertSameTree(source(), target());
  });

  it('keeps to the filters of all folders on the way, for what is there and for what is gone', async () => {
    const rules = (o: SessionOptions): void => { o.filters = filters; };
    const { filters } = await optionsOf(['--exclude=*.tmp', '--exclude=/cache/']);
    mkdirSync(`${source()}/cache/x`, { recursive: true });
    mkdirSync(`${target()}/cache`, { recursive: true });
    writeFileSync(`${source()}/a.tmp`, '1');
    writeFileSync(`${source()}/cache/x/f`, '1');
    writeFileSync(`${target()}/b.tmp`, 'the target\u2019s own');
    writeFileSync(`${target()}/cache/own`, '1');
    await pass(['a.tmp', 'b.tmp', 'cache/x/f', 'cache/own', tree('cache')], rules);
    assert.deepEqual(readdirSync(target()).toSorted(), ['b.tmp', 'cache']);
    assert.deepEqual(readdirSync(`${target()}/cache`), ['own']);
  });

  it('deletes nothing without --delete, and nothing where the source is not there', async () => {
    writeFileSync(`${source()}/f`, '1');
    await first();
    rmSync(`${source()}/f`);
    await pass(['f'], (o) => { o.delete.when = undefined; });
    assert.ok(existsSync(`${target()}/f`));
    renameSync(source(), temp.at('away'));
    const outcome = await runSync({ sources: [fromText(`${source()}/`)], target: fromText(target()), options: options(), dirty: [{ path: fromText('f') as string as RelPath, depth: 'entry' }] });
    assert.equal(outcome.exitCode, 23);
    assert.ok(existsSync(`${target()}/f`));
    renameSync(temp.at('away'), source());
  });

  it('is refused for several sources, and for a folder that is not followed whole', async () => {
    mkdirSync(temp.at('s2'), { recursive: true });
    const run = (sources: string[], change?: (o: SessionOptions) => void): Promise<Outcome> => runSync({ sources: sources.map((s) => fromText(s)), target: fromText(target()), options: options(change), dirty: [] });
    await assert.rejects(run([`${source()}/`, `${temp.at('s2')}/`]), { code: 'USAGE' });
    await assert.rejects(run([source()]), { code: 'USAGE' });
    await assert.rejects(run([`${source()}/`], (o) => { o.walk.recursive = false; }), { code: 'USAGE' });
  });

  for (let run = 0; run < RUNS; run++) {
    it(`told every path that changed, makes what a full session makes (seed ${run})`, async () => {
      const dice = new Dice(run + 1);
      const touched = new Set<string>();
      const whole = new Set<string>();
      await first();
      for (let round = 0; round < 3; round++) {
        for (let step = 0; step < 12; step++) mutate(dice, source(), touched, whole);
        const dirty: DirtyPath[] = [...touched].map((path) => ({ path: fromText(path) as string as RelPath, depth: whole.has(path) ? 'tree' : 'entry' }));
        await pass(dirty);
        assertSameTree(source(), target());
        touched.clear();
        whole.clear();
      }
    });
  }
});

async function optionsOf(args: string[]): Promise<SessionOptions> {
  const { sync: parse } = await import('../cli/support.js');
  return parse([...args, '-a', 'a/', 'b']).options;
}

/** One random change of a tree; notes the paths that a watcher would name. */
function mutate(dice: Dice, root: string, touched: Set<string>, whole: Set<string>): void {
  const all = (readdirSync(root, { recursive: true }) as string[]).toSorted();
  const folders = ['', ...all.filter((path) => lstatSync(`${root}/${path}`).isDirectory())];
  const pick = <T>(list: readonly T[]): T => list[dice.below(list.length)] as T;
  const into = (): string => {
    const folder = pick(folders);
    return `${folder}${folder === '' ? '' : '/'}${pick(['a', 'b', 'c', 'd'])}`;
  };
  const touch = (path: string): void => {
    touched.add(path);
    touched.add(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''); // its folder's times
  };
  const path = into();
  const at = `${root}/${path}`;
  const there = existsSync(at) || all.includes(path);
  switch (dice.below(8)) {
    case 0: case 1:
      if (there && !lstatSync(at).isFile()) return;
      writeFileSync(at, String(dice.below(1e9)).repeat(1 + dice.below(2000)));
      break;
    case 2:
      if (there) return;
      mkdirSync(at);
      break;
    case 3:
      if (there) return;
      symlinkSync(`to${dice.below(9)}`, at);
      break;
    case 4:
      if (!there) return;
      rmSync(at, { recursive: true });
      break;
    case 5: {
      if (all.length === 0 || there) return;
      const old = pick(all);
      if (path === old || path.startsWith(`${old}/`)) return;
      renameSync(`${root}/${old}`, at);
      touch(old);
      if (lstatSync(at).isDirectory()) whole.add(path);
      break;
    }
    case 6:
      if (!there || lstatSync(at).isSymbolicLink()) return;
      chmodSync(at, lstatSync(at).isDirectory() ? pick([0o755, 0o700]) : pick([0o644, 0o600, 0o444]));
      utimesSync(at, dice.below(1e9), dice.below(1e9));
      break;
    default:
      if (!there || !lstatSync(at).isFile()) return;
      writeFileSync(at, '');
  }
  touch(path);
}
