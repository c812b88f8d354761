/**
 * Renames that happen together: the target seen as if they were done, and the steps that do them. Histories of random moves over a model of a
 * tree; RENAME_RUNS=N lengthens them.
 */
import assert from 'node:assert/strict';
import { Renames, renameSteps, type Rename } from '../../src/plan/index.js';
import { EMPTY, fromText, joinPath, parentOf, type RelPath } from '../../src/tree/index.js';
import { Dice } from '../support/index.js';

const RUNS = Number(process.env['RENAME_RUNS'] ?? 400);
const path = (text: string): RelPath => fromText(text) as string as RelPath;

/** A tree as a map from path to what stands there. */
type Model = Map<RelPath, { id: number; folder: boolean }>;

describe('renames that happen together', () => {
  const renames = (...pairs: [string, string][]): Rename[] => pairs.map(([from, to]) => ({ from: path(from), to: path(to) }));
  const steps = (...pairs: [string, string][]): string[] => renameSteps(renames(...pairs), (n) => path(`~${n}`)).map(({ from, to }) => `${from} → ${to}`);

  it('go at once where nothing is in the way', () => {
    assert.deepEqual(steps(['a', 'b'], ['c/d', 'e/d']), ['a → b', 'c/d → e/d']);
  });

  it('of a chain go from its end', () => {
    assert.deepEqual(steps(['log', 'log.1'], ['log.1', 'log.2'], ['log.2', 'log.3']), ['log.2 → log.3', 'log.1 → log.2', 'log → log.1']);
  });

  it('of names that are exchanged let one wait beside its place', () => {
    assert.deepEqual(steps(['d/a', 'd/b'], ['d/b', 'd/a']), ['d/a → d/~0', 'd/b → d/a', 'd/~0 → d/b']);
  });

  it('put a folder into one that gets its old name', () => {
    assert.deepEqual(steps(['a', 'a/a']), ['a → ~0', '~0 → a/a']);
  });

  it('follow what is moved out of a moved folder, and into one', () => {
    assert.deepEqual(steps(['a', 'b'], ['a/sub', 'q']), ['a → b', 'b/sub → q']);
    assert.deepEqual(steps(['f', 'b/f'], ['a', 'b']), ['a → b', 'f → b/f']);
  });

  it('are seen by who looks at a path, and at a folder', () => {
    const seen = new Renames(renames(['a', 'b'], ['b', 'a'], ['a/sub', 'new/sub']));
    const before = (text: string): string | undefined => seen.before(path(text));
    assert.deepEqual([before('b/x'), before('a'), before('b/sub'), before('b/sub/y'), before('new/sub/y'), before('new/x'), before('other')], ['a/x', 'b', undefined, undefined, 'a/sub/y', 'new/x', 'other']);
    assert.deepEqual(seen.names(path('b'), path('a'), ['sub', 'x'].map(path)), ['x']);
    assert.deepEqual(seen.names(path('new'), undefined, []), ['sub']);
    assert.deepEqual([seen.changes(path('b'), path('a')), seen.changes(path('a'), path('b')), seen.changes(path('new'), path('new'))], [true, false, true]);
  });

  it(`make of a tree what any history of moves has made of it (${RUNS} histories)`, () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const dice = new Dice(seed);
      const first = grown(dice);
      const last = moved(dice, first, 1 + dice.below(8));
      const list = renamesBetween(first, last);
      const view = new Renames(list);
      const was = new Map([...first].map(([at, { id }]) => [id, at]));
      for (const [at, { id }] of last) {
        const old = view.before(at);
        if (was.has(id)) assert.equal(old, was.get(id), `seed ${seed}: ${at}`);
        else assert.ok(old === undefined || !first.has(old), `seed ${seed}: ${at}`); // what is new is no one's old place
      }
      const tree: Model = new Map(first);
      for (const { from, to } of renameSteps(list, (n) => path(`~${n}`))) {
        for (const above of ancestors(to)) {
          const stands = tree.get(above);
          if (stands === undefined) tree.set(above, { id: -1, folder: true });
          else assert.ok(stands.folder, `seed ${seed}: ${above} is no folder`);
        }
        assert.ok(tree.has(from), `seed ${seed}: nothing at ${from}`);
        assert.ok(!tree.has(to), `seed ${seed}: something at ${to}`);
        relocate(tree, from, to);
      }
      for (const [at, { id }] of last) if (was.has(id)) assert.equal(tree.get(at)?.id, id, `seed ${seed}: ${at}`);
    }
  });
});

function ancestors(at: RelPath): RelPath[] {
  const out: RelPath[] = [];
  for (let above = parentOf(at); above !== EMPTY; above = parentOf(above)) out.unshift(above);
  return out;
}

function relocate(tree: Model, from: RelPath, to: RelPath): void {
  for (const [at, what] of new Map(tree)) {
    if (at !== from && !at.startsWith(`${from}/`)) continue;
    tree.delete(at);
    tree.set((to + at.slice(from.length)) as RelPath, what);
  }
}

let nextId = 0;
const NAMES = ['a', 'b', 'c'].map(path);

function anyFolder(dice: Dice, tree: Model): RelPath {
  const folders = [EMPTY as RelPath, ...[...tree].filter(([, { folder }]) => folder).map(([at]) => at)];
  return folders[dice.below(folders.length)] as RelPath;
}

function grown(dice: Dice): Model {
  const tree: Model = new Map();
  for (let n = 0; n < 10; n++) {
    const at = joinPath(anyFolder(dice, tree), NAMES[dice.below(NAMES.length)] as RelPath);
    if (!tree.has(at)) tree.set(at, { id: nextId++, folder: dice.below(3) > 0 });
  }
  return tree;
}

function moved(dice: Dice, from: Model, steps: number): Model {
  const tree: Model = new Map(from);
  for (let n = 0; n < steps; n++) {
    const paths = [...tree.keys()];
    const at = joinPath(anyFolder(dice, tree), NAMES[dice.below(NAMES.length)] as RelPath);
    if (tree.has(at)) {
      if (dice.below(4) === 0) for (const one of paths) if (one === at || one.startsWith(`${at}/`)) tree.delete(one);
      continue;
    }
    const old = paths[dice.below(paths.length + 1)];
    if (old === undefined) tree.set(at, { id: nextId++, folder: true });
    else if (!at.startsWith(`${old}/`)) relocate(tree, old, at);
  }
  return tree;
}

/** What a table of inodes says: every entry whose folder or name is another. What stands in the way and is gone is left out by who verifies. */
function renamesBetween(first: Model, last: Model): Rename[] {
  const idAt = (tree: Model, at: RelPath): number => (at === EMPTY ? -2 : (tree.get(at)?.id ?? -3));
  const was = new Map([...first].map(([at, { id }]) => [id, at]));
  const out: Rename[] = [];
  for (const [to, { id }] of last) {
    const from = was.get(id);
    if (from === undefined) continue;
    const sameName = from.slice(from.lastIndexOf('/') + 1) === to.slice(to.lastIndexOf('/') + 1);
    if (!sameName || idAt(first, parentOf(from)) !== idAt(last, parentOf(to))) out.push({ from, to });
  }
  // What has gone is out of the way, as if it were moved off.
  const stays = new Set([...last.values()].map(({ id }) => id));
  for (const [at, { id }] of first) if (!stays.has(id)) first.delete(at);
  return out;
}
