/**
 * The specification of the filters: on random rules and trees, what rsync selects and deletes is what ours do.
 * rsync runs for real (dry runs); ours walks the same tree.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { FilterSet, cvsRules, excludeRule, parseFilterRule, perDirFilterRules, type FilterRule } from '../../src/filter/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { b, deleted, HERE, makeTemp, plant, readAbsolute, readerOf, removeTemp, selected } from './trees.js';

const version = /version (\d+)\.(\d+)/.exec(spawnSync('rsync', ['--version'], { encoding: 'utf8' }).stdout ?? '');
const capable = version !== null && Number(version[1]) * 100 + Number(version[2]) >= 303;

/** Names that patterns over the same few letters hit often; wildcards among them only as leaves. */
const LEAVES = ['a', 'b', 'ab', 'a.o', 'b.o', 'x', '.x', 'a*', '[a]', 'a\\b', 'b\\', '-', ']', 'core', 'a~', 'A', '1', 'a b', 'ä'];
const FOLDERS = ['a', 'b', 'ab', 'x.o'];
/** What folders of the last level hold: most of all folders are there, and a name's kind is tried above already. */
const DEEPEST = new Set(['a', 'a.o', '.x', 'x', 'b']);

function treeOf(): Record<string, string> {
  const files: Record<string, string> = {};
  const fill = (path: string, depth: number): void => {
    for (const leaf of LEAVES) if (depth === 0 || (depth === 3 ? DEEPEST.has(leaf) : (leaf.length + depth + path.length) % 3 !== 0)) files[`${path}${leaf}${FOLDERS.includes(leaf) ? '.f' : ''}`] = '';
    if (depth < 3) for (const folder of FOLDERS) if (depth < 2 || folder !== path.at(-2)) fill(`${path}${folder}/`, depth + 1);
  };
  fill('', 0);
  return files;
}

const piece = fc.constantFrom(
  'a', 'b', 'x', '.o', '.', 'a', 'b', 'ab', '/', '/', '/', '*', '*', '**', '***', '?', '[ab]', '[!a]', '[^b.]', '[a-c]', '[[:alpha:]]',
  '[[:upper:][:digit:]]', '[]a]', '[a', '[[:nope:]]', '[a/b]', '[\\]a]', '\\', '\\*', '\\a', '[a-', ']', '-', '~', ' ', 'ä',
);
const pattern = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join('')) },
  { weight: 2, arbitrary: fc.constantFrom('*', '*/', '*.o', 'a', 'a/', '/a', '/a/', 'a/b', '/a/b', 'a/*', 'b/**', '/a/***', '**/a', '**/a/', 'a**b', 'x', 'x.o/', '/*/*/a', '/') },
  { weight: 1, arbitrary: fc.array(fc.constantFrom('a', 'b', '/', '*', '**'), { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join('')) },
);
const prefix = fc.constantFrom('- ', '- ', '- ', '+ ', '+ ', 'H ', 'S ', 'P ', 'R ', 'hide ', 'exclude,p ', '-! ', '+!_', '-p ', '-s ', '-r ', '-rs_', '-,s ', '+r ', '-x ', 'protect,p ');
const plainRule = fc.tuple(prefix, pattern).map(([start, text]) => start + text);
const listRule = fc.oneof({ weight: 12, arbitrary: plainRule }, { weight: 1, arbitrary: fc.constantFrom('!', 'clear', '-C', '- ', 'what') });

/** Folder → content of its rule file. */
const dirFiles = fc.dictionary(
  fc.constantFrom('', 'a/', 'b/', 'a/b/', 'a/ab/', 'a/b/a/', 'x.o/'),
  fc.array(fc.oneof({ weight: 8, arbitrary: plainRule }, { weight: 1, arbitrary: fc.constantFrom('!', '# x', '; x', '', ': .more', ':n .more') }), { maxLength: 4 })
    .map((rules) => `${rules.join('\n')}\n`),
  { maxKeys: 4 },
);
const dirMerge = fc.constantFrom(': .rules', ':n .rules', ':e .rules', ':- .rules', ':+ .rules', ':/ .rules', ':p .rules', ':w- .rules', ':C .rules', ':nw- .rules', ': /.rules', ':s- .rules');

/** How many cases a property tries: FILTER_RUNS, or what the suite can afford. */
function runs(usual: number): number {
  return Number(process.env['FILTER_RUNS'] ?? usual);
}

