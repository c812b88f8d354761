/**
 * Filters from the command line to the target, beside rsync: every kind of rule on both sides, rules in the folders, and random
 * rules on random trees. Also --gitignore beside git, and that `explain` says what a run does.
 */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { explainPaths } from '../../src/session/index.js';
import { parseExplain, processContext } from '../../src/cli/index.js';
import { fromText, type ByteString } from '../../src/tree/index.js';
import { describeIf, Dice, dir, file, makeTree, readTree, symlink, treePaths, twintree, useTempFolder, whyNoRsync, type Tree, type TreeNode } from '../support/index.js';
import { asRsync, make, old, ours, theirs, type RsyncCase } from './select-support.js';

/** `a/b/c` → nested folders. Every file's content is its path. */
function paths(list: string[], more: Record<string, string> = {}): Tree {
  const root: Tree = {};
  for (const [path, content] of [...list.map((each): [string, string] => [each, `${each}\n`]), ...Object.entries(more)]) {
    const parts = path.split('/');
    let at = root;
    for (const part of parts.slice(0, -1)) {
      const node = (at[part] ??= dir()) as TreeNode;
      assert(node.shape.type === 'dir');
      at = node.shape.children;
    }
    at[parts.at(-1) as string] = file(content);
  }
  return root;
}

const SOURCE = ['f1.txt', 'f2.o', 'a/x.o', 'a/y.txt', 'a/b/z.o', 'a/b/w.txt', 'a/b/c/q.log', 'keep/k.o', 'logs/l1.log', 'logs/deep/l2.log', 'core', 'a/b/core', '.svn/x', 'a/CVS/e', 's p', 'tags', 'a~', 'a/b.bak'];
const EXTRA = ['extra.o', 'a/extra.txt', 'a/b/extra.log', 'gone/g.o', 'gone/sub/g.txt', 'logs/new.log'];

