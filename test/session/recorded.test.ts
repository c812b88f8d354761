/** Sealed plans: what is carried out is what was sealed, and what has drifted since is told and left alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { assertSameTree, changedTree, dir, file, makeTree, randomTree, symlink, time, treePaths, useTempFolder, type Tree } from '../support/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { apply, dryRun, plan, type Told } from './recorded-support.js';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 6);
const ROOT = process.getuid?.() === 0;

function clean(told: Told): void {
  assert.deepEqual(told.problems, []);
  assert.equal(told.outcome.exitCode, 0);
}

function codeOf(error: unknown): string {
  assert.ok(error instanceof TwintreeError, String(error));
  return error.code;
}

describe('a sealed plan', () => {
  const temp = useTempFolder('sealed');
  const sealed = (): string => temp.at('plan');

  /** Trees with an entry of every kind that is made, replaced, changed, moved and deleted. */
  function given(): { source: string; target: string } {
    const [source, target] = [temp.at('s'), temp.at('t')];
    const old = time(1_500_000_000);
    const both = file('the same', { mtime: old });
    const twice = file('one inode', { mtime: old });
    makeTree(source, {
      new: file('new', { mtime: old }), changed: file('a longer text', { mtime: old }), same: both, mode: file('m', { mtime: old, mode: 0o600 }),
      link: symlink('new'), relink: symlink('changed'), here: file('content that moves', { mtime: old }), one: twice, two: twice,
      made: dir({ in: file('in', { mtime: old }) }), stays: dir({ x: file('x', { mtime: old }) }, { mode: 0o750 }),
    });
    makeTree(target, {
      changed: file('a text', { mtime: old }), same: file('the same', { mtime: old }), mode: file('m', { mtime: old, mode: 0o644 }),
      relink: symlink('elsewhere'), there: file('content that moves', { mtime: old }), gone: file('g', { mtime: old }), lost: dir({ y: file('y', { mtime: old }) }),
      stays: dir({ z: file('z', { mtime: old }) }, { mode: 0o755 }),
    });
    return { source, target };
  }
  const args = (trees: { source: string; target: string }, ...more: string[]): string[] => ['-aH', '--delete', ...more, `${trees.source}/`, trees.target];

  it('tells what a dry run tells, and changes nothing', async () => {
    const trees = given();
    const before = treePaths(trees.target);
    const expected = await dryRun(args(trees));
    const told = await plan(args(trees), sealed());
    assert.deepEqual(told.lines, expected.lines);
    assert.deepEqual(told.outcome.totals, expected.outcome.totals);
    clean(told);
    assert.deepEqual(treePaths(trees.target), before);
    assert.equal(lstatSync(sealed()).mode & 0o077 & ~0o066, 0);
  });

  it('is shown by a dry run of apply, which changes nothing', async () => {
    const trees = given();
    const planned = await plan(args(trees), sealed());
    const before = treePaths(trees.target);
    const shown = await apply(sealed(), { dryRun: true });
    assert.deepEqual(shown.lines, planned.lines);
    assert.deepEqual(shown.outcome.totals, planned.outcome.totals);
    assert.deepEqual(treePaths(trees.target), before);
  });

  it('is carried out exactly: the same operations, a move and a hard link among them, and equal trees', async () => {
    const trees = given();
    const planned = await plan(args(trees), sealed());
    assert.ok(planned.lines.some((line) => line.startsWith('Move ')) && planned.lines.some((line) => line.startsWith('Link ')));
    const { ino } = lstatSync(`${trees.target}/there`);
    const done = await apply(sealed());
    clean(done);
    assert.deepEqual(done.lines, planned.lines);
    assertSameTree(trees.source, trees.target);
    assert.equal(lstatSync(`${trees.target}/here`).ino, ino, 'moved, not copied');
    assert.equal(lstatSync(`${trees.target}/one`).ino, lstatSync(`${trees.target}/two`).ino);
  });

  it('says at a second time that everything was done before, and does nothing', async () => {
    const trees = given();
    await plan(args(trees), sealed());
    clean(await apply(sealed()));
    const inode = lstatSync(`${trees.target}/changed`).ino;
    const again = await apply(sealed());
    clean(again);
    assert.ok(again.notices.includes('already-done'));
    assert.equal(again.outcome.transferredFiles, 0);
    assert.deepEqual([...again.results.values()].filter((result) => result === 'failed'), []);
    assert.equal(lstatSync(`${trees.target}/changed`).ino, inode);
    assertSameTree(trees.source, trees.target);
  });

  it('knows nothing of what came to the source later', async () => {
    const trees = given();
    await plan(args(trees), sealed());
    writeFileSync(`${trees.source}/late`, 'late');
    writeFileSync(`${trees.source}/made/late`, 'late');
    clean(await apply(sealed()));
    assert.ok(!existsSync(`${trees.target}/late`) && !existsSync(`${trees.target}/made/late`));
    assert.ok(existsSync(`${trees.target}/made/in`));
  });

  it('makes a root that did not exist, with --mkpath too', async () => {
    const { source } = given();
    const target = temp.at('deep', 'down', 'root');
    clean(await plan(['-aH', '--mkpath', `${source}/`, target], sealed()));
    clean(await apply(sealed()));
    assertSameTree(source, target);
    clean(await apply(sealed()));
  });

  it('copies one file under another name', async () => {
    const { source } = given();
    clean(await plan(['-a', `${source}/new`, temp.at('renamed')], sealed()));
    clean(await apply(sealed()));
    assert.equal(readFileSync(temp.at('renamed'), 'utf8'), 'new');
  });

  it('links to the alternate folder that it found', async () => {
    const { source } = given();
    const old = temp.at('last');
    assert.equal(spawnSync('cp', ['-a', `${source}/.`, old]).status, 0);
    mkdirSync(temp.at('next'));
    clean(await plan(['-a', '--link-dest=../last', `${source}/`, temp.at('next')], sealed()));
    const done = await apply(sealed());
    clean(done);
    assert.equal(lstatSync(temp.at('next', 'new')).ino, lstatSync(`${old}/new`).ino);
    assert.equal(done.outcome.transferredFiles, 0);
  });

  for (let seed = 1; seed <= RUNS; seed++) {
    it(`does over random trees what sync would do (seed ${seed})`, async () => {
      const tree = randomTree(seed, { entries: 60 });
      const [source, target] = [temp.at('rs'), temp.at('rt')];
      makeTree(source, changedTree(tree, seed, { changes: 25 }));
      makeTree(target, tree);
      const options = [ROOT ? '-aHAX' : '-rlptH', '--delete', ...(['', '--delete-before', '--delete-during'][seed % 3] as string).split(' ').filter(Boolean)];
      const planned = await plan([...options, `${source}/`, target], sealed());
      const done = await apply(sealed(), seed % 2 === 0 ? { threads: 1 } : {});
      clean(done);
      assert.deepEqual(done.lines, planned.lines);
      assertSameTree(source, target);
      clean(await apply(sealed()));
      assertSameTree(source, target);
    });
  }

  it('streams: a plan larger than its memory is sealed and carried out', async () => {
    const [source, target] = [temp.at('many'), temp.at('none')];
    mkdirSync(source);
    const name = 'n'.repeat(200);
    const made = spawnSync('python3', ['-c', 'import os,sys\nfor d in range(20):\n p=f"{sys.argv[1]}/{d}"\n os.mkdir(p)\n for i in range(100): os.symlink("x", f"{p}/{sys.argv[2]}{i}")', source, name]);
    assert.equal(made.status, 0, String(made.stderr));
    clean(await plan(['-a', `${source}/`, target], sealed()));
    clean(await apply(sealed()));
    assert.equal(readlinkSync(`${target}/19/${name}99`), 'x');
    assertSameTree(source, target);
  });

  describe('drift', () => {
    /** Plans, lets something happen, carries out: the paths that were told as drifted, by side. */
    async function drifted(happens: (trees: { source: string; target: string }) => void, more: string[] = []): Promise<{ told: Told; trees: { source: string; target: string }; paths: string[] }> {
      const trees = given();
      await plan(args(trees, ...more), sealed());
      happens(trees);
      const told = await apply(sealed());
      assert.ok(told.problems.every((problem) => problem.code === 'drifted' && problem.severity === 'warning'), JSON.stringify(told.problems));
      return { told, trees, paths: told.problems.map((problem) => `${problem.side}:${problem.path}`).toSorted() };
    }

    it('of nothing is none: the exit code is 0', async () => {
      const { told, paths } = await drifted(() => undefined);
      assert.deepEqual(paths, []);
      assert.equal(told.outcome.exitCode, 0);
    });

    const cases: [what: string, happens: (trees: { source: string; target: string }) => void, path: string, left: (target: string) => void][] = [
      ['a new name is taken on the target', ({ target }) => writeFileSync(`${target}/new`, 'theirs'), 'target:new', (t) => assert.equal(readFileSync(`${t}/new`, 'utf8'), 'theirs')],
      ['a new folder is taken by a file', ({ target }) => writeFileSync(`${target}/made`, 'theirs'), 'target:made', (t) => assert.equal(readFileSync(`${t}/made`, 'utf8'), 'theirs')],
      ['a new folder has appeared with other rights', ({ target }) => { mkdirSync(`${target}/made`); chmodSync(`${target}/made`, 0o711); }, 'target:made', (t) => assert.deepEqual(treePaths(`${t}/made`), [])],
      ['a new symlink is taken', ({ target }) => symlinkSync('theirs', `${target}/link`), 'target:link', (t) => assert.equal(readlinkSync(`${t}/link`), 'theirs')],
      ['a file of the target was written', ({ target }) => writeFileSync(`${target}/changed`, 'theirs'), 'target:changed', (t) => assert.equal(readFileSync(`${t}/changed`, 'utf8'), 'theirs')],
      ['a file of the target got another time only', ({ target }) => utimesSync(`${target}/changed`, 9, 9), 'target:changed', (t) => assert.equal(lstatSync(`${t}/changed`).mtimeMs, 9000)],
      ['a file of the target got other permissions', ({ target }) => chmodSync(`${target}/changed`, 0o604), 'target:changed', (t) => assert.equal(lstatSync(`${t}/changed`).mode & 0o777, 0o604)],
      ['a file of the target was replaced by an equal one', ({ target }) => { assert.equal(spawnSync('bash', ['-c', 'cp -p changed new-one && mv new-one changed'], { cwd: target }).status, 0); }, 'target:changed', (t) => assert.equal(readFileSync(`${t}/changed`, 'utf8'), 'a text')],
      ['a file of the target has gone', ({ target }) => rmSync(`${target}/changed`), 'target:changed', (t) => assert.ok(!existsSync(`${t}/changed`))],
      ['a file whose attributes are to change was exchanged for a symlink', ({ target }) => { rmSync(`${target}/mode`); symlinkSync('/etc/passwd', `${target}/mode`); }, 'target:mode', (t) => assert.ok(lstatSync(`${t}/mode`).isSymbolicLink())],
      ['a symlink of the target was changed', ({ target }) => { rmSync(`${target}/relink`); symlinkSync('theirs', `${target}/relink`); }, 'target:relink', (t) => assert.equal(readlinkSync(`${t}/relink`), 'theirs')],
      ['what is to be deleted was written', ({ target }) => writeFileSync(`${target}/gone`, 'needed after all'), 'target:gone', (t) => assert.equal(readFileSync(`${t}/gone`, 'utf8'), 'needed after all')],
      ['what is to be deleted became a folder', ({ target }) => { rmSync(`${target}/gone`); mkdirSync(`${target}/gone`); }, 'target:gone', (t) => assert.ok(lstatSync(`${t}/gone`).isDirectory())],
      ['a folder of the target was exchanged', ({ target }) => { renameSync(`${target}/stays`, `${target}/../away`); mkdirSync(`${target}/stays`); }, 'target:stays', (t) => assert.deepEqual(treePaths(`${t}/stays`), [])],
      ['a folder of the target was exchanged for a symlink', ({ target }) => { renameSync(`${target}/stays`, `${target}/../away`); symlinkSync('../away', `${target}/stays`); }, 'target:stays', (t) => assert.deepEqual(treePaths(`${t}/../away`), ['z'])],
      ['a folder of the target got other rights than the plan changes', ({ target }) => chmodSync(`${target}/stays`, 0o700), 'target:stays', (t) => assert.equal(lstatSync(`${t}/stays`).mode & 0o777, 0o700)],
      ['a file of the source was written', ({ source }) => writeFileSync(`${source}/changed`, 'newer than the plan'), 'source:changed', (t) => assert.equal(readFileSync(`${t}/changed`, 'utf8'), 'a text')],
      ['a file of the source was written and its time put back', ({ source }) => { writeFileSync(`${source}/changed`, 'A LONGER TEXT'); utimesSync(`${source}/changed`, 1_500_000_000, 1_500_000_000); }, 'source:changed', (t) => assert.equal(readFileSync(`${t}/changed`, 'utf8'), 'a text')],
      ['a file of the source got other permissions', ({ source }) => chmodSync(`${source}/mode`, 0o640), 'source:mode', (t) => assert.equal(lstatSync(`${t}/mode`).mode & 0o777, 0o644)],
      ['a file of the source has gone', ({ source }) => rmSync(`${source}/new`), 'source:new', (t) => assert.ok(!existsSync(`${t}/new`))],
      ['a symlink of the source was changed', ({ source }) => { rmSync(`${source}/link`); symlinkSync('other', `${source}/link`); }, 'source:link', (t) => assert.ok(!existsSync(`${t}/link`))],
      ['a folder of the source has gone', ({ source }) => rmSync(`${source}/made`, { recursive: true }), 'source:made', (t) => assert.ok(!existsSync(`${t}/made`))],
      ['the old name of a move was written', ({ target }) => writeFileSync(`${target}/there`, 'CONTENT THAT MOVES'), 'target:here', (t) => assert.ok(!existsSync(`${t}/here`) && existsSync(`${t}/there`))],
      ['the new name of a move is taken', ({ target }) => writeFileSync(`${target}/here`, 'theirs'), 'target:here', (t) => assert.equal(readFileSync(`${t}/here`, 'utf8'), 'theirs')],
    ];
    for (const [what, happens, path, left] of cases) {
      it(`${what}: that path is told and left, the rest is done, exit code 24`, async () => {
        const { told, trees, paths } = await drifted(happens);
        assert.deepEqual(paths, [path]);
        assert.equal(told.outcome.exitCode, 24);
        left(trees.target);
        const name = path.split(':')[1] as string;
        for (const [other, text] of Object.entries({ new: 'new', changed: 'a longer text' })) {
          if (other !== name) assert.equal(readFileSync(`${trees.target}/${other}`, 'utf8'), text);
        }
        if (name !== 'stays') assert.ok(existsSync(`${trees.target}/stays/x`) && !existsSync(`${trees.target}/stays/z`));
        if (name !== 'gone') assert.ok(!existsSync(`${trees.target}/gone`));
      });
    }

    it('of a name that was to be deleted and has gone is none: that was wanted', async () => {
      const { paths } = await drifted(({ target }) => rmSync(`${target}/gone`));
      assert.deepEqual(paths, []);
    });

    it('of a folder is what a new name in it is not: the folder stays because it is not empty', async () => {
      const trees = given();
      await plan(args(trees), sealed());
      writeFileSync(`${trees.target}/lost/late`, 'late');
      const told = await apply(sealed());
      assert.deepEqual(told.problems.map((problem) => `${problem.code}:${problem.path}`), ['not-empty:lost']);
      assert.deepEqual(treePaths(`${trees.target}/lost`), ['late']);
    });

    it('of a source while it is read is found too', async () => {
      const [source, target] = [temp.at('big'), temp.at('bigt')];
      makeTree(source, { f: file({ size: 40 << 20, seed: 3 }, { mtime: time(1_500_000_000) }) });
      mkdirSync(target);
      await plan(['-a', '--bwlimit=60M', `${source}/`, target], sealed());
      let changed = false;
      const told = await apply(sealed(), { threads: 1 }, {
        progress: ({ doneBytes, phase }) => {
          if (changed || phase !== 'apply' || doneBytes === 0) return;
          changed = true;
          writeFileSync(`${source}/f`, 'short', { flag: 'r+' });
        },
      });
      if (!changed) return assert.fail('the copy was over before it could be disturbed');
      assert.deepEqual(told.problems.map((problem) => problem.code), ['drifted']);
      assert.ok(!existsSync(`${target}/f`));
    });

    it('is not what the run itself does to the other names of an inode', async () => {
      const [source, target] = [temp.at('ns'), temp.at('nt')];
      const now = time(1_600_000_000);
      makeTree(source, { a: file('same', { mtime: now, mode: 0o640 }), b: file('same', { mtime: now, mode: 0o640 }), c: file('same', { mtime: now, mode: 0o640 }) });
      const shared = file('same', { mtime: time(1_500_000_000), mode: 0o644 });
      makeTree(target, { a: shared, b: shared, c: shared });
      await plan(['-a', '--size-only', `${source}/`, target], sealed());
      clean(await apply(sealed()));
      assert.equal(lstatSync(`${target}/c`).mode & 0o777, 0o640);
    });

    it('of one of several names is found all the same where it is older than the run', async () => {
      const [source, target] = [temp.at('ns'), temp.at('nt')];
      makeTree(source, { a: file('new text', { mtime: time(1_600_000_000) }), b: file('other text', { mtime: time(1_600_000_000) }) });
      const shared = file('same', { mtime: time(1_500_000_000) });
      makeTree(target, { a: shared, b: shared });
      await plan(['-a', `${source}/`, target], sealed());
      writeFileSync(`${target}/a`, 'theirs');
      await new Promise((resolve) => { setTimeout(resolve, 60); }); // the time that the test is about: the change is older than the run
      const told = await apply(sealed());
      assert.deepEqual(told.problems.map((problem) => problem.path).toSorted(), ['a', 'b']);
      assert.equal(readFileSync(`${target}/b`, 'utf8'), 'theirs');
    });
  });

  describe('roots', () => {
    const refused = async (code: string): Promise<void> => {
      await assert.rejects(apply(sealed()), (error) => codeOf(error) === code);
    };

    it('an exchanged target is refused', async () => {
      const trees = given();
      await plan(args(trees), sealed());
      renameSync(trees.target, temp.at('away'));
      assert.equal(spawnSync('cp', ['-a', temp.at('away'), trees.target]).status, 0);
      await refused('ROOT_CHANGED');
    });
    it('an exchanged source is refused', async () => {
      const trees = given();
      await plan(args(trees), sealed());
      renameSync(trees.source, temp.at('away'));
      assert.equal(spawnSync('cp', ['-a', temp.at('away'), trees.source]).status, 0);
      await refused('ROOT_CHANGED');
    });
    it('a target that has gone is refused, and is not made', async () => {
      const trees = given();
      await plan(args(trees), sealed());
      renameSync(trees.target, temp.at('away'));
      await refused('ROOT_CHANGED');
      assert.ok(!existsSync(trees.target));
    });
    it('an alternate folder that has gone is refused', async () => {
      const trees = given();
      mkdirSync(temp.at('last'));
      await plan(args(trees, '--link-dest=../last'), sealed());
      rmSync(temp.at('last'), { recursive: true });
      await refused('ROOT_CHANGED');
    });
    it('a name that leads to the same folders is the same root', async () => {
      const trees = given();
      symlinkSync(trees.source, temp.at('sl'));
      await plan(['-aH', '--delete', `${temp.at('sl')}/`, trees.target], sealed());
      clean(await apply(sealed()));
      assertSameTree(trees.source, trees.target);
    });
  });

  describe('guards', () => {
    it('run again: a limit on deletions refuses to keep a plan beyond it', async () => {
      const trees = given();
      await assert.rejects(plan(args(trees, '--delete-limit=1'), sealed()), (error) => codeOf(error) === 'REFUSED');
      assert.ok(!existsSync(sealed()), 'nothing is kept');
    });
    it('nothing is deleted by the plan of a source that could not be read whole', async () => {
      const trees = given();
      await plan(['-aH', '--delete', `${trees.source}/`, temp.at('missing'), trees.target], sealed());
      const told = await apply(sealed());
      assert.ok(told.notices.includes('no-deletion') && told.notices.includes('plan-problems'));
      assert.ok(existsSync(`${trees.target}/gone`) && existsSync(`${trees.target}/new`));
    });
  });

  const tree: Tree = { f: file('f') };
  it('of trees that are equal holds nothing to do', async () => {
    const [source, target] = [temp.at('e'), temp.at('et')];
    makeTree(source, tree);
    assert.equal(spawnSync('cp', ['-a', source, target]).status, 0);
    assert.deepEqual((await plan(['-a', `${source}/`, target], sealed())).lines, []);
    const done = await apply(sealed());
    clean(done);
    assert.deepEqual([done.lines, done.notices], [[], []]);
  });
});
