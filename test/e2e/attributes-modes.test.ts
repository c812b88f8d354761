/**
 * What decides about permissions, owners and times beside the options: umask, default ACLs, set-gid folders, set-id bits
 * that a change of owner takes away; and times to the nanosecond, which rsync compares to the second only.
 */
import assert from 'node:assert';
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { itemized, likeRsync, sync } from './attributes-support.js';
import { describeIf, dir, file, makeTree, readTree, symlink, time, useTempFolder, whyNoRsync, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 42);
const why = whyNoRsync() ?? (process.getuid?.() === 0 ? undefined : 'needs root');

function modes(): Tree {
  const tree: Tree = {};
  for (const mode of [0o777, 0o755, 0o640, 0o600, 0o400, 0o4755, 0o2755, 0o1777, 0o6711, 0o070, 0]) tree[`f${mode.toString(8)}`] = file('x', { mtime: T, mode, uid: 1000, gid: 1001 });
  for (const mode of [0o777, 0o750, 0o700, 0o2775, 0o1777, 0o500]) tree[`d${mode.toString(8)}`] = dir({ inner: file('i', { mtime: T, mode: 0o664 }), sub: dir({ f: file('f', { mtime: T, mode: 0o777 }) }, { mtime: T, mode: 0o777 }) }, { mtime: T, mode });
  return tree;
}

describeIf('attributes: permissions without -p, and what is handed down', why, () => {
  for (const umask of [0o022, 0o077, 0o027, 0, 0o777]) {
    for (const options of [['-rt'], ['-rtE'], ['-a'], ['-rt', '--chmod=a+rwX'], ['-rt', '--chmod=+w']]) {
      it(`umask ${umask.toString(8).padStart(3, '0')} ${options.join(' ')}`, () => likeRsync(options, { umask, source: modes(), root: { mtime: T, mode: 0o755 } }));
    }
  }
  const inherited = { defaultAcl: 'u::rwx,u:1000:rwx,g::r-x,m::rwx,o::---', mtime: T };
  for (const options of [['-rt'], ['-a'], ['-rtE'], ['-aA'], ['-a', '--no-p'], ['-rt', '--chmod=g+w']]) {
    it(`into a folder with a default ACL ${options.join(' ')}`, () => likeRsync(options, { umask: 0o027, source: modes(), root: { mtime: T }, target: () => ({}), targetRoot: inherited }));
    it(`below a folder with a default ACL ${options.join(' ')}`, () => likeRsync(options, { umask: 0o022, source: { d: dir(modes(), { mtime: T }) }, root: { mtime: T }, target: () => ({ d: dir({}, inherited) }), targetRoot: { mtime: T } }));
    it(`a target to be made in a folder with a default ACL ${options.join(' ')}`, () => likeRsync(options, { umask: 0o027, source: modes(), root: { mtime: T }, home: inherited }));
    it(`a target to be made in a set-gid folder ${options.join(' ')}`, () => likeRsync(options, { umask: 0o027, source: modes(), root: { mtime: T }, home: { mode: 0o2755, gid: 1007 } }));
    it(`into a set-gid folder ${options.join(' ')}`, () => likeRsync(options, { umask: 0o022, source: modes(), root: { mtime: T }, target: () => ({}), targetRoot: { mtime: T, mode: 0o2775, gid: 1007 } }));
    it(`below a set-gid folder ${options.join(' ')}`, () => likeRsync(options, { umask: 0o022, source: { d: dir(modes(), { mtime: T }) }, root: { mtime: T }, target: () => ({ d: dir({}, { mtime: T, mode: 0o2770, gid: 1007 }) }), targetRoot: { mtime: T } }));
  }
  it('owner and times of symlinks are their own', () => likeRsync(['-a'], {
    root: { mtime: T }, targetRoot: { mtime: T }, source: { a: symlink('b', { mtime: T, uid: 1000, gid: 1001 }), b: file('b', { mtime: time(7) }), dangling: symlink('x', { mtime: time(-5, 3), uid: 1 }) },
    target: () => ({ a: symlink('b', { mtime: time(3) }), b: file('b', { mtime: time(7) }), dangling: symlink('x', { mtime: T }) }),
  }));
  it('set-id bits survive a change of owner and of content', () => likeRsync(['-a'], {
    root: { mtime: T }, targetRoot: { mtime: T }, source: { u: file('u', { mtime: T, mode: 0o4755, uid: 1000 }), g: file('g', { mtime: T, mode: 0o2755, gid: 1000 }), both: file('new', { mtime: T, mode: 0o6755, uid: 1, gid: 1 }), d: dir({}, { mtime: T, mode: 0o3775, gid: 1001 }) },
    target: () => ({ u: file('u', { mtime: T, mode: 0o755 }), g: file('g', { mtime: T, mode: 0o755 }), both: file('older', { mtime: T, mode: 0o6755 }), d: dir({}, { mtime: T }) }),
  }));
  // rsync looks again after its chown and then tells of the permissions alone.
  it('set-id bits of an existing file survive when only its owner changes', () => likeRsync(['-a'], {
    root: { mtime: T }, targetRoot: { mtime: T }, lines: (lines) => lines.map((line) => line.replace('.f...p.....', '.f....o....')),
    source: { u: file('u', { mtime: T, mode: 0o6755, uid: 1000 }) }, target: () => ({ u: file('u', { mtime: T, mode: 0o6755 }) }),
    check: (target) => assert.strictEqual(statSync(join(target, 'u')).mode & 0o7777, 0o6755),
  }));
});

