/**
 * As a user without privileges, beside rsync: what may not be read or set is told and makes exit code 23 (or is left out as
 * rsync leaves it), nothing is deleted on the strength of what could not be read, and read-only folders of one's own are no obstacle.
 */
import assert from 'node:assert';
import { existsSync, lchownSync, readFileSync, rmSync, statSync } from 'node:fs';
import { itemized, linesOf } from './attributes-support.js';
import {
  assertSameTree, char, describeIf, dir, fifo, file, makeTree, PLAIN_UID, readTree, rsync, runCommand, symlink, time, treePaths, twintree, useTempFolder, whyNoOtherUser, whyNoRsync, type Aspect, type RunResult, type Tree, type TreeNode,
} from '../support/index.js';

const T = time(1_600_000_000, 11);
const OLD = time(1_500_000_000);
const own = { uid: PLAIN_UID, gid: PLAIN_UID };
const asUser = { uid: PLAIN_UID };
/** ids of the plain user, so that a tree is its own. */
const mine = (content: string, mode = 0o644): TreeNode => file(content, { mtime: T, mode, ...own });
const folder = (tree: Tree, mode = 0o755): TreeNode => dir(tree, { mtime: T, mode, ...own });

describeIf('attributes: as a plain user', whyNoOtherUser() ?? whyNoRsync(), () => {
  const tmp = useTempFolder('plain');

  /** Builds source and two equal targets, all the user's, and runs both programs. */
  function run(options: string[], source: Tree, target?: () => Tree): { theirs: RunResult; ours: RunResult; again: RunResult } {
    const tree: Tree = { source: folder(source) };
    for (const side of ['theirs', 'ours']) tree[side] = folder(target === undefined ? {} : target());
    makeTree(tmp.path, tree, own);
    const args = (side: string): string[] => ['-i', '--modify-window=-1', ...options, `${tmp.path}/source/`, `${tmp.path}/${side}/`];
    return { theirs: rsync(args('theirs'), asUser), ours: twintree(['sync', ...args('ours')], asUser), again: twintree(['sync', ...args('ours')], asUser) };
  }
  function alike({ theirs, ours }: { theirs: RunResult; ours: RunResult }, code: number, ignore: Aspect[] = []): void {
    const said = `rsync: ${theirs.stdout}${theirs.stderr}\ntwintree: ${ours.stdout}${ours.stderr}`;
    assert.strictEqual(theirs.code, code, `rsync's exit code; ${said}`);
    assert.strictEqual(ours.code, code, said);
    assertSameTree(tmp.at('theirs'), tmp.at('ours'), { ignore });
    assert.deepStrictEqual(itemized(linesOf(ours.stdout)), itemized(linesOf(theirs.stdout)), said);
  }
  const settled = (again: RunResult): void => assert.deepStrictEqual([again.code, itemized(linesOf(again.stdout))], [0, []], again.stderr);

  it('copies a tree of its own with all it may keep', () => {
    const result = run(['-aHAX', '--specials'], {
      f: mine('f', 0o640), suid: mine('s', 0o4755), sgid: mine('s', 0o2755), d: folder({ g: mine('g', 0o600), deep: folder({ h: mine('h') }, 0o500) }, 0o750), l: symlink('f', { mtime: T, ...own }), p: fifo({ mtime: T, ...own }),
      x: file('x', { mtime: T, ...own, xattrs: { 'user.a': 'b' }, acl: 'u:1000:r--,m::r--' }),
    });
    alike(result, 0);
    settled(result.again);
  });

  it('read-only folders and files, new and standing: what is in them is made, changed and deleted', () => {
    const closed = (content: string, extra: Tree): Tree => ({ ro: folder({ f: mine(content, 0o444), sub: folder({ g: mine(content, 0o400), ...extra }, 0o555) }, 0o555), none: folder({ h: mine(content, 0o200 | 0o400) }, 0o500), gone: folder({}, 0o500) });
    const result = run(['-a', '--delete'], closed('newer', {}), () => ({ ...closed('old', { extra: mine('extra', 0o400) }), gone: folder({ inner: folder({ deep: mine('x', 0o400) }, 0o700) }, 0o700) }));
    alike(result, 0);
    settled(result.again);
  });

  it('folders of its own on the target that it may not list or enter: brought up to date in one run', () => {
    const closed = (perms: number) => (): Tree => ({ d: folder({ f: mine('old!!'), extra: mine('extra'), in: folder({ g: mine('old') }, perms) }, perms), same: folder({ h: mine('h') }, perms) });
    for (const perms of [0, 0o400, 0o100]) {
      const result = run(['-a', '--delete'], { d: folder({ f: mine('new'), in: folder({ g: mine('newer') }) }), same: folder({ h: mine('h') }) }, closed(perms));
      assert.deepStrictEqual([result.theirs.code, result.ours.code, result.again.code], [0, 0, 0], result.ours.stderr);
      assertSameTree(tmp.at('source'), tmp.at('ours'));
      settled(result.again);
      // Whoever only looks changes nothing.
      runCommand('sh', ['-c', `chmod 0 '${tmp.at('ours/d')}'`]);
      const dry = twintree(['sync', '-an', `${tmp.path}/source/`, `${tmp.path}/ours/`], asUser);
      assert.strictEqual(dry.code, 23);
      assert.match(dry.stderr, /d: the folder cannot be listed/);
      assert.strictEqual(statSync(tmp.at('ours/d')).mode & 0o777, 0);
      for (const name of ['source', 'ours', 'theirs']) rmSync(tmp.at(name), { recursive: true });
    }
  });

  it('an unreadable file is told, exit code 23; the rest is copied, nothing is deleted, its old copy stays', () => {
    const result = run(['-a', '--delete'], { a: mine('a'), secret: file('s', { mtime: T, mode: 0o600 }), z: mine('z') }, () => ({ extra: mine('extra'), secret: mine('old copy') }));
    assert.deepStrictEqual([result.theirs.code, result.ours.code], [23, 23], result.ours.stderr);
    assert.match(result.ours.stderr, /secret/);
    assert.strictEqual(readFileSync(tmp.at('ours', 'secret'), 'utf8'), 'old copy');
    assert.deepStrictEqual(treePaths(tmp.at('ours')).filter((path) => path !== 'extra'), ['a', 'secret', 'z']);
  });

  // rsync deletes as it goes, and has deleted some when it comes to what it cannot read.
  it('an unreadable folder is told, exit code 23; nothing is deleted, neither below it nor elsewhere', () => {
    const result = run(['-a', '--delete'], { a: mine('a'), closed: dir({ f: 'f' }, { mtime: T, mode: 0o700 }), z: mine('z') }, () => ({ extra: mine('extra'), closed: folder({ f: mine('kept') }) }));
    assert.deepStrictEqual([result.theirs.code, result.ours.code], [23, 23]);
    assert.deepStrictEqual(treePaths(tmp.at('ours')), ['a', 'closed', 'closed/f', 'extra', 'z']);
    assertSameTree(tmp.at('theirs'), tmp.at('ours'), { ignore: ['dir-mtime'], except: ['extra'] });
  });

  it('a folder that may be listed but not passed, and one that may be passed but not listed', () => {
    const result = run(['-a', '--delete'], { r: dir({ f: 'f' }, { mtime: T, mode: 0o744 }), x: dir({ f: 'f' }, { mtime: T, mode: 0o711 }), z: mine('z') }, () => ({ extra: mine('extra') }));
    assert.deepStrictEqual([result.theirs.code, result.ours.code], [23, 23], result.ours.stderr);
    assert.ok(existsSync(tmp.at('ours', 'extra')));
    assertSameTree(tmp.at('theirs'), tmp.at('ours'), { ignore: ['dir-mtime'], except: ['extra'] });
  });

  it('owners and groups of others are not set, without a problem; the set-id bits are as rsync leaves them', () => {
    const result = run(['-a'], { f: file('f', { mtime: T, uid: 1000, gid: 1000 }), suid: file('s', { mtime: T, uid: 1000, gid: 1000, mode: 0o6755 }), d: dir({ g: file('g', { mtime: T }) }, { mtime: T, mode: 0o2755, gid: 50 }), l: symlink('f', { mtime: T }) });
    alike(result, 0);
    settled(result.again);
    assert.match(result.ours.stderr, /owner/, 'said once by class');
    assert.strictEqual(result.ours.stderr.split('\n').filter((line) => line.includes('owner')).length, 1);
  });

  it('devices may not be made', () => {
    const result = run(['-a'], { f: mine('f'), dev: char(1, 3, { mtime: T }) });
    assert.deepStrictEqual([result.theirs.code, result.ours.code], [0, 0], result.ours.stderr);
    assert.deepStrictEqual(treePaths(tmp.at('ours')), ['f']);
    assert.match(result.ours.stderr, /device/);
  });

  it('a file of another user on the target is replaced, but its attributes alone cannot be set', () => {
    const tree = (content: string, more: { mode?: number } = {}): Tree => ({ changed: file(content, { mtime: content === 'new' ? T : OLD, ...own }), same: file('same', { mtime: T, ...own, ...more }) });
    makeTree(tmp.path, { source: folder(tree('new')), theirs: folder(tree('old', { mode: 0o600 })), ours: folder(tree('old', { mode: 0o600 })) }, own);
    for (const side of ['theirs', 'ours']) for (const name of ['changed', 'same']) lchownSync(tmp.at(side, name), 0, 0);
    const args = (side: string): string[] => ['-ai', '--modify-window=-1', `${tmp.path}/source/`, `${tmp.path}/${side}/`];
    const theirs = rsync(args('theirs'), asUser);
    const ours = twintree(['sync', ...args('ours')], asUser);
    assert.deepStrictEqual([theirs.code, ours.code], [23, 23], `${theirs.stdout}${theirs.stderr} | ${ours.stdout}${ours.stderr}`);
    assertSameTree(tmp.at('theirs'), tmp.at('ours'));
    assert.strictEqual(statSync(tmp.at('ours', 'changed')).uid, PLAIN_UID);
  });

  it('a target folder of another user: told for each entry, nothing is lost', () => {
    makeTree(tmp.path, { source: folder({ d: folder({ f: mine('new') }) }), ours: dir({ d: dir({ f: file('old', { mtime: OLD }), extra: 'x' }) }) }, own);
    const ours = twintree(['sync', '-a', '--delete', `${tmp.path}/source/`, `${tmp.path}/ours/`], asUser);
    assert.strictEqual(ours.code, 23, ours.stderr);
    assert.strictEqual(readFileSync(tmp.at('ours', 'd/f'), 'utf8'), 'old');
    assert.deepStrictEqual(treePaths(tmp.at('ours')), ['d', 'd/extra', 'd/f']);
  });

  it('a group the user is in is given, one it is not in is not', () => {
    const gid = 1001;
    makeTree(tmp.path, { source: folder({ a: file('a', { mtime: T, uid: PLAIN_UID, gid }), b: file('b', { mtime: T, uid: PLAIN_UID, gid: 1002 }) }), theirs: dir({}, { mtime: T, uid: PLAIN_UID, gid }), ours: dir({}, { mtime: T, uid: PLAIN_UID, gid }) }, own);
    const as = { uid: PLAIN_UID, gid };
    assert.strictEqual(rsync(['-a', `${tmp.path}/source/`, `${tmp.path}/theirs/`], as).code, 0);
    const ours = twintree(['sync', '-a', `${tmp.path}/source/`, `${tmp.path}/ours/`], as);
    assert.strictEqual(ours.code, 0, ours.stderr);
    assertSameTree(tmp.at('theirs'), tmp.at('ours'));
    assert.deepStrictEqual(['a', 'b'].map((name) => readTree(tmp.at('ours')).get(name)?.gid), [gid, gid]);
  });
});
