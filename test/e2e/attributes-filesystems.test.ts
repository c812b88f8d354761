/**
 * ACLs and extended attributes of every namespace on each file system, beside rsync, with those that are too much on the
 * target; and vfat, which holds little: what cannot be held is said once by class, and a second run has nothing to do.
 */
import assert from 'node:assert';
import { chmodSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { itemized, likeRsync, sync } from './attributes-support.js';
import {
  char, compareTrees, describeIf, describeOn, dir, fifo, file, makeTree, readTree, symlink, time, treePaths, useTempFolder, whyNoMount, whyNoRsync, type Tree,
} from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const why = whyNoRsync() ?? (process.getuid?.() === 0 ? undefined : 'needs root');
const CAPABILITY = '\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'; // cap_net_raw, effective

function attributed(): Tree {
  return {
    none: file('none', { mtime: T }),
    user: file('user', { mtime: T, xattrs: { 'user.a': 'one', 'user.empty': '', 'user.bytes': '\x00\xff\n', 'user.long': 'l'.repeat(300) } }),
    trusted: file('trusted', { mtime: T, xattrs: { 'trusted.t': 'two', 'user.b': 'x' } }),
    capable: file('capable', { mtime: T, mode: 0o755, uid: 1000, xattrs: { 'security.capability': CAPABILITY } }),
    readonly: file('ro', { mtime: T, mode: 0o400, xattrs: { 'user.a': 'ro' } }),
    acl: file('acl', { mtime: T, mode: 0o640, acl: 'u:1000:rwx,u:1001:---,g:50:r--,m::r-x' }),
    'acl-masked': file('m', { mtime: T, mode: 0o600, acl: 'u:1000:rwx,m::---' }),
    linked: symlink('none', { mtime: T, xattrs: { 'trusted.l': 'on a link' } }),
    fifo: fifo({ mtime: T, mode: 0o660, acl: 'u:1000:rw-,m::rw-', xattrs: { 'trusted.f': 'fifo' } }),
    char: char(1, 3, { mtime: T, mode: 0o660, acl: 'g:50:rw-,m::rw-' }),
    dir: dir({ in: file('in', { mtime: T, acl: 'u:5:r--,m::r--' }) }, { mtime: T, acl: 'u:1000:r-x,m::r-x', defaultAcl: 'u::rwx,u:1000:rwx,g::r-x,m::rwx,o::r--', xattrs: { 'user.d': 'd', 'trusted.d': 'e' } }),
  };
}

/** The same names with other attributes, and more of them. */
function others(): Tree {
  const more = { 'user.extra': 'x', 'trusted.extra': 'y' };
  return {
    none: file('none', { mtime: T, xattrs: more, acl: 'u:1000:rwx,m::rwx' }),
    user: file('user', { mtime: T, xattrs: { 'user.a': 'another', ...more } }),
    trusted: file('trusted', { mtime: T }),
    capable: file('capable', { mtime: T, mode: 0o755, xattrs: { 'security.capability': CAPABILITY } }),
    readonly: file('ro', { mtime: T, mode: 0o400, xattrs: more }),
    acl: file('acl', { mtime: T, mode: 0o640 }),
    'acl-masked': file('m', { mtime: T, mode: 0o600, acl: 'u:1001:rwx,m::r--' }),
    linked: symlink('none', { mtime: T, xattrs: { 'trusted.l': 'other', 'trusted.more': '' } }),
    fifo: fifo({ mtime: T, mode: 0o660 }),
    char: char(1, 3, { mtime: T, mode: 0o660, acl: 'u:7:rw-,m::rw-' }),
    dir: dir({ in: file('other', { mtime: T, xattrs: more }) }, { mtime: T, defaultAcl: 'u::rwx,g::---,o::---', xattrs: more }),
  };
}

describeIf('attributes: ACLs and extended attributes on each file system', why, () => {
  describeOn(['ext4', 'xfs', 'btrfs', 'tmpfs'], {}, (fs) => {
    // XFS shows its access lists as trusted.* too, and rsync -X copies them so, whether or not they are wanted, over what --chmod said: it is told not to.
    const peer = (options: string[]): { rsyncOptions?: string[] } => (fs.kind === 'xfs' && options.some((o) => /^-\w*X/.test(o)) ? { rsyncOptions: [...options, '--filter=-x trusted.SGI_ACL_*', '--filter=-x system.*'] } : {});
    const rootOf = { mtime: T, mode: 0o750, acl: 'u:1000:r-x,m::r-x', xattrs: { 'user.root': 'yes' } };
    for (const options of [['-aAX'], ['-aX'], ['-aA'], ['-a'], ['-aAX', '--inplace', '-I'], ['-aAX', '--chmod=o=,g-w'], ['-rtAX']]) {
      const more = options.includes('-I') || options.includes('--chmod=o=,g-w') ? { lines: false as const } : {};
      it(`${options.join(' ')} into nothing`, () => likeRsync(options, { on: fs.path, source: attributed(), root: rootOf, ...peer(options), ...more }));
      it(`${options.join(' ')} over others`, () => likeRsync(options, { on: fs.path, source: attributed(), root: rootOf, target: others, targetRoot: { mtime: T, xattrs: { 'user.more': '' } }, against: 'dry run', ...peer(options), ...more }));
    }
    it('a change of owner alone keeps capabilities', () => likeRsync(['-aX'], {
      on: fs.path, against: 'dry run', source: { c: file('c', { mtime: T, mode: 0o755, uid: 1000, xattrs: { 'security.capability': CAPABILITY } }) }, root: { mtime: T }, targetRoot: { mtime: T },
      target: () => ({ c: file('c', { mtime: T, mode: 0o755, xattrs: { 'security.capability': CAPABILITY } }) }),
      check: (target) => assert.strictEqual(Object.keys(readTree(target).get('c')?.xattrs ?? {}).join(), 'security.capability'),
    }));
    it('rules about attribute names', () => likeRsync(['-aX', '--filter=-x user.a', '--filter=-x trusted.*', '--filter=-x security.*', '--filter=-x system.*'], { on: fs.path, source: attributed(), target: others, verifies: false, lines: false }));
  });
});

describeIf('attributes: vfat as a target', why ?? whyNoMount('vfat'), () => {
  const tmp = useTempFolder('vfat');
  describeOn(['vfat'], { sizeMiB: 32 }, (fs) => {
    const target = (name: string): string => `${fs.path}/${name}/`;
    const tree = (): Tree => ({
      plain: file('plain', { mtime: T }), odd: file('odd', { mtime: time(1_600_000_001, 999_999_999), mode: 0o640, uid: 1000, gid: 1001 }), exec: file('exec', { mtime: T, mode: 0o755 }), ro: file('ro', { mtime: T, mode: 0o444 }),
      link: symlink('plain', { mtime: T }), fifo: fifo({ mtime: T }), char: char(1, 3, { mtime: T }), x: file('x', { mtime: T, xattrs: { 'user.a': 'b' }, acl: 'u:1000:r--,m::r--' }),
      d: dir({ inner: file('inner', { mtime: T }), deep: dir({}, { mtime: T, mode: 0o2775 }) }, { mtime: T, mode: 0o700 }),
    });

    for (const options of ['-a', '-aHAX', '-rt', '-rltD']) {
      it(`${options}: the content arrives, what cannot be held is said once by class, a second run has nothing to do`, async () => {
        makeTree(tmp.at('s'), tree(), { mtime: T });
        const name = `t${options}`;
        const ran = await sync([options, `${tmp.path}/s/`, target(name)]);
        for (const path of ['plain', 'odd', 'exec', 'ro', 'x', 'd/inner']) assert.strictEqual(readFileSync(`${target(name)}${path}`, 'latin1'), readFileSync(tmp.at('s', path), 'latin1'), path);
        assert.deepStrictEqual(treePaths(target(name)), ['d', 'd/deep', 'd/inner', 'exec', 'odd', 'plain', 'ro', 'x']);
        const said = ran.stderr.split('\n').filter((line) => line !== '');
        assert.ok(said.length <= 9, `said once by class: ${ran.stderr}`);
        const again = await sync(['-i', options, `${tmp.path}/s/`, target(name)]);
        assert.deepStrictEqual(itemized(again.lines), [], again.stderr);
        assert.strictEqual(again.code, ran.code);
        assert.strictEqual(ran.code, 0, ran.stderr);
      });
    }

    it('-aH: names of one inode are separate files there, each with the content', async () => {
      const one = file('one', { mtime: T });
      makeTree(tmp.at('s'), { a: one, b: one, d: dir({ c: one }, { mtime: T }) }, { mtime: T });
      const ran = await sync(['-aH', `${tmp.path}/s/`, target('hard')]);
      assert.strictEqual(ran.outcome.problems.filter((p) => p.severity === 'error').length, 0, ran.stderr);
      for (const path of ['a', 'b', 'd/c']) assert.strictEqual(readFileSync(`${target('hard')}${path}`, 'utf8'), 'one');
      assert.deepStrictEqual(itemized((await sync(['-aHi', `${tmp.path}/s/`, target('hard')])).lines), []);
    });

    it('a file changed by less than its clock tells is of another size or is not seen; one by more is seen', async () => {
      mkdirSync(tmp.at('s'));
      writeFileSync(tmp.at('s', 'f'), 'one');
      utimesSync(tmp.at('s', 'f'), 1_600_000_000, 1_600_000_000);
      await sync(['-a', `${tmp.path}/s/`, target('clock')]);
      writeFileSync(tmp.at('s', 'f'), 'two');
      utimesSync(tmp.at('s', 'f'), 1_600_000_010, 1_600_000_010);
      assert.deepStrictEqual(itemized((await sync(['-rti', '--omit-dir-times', `${tmp.path}/s/`, target('clock')])).lines), ['>f..t...... f']);
      assert.strictEqual(readFileSync(`${target('clock')}f`, 'utf8'), 'two');
    });

    it('names that differ in case alone are told, and the first of them is kept', async () => {
      makeTree(tmp.at('s'), { Name: 'first', name: 'second', other: 'x' }, { mtime: T });
      const ran = await sync(['-rt', `${tmp.path}/s/`, target('twins')]);
      assert.strictEqual(ran.code, 23);
      assert.match(ran.stderr, /name/);
      assert.strictEqual(readFileSync(`${target('twins')}Name`, 'utf8'), 'first');
    });

    it('from vfat to ext4 and back', async () => {
      makeTree(tmp.at('s'), { f: file('f', { mtime: time(1_600_000_002) }), d: dir({ g: 'g' }) }, { mtime: T });
      await sync(['-rt', `${tmp.path}/s/`, target('away')]);
      await sync(['-a', target('away'), `${tmp.path}/back/`]);
      assert.deepStrictEqual(compareTrees(tmp.at('s'), tmp.at('back'), { ignore: ['mode', 'mtime', 'dir-mtime'] }), []);
      chmodSync(tmp.at('back', 'f'), 0o700);
      assert.strictEqual(statSync(tmp.at('back', 'f')).mtimeMs, 1_600_000_002_000);
      assert.ok(readTree(tmp.at('back')).has('d/g'));
    });
  });
});
