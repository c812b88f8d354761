/** .gitignore files beside the real git: what git lists as not ignored is what a walk with --gitignore selects. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { FilterSet } from '../../src/filter/index.js';
import { b, makeTemp, plant, readerOf, removeTemp, rulesOf, selected } from './trees.js';

const capable = spawnSync('git', ['--version']).status === 0;

const LEAVES = ['a', 'b', 'ab', 'a.o', 'x', '.x', 'a*', '[a]', 'a\\b', '#a', '!a', 'a ', 'A', 'foobar'];
const FOLDERS = ['a', 'b', 'foo'];

function treeOf(): Record<string, string> {
  const files: Record<string, string> = {};
  const fill = (path: string, depth: number): void => {
    for (const leaf of LEAVES) files[`${path}${leaf}${FOLDERS.includes(leaf) ? '.f' : ''}`] = '';
    if (depth < 2) for (const folder of FOLDERS) fill(`${path}${folder}/`, depth + 1);
  };
  fill('', 0);
  return files;
}

const piece = fc.constantFrom('a', 'b', 'x', '.o', 'ab', 'foo', '/', '/', '*', '**', '**/', '/**', '/**/', '?', '[ab]', '[!a]', '[[:alpha:]]', '[a', '\\', '\\*', '\\ ', ' ', '!', '#', '\\#', '\\!');
const line = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('', '', '', '!', '/'), fc.array(piece, { minLength: 1, maxLength: 5 })).map(([start, pieces]) => start + pieces.join('')) },
  { weight: 3, arbitrary: fc.constantFrom('*', '!*/', '*/', '/*', '!a', '!/a', 'a/', 'a/b', '!a/b', 'a/*', 'a/**', '**/a', '**/a/b', 'a/**/b', '/a/**/**/x', '**/', '/', '//', '!', '', '# x', '\\#a', '\\!a', 'a\\ ', 'a  ', 'foo**/x', 'foo*bar', '*.o', '!a.o', 'a\r', '***/a', 'a\t') },
);
const ignoreFiles = fc.dictionary(
  fc.constantFrom('', 'a/', 'b/', 'a/b/', 'foo/', 'foo/a/'),
  fc.tuple(fc.constantFrom('', '', '\ufeff'), fc.array(line, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '\n', '\r\n'))
    .map(([mark, lines, end]) => mark + lines.join(end === '\r\n' ? '\r\n' : '\n') + end),
  { maxKeys: 4 },
);

(capable ? describe : describe.skip)('--gitignore beside the real git (needs git)', () => {
  let temp: string;
  let tree: string;

  before(() => {
    temp = makeTemp();
    tree = join(temp, 'tree');
    plant(tree, treeOf());
    assert.equal(spawnSync('git', ['init', '-q', '--bare', join(temp, 'git')]).status, 0);
  });
  after(() => removeTemp(temp));

  /** Files that git does not ignore. */
  function gitSees(): string[] {
    const run = spawnSync('git', [`--git-dir=${temp}/git`, `--work-tree=${tree}`, '-c', 'core.bare=false', '-c', 'core.excludesFile=/dev/null', 'ls-files', '-z', '--others', '--exclude-standard'], {
      cwd: tree, encoding: 'latin1', env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
    });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout.split('\0').filter((path) => path !== '').sort();
  }

  function weSee(): string[] {
    const set = new FilterSet([], { side: 'source', deleteExcluded: false, gitignore: true });
    return selected(tree, set.root(readerOf(tree))).filter((path) => !path.endsWith('/'));
  }

  it('given any .gitignore files, the same files are selected', () => {
    fc.assert(
      fc.property(ignoreFiles, (contents) => {
        const planted = Object.fromEntries(Object.entries(contents).map(([folder, content]) => [`${folder}.gitignore`, content]));
        plant(tree, planted);
        try {
          assert.deepEqual(weSee(), gitSees());
        } finally {
          for (const path of Object.keys(planted)) rmSync(join(tree, path));
        }
      }),
      { numRuns: Number(process.env['FILTER_RUNS'] ?? 300) },
    );
  });
});

describe('--gitignore', () => {
  const read = (files: Record<string, string>) => (folder: string) => (name: string): Buffer | undefined => {
    const content = files[folder + name];
    return content === undefined ? undefined : Buffer.from(content);
  };

  it("given a user's rule and a .gitignore, then the user's rule comes first", () => {
    const files = read({ '.gitignore': 'a\nb\n' });
    const set = new FilterSet(rulesOf('+ a', '- c'), { side: 'source', deleteExcluded: false, gitignore: true });
    const root = set.root(files(''));
    assert.equal(root.excludes(b('a'), false), false);
    assert.equal(root.excludes(b('b'), false), true);
    assert.equal(root.excludes(b('c'), false), true);
    assert.equal(root.excludes(b('.gitignore'), false), false);
    assert.equal(root.excludes(b('.git'), true), false);
  });

  it('given an ignored name on the target, then it is protected, unless excluded names are to be deleted', () => {
    const files = read({ '.gitignore': 'a\n' });
    for (const deleteExcluded of [false, true]) {
      const set = new FilterSet([], { side: 'target', deleteExcluded, gitignore: true });
      assert.equal(set.root(files('')).excludes(b('a'), false), !deleteExcluded);
      assert.equal(set.empty, deleteExcluded);
    }
  });

  it('given a deeper file, then it overrides the one above, and its rule is named', () => {
    const files = read({ '.gitignore': '*.log\n', 'd/.gitignore': '# ours\n!keep.log\n' });
    const root = new FilterSet([], { side: 'source', deleteExcluded: false, gitignore: true }).root(files(''));
    const below = root.enter(b('d'), files('d/'));
    assert.equal(root.excludes(b('keep.log'), false), true);
    assert.equal(below.excludes(b('other.log'), false), true);
    const decision = below.match(b('keep.log'), false);
    assert.equal(decision?.excluded, false);
    assert.deepEqual(decision?.rule.origin, { source: 'file d/.gitignore', line: 2 });
    assert.equal(decision?.rule.text, '!keep.log');
  });
});
