/** What is deleted and when, beside rsync: --delete-WHEN, obstacles, --max-delete; and what keeps everything from being deleted. */
import assert from 'node:assert';
import { existsSync, readdirSync } from 'node:fs';
import { describeIf, dir, fifo, file, plainFolder, rsync, symlink, treePaths, twintree, useTempFolder, whyNoOtherUser, whyNoRsync, makeTree, time, type Tree, PLAIN_UID } from '../support/index.js';
import { asRsync, make, meaningful, old, ours, theirs, type RsyncCase } from './select-support.js';

/** Deletions in the order in which they are told. */
function deletions(lines: string[]): string[] {
  return lines.filter((line) => line.startsWith('*deleting') || line.startsWith('deleting '));
}

describeIf('deleting, beside rsync', whyNoRsync(), () => {
  const folder = useTempFolder('delete');
  const source = (): Tree => ({ f1: '1\n', l: symlink('f1'), a: dir({ f2: '22\n', b: dir({ f3: '333\n' }) }), e: dir() });
  const extraneous = (): Tree => ({
    a: dir({ y1: '1', b: dir({ x1: '1' }) }), old: dir({ o1: '1', sub: dir({ o2: '1' }) }), z1: '1', z2: '1', zl: symlink('x'), zp: fifo(),
  });
  const obstacles = (): Tree => ({ f1: dir({ x: dir({ k: 'k' }) }), l: dir({ y: dir({ k: 'k' }) }), e2: dir(), a: 'x', e: 'y' });

  function like(title: string, args: string, target: () => Tree, by: Partial<RsyncCase> = {}, more: () => Tree = () => ({})): void {
    it(`${title}: ${args}`, async () => {
      await asRsync(folder, { given: { s: dir(source()), d: dir(target()), ...more() }, args: args.split(' '), ...by });
    });
  }

  /** rsync deletes first and then finds the folders changed by that; we set their times back. */
  const withoutTimes = (lines: string[]): string[] => lines.filter((line) => !/^\.d\.\.t\.{6} /.test(line));

  describe('when', () => {
    for (const when of ['--delete', '--del', '--delete-during', '--delete-delay', '--delete-after', '--delete --delete-after']) {
      like('the same goes', `-ai ${when} s/ d`, extraneous);
      like('the same is told', `-av ${when} s/ d`, extraneous);
    }
    like('the same goes before', '-ai --delete-before s/ d', extraneous, { lines: withoutTimes });
    for (const when of ['--delete', '--delete-during', '--delete-delay', '--delete-after']) {
      it(`in rsync's order among deletions, and last but where --delete-during asks: ${when}`, async () => {
        const { told, peer } = await asRsync(folder, { given: { s: dir(source()), d: dir(extraneous()) }, args: ['-ai', when, 's/', 'd'] });
        // rsync's own order, of deletions alone, from a fresh copy
        const again = make(folder, 'order', { s: dir(source()), d: dir(extraneous()) });
        assert.deepStrictEqual(deletions(told.lines), deletions(theirs(['-ai', when, 's/', 'd'], again).lines), peer);
        const first = told.lines.findIndex((line) => line.startsWith('*'));
        if (when !== '--delete-during') assert.deepStrictEqual(told.lines.slice(first), deletions(told.lines));
      });
    }
    it('before everything with --delete-before', async () => {
      const work = make(folder, 'w', { s: dir(source()), d: dir(extraneous()) });
      const told = await ours(['-ai', '--no-detect-moves', '--delete-before', 's/', 'd'], work);
      assert.deepStrictEqual(told.lines.slice(0, 10), deletions(told.lines));
      assert.strictEqual(deletions(told.lines).length, 10);
    });
    like('nothing without -r or -d', '-i --delete s/f1 d', extraneous);
    like('only one of them', '-ai --delete-before --delete-after s/ d', extraneous);
    like('--delete-excluded means deleting', '-ai --delete-excluded --exclude=z* s/ d', extraneous);
    like('--force deletes nothing by itself', '-ai --force s/ d', extraneous);
    like('with backups beside', '-aib --delete s/ d', extraneous, { again: false });
    like('with backups of a suffix beside', '-aib --suffix=.bak --delete s/ d', () => ({ ...extraneous(), 'z9.bak': 'q' }), { again: false });
    like('with backups elsewhere', '-aib --backup-dir=../bk --delete s/ d', extraneous);
    like('what is not empty because of a filter stays, and is told', '-ai --delete --exclude=o2 s/ d', extraneous, { again: false });
    like('and what a rule protects', '-ai --delete --filter=P_o* s/ d', extraneous, { again: false });
  });

  describe('obstacles', () => {
    for (const how of ['--delete', '--force', '--delete --force', '--delete-during', '--delete-after', '--delete --exclude=zz']) like('make way', `-ai ${how} s/ d`, obstacles);
    like('make way first', '-ai --delete-before s/ d', obstacles, { lines: withoutTimes });
    for (const how of ['-r', '--exclude=k', '--delete --exclude=k', '--force --exclude=k', '--backup', '--force --backup']) {
      like('that cannot go are told and kept, and the dry run knows', `-ai ${how} s/ d`, obstacles);
    }
    like('empty ones go anyway', '-ai s/ d', () => ({ f1: dir(), l: dir(), a: symlink('nope'), e: fifo() }));
    like('a symlink to a folder is one', '-ai --delete s/ d', () => ({ a: symlink('../real') }), {}, () => ({ real: dir({ q: 'q' }) }));
  });

  describe('--max-delete', () => {
    /** What is left of a folder is told by rsync as not empty, by us as skipped. */
    const by: Partial<RsyncCase> = { again: false, lines: (lines) => lines.filter((line) => !line.startsWith('cannot delete')) };
    for (const n of ['0', '-1', '1', '2', '3', '5']) {
      for (const when of ['', ' --delete-during', ' --delete-delay']) like('stops there with exit code 25', `-ai --delete${when} --max-delete=${n} s/ d`, extraneous, by);
    }
    like('does not mind what is within', '-ai --delete --max-delete=20 s/ d', extraneous);
    it('ends with exit code 25, and says how many were left', async () => {
      const work = make(folder, 'w', { s: dir(source()), d: dir(extraneous()) });
      for (const args of [['-n'], []]) {
        const told = await ours([...args, '-a', '--no-detect-moves', '--delete', '--max-delete=2', 's/', 'd'], work);
        assert.strictEqual(told.code, 25);
        assert.match(told.stderr, /\(8 skipped\)/);
      }
      // The next run goes on.
      assert.strictEqual((await ours(['-a', '--delete', '--max-delete=8', 's/', 'd'], work)).code, 0);
      assert.deepStrictEqual(treePaths(`${work}/d`), treePaths(`${work}/s`));
    });
  });

  describe('--delete-limit', () => {
    const given = (): Tree => ({ s: dir({ f: 'f', new: 'n' }), d: dir({ f: 'old content', x1: '1', x2: '2', x3: '3' }) });
    for (const limit of ['2', '0', '70%', '0%']) {
      for (const when of ['--delete', '--delete-before', '--delete-during', '--delete-delay']) {
        it(`refuses before anything is changed: ${when} --delete-limit=${limit}`, async () => {
          const work = make(folder, 'w', given());
          const told = await ours(['-ai', when, `--delete-limit=${limit}`, 's/', 'd'], work);
          assert.strictEqual(told.code, 70);
          assert.match(told.stderr, /3 deletions are planned/);
          assert.deepStrictEqual(readdirSync(`${work}/d`).sort(), ['f', 'x1', 'x2', 'x3'], 'not even a copy was made');
        });
      }
    }
    it('lets the dry run show the plan, and refuses then', async () => {
      const work = make(folder, 'w', given());
      const before = await twintree(['sync', '-nai', '--delete', '--delete-limit=2', 's/', 'd'], { cwd: work });
      assert.strictEqual(before.code, 70);
      assert.deepStrictEqual(deletions(meaningful(before.stdout)), ['*deleting   x3', '*deleting   x2', '*deleting   x1']);
    });
    for (const limit of ['3', '75%', '100%']) {
      it(`lets pass what is within: ${limit}`, async () => {
        const work = make(folder, 'w', given());
        assert.strictEqual((await ours(['-ai', '--delete', `--delete-limit=${limit}`, 's/', 'd'], work)).code, 0);
        assert.deepStrictEqual(readdirSync(`${work}/d`).sort(), ['f', 'new']);
      });
    }
    it('does not count what is moved', async () => {
      const work = make(folder, 'w', { s: dir({ new: file('content', { mtime: time(1) }) }), d: dir({ before: file('content', { mtime: time(1) }) }) });
      const told = await ours(['-ai', '--delete', '--delete-limit=0', 's/', 'd'], work);
      assert.deepStrictEqual(told, { code: 0, lines: ['*moving     new <= before'], stderr: '' });
    });
    for (const wrong of ['x', '101%', '-1', '1.5']) {
      it(`is a count or a share: ${wrong}`, async () => {
        assert.strictEqual((await ours(['-ai', '--delete', `--delete-limit=${wrong}`, 's/', 'd'], folder.path)).code, 1);
      });
    }
  });

  describeIf('a source that cannot be read whole', whyNoOtherUser(), () => {
    const given = (mode: number): Tree => ({
      s: dir({ f: '1', moved: file('content', { mtime: time(1) }), u: dir({ q: 'q' }, { mode }) }),
      d: dir({ f: '1', before: file('content', { mtime: time(1) }), old: 'o', u: dir({ q: 'q', old: 'o' }) }),
    });
    const owned = (tree: Tree): Tree => Object.fromEntries(Object.entries(old(tree)).map(([name, node]) => {
      if (typeof node === 'string') return [name, node];
      node.attributes.uid = PLAIN_UID;
      node.attributes.gid = PLAIN_UID;
      if (node.shape.type === 'dir') node.shape.children = owned(node.shape.children);
      return [name, node];
    }));
    function plain(mode: number): string {
      const work = plainFolder(folder.path, 'w');
      makeTree(work, owned(given(mode)));
      return work;
    }
    const modes: [string, number][] = [['no right at all', 0], ['listed, not entered', 0o644], ['entered, not listed', 0o311]];
    for (const [what, mode] of modes) {
      for (const when of ['--delete', '--delete-before', '--delete-during', '--delete-delay', '--delete-after', '--delete --force']) {
        it(`has nothing deleted, nor moved away: ${what}, ${when}`, () => {
          const work = plain(mode);
          const told = twintree(['sync', '-ai', ...when.split(' '), 's/', 'd'], { cwd: work, uid: PLAIN_UID });
          assert.strictEqual(told.code, 23);
          assert.match(told.stderr, /nothing is deleted/);
          assert.deepStrictEqual(meaningful(told.stdout).filter((line) => line.startsWith('*')), []);
          assert.deepStrictEqual(treePaths(`${work}/d`), ['before', 'f', 'moved', 'old', 'u', 'u/old', 'u/q']);
        });
      }
      it(`is deleted from with --ignore-errors, but never in what was not read (rsync empties it): ${what}`, () => {
        const work = plain(mode);
        const told = twintree(['sync', '-ai', '--delete', '--ignore-errors', 's/', 'd'], { cwd: work, uid: PLAIN_UID });
        assert.strictEqual(told.code, 23);
        const left = treePaths(`${work}/d`);
        assert(!left.includes('old') && !left.includes('before'));
        assert(left.includes('u/q'));
        const limited = twintree(['sync', '-ai', '--delete', '--ignore-errors', '--delete-limit=0', 's/', 'd'], { cwd: plain2(mode), uid: PLAIN_UID });
        assert.strictEqual(limited.code, 70, 'and the limit holds there too');
      });
    }
    function plain2(mode: number): string {
      const work = plainFolder(folder.path, 'w2');
      makeTree(work, owned(given(mode)));
      return work;
    }
    it('is a file alone: the rest goes as in rsync', () => {
      const tree = (): Tree => owned({ s: dir({ f: file('1', { mode: 0 }), g: 'g' }), d: dir({ f: '1', g: 'other', old: 'o' }) });
      const run = (name: string, program: typeof rsync, args: string[]): unknown => {
        const work = plainFolder(folder.path, name);
        makeTree(work, tree());
        const { code, stdout } = program(args, { cwd: work, uid: PLAIN_UID });
        return { code, lines: meaningful(stdout).sort(), left: treePaths(`${work}/d`) };
      };
      assert.deepStrictEqual(run('t', twintree, ['sync', '-ai', '--delete', 's/', 'd']), run('r', rsync, ['-ai', '--delete', 's/', 'd']));
    });
  });

  it('deletes nothing where the only source is missing', async () => {
    const work = make(folder, 'w', { d: dir({ f: 'f' }) });
    assert.strictEqual((await ours(['-a', '--delete', 's/', 'd'], work)).code, 23);
    assert(existsSync(`${work}/d/f`));
  });
});