/** A command line: `-f` rules, written for both. */
function ours(texts: readonly string[]): FilterRule[] {
  return texts.flatMap((text) => parseFilterRule(b(text), HERE));
}

function rsync(args: readonly string[]): { status: number | null; lines: string[] } {
  const run = spawnSync('rsync', ['-n', '-r', '-8', ...args], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', HOME: '/nonexistent', CVSIGNORE: '' } });
  return { status: run.status, lines: (run.stdout + run.stderr).split('\n').filter((line) => line !== '') };
}

(capable ? describe : describe.skip)('filters beside the real rsync (needs rsync 3.3 or later)', () => {
  let temp: string;
  let source: string;
  let target: string;
  const tree = treeOf();

  before(() => {
    temp = makeTemp();
    source = join(temp, 'source');
    target = join(temp, 'target');
    plant(source, tree);
    plant(target, tree);
    plant(temp, { 'empty/': '' });
  });
  after(() => removeTemp(temp));

  /** What rsync sends, or undefined where it refuses the rules. */
  function theirSelection(filters: readonly string[]): string[] | undefined {
    const run = rsync([...filters, '--out-format=%n', `${source}/`, `${temp}/empty/`]);
    if (run.status !== 0) return undefined;
    return run.lines.filter((line) => line !== './').map((line) => b(line) as string).sort();
  }

  function ourSelection(rules: readonly FilterRule[]): string[] {
    const set = new FilterSet(rules, { side: 'source', deleteExcluded: false, gitignore: false });
    return selected(source, set.root(readerOf(source), { path: b(source), read: readAbsolute }));
  }

  /** Rule files in the tree(s) while `run` runs. */
  function withDirFiles<T>(roots: readonly string[], files: Record<string, string>, name: string, run: () => T): T {
    const paths = roots.flatMap((root) => Object.keys(files).map((folder) => join(root, folder, name)));
    for (const root of roots) for (const [folder, content] of Object.entries(files)) plant(root, { [`${folder}${name}`]: content });
    try {
      return run();
    } finally {
      for (const path of paths) rmSync(path);
    }
  }

  const asArgs = (texts: readonly string[]): string[] => texts.map((text) => `--filter=${text}`);

  it('given any rules, the same names are selected, and the same rules are refused', () => {
    fc.assert(
      fc.property(fc.array(listRule, { minLength: 1, maxLength: 6 }), (texts) => {
        const theirs = theirSelection(asArgs(texts));
        let rules: FilterRule[];
        try {
          rules = ours(texts);
        } catch (error) {
          assert(error instanceof TwintreeError && error.code === 'FILTER_SYNTAX');
          assert.equal(theirs, undefined);
          return;
        }
        assert.deepEqual(ourSelection(rules), theirs);
      }),
      { numRuns: runs(70) },
    );
  });

  it('given one pattern of many pieces, the same names are excluded', () => {
    fc.assert(
      fc.property(pattern, fc.constantFrom('-', '-!', '-/'), (text, kind) => {
        const rule = `${kind} ${text}`;
        assert.deepEqual(ourSelection(ours([rule])), theirSelection(asArgs([rule])));
      }),
      { numRuns: runs(70) },
    );
  });

  it('given patterns on the absolute path, the same names are excluded', () => {
    const absolute = fc.tuple(fc.constantFrom('', '/', source, `${source}/`, `${source}/a/`, 'source/', '**/source/', 'source/**/', `${temp}/*/`), pattern).map((parts) => parts.join(''));
    fc.assert(
      fc.property(absolute, (text) => {
        assert.deepEqual(ourSelection(ours([`-/ ${text}`])), theirSelection(asArgs([`-/ ${text}`])));
      }),
      { numRuns: runs(40) },
    );
  });

  it('given --exclude arguments, the same names are selected', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(pattern, fc.constantFrom('!', '+ *.o', '- a', '! a', '+', '')), { maxLength: 4 }), (texts) => {
        const theirs = theirSelection(texts.map((text) => `--exclude=${text}`));
        assert.deepEqual(ourSelection(texts.map((text) => excludeRule(b(text), HERE))), theirs);
      }),
      { numRuns: runs(30) },
    );
  });

  it('given rule files in folders, the same names are selected', () => {
    fc.assert(
      fc.property(dirMerge, dirFiles, dirFiles, fc.array(plainRule, { maxLength: 2 }), fc.array(plainRule, { maxLength: 2 }), (merge, files, more, before, after) => {
        withDirFiles([source], files, '.rules', () =>
          withDirFiles([source], more, '.more', () => {
            const texts = [...before, merge, ...after];
            const theirs = theirSelection(asArgs(texts));
            if (theirs === undefined) return; // a rule that may not stand in such a file: rsync gives up, we report it
            assert.deepEqual(ourSelection(ours(texts)), theirs);
          }),
        );
      }),
      { numRuns: runs(60) },
    );
  });

  it('given rule files in folders above the root too, the same names are selected', () => {
    const parents = fc.constantFrom(': /.rules', ': ../.rules', ':e /.rules', ':n /.rules', ': ../../.rules', ': ../source/.rules');
    const anchored = fc.tuple(prefix, fc.constantFrom('/source/', '/', '/source', 'source/'), pattern).map((parts) => parts.join(''));
    const above = fc.array(fc.oneof(plainRule, anchored, fc.constantFrom(': .more', ':n .more', '!')), { minLength: 1, maxLength: 3 }).map((rules) => ({ '': rules.join('\n') }));
    fc.assert(
      fc.property(parents, above, above, dirFiles, (merge, highest, higher, files) => {
        withDirFiles([temp], highest, '.rules', () =>
          withDirFiles([temp], higher, '.more', () =>
            withDirFiles([source], files, '.rules', () => {
              const theirs = theirSelection(asArgs([merge]));
              if (theirs !== undefined) assert.deepEqual(ourSelection(ours([merge])), theirs);
            }),
          ),
        );
      }),
      { numRuns: runs(40) },
    );
  });

  it('given -F, -FF and -C, the same names are selected', () => {
    fc.assert(
      fc.property(fc.constantFrom('-F', '-FF', '-C', '-FC'), dirFiles, fc.array(plainRule, { maxLength: 2 }), (option, files, texts) => {
        const name = option === '-C' ? '.cvsignore' : '.rsync-filter';
        withDirFiles([source], files, name, () => {
          const theirs = theirSelection([option, ...asArgs(texts)]);
          if (theirs === undefined) return;
          const perDir = option.includes('F') ? perDirFilterRules(option === '-FF' ? 2 : 1) : [];
          const cvs = option.includes('C') ? cvsRules(undefined, b('')) : [];
          assert.deepEqual(ourSelection([...perDir, ...ours(texts), ...cvs]), theirs);
        });
      }),
      { numRuns: runs(30) },
    );
  });

  it('given --delete, with and without --delete-excluded, the same names are deleted', () => {
    const gone = ['a/a/', 'a/b/x', 'b/', 'x', 'x.o/ab/', 'ab/a.o'];
    const half = join(temp, 'half');
    plant(half, Object.fromEntries(Object.entries(tree).filter(([path]) => !gone.some((prefixed) => path.startsWith(prefixed)))));
    fc.assert(
      fc.property(fc.boolean(), fc.option(dirMerge, { nil: undefined }), dirFiles, fc.array(plainRule, { minLength: 1, maxLength: 5 }), (deleteExcluded, merge, files, plain) => {
        const texts = merge === undefined ? plain : [...plain.slice(1), merge, ...plain.slice(0, 1)];
        withDirFiles([target], files, '.rules', () => {
          const run = rsync([...asArgs(texts), '-i', deleteExcluded ? '--delete-excluded' : '--delete', `${half}/`, `${target}/`]);
          if (run.status !== 0) return;
          // A dry run of rsync lists a folder inside a deleted one also where it says that it will stay.
          const stays = new Set(run.lines.map((line) => /^cannot delete non-empty directory: (.*)/.exec(line)?.[1]).map((path) => `${path ?? ''}/`));
          const theirs = run.lines.filter((line) => line.startsWith('*deleting')).map((line) => line.slice('*deleting   '.length))
            .filter((path) => !stays.has(path)).map((path) => b(path) as string).sort();
          const rules = ours(texts);
          const options = { deleteExcluded, gitignore: false };
          const sender = new FilterSet(rules, { side: 'source', ...options });
          const receiver = new FilterSet(rules, { side: 'target', ...options });
          const sent = selected(half, sender.root(readerOf(half), { path: b(half), read: readAbsolute }));
          assert.deepEqual(deleted(target, receiver.root(readerOf(target), { path: b(target), read: readAbsolute }), sent), theirs);
        });
      }),
      { numRuns: runs(50) },
    );
  });
});
