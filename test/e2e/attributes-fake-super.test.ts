/**
 * --fake-super in both directions, also with trees that rsync's own --fake-super wrote, and trees written here that it reads
 * back. In a tree kept so, owners, modes and devices stand in attributes of plain files of the user who keeps it.
 */
import assert from 'node:assert';
import { itemized, sync } from './attributes-support.js';
import {
  assertSameTree, block, char, describeIf, type CompareTreesOptions, dir, fifo, file, makeTree, PLAIN_UID, plainFolder, readTree, rsync, socket, symlink, time, twintree, useTempFolder, whyNoRsync, type Tree,
} from '../support/index.js';

const T = time(1_600_000_000, 99);
const why = whyNoRsync() ?? (process.getuid?.() === 0 ? undefined : 'needs root');

function everything(): Tree {
  const twice = file('linked', { mtime: T, uid: 5 });
  return {
    plain: file('plain', { mtime: T }), owned: file('owned', { mtime: T, uid: 1000, gid: 1001, mode: 0o640 }), suid: file('suid', { mtime: T, uid: 1000, mode: 0o6755 }), sticky: file('t', { mtime: T, mode: 0o1644 }),
    closed: file('closed', { mtime: T, mode: 0 }), readonly: file('ro', { mtime: T, mode: 0o444, uid: 7 }), link: symlink('plain', { mtime: T, uid: 1000, gid: 2 }), dangling: symlink('x/y', { mtime: T }),
    fifo: fifo({ mtime: T, mode: 0o620, uid: 3 }), socket: socket({ mtime: T, mode: 0o755 }), block: block(7, 300, { mtime: T, mode: 0o660, gid: 6 }), char: char(1, 3, { mtime: T, mode: 0o666 }),
    d: dir({ inner: file('inner', { mtime: T, uid: 8 }), closed: dir({ f: file('f', { mtime: T }) }, { mtime: T, mode: 0, uid: 9 }) }, { mtime: T, mode: 0o2750, uid: 1000, gid: 1001 }), one: twice, two: twice,
    x: file('x', { mtime: T, xattrs: { 'user.a': 'b', 'trusted.t': 'v' }, acl: 'u:1000:rw-,g:50:r--,m::rw-' }), dx: dir({}, { mtime: T, xattrs: { 'user.d': 'e' }, defaultAcl: 'u::rwx,u:1000:r-x,g::r-x,m::rwx,o::---' }),
  };
}

/** The same names with other attributes. */
function other(): Tree {
  return {
    plain: file('plain', { mtime: T, uid: 1 }), owned: file('owned', { mtime: T, uid: 1000, gid: 1, mode: 0o600 }), suid: file('suid', { mtime: T, uid: 1000, mode: 0o755 }), link: symlink('elsewhere', { mtime: T }), fifo: file('a file', { mtime: T }),
    block: block(7, 301, { mtime: T, mode: 0o660, gid: 6 }), char: fifo({ mtime: T }), d: dir({ inner: file('inner', { mtime: T, uid: 9 }) }, { mtime: T, mode: 0o755 }), x: file('x', { mtime: T, xattrs: { 'user.a': 'c', 'user.more': '1' }, acl: 'u:1001:r--,m::r--' }),
  };
}