describeIf('filters, beside rsync', whyNoRsync(), () => {
  const folder = useTempFolder('filters');

  async function like(args: string[], more: { s?: Record<string, string>; d?: Record<string, string>; work?: Record<string, string> } = {}, by: Partial<RsyncCase> = {}): Promise<void> {
    const given: Tree = {
      s: dir({ ...paths(SOURCE, more.s), lnk: symlink('f1.txt') }), d: dir({ ...paths([...SOURCE, ...EXTRA], more.d), lnk: symlink('f1.txt') }), ...paths([], more.work),
    };
    await asRsync(folder, { given, args, again: false, ...by });
  }

  describe('rules on the command line', () => {
    const rules: string[][] = [
      ['--exclude=*.o'], ['--exclude=/a/*.o'], ['--exclude=b/'], ['--exclude=a/b'], ['--exclude=/b'], ['--include=*/', '--include=*.txt', '--exclude=*'], ['--exclude=logs/***'], ['--exclude=logs/**'],
      ['--exclude=logs/*'], ['--exclude=**/c'], ['--exclude=a/**/q.log'], ['--exclude=[fk]*'], ['--exclude=f?.txt'], ['--exclude=[[:alpha:]]'], ['--exclude=[!a-k]*'], ['-f', '- *.o', '-f', '+ /a/'], ['-f', 'H *.o'], ['-f', 'P *.o'],
      ['-f', 'S *.o', '-f', '- *.o'], ['-f', 'R *.o', '-f', '- *.o'], ['-f', 'hide *.txt', '-f', 'protect *.log'], ['-f', '-s *.o'], ['-f', '-r *.o'], ['-f', '-p *.o'], ['-f', '-! *.txt'], ['-f', '-/ a/b'],
      ['-f', '- *.o', '-f', '!', '-f', '- *.txt'], ['-C'], ['-f', ':C'], ['-f', '-C'], ['--exclude=s p'], ['--exclude=*.txt', '--include=w.txt'], ['--include=w.txt', '--exclude=*.txt'], ['--exclude=a*'], ['--exclude=**.o'],
      ['--exclude=/*/*.o'], ['--exclude=/**/*.o'], ['--exclude=b/**'], ['--exclude=a/b/'], ['--exclude=\\*.o'], ['-f', 'show,p *.log'], ['--exclude=lnk/'], ['--exclude=lnk'], ['-f', 'risk logs/*', '-f', 'protect logs/'],
    ];
    for (const rule of rules) {
      it(`${rule.join(' ')} --delete`, async () => { await like(['-ai', '--delete', ...rule, 's/', 'd']); });
      it(`${rule.join(' ')} --delete-excluded`, async () => { await like(['-ai', '--delete-excluded', ...rule, 's/', 'd']); });
    }
    for (const rule of rules.slice(0, 8)) it(`${rule.join(' ')} --delete, without a slash behind the source`, async () => { await like(['-ai', '--delete', ...rule, 's', 'd']); });
  });

  describe('rules in files', () => {
    const cases: [string, string[], Parameters<typeof like>[1]][] = [
      ['-F reads .rsync-filter in each folder', ['-F'], { s: { '.rsync-filter': '- *.o\n', 'a/.rsync-filter': '- y.txt\n' } }],
      ['-FF keeps the files themselves back', ['-FF'], { s: { '.rsync-filter': '- *.o\n', 'a/.rsync-filter': '- y.txt\n' } }],
      ['the target\'s own files protect there', ['-F'], { s: { '.rsync-filter': '- *.o\n' }, d: { '.rsync-filter': '- *.o\n', 'a/.rsync-filter': 'P extra.*\n' } }],
      ['the target\'s own files alone', ['-F'], { d: { '.rsync-filter': 'P extra.*\n' } }],
      ['-F looks above the source too', ['-F'], { work: { '.rsync-filter': '- *.o\n' } }],
      ['a list of excludes', ['-f', ':- .ex'], { s: { '.ex': '*.o\n' } }],
      ['n: not for the folders below', ['-f', ':n .ex'], { s: { '.ex': '- *.o\n' } }],
      ['e: the file itself stays back', ['-f', ':e .ex'], { s: { '.ex': '- *.o\n' } }],
      ['w: rules between blanks', ['-f', ':w .ex'], { s: { '.ex': '-_*.o -_*.txt\n' } }],
      ['-w: excludes between blanks', ['-f', ':-w .ex'], { s: { '.ex': '*.o *.txt\n' } }],
      ['s: for the source alone', ['-f', ':s .ex'], { s: { '.ex': '- *.o\n' }, d: { '.ex': '- *.o\n' } }],
      ['r: for the target alone', ['-f', ':r .ex'], { s: { '.ex': '- *.o\n' }, d: { '.ex': '- *.o\n' } }],
      ['! clears what was inherited', ['-f', ': .ex'], { s: { '.ex': '- *.o\n', 'a/.ex': '!\n- *.log\n' } }],
      ['an anchor is the folder of the file', ['-f', ': .ex'], { s: { 'a/.ex': '- /x.o\n' } }],
      ['a path below it', ['-f', ': .ex'], { s: { 'a/.ex': '- b/z.o\n' } }],
      ['a merged file', ['-f', '. m'], { work: { m: '# c\n- *.o\n\n+ *.log\n- logs/\n' } }],
      ['a merged list of excludes', ['-f', '.- m'], { work: { m: '# c\n*.o\n;x\nlogs/\n' } }],
      ['--exclude-from', ['--exclude-from=m'], { work: { m: '# c\n*.o\n;x\n+ *.log\nlogs/\n- core\n' } }],
      ['--include-from', ['--include-from=m', '--exclude=*.txt'], { work: { m: '# c\n*.o\n;x\n- *.log\n' } }],
      ['a merged file that names one for each folder', ['-f', '. m'], { s: { '.ex': '- *.o\n' }, work: { m: ': .ex\n- core\n' } }],
      ['a folder\'s file that merges another', ['-f', ': .ex'], { s: { '.ex': '. inner\n', inner: '- *.o\n' } }],
      ['.cvsignore', ['-C'], { s: { 'a/.cvsignore': '*.txt\n' } }],
      ['a file above the folder', ['-f', ': ../p/.ex'], { work: { 'p/.ex': '- *.o\n' } }],
    ];
    for (const [title, args, more] of cases) {
      it(`${title}: ${args.join(' ')}`, async () => { await like(['-ai', '--delete', ...args, 's/', 'd'], more); });
      it(`${title}, and deleting what is excluded: ${args.join(' ')}`, async () => { await like(['-ai', '--delete', '--delete-excluded', ...args, 's/', 'd'], more); });
    }
    it('a rule that is none ends the run with exit code 1', async () => {
      assert.strictEqual((await ours(['-a', '-f', 'x y', 's/', 'd'], make(folder, 'w', { s: dir(), d: dir() }))).code, 1);
    });
    it('a mistake in a folder\'s file is a problem: nothing is deleted then', async () => {
      const work = make(folder, 'w', { s: dir(paths(['f', 'a/g'], { 'a/.ex': 'nonsense here\n' })), d: dir(paths(['old'])) });
      const told = await ours(['-ai', '--delete', '-f', ': .ex', 's/', 'd'], work);
      assert.strictEqual(told.code, 23);
      assert.deepStrictEqual(told.lines.filter((line) => line.startsWith('*')), []);
      assert.strictEqual(told.stderr.split('nonsense here').length, 2, 'told once, however many walkers read it');
    });
  });

  describe('random rules on random trees', () => {
    const names = ['a', 'b', 'c', 'ab', 'a.o', 'b.txt', 'x y', '.h', 'CVS', 'core', '[z]', 'a*'];
    const patterns = ['a', 'b', '*', '*.o', '*.txt', '/a', '/a/b', 'a/', 'b/', '/b/', '**/c', 'a/**', 'a/*', 'a/***', '?', '[ab]', '[!a]*', '[[:alpha:]]', '.*', '*/', '/*', '/*/', '**', 'a**', 'c/**/a', '/**/b', 'x y', '\\[z\\]', '[z]', 'a\\*', 'a*', '**.o', '*b*', 'ab', 'c/', 'CVS', '?b', '*/b', 'a/b/', '**/a/**'];
    const kinds = ['-', '+', '-', '+', 'P', 'R', 'H', 'S', '-s', '-r', '+s', '+r', '-p', '-!', '+!', 'H!'];
    const rule = (dice: Dice): string => `${dice.pick(kinds)} ${dice.pick(patterns)}`;
    function tree(dice: Dice, depth = 0): Tree {
      const out: Tree = {};
      for (let k = dice.below(5) + 1; k > 0; k--) {
        const roll = dice.next();
        out[dice.pick(names)] = roll < 0.45 && depth < 3 ? dir(tree(dice, depth + 1)) : roll < 0.9 ? dice.pick(['1', '2']) : symlink('a');
      }
      if (dice.chance(0.12)) out['.ex'] = `${rule(dice)}\n${dice.chance(0.3) ? '!\n' : ''}${rule(dice)}\n`;
      return out;
    }
    function options(dice: Dice): string[] {
      const args: string[] = [];
      for (let k = dice.below(5) + 1; k > 0; k--) args.push('-f', rule(dice));
      if (dice.chance(0.3)) args.splice(0, 0, '-f', ': .ex');
      else if (dice.chance(0.2)) args.push('-f', ':n .ex');
      if (dice.chance(0.2)) args.push('--delete-excluded');
      if (dice.chance(0.1)) args.push('-C');
      if (dice.chance(0.15)) args.push('-m');
      if (dice.chance(0.1)) args.push('-R');
      return args;
    }
    for (let seed = 1; seed <= 10; seed++) {
      it(`the same is planned: seeds ${seed}0 to ${seed}9`, async () => {
        for (let k = 0; k < 10; k++) {
          const dice = new Dice(seed * 10 + k);
          const source = tree(dice);
          const target = { ...tree(dice), ...(dice.chance(0.5) ? tree(new Dice(seed * 10 + k)) : {}) }; // half of them begin as a copy
          const work = make(folder, `w${k}`, { s: dir(source), d: dir(target) });
          const args = ['-nai', '--delete', ...options(dice), dice.chance(0.7) ? 's/' : 's', 'd'];
          const peer = theirs(args, work);
          const told = await ours(['--no-detect-moves', ...args], work);
          // rsync's dry run goes on to delete a folder that it has just said cannot be deleted.
          const kept = new Set(peer.lines.filter((line) => line.startsWith('cannot delete')).map((line) => line.slice('cannot delete non-empty directory: '.length)));
          const lines = peer.lines.filter((line) => !(line.startsWith('*deleting') && kept.has(line.slice(12, -1))));
          assert.deepStrictEqual({ code: told.code, lines: told.lines.sort() }, { code: peer.code, lines: lines.sort() }, `seed ${seed * 10 + k}: ${JSON.stringify(args)}\n${told.stderr}`);
        }
      });
    }

    it('explain says of every path what a run does with it', async () => {
      for (let seed = 1; seed <= 30; seed++) {
        const dice = new Dice(seed);
        const work = make(folder, `e${seed}`, { s: dir(tree(dice)), d: dir() });
        const args = options(dice).filter((arg) => arg !== '-m' && arg !== '-R' && arg !== '--delete-excluded');
        await ours(['-a', ...args, 's/', 'd'], work);
        const copied = new Set(treePaths(`${work}/d`));
        const all = treePaths(`${work}/s`) as ByteString[];
        const parsed = parseExplain([...args, `${work}/s/`, 'x'].map((arg) => fromText(arg)), processContext());
        assert(parsed.kind === 'run');
        const told = explainPaths(parsed.source, all, parsed.options, () => { /* mistakes in files are another test's */ });
        assert.deepStrictEqual(told.filter((each) => !each.source.excluded).map((each) => each.path), all.filter((path) => copied.has(path)), `seed ${seed}: ${JSON.stringify(args)}`);
      }
    });
  });

  it('explain names the rule and where it stands', () => {
    const work = make(folder, 'w', { s: dir(paths(['a/x.o', 'a/y.txt'], { 'a/.rsync-filter': '- y.txt\n' })), rules: '# first\n- *.o\n' });
    const told = twintree(['explain', '-F', '--exclude-from=rules', 's/', 'a/x.o', 'a/y.txt', 'a'], { cwd: work });
    assert.strictEqual(told.code, 0, told.stderr);
    const of = (path: string): string => told.stdout.slice(told.stdout.indexOf(`${path}\n`)).split('\n').slice(1, 3).join('\n');
    assert.match(of('a/x.o'), /source: left out.*rules/);
    assert.match(of('a/y.txt'), /source: left out.*a\/\.rsync-filter/);
    assert.match(of('a/'), /source: copied/);
  });
});

