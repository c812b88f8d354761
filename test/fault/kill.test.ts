/**
 * kill -9 at chosen system calls: under every final name stands the old or the new, whole, or the mark of an incomplete
 * file in a folder of the same run; and the next run makes the tree equal and leaves no temporary name. A file that is patched in place
 * is old or new again as soon as a run has looked into its folder, also one that does not want it.
 */
import assert from 'node:assert';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assertSameTree, describeIf, dir, file, makeTree, symlink, tempFolder, twintree, whyNoInjection, type TempFolder, type Tree } from '../support/index.js';
import { copyTree, LATER, leftovers, runHere, THEN } from '../e2e/replace-support.js';

const KB = 1024;

/** Old and new version of a tree: new folders, replaced, moved and deleted files, hard links, a large file. */
function trees(): { source: Tree; target: Tree } {
  const small = (n: number, version: string, mtime: bigint): Tree =>
    Object.fromEntries(Array.from({ length: n }, (_, k) => [`f${k}`, file(`${version} ${k}`.repeat(k + 1), { mtime })]));
  const pair = file('linked', { mtime: LATER });
  return {
    source: {
      a: dir({ ...small(40, 'new', LATER), big: file({ size: 1500 * KB, seed: 2 }, { mtime: LATER }) }, { mtime: LATER }),
      fresh: dir({ ...small(60, 'new', LATER), in: dir({ ...small(30, 'in', LATER), l: symlink('f1', { mtime: LATER }) }, { mtime: LATER, mode: 0o750 }), big: file({ size: 900 * KB, seed: 3 }, { mtime: LATER }) }, { mtime: LATER }),
      pair, twin: pair, moved: dir({ here: file({ size: 500 * KB, seed: 4 }, { mtime: THEN }), too: file('moved too', { mtime: THEN }) }, { mtime: LATER }),
      same: file('same', { mtime: THEN }),
    },
    target: {
      a: dir({ ...small(50, 'old', THEN), big: file({ size: 1200 * KB, seed: 1 }, { mtime: THEN }) }, { mtime: THEN }),
      old: dir({ ...small(20, 'gone', THEN), there: file({ size: 500 * KB, seed: 4 }, { mtime: THEN }), too: file('moved too', { mtime: THEN }) }, { mtime: THEN }),
      pair: file('one', { mtime: THEN }), twin: file('two', { mtime: THEN }), same: file('same', { mtime: THEN }),
    },
  };
}

/** What stands at each path: a digest of the content, a symlink's text, or the mark. */
function snapshot(root: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const full = join(root, path);
    const s = lstatSync(full);
    found.set(path, s.isDirectory() ? 'dir' : s.isSymbolicLink() ? readlinkSync(full) : (s.mode & 0o7777) === 0o1200 ? 'incomplete' : createHash('sha1').update(readFileSync(full)).digest('hex'));
  }
  return found;
}

function assertOldOrNew(now: Map<string, string>, before: Map<string, string>, after: Map<string, string>, ours: (path: string) => boolean): void {
  for (const [path, what] of now) {
    if (ours(path)) continue;
    if (what === 'incomplete') {
      assert.ok(!before.has(dirname(path)) && dirname(path) !== '.', `${path} is marked incomplete in a folder that others may use`);
      continue;
    }
    assert.ok(what === before.get(path) || what === after.get(path), `${path} is neither the old nor the new`);
  }
  for (const path of before.keys()) {
    if (after.has(path)) assert.ok(now.has(path), `${path} was there before and shall be there, and is not`);
  }
}

/** Calls at which a run is killed, and the how-manieth of one thread. */
const POINTS = [['renameat,renameat2,rename', 1], ['renameat,renameat2,rename', 20], ['unlinkat', 3], ['mkdirat', 2], ['utimensat', 5], ['utimensat', 60], ['fchmod', 30], ['linkat', 1], ['write,pwrite64', 50], ['copy_file_range', 1], ['ftruncate', 1], ['close', 150]] as const;

/** Steps of a patch in place: the journal, what it saves, the patch, the new length, the journal's end. */
const PATCH_POINTS = [['fsync', 1], ['fsync', 2], ['fsync', 3], ['write,pwrite64', 2], ['write,pwrite64', 4], ['write,pwrite64', 6], ['write,pwrite64', 8], ['ftruncate', 1], ['unlinkat', 1], ['utimensat', 2]] as const;

describeIf('killed in mid-run', whyNoInjection(), () => {
  let home: TempFolder;
  let old: Map<string, string>;
  let made: Map<string, string>;
  before('make the trees', () => {
    home = tempFolder('kill');
    const { source, target } = trees();
    makeTree(home.at('source'), source, { mtime: LATER });
    makeTree(home.at('target'), target, { mtime: THEN });
    old = snapshot(home.at('target'));
    made = snapshot(home.at('source'));
  });
  after('remove them', () => home.remove());

  const ours = (path: string): boolean => path.split('/').some((part) => part.startsWith('.~twintree-') || part === '.~tmp~' || part === '.part');
  const modes: { args: string[]; inplace?: boolean; patches?: boolean }[] = [
    { args: ['-aH', '--delete'] },
    { args: ['-aH', '--delete', '--threads=1'] },
    { args: ['-a', '--delete', '--delay-updates'] },
    { args: ['-aH', '--delete-before', '--partial-dir=.part'] },
    { args: ['-aH', '--delete-during', '--no-whole-file', '--fsync'] },
    { args: ['-aH', '--delete', '--inplace'], inplace: true },
    { args: ['-aH', '--delete', '--backup-dir=../bak'] },
    { args: ['-aH', '--delete', '--inplace', '--no-whole-file'], inplace: true, patches: true },
  ];
  modes.forEach(({ args, inplace, patches }, at) => {
    // Each mode meets a part of the calls, all of them together.
    const points = [...POINTS.filter((_, k) => k % 3 === at % 3), ...(patches === true ? PATCH_POINTS : [])];
    it(args.join(' '), async () => {
      let killed = 0;
      let journals = 0;
      for (const [calls, when] of points) {
        const target = home.at('work');
        copyTree(home.at('target'), target);
        const ran = twintree(['sync', ...args, `${home.path}/source/`, target], { inject: [`${calls}:signal=SIGKILL:when=${when}`] });
        const context = `killed at ${calls} ${when}`;
        if (ran.signal === 'SIGKILL' || ran.code === 137) killed++;
        const now = snapshot(target);
        if (inplace !== true) assertOldOrNew(now, old, made, ours);
        if (patches === true) {
          journals += [...now.keys()].filter((path) => path.endsWith('-undo')).length;
          const looked = await runHere(['-a', '--exclude=big', '--exclude=f*', '--exclude=pair', '--exclude=twin', `${home.path}/source/`, target]);
          assert.strictEqual(looked.code, 0, `${context}: ${looked.errors}`);
          assertOldOrNew(snapshot(target), old, made, () => false);
          assert.deepStrictEqual(leftovers(home.path), [], context);
        }
        const again = await runHere([...args, `${home.path}/source/`, target]);
        assert.strictEqual(again.code, 0, `${context}: ${again.errors}`);
        assertSameTree(home.at('source'), target, { ignore: args.includes('-aH') ? [] : ['hardlink'] });
        assert.deepStrictEqual(leftovers(home.path), [], context);
        rmSync(target, { recursive: true });
        rmSync(home.at('bak'), { recursive: true, force: true });
      }
      assert.ok(killed > 0, 'at least one run was really killed');
      if (patches === true) assert.ok(journals > 0, 'at least one was killed in the middle of a patch');
    });
  });
});
