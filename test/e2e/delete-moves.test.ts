/** Renamed at the source: renamed on the target where the content is proven the same, else copied; and everything else stays right. */
import assert from 'node:assert';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { assertSameTree, dir, file, time, useTempFolder, type Tree, type TreeNode } from '../support/index.js';
import { make, OLD, ours } from './select-support.js';

describe('moves', () => {
  const folder = useTempFolder('moves');

  /** A file of random content, and its time. */
  const content = (seed: number, size = 5000): TreeNode => file({ size, seed }, { mtime: OLD });

  /** Syncs and returns the lines; then the trees are equal and a second run has nothing to do. */
  async function moved(s: Tree, d: Tree, args: string[] = ['--delete'], equal = true): Promise<{ lines: string[]; work: string; inode(name: string): number }> {
    const work = make(folder, 'w', { s: dir(s), d: dir(d) });
    const inodes = new Map(readdirSync(`${work}/d`, { recursive: true, encoding: 'utf8' }).map((name) => [name, statSync(`${work}/d/${name}`).ino]));
    const planned = await ours(['-nai', ...args, 's/', 'd'], work);
    const told = await ours(['-ai', ...args, 's/', 'd'], work);
    assert.strictEqual(told.code, 0, told.stderr);
    assert.deepStrictEqual(planned.lines, told.lines);
    if (equal) {
      assertSameTree(`${work}/s`, `${work}/d`, { root: true });
      assert.deepStrictEqual((await ours(['-ai', ...args, 's/', 'd'], work)).lines, []);
    }
    return { lines: told.lines, work, inode: (name) => inodes.get(name) ?? -1 };
  }
  const now = (work: string, name: string): number => statSync(`${work}/d/${name}`).ino;

  it('a renamed file is renamed: the same inode, nothing copied', async () => {
    const { lines, work, inode } = await moved({ new: content(1), other: content(2) }, { old: content(1), other: content(2) });
    assert.deepStrictEqual(lines, ['*moving     new <= old']);
    assert.strictEqual(now(work, 'new'), inode('old'));
  });
  it('what is proven in a second round stays: no third file is taken for it, and kept from being deleted', async () => {
    const { lines } = await moved({ c: content(1), d: dir({ a: content(2), e: content(3) }) }, { a: content(1), e: content(1), d: dir({ c: content(2) }) });
    assert.strictEqual(lines.filter((line) => line.startsWith('*moving')).length, 2);
    assert.strictEqual(lines.filter((line) => line.startsWith('*deleting')).length, 1);
  });
  it('-v says so in words', async () => {
    const work = make(folder, 'w', { s: dir({ new: content(1) }), d: dir({ old: content(1) }) });
    assert.deepStrictEqual((await ours(['-av', '--delete', 's/', 'd'], work)).lines, ['moving new <= old']);
  });
  it('a renamed folder: its files are renamed, its name and times are right, the old one goes', async () => {
    const inner = (): Tree => ({ f4: content(4), f5: content(5), sub: dir({ f7: content(7) }) });
    const { lines, work, inode } = await moved({ after: dir(inner(), { mtime: time(1_600_000_000), mode: 0o750 }) }, { before: dir(inner()) });
    assert.deepStrictEqual(lines, [
      'cd+++++++++ after/', '*moving     after/f4 <= before/f4', '*moving     after/f5 <= before/f5', 'cd+++++++++ after/sub/',
      '*moving     after/sub/f7 <= before/sub/f7', '*deleting   before/sub/', '*deleting   before/',
    ]);
    assert.strictEqual(now(work, 'after/sub/f7'), inode('before/sub/f7'));
  });
  it('from folder to folder: the times of both are right', async () => {
    const { lines } = await moved({ a: dir(), b: dir({ f: content(1) }) }, { a: dir({ f: content(1) }), b: dir() });
    assert.deepStrictEqual(lines, ['*moving     b/f <= a/f']);
  });
  it('attributes that have changed are set', async () => {
    const changed = content(1);
    changed.attributes.mode = 0o600;
    const { lines } = await moved({ new: changed }, { old: content(1) });
    assert.deepStrictEqual(lines, ['*moving     new <= old']);
  });
  it('renamed and changed: copied', async () => {
    const { lines } = await moved({ new: content(1, 5001) }, { old: content(1) });
    assert.deepStrictEqual(lines, ['>f+++++++++ new', '*deleting   old']);
  });
  it('same size and time but other content: not taken for a move', async () => {
    const { lines, work } = await moved({ new: content(2) }, { old: content(1) });
    assert.deepStrictEqual(lines, ['>f+++++++++ new', '*deleting   old']);
    assert(readFileSync(`${work}/s/new`).equals(readFileSync(`${work}/d/new`)));
  });
  it('among several of the same size and time: each finds its own', async () => {
    const { lines, work, inode } = await moved(
      { x: dir({ a: content(1), b: content(2), c: content(3), d: content(4) }) },
      { y: dir({ k: content(4), l: content(3), m: content(2), n: content(1) }), x: dir() },
    );
    assert.deepStrictEqual(lines.filter((line) => line.startsWith('*moving')), ['*moving     x/a <= y/n', '*moving     x/b <= y/m', '*moving     x/c <= y/l', '*moving     x/d <= y/k']);
    assert.strictEqual(now(work, 'x/a'), inode('y/n'));
  });
  it('of several copies the one of the same name, and no more than there are', async () => {
    const { lines } = await moved({ a: dir({ f: content(1), g: content(1) }) }, { b: dir({ f: content(1) }), a: dir() });
    assert.deepStrictEqual(lines.filter((line) => /f|g$/.test(line)), ['*moving     a/f <= b/f', '>f+++++++++ a/g']);
  });
  it('empty files are made anew: there is nothing to save', async () => {
    const { lines } = await moved({ new: file('', { mtime: OLD }) }, { old: file('', { mtime: OLD }) });
    assert.deepStrictEqual(lines, ['>f+++++++++ new', '*deleting   old']);
  });
  it('into a folder that takes its place', async () => {
    const { lines } = await moved({ f: dir({ f: content(1) }) }, { f: content(1) });
    assert.deepStrictEqual(lines, ['cd+++++++++ f/', '>f+++++++++ f/f']);
  });

  describe('hard links', () => {
    it('a name of a group that stays is linked', async () => {
      const group = content(1);
      const before = content(1);
      const { lines } = await moved({ keep: group, new: group }, { keep: before, old: before }, ['-H', '--delete']);
      assert.deepStrictEqual(lines, ['hf+++++++++ new => keep', '*deleting   old']);
    });
    it('a target file that has other names is not moved: they would share what the source keeps apart', async () => {
      const shared = content(1);
      const one = content(1);
      one.attributes.mode = 0o600;
      const { lines } = await moved({ stays: content(1), new: one }, { stays: shared, old: shared });
      assert.deepStrictEqual(lines, ['>f+++++++++ new', '*deleting   old']);
    });
  });

  describe('with other options', () => {
    const pair = (): [Tree, Tree] => [{ new: content(1) }, { old: content(1) }];
    for (const args of ['--delete-after', '--delete-delay', '--delete --max-delete=0', '--delete -c', '--delete --size-only', '--delete --inplace', '--delete --delete-excluded --exclude=old', '--delete --ignore-existing']) {
      it(`moved: ${args}`, async () => {
        const { lines } = await moved(...pair(), args.split(' '), !args.includes('max-delete'));
        assert.deepStrictEqual(lines, ['*moving     new <= old']);
      });
    }
    for (const args of ['--delete --no-detect-moves', '--delete-during']) {
      it(`copied: ${args}`, async () => {
        assert.deepStrictEqual((await moved(...pair(), args.split(' '))).lines, ['>f+++++++++ new', '*deleting   old']);
      });
    }
    it('copied: without deleting', async () => {
      assert.deepStrictEqual((await moved(...pair(), [], false)).lines, ['>f+++++++++ new']);
    });
    it('with --backup the old file is kept as a backup', async () => {
      const { lines, work } = await moved(...pair(), ['--delete', '--backup'], false);
      assert.deepStrictEqual(lines, ['>f+++++++++ new', '*deleting   old']);
      assert.deepStrictEqual(readdirSync(`${work}/d`).sort(), ['new', 'old~']);
    });
    it('with --backup-dir too', async () => {
      const { work } = await moved(...pair(), ['--delete', '--backup', '--backup-dir=../bk'], false);
      assert.deepStrictEqual(readdirSync(`${work}/d`), ['new']);
      assert.deepStrictEqual(readdirSync(`${work}/bk`), ['old']);
    });
    it('with --remove-source-files the source goes', async () => {
      const { work } = await moved(...pair(), ['--delete', '--remove-source-files'], false);
      assert.deepStrictEqual(readdirSync(`${work}/s`), []);
      assert.deepStrictEqual(readdirSync(`${work}/d`), ['new']);
    });
  });
});
