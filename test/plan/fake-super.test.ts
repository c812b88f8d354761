/** --fake-super: the stored form, and that rsync and we read each other's. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, lchownSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  aclFromMode, decodeFakeAcl, decodeFakeStat, encodeAcl, encodeFakeAccessAcl, encodeFakeDefaultAcl, encodeFakeStat, FAKE_ACCESS_ACL, FAKE_DEFAULT_ACL, FAKE_STAT,
  fakeStatFits, fakeStatFor, fitAclToMode, isStoredAsFile, makeAcl, parseAcl, storedMode, type Acl, type FakeStat,
} from '../../src/plan/index.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../src/tree/index.js';
import { hasRsync, run, withFolder } from './peer.js';

const types = [S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK];
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const stat: fc.Arbitrary<FakeStat> = fc.record(
  { mode: fc.tuple(fc.constantFrom(...types), fc.integer({ min: 0, max: 0o7777 })).map(([t, p]) => t | p), rdevMajor: u32, rdevMinor: u32, uid: u32, gid: u32 }, { noNullPrototype: true });
const octal = (mode: number): string => mode.toString(8);
const decode = (text: string): FakeStat | undefined => decodeFakeStat(Buffer.from(text, 'latin1'));

function attribute(path: string, name: string): Buffer | undefined {
  const found = /=0x([0-9a-f]*)/.exec(run('getfattr', ['-h', '-e', 'hex', '-n', name, path]).stdout);
  return found ? Buffer.from(found[1] as string, 'hex') : undefined;
}

describe('plan/fake-super', () => {
  it('writes the form that rsync writes', () => {
    assert.equal(encodeFakeStat({ mode: S_IFBLK | 0o644, rdevMajor: 8, rdevMinor: 1, uid: 0, gid: 6 }).toString(), '60644 8,1 0:6');
    assert.equal(encodeFakeStat({ mode: S_IFREG | 0o4755, rdevMajor: 0, rdevMinor: 0, uid: 4294967294, gid: 34 }).toString(), '104755 0,0 4294967294:34');
  });

  it('reads back what it wrote', () => {
    fc.assert(fc.property(stat, (s) => { assert.deepEqual(decodeFakeStat(encodeFakeStat(s)), s); }));
  });

  it('reads ids that were written as signed numbers', () => {
    assert.deepEqual(decode('100644 0,0 -2:-1'), { mode: S_IFREG | 0o644, rdevMajor: 0, rdevMinor: 0, uid: 4294967294, gid: 4294967295 });
  });

  it('refuses what is malformed, of no type, or out of range', () => {
    for (const bad of ['', '100644', '100644 0,0 0', '644 0,0 0:0', '170644 0,0 0:0', '100844 0,0 0:0', '1000644 0,0 0:0', '100644 0,0 0:0 ', ' 100644 0,0 0:0', '100644 -1,0 0:0',
      '100644 4294967296,0 0:0', '100644 0,0 4294967296:0', '100644 0,0 0:-2147483649', '100644 0,0 0:0' + '0'.repeat(99), '100644 0x1,0 0:0']) {
      assert.equal(decode(bad), undefined, bad);
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (value) => { decodeFakeStat(value); }));
  });

  it('stores folders as folders and all else as files, open to the user who keeps them, without set-id bits', () => {
    assert.equal(octal(storedMode(S_IFDIR | 0o3055)), octal(S_IFDIR | 0o755));
    assert.equal(octal(storedMode(S_IFREG | 0o4055)), octal(S_IFREG | 0o655));
    assert.equal(octal(storedMode(S_IFLNK | 0o777)), octal(S_IFREG | 0o777));
    assert.equal(octal(storedMode(S_IFCHR | 0o000)), octal(S_IFREG | 0o600));
    assert.deepEqual(types.filter(isStoredAsFile), [S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK]);
  });

  it('needs no attribute where the stored entry is what it should be', () => {
    const plain: FakeStat = { mode: S_IFREG | 0o644, rdevMajor: 0, rdevMinor: 0, uid: 5, gid: 6 };
    const real = { mode: S_IFREG | 0o644, uid: 5, gid: 6 };
    assert.equal(fakeStatFor(plain, real), undefined);
    for (const other of [{ uid: 7 }, { gid: 7 }, { mode: S_IFREG | 0o444 }, { mode: S_IFREG | 0o4644 }, { mode: S_IFIFO | 0o644 }]) {
      assert.deepEqual(fakeStatFor({ ...plain, ...other }, real), encodeFakeStat({ ...plain, ...other }));
    }
  });

  it('lets a folder stand for a folder only, a file for all else, and nothing stand on a device', () => {
    const fake = (mode: number): FakeStat => ({ mode, rdevMajor: 0, rdevMinor: 0, uid: 0, gid: 0 });
    for (const type of types) {
      assert.equal(fakeStatFits(S_IFDIR, fake(type)), type === S_IFDIR);
      assert.equal(fakeStatFits(S_IFREG, fake(type)), type !== S_IFDIR);
      for (const real of [S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK]) assert.equal(fakeStatFits(real, fake(type)), false);
    }
  });

  it('reads back the lists it wrote', () => {
    const perm = fc.integer({ min: 0, max: 7 });
    const named = fc.uniqueArray(fc.record({ kind: fc.constantFrom('user' as const, 'group' as const), id: fc.nat(99), perm }, { noNullPrototype: true }), { maxLength: 5, selector: (e) => `${e.kind}${e.id}` });
    fc.assert(fc.property(perm, perm, perm, perm, named, fc.integer({ min: 0, max: 0o777 }), (user, group, other, mask, names, mode) => {
      const list = makeAcl(user, group, other, mask, names) as Acl;
      const fitted = fitAclToMode(list, mode);
      assert.deepEqual(decodeFakeAcl(encodeFakeAccessAcl(fitted), mode), fitted);
      assert.deepEqual(decodeFakeAcl(encodeFakeDefaultAcl(list), mode), list);
    }));
    assert.deepEqual(decodeFakeAcl(encodeFakeAccessAcl(aclFromMode(0o640)), 0o640), aclFromMode(0o640));
  });

  it('refuses lists of a wrong length, with impossible permissions or an id twice', () => {
    const good = encodeFakeDefaultAcl(makeAcl(7, 5, 0, 7, [{ kind: 'user', id: 5, perm: 6 }, { kind: 'user', id: 6, perm: 6 }]) as Acl);
    const changed = (at: number, byte: number): Buffer => { const b = Buffer.from(good); b[at] = byte; return b; };
    for (const bad of [Buffer.alloc(0), good.subarray(0, 15), good.subarray(0, 20), changed(0, 8), changed(9, 1), changed(20, 8), changed(24, 5)]) assert.equal(decodeFakeAcl(bad, 0o644), undefined);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (value) => { decodeFakeAcl(value, 0o644); }));
  });

  describe('beside rsync (needs rsync 3.5, root, and attributes)', function () {
    const folder = withFolder();
    before(function () { if (!hasRsync(3, 5) || process.getuid?.() !== 0) this.skip(); });

    /** A tree with every type; returns the names. */
    function build(root: string): string[] {
      mkdirSync(root);
      const at = (name: string): string => join(root, name);
      writeFileSync(at('plain'), 'content');
      for (const [name, mode, uid, gid] of [['setuid', 0o4755, 12, 34], ['readonly', 0o444, 0, 0], ['nothing', 0, 1, 1]] as const) {
        writeFileSync(at(name), name);
        chownSync(at(name), uid, gid);
        chmodSync(at(name), mode);
      }
      mkdirSync(at('dir'));
      chownSync(at('dir'), 3, 4);
      chmodSync(at('dir'), 0o3510);
      symlinkSync('../some/where', at('link'));
      lchownSync(at('link'), 5, 4294967294);
      for (const [name, type, ...numbers] of [['block', 'b', '8', '300'], ['char', 'c', '4095', '1048575'], ['fifo', 'p']] as const) {
        assert.equal(run('mknod', ['-m', '640', at(name), type, ...numbers]).status, 0);
      }
      chownSync(at('char'), 0, 7);
      assert.equal(run('setfacl', ['-m', 'u:7:rwx,g:9:r', at('plain')]).status, 0);
      assert.equal(run('setfacl', ['-d', '-m', 'u:7:rwx,m:r', at('dir')]).status, 0);
      return readdirSync(root);
    }

    /** What an entry of a real tree is, in our terms. */
    function real(path: string): FakeStat {
      const s = lstatSync(path);
      const device = ((s.mode & 0o170000) === S_IFBLK || (s.mode & 0o170000) === S_IFCHR) ? BigInt(s.rdev) : 0n;
      return {
        mode: s.mode, uid: s.uid, gid: s.gid,
        rdevMajor: Number((device >> 8n) & 0xfffn), rdevMinor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
      };
    }

    it('understands a tree that rsync stored', () => {
      const source = join(folder.path, 's');
      const kept = join(folder.path, 'k');
      const names = build(source);
      assert.equal(run('rsync', ['-aA', '-M--fake-super', `${source}/`, `${kept}/`]).status, 0);
      for (const name of names) {
        const wanted = real(join(source, name));
        const stored = lstatSync(join(kept, name));
        assert.equal(octal(stored.mode), octal(storedMode(wanted.mode)), `${name}: the real mode`);
        const value = attribute(join(kept, name), FAKE_STAT);
        assert.deepEqual(fakeStatFor(wanted, stored), value, `${name}: the attribute`);
        if (value === undefined) continue;
        const fake = decodeFakeStat(value) as FakeStat;
        assert.deepEqual(fake, wanted, name);
        assert.ok(fakeStatFits(stored.mode & 0o170000, fake));
      }
      assert.equal(readFileSync(join(kept, 'link'), 'latin1'), '../some/where');
      assert.equal(statSync(join(kept, 'fifo')).size, 0);
      const plain = statSync(join(source, 'plain')).mode;
      const access = parseAcl(attribute(join(source, 'plain'), 'system.posix_acl_access') as Buffer) as Acl;
      const heritage = parseAcl(attribute(join(source, 'dir'), 'system.posix_acl_default') as Buffer) as Acl;
      assert.deepEqual(decodeFakeAcl(attribute(join(kept, 'plain'), FAKE_ACCESS_ACL) as Buffer, plain), access);
      assert.deepEqual(decodeFakeAcl(attribute(join(kept, 'dir'), FAKE_DEFAULT_ACL) as Buffer, 0), heritage);
      assert.deepEqual(attribute(join(kept, 'plain'), FAKE_ACCESS_ACL), encodeFakeAccessAcl(access));
      assert.deepEqual(attribute(join(kept, 'dir'), FAKE_DEFAULT_ACL), encodeFakeDefaultAcl(heritage));
    });

    it('stores a tree that rsync makes real again', () => {
      const source = join(folder.path, 's');
      const kept = join(folder.path, 'k');
      const back = join(folder.path, 'b');
      const names = build(source);
      mkdirSync(kept);
      const set = (path: string, name: string, value: Buffer): void => {
        assert.equal(run('setfattr', ['-n', name, '-v', `0x${value.toString('hex')}`, path]).status, 0);
      };
      for (const name of names) {
        const from = join(source, name);
        const path = join(kept, name);
        const wanted = real(from);
        const type = wanted.mode & 0o170000;
        if (type === S_IFDIR) mkdirSync(path);
        else writeFileSync(path, type === S_IFREG ? readFileSync(from) : type === S_IFLNK ? readlinkSync(from) : '');
        chmodSync(path, storedMode(wanted.mode) & 0o7777);
        const value = fakeStatFor(wanted, statSync(path));
        if (value !== undefined) set(path, FAKE_STAT, value);
      }
      const lists = { access: attribute(join(source, 'plain'), 'system.posix_acl_access') as Buffer, heritage: attribute(join(source, 'dir'), 'system.posix_acl_default') as Buffer };
      set(join(kept, 'plain'), FAKE_ACCESS_ACL, encodeFakeAccessAcl(parseAcl(lists.access) as Acl));
      set(join(kept, 'dir'), FAKE_DEFAULT_ACL, encodeFakeDefaultAcl(parseAcl(lists.heritage) as Acl));

      const done = run('rsync', ['-aA', '--fake-super', '-M--super', `${kept}/`, `${back}/`]);
      assert.equal(done.status, 0, done.stderr);
      for (const name of names) assert.deepEqual(real(join(back, name)), real(join(source, name)), name);
      assert.equal(readlinkSync(join(back, 'link')), '../some/where');
      assert.deepEqual(attribute(join(back, 'plain'), 'system.posix_acl_access'), encodeAcl(parseAcl(lists.access) as Acl));
      assert.deepEqual(attribute(join(back, 'dir'), 'system.posix_acl_default'), lists.heritage);
    });
  });
});
