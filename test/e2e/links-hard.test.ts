/**
 * -H beside rsync: groups of names of one inode, of every type, across folders, merged and split at the target, with
 * members left out or in the way. rsync chooses a leader by how its sort falls, here it is the first name, or the
 * first that stands already; so the lines are compared in the tests that say which.
 */
import assert from 'node:assert';
import { chmodSync, linkSync, lstatSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { itemized, likeRsync, sync, syncAlone } from './attributes-support.js';
import {
  assertSameTree, block, char, describeIf, dir, fifo, file, makeTree, readTree, socket, symlink, tempFolder, time, treePaths, useTempFolder, whyNoRsync, type Attributes, type Tree, type TreeNode,
} from '../support/index.js';

const T = time(1_600_000_000, 5);
const OLD = time(1_500_000_000);
const why = whyNoRsync() ?? (process.getuid?.() === 0 ? undefined : 'needs root');
const rootOf: Attributes = { mtime: T };

/** A folder whose time is fixed. */
function at(tree: Tree): TreeNode {
  return dir(tree, { mtime: T });
}

/** Paths by inode: the groups of a tree as sets of names. */
function groups(path: string): string[][] {
  const by = new Map<string, string[]>();
  for (const [name, entry] of readTree(path)) if (entry.type !== 'dir') by.set(entry.ino, [...(by.get(entry.ino) ?? []), name]);
  return [...by.values()].filter((names) => names.length > 1).sort();
}

describeIf('links: hard links as rsync keeps them', why, () => {
  /** A group of three over two folders, beside a file of its own. */
  function group(content = 'group', attributes: Attributes = {}): Tree {
    const one = file(content, { mtime: T, ...attributes });
    return { a: at({ one, other: file('other', { mtime: T }) }), b: at({ two: one }), three: one };
  }
  const single = (content: string, more: Attributes = {}): TreeNode => file(content, { mtime: T, ...more });
  const noLines = { root: rootOf, targetRoot: rootOf, lines: false } as const;

  it('makes a group across folders, once copied and then linked', () => likeRsync(['-aH'], {
    ...noLines, source: group(), check: (target, { outcome }) => {
      assert.deepStrictEqual(groups(target), [['a/one', 'b/two', 'three']]);
      assert.strictEqual(outcome.transferredFiles, 2);
      assert.strictEqual(outcome.linked, 2);
    },
  }));
  it('links names of a group that stand as separate, equal files', () => likeRsync(['-aH'], {
    ...noLines, source: group(), target: () => ({ a: at({ one: single('group'), other: single('other') }), b: at({ two: single('group') }), three: single('group') }),
    check: (_target, { outcome }) => assert.strictEqual(outcome.transferredFiles, 0),
  }));
  it('a group that is split there, each half linked, becomes one', () => {
    const shared = (): Tree => {
      const left = single('x');
      const right = single('x');
      return { p: left, q: left, r: right, s: right };
    };
    const x = single('x');
    return likeRsync(['-aH'], { ...noLines, source: { p: x, q: x, r: x, s: x }, target: shared, check: (_t, { outcome }) => assert.strictEqual(outcome.transferredFiles, 0) });
  });
  it('two groups that are merged there and of other content are separated', () => {
    const l = single('left');
    const r = single('right');
    return likeRsync(['-aH'], {
      ...noLines, source: { p: l, q: l, r, s: r },
      target: () => { const all = file('merged', { mtime: OLD }); return { p: all, q: all, r: all, s: all }; },
      check: (target) => assert.deepStrictEqual(groups(target), [['p', 'q'], ['r', 's']]),
    });
  });
  it('two groups of equal content that are merged there are one inode as before, as rsync leaves them', () => {
    const l = single('same');
    const r = single('same');
    return likeRsync(['-aH'], { ...noLines, ignore: ['hardlink'], source: { p: l, q: l, r, s: r }, target: () => { const all = single('same'); return { p: all, q: all, r: all, s: all }; }, settles: false, verifies: false });
  });
  it('a new name that sorts first is linked, not copied', () => {
    const one = single('much content');
    return likeRsync(['-aH'], {
      root: rootOf, targetRoot: rootOf, source: { a: one, m: one, z: one }, target: () => { const two = single('much content'); return { m: two, z: two }; },
      lines: (lines) => lines.map((line) => line.replace('a => z', 'a => m')),
      check: (_t, { outcome, lines }) => {
        assert.strictEqual(outcome.transferredFiles, 0);
        assert.deepStrictEqual(itemized(lines), ['hf+++++++++ a => m']);
      },
    });
  });
  it('a new name in a new folder that sorts first is linked to one in a later folder', () => {
    const one = single('much content');
    return likeRsync(['-aH'], {
      ...noLines, source: { aa: at({ new: one }), zz: at({ old: one }) }, target: () => ({ zz: at({ old: single('much content') }) }),
      check: (_t, { outcome }) => assert.deepStrictEqual([outcome.transferredFiles, outcome.linked], [0, 1]),
    });
  });
  it('the leader is excluded: the rest is a group of its own', () => likeRsync(['-aH', '--exclude=/a/one'], {
    ...noLines, source: group(), check: (target) => assert.deepStrictEqual(groups(target), [['b/two', 'three']]), verifies: false,
  }));
  it('all but one are excluded: it is a file like any other', () => likeRsync(['-aH', '--exclude=one', '--exclude=two'], { ...noLines, source: group(), verifies: false }));
  it('content changes: every name has it, in one inode', () => likeRsync(['-aH'], {
    ...noLines, source: group('newer content'), target: () => group('older', { mtime: OLD }), check: (target, { outcome }) => {
      assert.deepStrictEqual(groups(target), [['a/one', 'b/two', 'three']]);
      assert.strictEqual(outcome.transferredFiles, 1);
    },
  }));
  for (const options of [['-aH', '--inplace'], ['-aH', '--delay-updates'], ['-aH', '--no-whole-file'], ['-aH', '-c'], ['-aH', '--delete'], ['-aHAX'], ['-aH', '--backup', '--suffix=.old'], ['-aH', '--partial-dir=.part']]) {
    it(`content of a group changes with ${options.slice(1).join(' ') || options[0]}`, () => likeRsync(options, {
      ...noLines, verifies: false, ignore: options.includes('--backup') ? ['dir-mtime'] : [], settles: !options.includes('--backup'), source: group('newer content'), target: () => group('older', { mtime: OLD }),
    }));
  }
  for (const how of ['--inplace', '--inplace --no-whole-file', '--append-verify']) {
    it(`names that are linked there and not at the source come apart with ${how}: written into, each would undo the other for ever`, async () => {
      const tmp = tempFolder('inplace-links');
      try {
        const [c, d] = [single('c and d, longer'), single('e, longer still')];
        makeTree(tmp.at('s'), { a: single('a, long enough'), b: single('b, another one'), c, d: c, e: d, f: d });
        const [all, left, right] = [file('all', { mtime: OLD }), file('left', { mtime: OLD }), file('right', { mtime: OLD })];
        makeTree(tmp.at('t'), { a: all, b: all, c: left, e: left, d: right, f: right });
        const args = ['-aH', ...how.split(' '), `${tmp.at('s')}/`, tmp.at('t')];
        assert.strictEqual((await syncAlone(args)).outcome.exitCode, 0);
        assertSameTree(tmp.at('s'), tmp.at('t'), { ignore: ['dir-mtime'] });
        assert.deepStrictEqual(groups(tmp.at('t')), [['c', 'd'], ['e', 'f']]);
        assert.strictEqual((await syncAlone(args)).outcome.transferredFiles, 0, 'and the next run has nothing to do');
      } finally {
        tmp.remove();
      }
    });
  }
  it('only attributes of a group change: set once, on the one inode', () => likeRsync(['-aH'], {
    ...noLines, source: group('x', { mode: 0o640, uid: 1000 }), target: () => group('x'), check: (_t, { outcome }) => assert.strictEqual(outcome.transferredFiles, 0),
  }));
  it('a group stands, but one name of it is of another mode and inode', () => likeRsync(['-aH'], {
    ...noLines, source: group(), target: () => ({ ...group(), three: single('group', { mode: 0o600, uid: 5 }) }),
  }));
  it('the name to be linked is taken by another file', () => likeRsync(['-aH'], { ...noLines, source: group(), target: () => ({ b: at({ two: single('something else entirely', { mtime: OLD }) }) }) }));
  it('the name to be linked is taken by a symlink, a FIFO, an empty folder', () => {
    const one = single('x');
    return likeRsync(['-aH'], { ...noLines, source: { a: one, b: one, c: one, d: one }, target: () => ({ b: symlink('a'), c: fifo(), d: at({}) }) });
  });
  it('the name to be linked is taken by a folder with content, which --delete takes away', () => likeRsync(['-aH', '--delete'], {
    ...noLines, verifies: false, source: group(), target: () => ({ three: at({ in: single('the way') }) }),
  }));
  it('a name leaves its group at the source: it becomes a file of its own there', () => {
    const one = single('x');
    return likeRsync(['-aH'], {
      ...noLines, source: { a: one, b: one, c: file('now another', { mtime: time(1_600_000_001) }) }, target: () => { const all = single('x'); return { a: all, b: all, c: all }; },
      check: (target) => assert.deepStrictEqual(groups(target), [['a', 'b']]),
    });
  });
  it('without -H the content that changes in one name of a group there does not change the others', () => likeRsync(['-a'], {
    ...noLines, source: { a: file('changed', { mtime: time(1_600_000_001) }), b: single('x') }, target: () => { const all = single('x'); return { a: all, b: all }; },
  }));

  describe('of what is no regular file', () => {
    function specials(more: Attributes = {}): Tree {
      const pairs: [string, TreeNode][] = [
        ['link', symlink('text', { mtime: T, ...more, mode: 0o777 })], ['fifo', fifo({ mtime: T, mode: 0o640, ...more })], ['socket', socket({ mtime: T, mode: 0o640, ...more })],
        ['block', block(7, 3, { mtime: T, mode: 0o640, ...more })], ['char', char(1, 5, { mtime: T, mode: 0o640, ...more })],
      ];
      const tree: Tree = {};
      for (const [name, node] of pairs) tree[`${name}1`] = tree[`${name}2`] = node;
      return tree;
    }
    /** The same names, each an inode of its own. */
    function apart(more: Attributes = {}): Tree {
      const tree: Tree = {};
      for (const n of [1, 2]) {
        tree[`link${n}`] = symlink('text', { mtime: T, ...more, mode: 0o777 });
        tree[`fifo${n}`] = fifo({ mtime: T, mode: 0o640, ...more });
        tree[`socket${n}`] = socket({ mtime: T, mode: 0o640, ...more });
        tree[`block${n}`] = block(7, 3, { mtime: T, mode: 0o640, ...more });
        tree[`char${n}`] = char(1, 5, { mtime: T, mode: 0o640, ...more });
      }
      return tree;
    }
    it('symlinks, devices, FIFOs and sockets are made once and linked', () => likeRsync(['-aH'], { ...noLines, source: specials(), check: (target) => assert.strictEqual(groups(target).length, 5) }));
    it('wrong mode and owner of linked ones are mended', () => likeRsync(['-aH'], { ...noLines, source: specials(), target: () => specials({ mode: 0o600, uid: 1000, gid: 1001 }) }));
    it('wrong times of linked ones are mended', () => likeRsync(['-aH'], { ...noLines, source: specials(), target: () => specials({ mtime: OLD }) }));
    it('separate ones with wrong mode, owner and time become linked and right', () => likeRsync(['-aH'], { ...noLines, source: specials(), target: () => apart({ mode: 0o600, uid: 1000, mtime: OLD }) }));
    it('separate right ones become linked', () => likeRsync(['-aH'], { ...noLines, source: specials(), target: () => apart() }));
    it('another device under the names is replaced by the group', () => {
      const d = block(7, 9, { mtime: T });
      return likeRsync(['-aH'], { ...noLines, source: { d1: d, d2: d }, target: () => ({ d1: block(7, 1), d2: char(7, 9) }) });
    });
    it('another text of linked symlinks', () => {
      const l = symlink('new', { mtime: T });
      return likeRsync(['-aH'], { ...noLines, source: { l1: l, l2: l }, target: () => { const old = symlink('old', { mtime: T }); return { l1: old, l2: old, l3: old }; } });
    });
  });

  describe('with an alternate folder', () => {
    const options = (kind: string): string[] => ['-aH', `--${kind}-dest=HOME/last`];
    for (const kind of ['link', 'copy']) {
      for (const [name, last] of [
        ['holds the whole group', (): Tree => group()], ['holds it as separate files', (): Tree => ({ a: at({ one: single('group'), other: single('other') }), b: at({ two: single('group') }), three: single('group') })],
        ['holds one later name', (): Tree => ({ three: single('group') })], ['holds an older version', (): Tree => group('older', { mtime: OLD })],
        ['holds it with another mode', (): Tree => group('group', { mode: 0o600 })],
      ] as const) {
        it(`--${kind}-dest ${name}`, () => likeRsync(options(kind), {
          ...noLines, verifies: false, source: group(), ignore: ['hardlink'], prepare: (path, which) => { if (which === 'source') makeTree(join(path, '../last'), last()); },
          check: (target, _ran, source) => {
            assert.deepStrictEqual(groups(target), groups(source));
            const linked = lstatSync(join(target, 'three')).ino === lstatSync(join(target, '../last/three')).ino;
            if (kind === 'copy') assert.ok(!linked, 'a copy is a file of its own');
            else if (name === 'holds the whole group') assert.ok(linked, 'the file was linked, not copied');
          },
        }));
      }
    }
  });
});

describe('links: what -H promises beyond rsync', () => {
  const tmp = useTempFolder('hard');

  // Here rsync 3.5 ends with a protocol error, or waits for ever.
  for (const blocked of ['a', 'b', 'c', 'd/e']) {
    it(`a folder with content stands at ${blocked}: the other names of the group are made and linked`, async () => {
      const one = file('x', { mtime: T });
      makeTree(tmp.at('s'), { a: one, b: one, c: one, d: dir({ e: one }) });
      makeTree(tmp.at('t'), blocked === 'd/e' ? { d: dir({ e: dir({ in: 'the way' }) }) } : { [blocked]: dir({ in: 'the way' }) });
      const ran = await sync(['-aHi', `${tmp.path}/s/`, `${tmp.path}/t/`]);
      assert.strictEqual(ran.code, 23);
      const rest = ['a', 'b', 'c', 'd/e'].filter((name) => name !== blocked);
      assert.deepStrictEqual(groups(tmp.at('t')), [rest]);
      const [first, ...others] = rest;
      assert.deepStrictEqual(ran.lines.filter((line) => line.startsWith('>') || line.startsWith('h')), [`>f+++++++++ ${first}`, ...others.map((name) => `hf+++++++++ ${name} => ${first}`)]);
      // Told in the plan that the folder stays, and as an error that the file could not take its place.
      assert.deepStrictEqual(ran.outcome.problems.map((p) => [p.code, String(p.path)]), [['not-empty', blocked], ['write-failed', blocked]]);
    });
  }

  it('a second run over a large group has nothing to do, whatever was done to its names', async () => {
    const one = file('content', { mtime: T });
    const tree: Tree = {};
    for (let i = 0; i < 30; i++) tree[`d${i % 5}`] = dir({ ...(tree[`d${i % 5}`] === undefined ? {} : (tree[`d${i % 5}`] as TreeNode & { shape: { children: Tree } }).shape.children), [`f${i}`]: one });
    makeTree(tmp.at('s'), tree);
    await sync(['-aH', `${tmp.path}/s/`, `${tmp.path}/t/`]);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    unlinkSync(tmp.at('t', 'd0', 'f0'));
    unlinkSync(tmp.at('t', 'd3', 'f13'));
    writeFileSync(tmp.at('t', 'd3', 'f13'), 'content');
    chmodSync(tmp.at('t', 'd3', 'f13'), 0o600);
    const ran = await sync(['-aHi', `${tmp.path}/s/`, `${tmp.path}/t/`]);
    assert.strictEqual(ran.outcome.transferredFiles, 0);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.deepStrictEqual(itemized((await sync(['-aHi', `${tmp.path}/s/`, `${tmp.path}/t/`])).lines), []);
  });

  it('names of one inode outside of the transfer change nothing', async () => {
    makeTree(tmp.at('s'), { a: 'x' });
    makeTree(tmp.at('elsewhere'), {});
    linkSync(tmp.at('s', 'a'), tmp.at('elsewhere', 'a'));
    await sync(['-aH', `${tmp.path}/s/`, `${tmp.path}/t/`]);
    assert.strictEqual(readFileSync(tmp.at('t', 'a'), 'utf8'), 'x');
    assert.deepStrictEqual(treePaths(tmp.at('t')), ['a']);
  });
});
