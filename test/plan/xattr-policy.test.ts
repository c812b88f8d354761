/** Which attributes are copied, under which names; and how sets compare. */
import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { changeXattrs, sameXattrs, sortXattrs, XattrPolicy, type Xattr, type XattrPolicyOptions } from '../../src/plan/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { hasRsync, run, withFolder } from './peer.js';

const policy = (part: Partial<XattrPolicyOptions> = {}): XattrPolicy => new XattrPolicy({ level: 1, root: false, fakeSource: false, fakeTarget: false, ...part });
const stored = (p: XattrPolicy, name: string): string | undefined => p.storedName(name as ByteString);
const minds = (p: XattrPolicy, name: string): boolean => p.minds(name as ByteString);

describe('plan/xattr-policy', () => {
  it('lets root copy every namespace but system', () => {
    const p = policy({ root: true });
    for (const name of ['user.a', 'trusted.a', 'security.capability', 'user.rsync.plain']) {
      assert.equal(stored(p, name), name);
      assert.equal(minds(p, name), true);
    }
    assert.equal(stored(p, 'system.posix_acl_access'), undefined);
    assert.equal(minds(p, 'system.posix_acl_access'), false);
  });

  it('lets a user copy, and remove, the user namespace only', () => {
    const p = policy();
    assert.equal(stored(p, 'user.a'), 'user.a');
    for (const name of ['trusted.a', 'security.selinux', 'system.x']) {
      assert.equal(stored(p, name), undefined);
      assert.equal(minds(p, name), false);
    }
  });

  it('copies the names of fake-super with -XX only', () => {
    assert.equal(stored(policy({ root: true }), 'user.rsync.%stat'), undefined);
    assert.equal(stored(policy({ root: true, level: 2 }), 'user.rsync.%stat'), 'user.rsync.%stat');
    assert.equal(stored(policy({ root: true, level: 2 }), 'user.rsync.%other'), 'user.rsync.%other');
  });

  it('disguises other namespaces on a fake-super target, and leaves its own names alone there', () => {
    const p = policy({ fakeTarget: true, root: true });
    assert.equal(stored(p, 'user.a'), 'user.a');
    assert.equal(stored(p, 'trusted.a'), 'user.rsync.trusted.a');
    assert.equal(minds(p, 'user.rsync.trusted.a'), true);
    assert.equal(minds(p, 'trusted.a'), false);
    for (const name of ['%stat', '%aacl', '%dacl']) assert.equal(minds(p, `user.rsync.${name}`), false);
  });

  it('takes the disguise off what comes from a fake-super source', () => {
    assert.equal(stored(policy({ root: true, fakeSource: true }), 'user.rsync.trusted.a'), 'trusted.a');
    assert.equal(stored(policy({ fakeSource: true }), 'user.rsync.trusted.a'), undefined, 'a user cannot set it');
    assert.equal(stored(policy({ fakeSource: true, fakeTarget: true }), 'user.rsync.trusted.a'), 'user.rsync.trusted.a');
    assert.equal(stored(policy({ fakeSource: true, root: true, level: 2 }), 'user.rsync.%stat'), undefined);
    for (const name of ['user.rsync.', 'user.rsync.x', 'user.rsync.user.a']) assert.equal(stored(policy({ fakeSource: true, root: true }), name), name, 'no disguise');
    assert.equal(stored(policy({ fakeSource: true, root: true }), 'user.rsync.system.posix_acl_access'), undefined, 'a forged one');
  });

  it('lets filter rules take the place of the namespace rule', () => {
    const excluded = (name: ByteString): boolean => name.startsWith('user.tmp');
    const p = policy({ root: true, excluded });
    assert.equal(stored(p, 'user.tmp1'), undefined);
    assert.equal(stored(p, 'system.a'), 'system.a');
    assert.equal(minds(p, 'user.tmp1'), false);
    assert.equal(stored(policy({ excluded }), 'trusted.a'), 'user.rsync.trusted.a');
  });

  describe('sets', () => {
    const set = fc.uniqueArray(fc.record({ name: fc.constantFrom('user.a', 'user.b', 'user.\xff', 'user.c', 'trusted.a') as fc.Arbitrary<ByteString>, value: fc.uint8Array({ maxLength: 2, max: 1 }).map((b) => Buffer.from(b)) }, { noNullPrototype: true }), { selector: (x) => x.name });

    it('are the same when sorted names and values are', () => {
      fc.assert(fc.property(set, set, (a, b) => {
        const flat = (s: Xattr[]): string => s.map((x) => `${x.name}=${x.value.toString('hex')}`).sort().join(' ');
        assert.equal(sameXattrs(sortXattrs([...a]), sortXattrs([...b])), flat(a) === flat(b));
      }));
    });

    it('become the same by the changes named, and by no more than needed', () => {
      fc.assert(fc.property(set, set, (a, b) => {
        const wanted = sortXattrs([...a]);
        const actual = sortXattrs([...b]);
        const { set: changed, remove } = changeXattrs(wanted, actual);
        const result = new Map(actual.map((x) => [x.name, x.value]));
        for (const x of changed) {
          assert.notDeepEqual(result.get(x.name), x.value);
          result.set(x.name, x.value);
        }
        for (const name of remove) assert.ok(result.delete(name));
        assert.ok(sameXattrs(sortXattrs([...result].map(([name, value]) => ({ name, value }))), wanted));
      }));
    });
  });

  describe('beside rsync (needs rsync 3.5, root, and user and trusted attributes)', function () {
    const folder = withFolder();
    before(function () { if (!hasRsync(3, 5) || process.getuid?.() !== 0) this.skip(); });

    const names = ['user.a', 'user.rsync.x', 'user.rsync.trusted.b', 'user.rsync.%other', 'trusted.a', 'security.twintree'];
    const set = (path: string, name: string): boolean => run('setfattr', ['-n', name, '-v', 'v', path]).status === 0;
    const list = (path: string): string[] =>
      run('getfattr', ['-h', '-m', '-', path]).stdout.split('\n').filter((line) => /^(user|trusted|security)\./.test(line) && line !== 'security.selinux' && line !== 'user.rsync.%stat');

    const cases: { args: string[]; part: Partial<XattrPolicyOptions> }[] = [
      { args: ['-X'], part: {} }, { args: ['-XX'], part: { level: 2 } },
      { args: ['-X', '-M--fake-super'], part: { fakeTarget: true } },
      { args: ['-X', '--fake-super', '-M--super'], part: { fakeSource: true } },
      { args: ['-X', '--fake-super'], part: { fakeSource: true, fakeTarget: true } },
    ];
    for (const { args, part } of cases) {
      it(`ends with the names that rsync ${args.join(' ')} ends with`, function () {
        const s = join(folder.path, 's');
        const t = join(folder.path, 't');
        for (const path of [s, t]) {
          writeFileSync(path, '');
          utimesSync(path, 1000, 1000); // equal, so that the attributes of the target's own file are changed
        }
        // rsync takes user.rsync.x for a disguised name "x", which no file system takes.
        for (const name of names.filter((n) => part.fakeSource !== true || n !== 'user.rsync.x')) if (!set(s, name)) this.skip();
        for (const name of ['user.old', 'trusted.old', 'user.rsync.%old']) set(t, name);
        const p = policy({ root: true, ...part });
        const wanted = list(s).map((name) => stored(p, name)).filter((name) => name !== undefined);
        const kept = list(t).filter((name) => !minds(p, name));
        assert.equal(run('rsync', ['-t', ...args, s, t]).status, 0);
        assert.deepEqual(list(t).sort(), [...new Set([...wanted, ...kept])].sort());
      });
    }
  });
});