describeIf('attributes: --fake-super', why, () => {
  const tmp = useTempFolder('fake');
  const rootOf = { mtime: T, uid: 4, mode: 0o750 };
  const path = (name: string): string => `${tmp.path}/${name}/`;

  for (const options of [['-a'], ['-aH'], ['-aA'], ['-aX']]) {
    // rsync's -X takes away what its -A keeps there: together they lose lists. Here they do not (see below).
    const ignoring: CompareTreesOptions = { ignore: options[0] === '-aX' ? ['xattr'] : [] };
    describe(options.join(' '), () => {
      it('is written as rsync -M--fake-super writes it, byte for byte', async () => {
        makeTree(tmp.at('source'), everything(), rootOf);
        const theirs = rsync([...options, '-M--fake-super', path('source'), path('theirs')]);
        assert.strictEqual(theirs.code, 0, theirs.stderr);
        const ours = await sync([...options, '-M--fake-super', path('source'), path('ours')]);
        assert.deepStrictEqual([ours.code, ours.stderr], [0, '']);
        assertSameTree(tmp.at('theirs'), tmp.at('ours'), ignoring);
        assert.deepStrictEqual(itemized((await sync([...options, '-i', '-M--fake-super', path('source'), path('ours')])).lines), [], 'a second run');
      });

      it('a tree that rsync wrote: nothing to do over it, and it is read back whole', async () => {
        makeTree(tmp.at('source'), everything(), rootOf);
        rsync([...options, '-M--fake-super', path('source'), path('kept')]);
        assert.deepStrictEqual(itemized((await sync([...options, '-i', '-M--fake-super', path('source'), path('kept')])).lines), []);
        const ours = await sync([...options, '--fake-super', '-M--super', path('kept'), path('ours')]);
        assert.deepStrictEqual([ours.code, ours.stderr], [0, '']);
        rsync([...options, '--fake-super', '-M--super', path('kept'), path('theirs')]);
        assertSameTree(tmp.at('theirs'), tmp.at('ours'));
      });

      it('a tree written here is read back by rsync', async () => {
        makeTree(tmp.at('source'), everything(), rootOf);
        await sync([...options, '-M--fake-super', path('source'), path('kept')]);
        assert.strictEqual(rsync([...options, '--fake-super', '-M--super', path('kept'), path('theirs')]).code, 0);
        rsync([...options, path('source'), path('plainly')]);
        assertSameTree(tmp.at('plainly'), tmp.at('theirs'));
      });

      it('is brought up to date from other attributes as rsync does', async () => {
        makeTree(tmp.at('source'), everything(), rootOf);
        makeTree(tmp.at('before'), other(), { mtime: T });
        for (const side of ['theirs', 'ours']) rsync(['-aHAX', '-M--fake-super', path('before'), path(side)]);
        const theirs = rsync([...options, '-i', '-M--fake-super', path('source'), path('theirs')]);
        const ours = await sync([...options, '-i', '-M--fake-super', path('source'), path('ours')]);
        assert.deepStrictEqual([theirs.code, ours.code], [0, 0], theirs.stderr + ours.stderr);
        assertSameTree(tmp.at('theirs'), tmp.at('ours'), ignoring);
        assert.deepStrictEqual(itemized((await sync([...options, '-i', '-M--fake-super', path('source'), path('ours')])).lines), []);
      });
    });
  }

  it('all that -aHAX keeps comes back', async () => {
    makeTree(tmp.at('source'), everything(), rootOf);
    await sync(['-aHAX', '-M--fake-super', path('source'), path('kept')]);
    assert.deepStrictEqual(itemized((await sync(['-aHAXi', '-M--fake-super', path('source'), path('kept')])).lines), []);
    await sync(['-aHAX', '--fake-super', '-M--super', path('kept'), path('ours')]);
    assertSameTree(tmp.at('source'), tmp.at('ours'));
    assert.deepStrictEqual(itemized((await sync(['-aHAXi', '--fake-super', '-M--super', path('kept'), path('ours')])).lines), []);
  });

  it('both sides may be such trees', async () => {
    makeTree(tmp.at('source'), everything(), rootOf);
    rsync(['-aHAX', '-M--fake-super', path('source'), path('kept')]);
    await sync(['-aHAX', '--fake-super', path('kept'), path('ours')]);
    assertSameTree(tmp.at('kept'), tmp.at('ours'));
  });

  it('a plain user keeps a whole system’s tree, and root gets it back', async () => {
    makeTree(tmp.at('source'), { ...everything(), closed: file('x', { mtime: T, mode: 0o004, uid: 1000 }), owned: file('o', { mtime: T, mode: 0o6604, uid: 1000, gid: 1001 }), d: dir({ inner: file('inner', { mtime: T, uid: 8 }) }, { mtime: T, mode: 0o2755, uid: 1000, gid: 1001 }), x: 'x', dx: dir({}) }, { mtime: T, mode: 0o755 });
    plainFolder(tmp.path, 'kept');
    const ran = twintree(['sync', '-aH', '-M--fake-super', path('source'), path('kept')], { uid: PLAIN_UID });
    assert.deepStrictEqual([ran.code, ran.stderr], [0, '']);
    for (const [name, entry] of readTree(tmp.at('kept'))) assert.deepStrictEqual([entry.uid, ['file', 'dir'].includes(entry.type)], [PLAIN_UID, true], name);
    await sync(['-aH', '--fake-super', '-M--super', path('kept'), path('back')]);
    assertSameTree(tmp.at('source'), tmp.at('back'));
  });
});
