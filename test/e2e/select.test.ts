/** What is chosen, beside rsync: arguments and targets, several sources, -r, -d, -R, -m, sizes, ages. */
import assert from 'node:assert';
import { existsSync, readdirSync } from 'node:fs';
import { describeIf, dir, file, symlink, time, useTempFolder, whyNoRsync, fifo, type Tree } from '../support/index.js';
import { asRsync, make, ours, type RsyncCase } from './select-support.js';

/** A small source. */
function small(): Tree {
  return { f1: '1\n', l: symlink('f1'), a: dir({ f2: '22\n', b: dir({ f3: '333\n' }) }), e: dir() };
}

describeIf('selecting, beside rsync', whyNoRsync(), () => {
  const folder = useTempFolder('select');

  /** One test: `args` on a work folder with the small source in `s`, an empty `d`, and what else is given. */
  function like(title: string, args: string, more: () => Tree = () => ({}), by: Partial<RsyncCase> = {}): void {
    it(`${title}: ${args}`, async () => {
      await asRsync(folder, { given: { s: dir(small()), d: dir(), ...more() }, args: args.split(' '), ...by });
    });
  }

  describe('a slash behind the source means its content', () => {
    like('content', '-ai s/ d');
    like('the folder itself', '-ai s d');
    like('content, by a dot', '-ai s/. d');
    like('content, by two dots', '-ai s/a/.. d');
    like('into a new target', '-ai s/ x');
    like('the folder into a new target', '-ai s x');
    like('a symlink to a folder is copied as a link', '-ai k d', () => ({ k: symlink('s') }));
    like('and with a slash as the folder', '-ai k/ d', () => ({ k: symlink('s') }));
    like('a file with a slash is an error', '-ai --delete s/f1/ d', () => ({ d: dir({ old: 'x' }) }));
  });

  describe('one file', () => {
    like('onto a file', '-ai s/f1 d/f1', () => ({ d: dir({ f1: 'old content' }) }));
    like('under a new name', '-ai s/f1 d/g');
    like('under a new name, shown by -v', '-av s/f1 d/g');
    like('under a new name, in a format', '-a --out-format=%n|%f|%l s/f1 d/g');
    like('into a folder', '-ai s/f1 d');
    like('into a folder with a slash', '-ai s/f1 d/');
    like('where nothing stands', '-ai s/f1 x');
    like('into a new folder', '-ai s/f1 x/');
    like('a symlink under a new name', '-ai s/l d/m');
    like('onto a symlink to a folder', '-ai s/f1 x', () => ({ real: dir(), x: symlink('real') }));
    like('onto a symlink to a file', '-ai s/f1 x', () => ({ real: 'real', x: symlink('real') }));
    like('onto a symlink to nothing', '-ai s/f1 x', () => ({ x: symlink('nowhere') }));
    like('below a folder that is not there', '-ai s/f1 x/y');
    like('kept relative, with one name, as any file', '-aiR s/./f1 x');
  });

  describe('the target', () => {
    like('is a file', '-ai s/ x', () => ({ x: 'x' }));
    like('is a file, for two sources', '-ai s/f1 s/a/f2 x', () => ({ x: 'x' }));
    like('is a file with a slash', '-ai s/f1 x/', () => ({ x: 'x' }));
    like('is a symlink to a folder', '-ai s/ x', () => ({ real: dir(), x: symlink('real') }));
    like('is made for two sources', '-ai s/f1 s/a/f2 x');
    like('is made with --mkpath, for a file', '-ai --mkpath s/f1 x/y');
    like('is made with --mkpath, for a file deeper', '-ai --mkpath s/f1 x/y/z');
    like('is made with --mkpath, for a file in a folder', '-ai --mkpath s/f1 x/y/');
    like('is made with --mkpath, for two sources', '-ai --mkpath s/f1 s/a x/y/z', () => ({ x: dir() }));
    like('stands already, with --mkpath', '-ai --mkpath s/ x/y', () => ({ x: dir({ y: dir() }) }));
    // rsync makes the folders of --mkpath before it compares: it calls the root it has just made changed, we call it new.
    like('is made with --mkpath, for a folder', '-ai --mkpath s/ x/y/z', () => ({}), { lines: (theirs) => theirs.map((line) => line.replace('.d..t...... ./', 'cd+++++++++ ./')) });
    like('cannot be made', '-ai s/ x/y/z');
    like('is a symlink to nothing', '-ai s/ x', () => ({ x: symlink('nowhere') }));
  });

  describe('several sources', () => {
    const second = (): Tree => ({ s2: dir({ a: dir({ f2: 'x', f9: 'new' }), zz: 'z' }), d: dir({ a: dir({ old: 'o' }), old: 'o' }) });
    like('meet in one folder, the first wins', '-ai s/ s2/ d', second);
    like('in the other order', '-ai s2/ s/ d', second);
    like('and what none has is deleted', '-ai --delete s/ s2/ d', second);
    like('two folders of one name', '-ai s/a s2/a d', second);
    like('two folders of one name, deleting in them alone', '-ai --delete s/a s2/a d', second);
    like('two files of one name', '-ai s/f1 s2/f1 d', () => ({ s2: dir({ f1: 'other' }) }));
    like('content and a folder that fits into it', '-ai s/a/ s2/a d', second);
    like('a folder wins over a file, first', '-ai s2/ s/ d', () => ({ s2: dir({ f1: dir({ q: 'x' }) }) }));
    like('a folder wins over a file, last', '-ai s/ s2/ d', () => ({ s2: dir({ f1: dir({ q: 'x' }) }) }));
    like('a file does not win over a folder', '-ai s2/ s/ d', () => ({ s2: dir({ a: 'x' }) }));
    like('the first of file and symlink', '-ai s2/ s/ d', () => ({ s2: dir({ a: symlink('x'), f1: symlink('y') }) }));
    like('the same one twice', '-ai s/ s/ d');
  });

  describe('a source that is not there', () => {
    const withOld = (): Tree => ({ d: dir({ old: 'o', gone: dir({ x: 'x' }) }) });
    like('is an error', '-ai --delete s/nope d', withOld);
    like('makes no new target', '-ai nope x');
    for (const missing of ['s/nope', 'nope/', 'nope/x']) {
      it(`keeps everything from being deleted, where the other sources are there: ${missing}`, async () => {
        // rsync deletes in the first case and says so on stdout in the others.
        const work = make(folder, 'w', { s: dir({ f: 'f', moved: file('content', { mtime: time(1_500_000_000) }) }), d: dir({ old: 'o', before: file('content', { mtime: time(1_500_000_000) }) }) });
        for (const more of [[], ['--ignore-errors'], ['--delete-before'], ['--delete-during'], ['--delete-delay']]) {
          const told = await ours(['-ai', '--delete', ...more, missing, 's/', 'd'], work);
          assert.strictEqual(told.code, 23);
          assert.deepStrictEqual(told.lines.filter((line) => line.startsWith('*')), []);
          assert.match(told.stderr, /nothing is deleted/);
        }
        assert(existsSync(`${work}/d/old`) && existsSync(`${work}/d/before`), 'not even by a move');
      });
    }
    like('is nothing, with --ignore-missing-args', '-ai --ignore-missing-args s/nope s/f1 d', withOld);
    like('is nothing, and deleting goes on', '-ai --delete --ignore-missing-args s/nope s/a d', () => ({ d: dir({ a: dir({ old: 'o' }), old: 'o' }) }));
    like('only, with --ignore-missing-args', '-ai --ignore-missing-args s/nope d', withOld);
    like('and ends with a slash, with --ignore-missing-args', '-ai --ignore-missing-args nope/ s/f1 d', withOld);
    like('goes from the target, with --delete-missing-args', '-ai --delete-missing-args s/nope s/f1 d', () => ({ d: dir({ nope: 'x', other: 'y' }) }));
    like('only, with --delete-missing-args', '-ai --delete-missing-args s/nope d', () => ({ d: dir({ nope: 'x', other: 'y' }) }));
    like('goes from deep in the target', '-aiR --delete-missing-args s/a/nope s/f1 d', () => ({ d: dir({ s: dir({ a: dir({ nope: 'x' }) }) }) }));
    like('goes with all that is in it, beside --delete', '-ai --delete --delete-missing-args s/nope s/f1 d', () => ({ d: dir({ nope: dir({ x: dir({ y: 'y' }) }) }) }));
    like('goes with all that is in it, with --force', '-ai --force --delete-missing-args s/nope s/f1 d', () => ({ d: dir({ nope: dir({ x: dir({ y: 'y' }) }) }) }));
    like('is kept where it is a folder that is not empty', '-ai --delete-missing-args s/nope s/f1 d', () => ({ d: dir({ nope: dir({ x: 'x' }) }) }), { again: false });
    like('goes where it is an empty folder', '-ai --delete-missing-args s/nope s/f1 d', () => ({ d: dir({ nope: dir() }) }));
    like('is kept where a filter protects it', '-ai --delete-missing-args --filter=P_nope s/nope s/f1 d', () => ({ d: dir({ nope: 'x' }) }));
  });

  describe('without -r', () => {
    const full = (): Tree => ({ d: dir({ a: dir({ b: dir({ o: 'o' }), o: 'o' }), old: dir({ sub: dir({ q: 'q' }), z: 'z' }), oo: 'o', s: dir({ x: 'x' }) }) });
    like('folders are left out and told', '-ti s/ d', () => ({}), { again: false });
    like('a named folder is left out and told', '-ti s d', () => ({}), { again: false });
    like('a named folder beside a file', '-ti s/a s/f1 d', () => ({}), { again: false });
    like('-a --no-r', '-a --no-r -i s/ d', () => ({}), { again: false });
    like('quietly', '-aq --no-r s/ d', () => ({}), { again: false });
    like('-R leaves out what is on the way too', '-tiR s/a d', () => ({}), { again: false });
    like('-d takes the entries of the folder', '-dlti s/ d', full);
    like('-d takes the folder alone', '-dlti s d', full);
    like('-d with a dot', '-dlti s/. d', full);
    like('-d deletes beside them', '-dlti --delete s/ d', full);
    like('-d deletes nothing in a folder that it does not open', '-dlti --delete s d', full);
    like('-d deletes in the folder with the slash', '-dlti --delete s/a/ d', full);
    like('-d of several names', '-dlti --delete s/a s/f1 d', full);
    like('--old-d', '--old-d -lti s/ d', full);
    like('-a --no-r -d', '-a --no-r -d -i s/ d', full);
  });

  describe('-R keeps the path', () => {
    const full = (): Tree => ({ d: dir({ a: dir({ b: dir({ o: 'o' }), o: 'o' }), old: dir({ z: 'z' }) }) });
    for (const more of ['', ' --delete']) {
      like('of a folder', `-aiR${more} s/a d`, full);
      like('of a folder with a slash', `-aiR${more} s/a/ d`, full);
      like('of a file', `-aiR${more} s/a/f2 d`, full);
      like('of two', `-aiR${more} s/a/f2 s/e d`, full);
      like('from /./ on', `-aiR${more} s/./a/b d`, full);
      like('from /./ on, of a file', `-aiR${more} s/./a/b/f3 d`, full);
      like('from /./ on, of two', `-aiR${more} s/./a/b s/./e d`, full);
      like('from /./ on, which is the end', `-aiR${more} s/./ d`, full);
      like('from the first of two /./', `-aiR${more} s/./a/./b d`, full);
      like('of nested ones', `-aiR${more} s/./a s/./a/b d`, full);
      like('of nested ones, the inner first', `-aiR${more} s/./a/b s/./a d`, full);
      like('beginning with ./', `-aiR${more} ./s/f1 d`, full);
      like('through a symlink, which becomes a folder', `-aiR${more} k/a/b d`, () => ({ ...full(), k: symlink('s') }));
      like('of a symlink with a slash', `-aiR${more} ./k/ d`, () => ({ ...full(), k: symlink('s/a') }));
      like('where the target has a symlink on the way', `-aiR${more} s/./a/b d`, () => ({ d: dir({ real: dir(), a: symlink('real') }) }));
      like('of folders on the way with their attributes', `-aiR${more} s/./a/b/f3 d`, () => ({ s: dir({ a: dir({ b: dir({ f3: '3' }) }, { mode: 0o700 }) }) }));
      like('without them', `-aiR --no-implied-dirs${more} s/./a/b d`, () => ({ s: dir({ a: dir({ b: dir({ f3: '3' }) }, { mode: 0o700 }) }) }));
      like('without them, where they stand', `-aiR --no-implied-dirs${more} s/./a/b d`, () => ({ ...full(), s: dir({ a: dir({ b: dir({ f3: '3' }) }, { mode: 0o700 }) }) }));
      like('without them, through the symlink that the target has', `-aiR --no-implied-dirs${more} s/./a/b d`, () => ({ d: dir({ real: dir(), a: symlink('real') }) }));
    }
    it('without the folders on the way, a symlink of the target that leads out of it is not gone through: it makes way', async () => {
      const work = make(folder, 'w', { s: dir(small()), real: dir(), d: dir({ a: symlink('../real') }) });
      assert.strictEqual((await ours(['-aR', '--no-implied-dirs', 's/./a/b', 'd'], work)).code, 0);
      assert.deepStrictEqual(readdirSync(`${work}/real`), []);
      assert(existsSync(`${work}/d/a/b/f3`));
    });
    like('with .. is refused', '-aiR s/a/../e d');
    like('with .. before /./', '-aiR s/a/.././e d');
    like('with -d', '-dtiR s/a d');
    like('with -d and a slash', '-dtiR --delete s/./a/ d', full);
    like('of something that is not there', '-aiR s/./nope s/./a d');
    like('of something deep that is not there', '-aiR s/./a/nope/x s/./a d');
  });

  describe('-m leaves out folders without files', () => {
    const source = (): Tree => ({ s: dir({ ...small(), e: dir({ f: dir({ g: dir() }) }), x: dir({ 't.tmp': 't' }) }), d: dir({ e: dir({ f: dir() }), old: dir({ sub: dir({ q: 'q' }) }), x: dir({ k: 'k' }) }) });
    like('all', '-aim s/ d', source);
    like('and deletes them', '-aim --delete s/ d', source);
    like('also the argument itself', '-aim s/e s/f1 d', source);
    like('also on the way of -R', '-aimR s/./e/f/g s/./x d', source);
    like('also where filters took the files', '-aim --delete --exclude=*.tmp s/ d', source);
    like('but what a filter protects', '-aim --delete --filter=P_f/ s/ d', source);
    like('and what only hides nothing but folders', '-aim --filter=hide,!_*/ s/ d', source);
    like('with -d', '-dltim s/ d', source);
    like('but never the root', '-aim s/e/ d', source);
  });

  describe('by size, age and what stands there', () => {
    const mixed = (): Tree => ({
      s: dir({ ...small(), x: dir({ t: 't' }) }),
      d: dir({ f1: file('1\n', { mtime: time(1_500_000_000) }), a: dir({ f2: 'new longer content' }), zz: 'k' }),
    });
    for (const option of ['--max-size=2', '--max-size=2b-1', '--min-size=3', '--min-size=3 --max-size=3', '--existing', '--ignore-non-existing', '--ignore-existing', '--existing --ignore-existing', '-u', '-c', '-I', '--size-only']) {
      const by: Partial<RsyncCase> = option === '-I' ? { again: false } : {};
      like('itemized', `-ai ${option} s/ d`, mixed, by);
      like('itemized, deleting', `-ai --delete ${option} s/ d`, mixed, by);
      like('told with -v', `-av ${option} s/ d`, mixed, by);
      like('told with -vv', `-avv ${option} s/ d`, mixed, { again: false });
    }
    like('a file too large here and extraneous there stays', '-ai --delete --max-size=2 s/ d', () => ({ d: dir({ a: dir({ b: dir({ f3: 'yyy', q: 'z' }) }) }) }));
    like('-u leaves what is newer', '-aiu s/ d', () => ({ d: dir({ f1: 'q', a: dir({ f2: file('o', { mtime: time(1_600_000_000) }) }) }) }));
    like('-u minds only files', '-aiu s/ d', () => ({ d: dir({ l: symlink('other', { mtime: time(1_600_000_000) }), f1: dir({}, { mtime: time(1_600_000_000) }) }) }));
    like('--existing takes another type for standing there', '-ai --existing s/ d', () => ({ d: dir({ l: dir(), f1: symlink('z'), a: 'a' }) }));
    it('--ignore-existing leaves another type alone, a file in the place of a folder too (rsync fails there)', async () => {
      const work = make(folder, 'w', { s: dir(small()), d: dir({ l: dir(), f1: symlink('z'), a: 'a' }) });
      const told = await ours(['-ai', '--ignore-existing', 's/', 'd'], work);
      assert.deepStrictEqual(told, { code: 0, lines: ['cd+++++++++ e/'], stderr: '' });
    });
  });

  describe('times', () => {
    /** Full seconds: rsync compares no more than those. */
    const at = (seconds: number): bigint => time(1_551_675_967 + seconds);
    const seconds = (): Tree => ({
      s: dir({ same: file('1', { mtime: at(0) }), one: file('1', { mtime: at(0) }), two: file('1', { mtime: at(0) }), three: file('1', { mtime: at(0) }) }),
      d: dir({ same: file('1', { mtime: at(0) }), one: file('1', { mtime: at(1) }), two: file('1', { mtime: at(-2) }), three: file('2', { mtime: at(3) }) }),
    });
    for (const args of ['-ai s/ d', '-ai --modify-window=1 s/ d', '-ai --modify-window=2 s/ d', '-ai --modify-window=-1 s/ d', '-aic s/ d', '-ai --size-only s/ d', '-rlti --size-only s/ d']) like('compared', args, seconds);
    for (const args of ['-rli s/ d', '-rlic s/ d', '-rliu s/ d', '-rliI s/ d', '-ri --size-only s/ d']) like('not kept', args, seconds, { again: false, differs: ({ what }) => what === 'dir-mtime' });
    it('are exact to the nanosecond, where rsync sees no difference within a second', async () => {
      const work = make(folder, 'w', { s: dir({ f: file('1', { mtime: time(1_500_000_000, 1) }) }), d: dir({ f: file('1', { mtime: time(1_500_000_000, 2) }) }) });
      assert.deepStrictEqual((await ours(['-ai', 's/', 'd'], work)).lines, ['>f..t...... f']);
      assert.deepStrictEqual((await ours(['-ai', 's/', 'd'], work)).lines, []);
    });
  });

  describe('types that were not asked for', () => {
    like('are left out', '-rtv s/ d', () => ({ s: dir({ ...small(), p: fifo() }) }), { again: false });
    like('are left out of what stands there', '-rti --delete s/ d', () => ({ s: dir({ ...small(), p: fifo() }), d: dir({ l: symlink('x'), p: 'p' }) }), { again: false });
  });
});