describe('attributes: times to the nanosecond', () => {
  const tmp = useTempFolder('times');
  const from = (): string => `${tmp.path}/s/`;
  const to = (): string => `${tmp.path}/t/`;

  it('keeps any time exactly: before 1970, within the same second, far ahead', async () => {
    const tree: Tree = {};
    for (const [s, ns] of [[0, 0], [-1, 999_999_999], [-86_400 * 365 * 20, 1], [1_600_000_000, 1], [1_600_000_000, 999_999_999], [2 ** 32, 5], [2 ** 31 - 1, 7], [2 ** 31, 0], [10_000_000_000, 123]] as const) {
      tree[`f${s}.${ns}`] = file('x', { mtime: time(s, ns) });
      tree[`l${s}.${ns}`] = symlink('x', { mtime: time(s, ns) });
      tree[`d${s}.${ns}`] = dir({}, { mtime: time(s, ns) });
    }
    makeTree(tmp.at('s'), tree, { mtime: time(5, 6) });
    await sync(['-a', from(), to()]);
    const made = readTree(tmp.at('t'));
    const wanted = readTree(tmp.at('s'));
    assert.deepStrictEqual([...made].map(([path, e]) => [path, e.mtime]), [...wanted].map(([path, e]) => [path, e.mtime]));
    assert.deepStrictEqual(itemized((await sync(['-ai', from(), to()])).lines), []);
  });

  it('a file changed within the same second is seen, where rsync needs --modify-window=-1', async () => {
    makeTree(tmp.at('s'), { f: file('new', { mtime: time(1_600_000_000, 2) }) }, { mtime: T });
    makeTree(tmp.at('t'), { f: file('old', { mtime: time(1_600_000_000, 1) }) }, { mtime: T });
    assert.deepStrictEqual(itemized((await sync(['-ai', from(), to()])).lines), ['>f..t...... f']);
  });

  it('--modify-window=1 takes a second for equal', async () => {
    makeTree(tmp.at('s'), { f: file('new', { mtime: time(1_600_000_001, 0) }), g: file('new', { mtime: time(1_600_000_001, 1) }) }, { mtime: T });
    makeTree(tmp.at('t'), { f: file('old', { mtime: time(1_600_000_000, 0) }), g: file('old', { mtime: time(1_599_999_999, 0) }) }, { mtime: T });
    assert.deepStrictEqual(itemized((await sync(['-ai', '--modify-window=1', from(), to()])).lines), ['>f..t...... g']);
  });

  it('-U keeps access times, and the source is read without touching its own with --open-noatime', async () => {
    makeTree(tmp.at('s'), { f: file('x', { mtime: T, atime: time(1_000_000_000, 9) }), d: dir({ g: file('y', { mtime: T, atime: time(3, 4) }) }, { mtime: T }) }, { mtime: T });
    await sync(['-aU', '--open-noatime', from(), to()]);
    for (const name of ['f', 'd/g']) {
      assert.strictEqual(lstatSync(tmp.at('t', name), { bigint: true }).atimeNs, lstatSync(tmp.at('s', name), { bigint: true }).atimeNs, name);
    }
    assert.strictEqual(lstatSync(tmp.at('s', 'f'), { bigint: true }).atimeNs, time(1_000_000_000, 9));
    assert.deepStrictEqual(itemized((await sync(['-aUi', '--open-noatime', from(), to()])).lines), []);
  });
});