const whyNoGit = spawnSync('git', ['--version']).status === 0 ? undefined : 'git is missing (package git)';

describeIf('--gitignore, beside git', whyNoGit, () => {
  const folder = useTempFolder('gitignore');

  it('copies what git would take, with rules at every level, and protects the rest', async () => {
    const ignored = '*.o\n/build/\n*.log\ndoc/**/c.pdf\nfoo\\ bar\n\\#odd\n\\!bang\n# comment\n';
    const source = paths(['f.o', 'f.c', 'build/x', 'build/keep/y', 'sub/build/z', 'sub/f.o', 'sub/keep.o', 'sub/deep/only', 'sub/deep/other', 'logs/a.log', 'logs/b.txt', 'doc/a/b/c.pdf', 'doc/c.pdf', 'foo bar', '#odd', '!bang'], {
      '.gitignore': ignored, 'sub/.gitignore': '!keep.o\ndeep/*\n!deep/only\n', 'logs/.gitignore': '*\n!b.txt\n',
    });
    const work = folder.at('w');
    makeTree(work, old({ s: dir(source), d: dir(paths(['f.o', 'extra.o', 'extra.c', 'build/mine'], { '.gitignore': ignored })) })); // each side goes by its own files
    assert.strictEqual(spawnSync('git', ['init', '-q', `${work}/s`]).status, 0);
    const listed = spawnSync('git', ['-C', `${work}/s`, '-c', 'core.excludesFile=/dev/null', 'ls-files', '-z', '-co', '--exclude-standard'], { encoding: 'latin1' });
    const expected = listed.stdout.split('\0').filter((name) => name !== '').sort();
    assert(expected.includes('sub/keep.o') && !expected.includes('f.o'));

    const told = await ours(['-a', '--delete', '--gitignore', '--exclude=/.git/', 's/', 'd'], work);
    assert.strictEqual(told.code, 0, told.stderr);
    const files = [...readTree(`${work}/d`)].filter(([, facts]) => facts.type !== 'dir').map(([path]) => path);
    const protectedOnes = ['build/mine', 'extra.o', 'f.o'];
    assert.deepStrictEqual(files.filter((path) => !protectedOnes.includes(path)).sort(), expected);
    for (const path of protectedOnes) assert(files.includes(path), `${path} is ignored, so that it stays`);
    assert(!files.includes('extra.c'));
  });
});
