/** Names and depths that break programs: bytes that are no UTF-8, control characters, dashes, 255 bytes, paths beyond PATH_MAX; beside rsync as far as it can. */
import assert from 'node:assert';
import { itemized, likeRsync, sync } from './attributes-support.js';
import { assertSameTree, deep, describeIf, dir, file, makeTree, readTree, symlink, time, twintree, useTempFolder, utf8, whyNoRsync, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 3);
const ODD = [
  '\xff\xfe', '\xc3\x28', 'new\nline', 'tab\there', 'esc\x1b[31mred', ' leading space', 'trailing space ', '-rf', '--delete', '-', '...', '..a', '.hidden', '~', '$HOME', '`id`', 'a*b?[c]', 'back\\slash', '\\#012', '"quoted"', "it's",
  '__proto__', 'constructor', 'toString', 'con', 'a:b', 'x'.repeat(255), '\x01', '\x7f', utf8('é'), utf8('e\u0301'), utf8('日本語'), '#comment', ';x', '+ include', '- exclude', '.rsync-filter-not', 'name.~1~', '%n', '0', '\xe2\x80\xae',
];

function odd(): Tree {
  const tree: Tree = {};
  for (const name of ODD) tree[`${name}`] = file(`content of ${name}`, { mtime: T });
  const inner: Tree = {};
  for (const name of ODD) inner[name] = dir({ [name]: symlink(name, { mtime: T }) }, { mtime: T });
  tree['folders'] = dir(inner, { mtime: T });
  return tree;
}

describeIf('attributes: names of any bytes, as rsync copies them', whyNoRsync(), () => {
  const rootOf = { mtime: T };
  /** rsync sends DEL to the terminal as it is. */
  const lines = (theirs: string[]): string[] => theirs.map((line) => line.replaceAll('\x7f', '\\#177'));
  it('into nothing', () => likeRsync(['-a'], { source: odd(), root: rootOf, lines }));
  it('with -H, -c and --delete over others', () => likeRsync(['-aH', '-c', '--delete'], {
    source: odd(), root: rootOf, targetRoot: rootOf, verifies: false, lines,
    target: () => { const tree: Tree = {}; for (const name of ODD) tree[`${name.slice(0, 250)}!`] = tree[name] = file('old', { mtime: time(1) }); return tree; },
  }));
  it('with --link-dest and --backup-dir', async () => {
    await likeRsync(['-a', '--link-dest=HOME/source'], { source: odd(), root: rootOf, lines: false, verifies: false, ignore: ['hardlink'] });
await likeRsync(['-a', '--backup', '--backup-dir=TARGET-old'], { source: odd(), target: odd, root: rootOf, targetRoot: rootOf, verifies: false });
  });
});

describe('attributes: paths beyond PATH_MAX', () => {
  const tmp = useTempFolder('deep');
  const NAME = 'n'.repeat(200);
  const levels = 40; // 8,000 bytes

  it('are copied, updated, linked and deleted, and a second run has nothing to do', async () => {
    const one = file('deep down', { mtime: T, mode: 0o640 });
    makeTree(tmp.at('s'), deep(levels, NAME, { f: one, g: one, l: symlink('f', { mtime: T }), d: dir({}, { mtime: T, mode: 0o2775 }) }), { mtime: T });
    const args = [`${tmp.path}/s/`, `${tmp.path}/t/`];
    const first = await sync(['-aH', ...args]);
    assert.deepStrictEqual([first.code, first.stderr], [0, '']);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    assert.ok([...readTree(tmp.at('t')).keys()].some((path) => path.length > 8000));
    assert.deepStrictEqual(itemized((await sync(['-aHi', ...args])).lines), []);
    assert.deepStrictEqual(itemized((await sync(['-aH', ...args], 'verify')).lines), []);
    makeTree(tmp.at('s2'), deep(levels, NAME, { f: file('changed', { mtime: T }) }), { mtime: T });
    const second = await sync(['-a', '--delete', `${tmp.path}/s2/`, `${tmp.path}/t/`]);
    assert.deepStrictEqual([second.code, second.stderr], [0, '']);
    assertSameTree(tmp.at('s2'), tmp.at('t'));
    makeTree(tmp.at('s3'), { only: 'this' }, { mtime: T });
    const third = await sync(['-a', '--delete', `${tmp.path}/s3/`, `${tmp.path}/t/`]);
    assert.deepStrictEqual([third.code, third.stderr], [0, '']);
    assertSameTree(tmp.at('s3'), tmp.at('t'));
  });

  it('with a backup folder and a link-dest folder', async () => {
    makeTree(tmp.at('s'), deep(levels, NAME, { f: file('new', { mtime: T }), same: file('same', { mtime: T }) }), { mtime: T });
    makeTree(tmp.at('t'), deep(levels, NAME, { f: file('old!', { mtime: time(1) }) }), { mtime: T });
    makeTree(tmp.at('last'), deep(levels, NAME, { same: file('same', { mtime: T }) }), { mtime: T });
    const ran = await sync(['-a', '--backup', `--backup-dir=${tmp.path}/kept`, `--link-dest=${tmp.path}/last`, `${tmp.path}/s/`, `${tmp.path}/t/`]);
    assert.deepStrictEqual([ran.code, ran.stderr], [0, '']);
    assertSameTree(tmp.at('s'), tmp.at('t'), { ignore: ['hardlink'] });
    assert.ok([...readTree(tmp.at('kept')).keys()].some((path) => path.endsWith('/f') && path.length > 8000));
  });

  it('by Node alone too (TWINTREE_NO_FFI=1)', () => {
    makeTree(tmp.at('s'), deep(levels, NAME, { f: file('deep down', { mtime: time(1_600_000_000) }) }), { mtime: time(1) });
    const ran = twintree(['sync', '-a', `${tmp.path}/s/`, `${tmp.path}/t/`], { env: { TWINTREE_NO_FFI: '1' } });
    assert.strictEqual(ran.code, 0, ran.stderr);
    assertSameTree(tmp.at('s'), tmp.at('t'), { ignore: ['dir-mtime'] });
  });
});
