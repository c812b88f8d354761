/** Access control lists: the kernel's form, hostile values, fitting to a mode, mapping of ids. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  accessAclFor, accessAclMatches, aclFromMode, defaultAclMatches, desiredPerms, encodeAcl, fitAclToMode, IdMapper, isTrivialAcl, makeAcl, mapAcl,
  parseAcl, parseIdMap, permsOfAcl, sameAcl, sameBeyondMode, type Acl, type AclEntry,
} from '../../src/plan/index.js';
import { S_IFREG } from '../../src/tree/index.js';
import { hasRsync, run, withFolder } from './peer.js';

const perm = fc.integer({ min: 0, max: 7 });
const entry: fc.Arbitrary<AclEntry> = fc.record(
  { kind: fc.constantFrom('user' as const, 'group' as const), id: fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 0xfffffffe })), perm }, { noNullPrototype: true });
const acl: fc.Arbitrary<Acl> = fc.tuple(perm, perm, perm, fc.option(perm, { nil: undefined }), fc.uniqueArray(entry, { maxLength: 6, selector: (e) => `${e.kind}${e.id}` }))
  .map(([user, group, other, mask, named]) => makeAcl(user, group, other, named.length > 0 ? (mask ?? 7) : mask, named) as Acl);

/** The value that a file really has, or undefined. */
function attribute(path: string, name: string): Buffer | undefined {
  const found = /=0x([0-9a-f]*)/.exec(run('getfattr', ['-h', '-e', 'hex', '-n', name, path]).stdout);
  return found ? Buffer.from(found[1] as string, 'hex') : undefined;
}
const ACCESS = 'system.posix_acl_access';

describe('plan/acl', () => {
  it('reads back what it wrote', () => {
    fc.assert(fc.property(acl, (list) => { assert.deepEqual(parseAcl(encodeAcl(list)), list); }));
  });

  it('reads entries in any order and writes them in the kernel\'s', () => {
    fc.assert(fc.property(acl, fc.nat(), (list, seed) => {
      const value = encodeAcl(list);
      const entries = Array.from({ length: (value.length - 4) / 8 }, (_, i) => value.subarray(4 + i * 8, 12 + i * 8));
      const turned = [...entries.slice(seed % entries.length), ...entries.slice(0, seed % entries.length)];
      assert.deepEqual(parseAcl(Buffer.concat([value.subarray(0, 4), ...turned])), list);
    }));
  });

  it('refuses hostile values without an exception', () => {
    const good = encodeAcl(makeAcl(7, 5, 0, 7, [{ kind: 'user', id: 5, perm: 6 }]) as Acl);
    const changed = (at: number, byte: number): Buffer => { const b = Buffer.from(good); b[at] = byte; return b; };
    const bad: [string, Uint8Array][] = [
      ['empty', Buffer.alloc(0)], ['only a header', good.subarray(0, 4)], ['odd length', good.subarray(0, good.length - 1)], ['cut off', good.subarray(0, good.length - 8)],
      ['another version', changed(0, 3)], ['an unknown tag', changed(4, 0x40)], ['permissions above 7', changed(6, 8)], ['twice the owner', changed(12, 1)],
      ['no mask beside a named entry', Buffer.concat([good.subarray(0, 28), good.subarray(36)])],
      ['an id named twice', Buffer.concat([good.subarray(0, 20), good.subarray(12)])], ['an impossible id', Buffer.concat([good.subarray(0, 16), Buffer.from('ffffffff', 'hex'), good.subarray(20)])],
      ['too long', Buffer.alloc(4 + 8 * 8192)],
    ];
    for (const [title, value] of bad) assert.equal(parseAcl(value), undefined, title);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (value) => { parseAcl(value); }));
    fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const list = parseAcl(changed(at, byte));
      if (list) assert.deepEqual(parseAcl(encodeAcl(list)), list);
    }));
  });

  it('reads a value that lies in the middle of other bytes', () => {
    const value = encodeAcl(aclFromMode(0o640));
    assert.deepEqual(parseAcl(Buffer.concat([Buffer.alloc(3), value]).subarray(3)), aclFromMode(0o640));
  });

  it('knows what a mode says of a list and a list of a mode', () => {
    assert.equal(permsOfAcl(aclFromMode(0o754)), 0o754);
    assert.equal(permsOfAcl(makeAcl(7, 7, 1, 4, []) as Acl), 0o741, 'the mask stands for the group');
    assert.equal(isTrivialAcl(aclFromMode(0o754)), true);
    assert.equal(isTrivialAcl(makeAcl(7, 5, 0, 5, []) as Acl), false);
    fc.assert(fc.property(acl, fc.integer({ min: 0, max: 0o777 }), (list, mode) => { assert.equal(permsOfAcl(fitAclToMode(list, mode)), mode); }));
  });

  it('fits a mode to the mask where there is one, else to the owning group', () => {
    assert.deepEqual(fitAclToMode(makeAcl(7, 5, 0, 5, []) as Acl, 0o641), makeAcl(6, 5, 1, 4, []));
    assert.deepEqual(fitAclToMode(aclFromMode(0o755), 0o641), aclFromMode(0o641));
  });

  it('takes lists that differ only in what a chmod mends for the same', () => {
    const named: AclEntry[] = [{ kind: 'user', id: 5, perm: 6 }];
    const wanted = makeAcl(7, 5, 0, 6, named) as Acl;
    assert.equal(sameBeyondMode(wanted, makeAcl(6, 5, 4, 7, named) as Acl), true);
    assert.equal(sameBeyondMode(wanted, makeAcl(7, 4, 0, 6, named) as Acl), false);
    assert.equal(sameBeyondMode(wanted, makeAcl(7, 5, 0, 6, [{ kind: 'group', id: 5, perm: 6 }]) as Acl), false);
    assert.equal(sameBeyondMode(wanted, aclFromMode(0o760)), false);
    assert.equal(sameBeyondMode(aclFromMode(0o777), aclFromMode(0)), true);
  });

  it('compares attribute values, with absent meaning what it means', () => {
    const trivial = encodeAcl(aclFromMode(0o644));
    const list = encodeAcl(makeAcl(6, 4, 4, 4, [{ kind: 'user', id: 5, perm: 4 }]) as Acl);
    assert.equal(accessAclMatches(undefined, trivial, 0o644), true);
    assert.equal(accessAclMatches(list, list, 0o644), true);
    assert.equal(accessAclMatches(list, undefined, 0o644), false);
    assert.equal(accessAclMatches(undefined, list, 0o644), false);
    assert.equal(accessAclMatches(list, Buffer.from('junk'), 0o644), false);
    assert.equal(defaultAclMatches(undefined, trivial), false, 'a folder with a trivial default list is not one without');
    assert.equal(defaultAclMatches(list, list), true);
    assert.equal(defaultAclMatches(undefined, undefined), true);
    assert.equal(defaultAclMatches(trivial, encodeAcl(aclFromMode(0o640))), false);
  });

  it('maps named ids, and gives two that become one only what both had', () => {
    const none = { nameOfSource: () => undefined, idOfTarget: () => undefined };
    const ids = new IdMapper({ userMap: parseIdMap('1-2:9', '--usermap'), groupMap: [], numericIds: true, sameNames: true, users: none, groups: none });
    const list = makeAcl(7, 5, 0, 7, [{ kind: 'user', id: 1, perm: 6 }, { kind: 'user', id: 2, perm: 5 }, { kind: 'user', id: 3, perm: 7 }, { kind: 'group', id: 1, perm: 1 }]) as Acl;
    const mapped = mapAcl(list, ids);
    assert.deepEqual(mapped.named, [{ kind: 'user', id: 3, perm: 7 }, { kind: 'user', id: 9, perm: 4 }, { kind: 'group', id: 1, perm: 1 }]);
    assert.deepEqual(parseAcl(encodeAcl(mapped)), mapped);
    assert.equal(accessAclMatches(encodeAcl(list), encodeAcl(mapped), 0o770, ids), true);
  });

  describe('beside the kernel (needs setfacl and a file system with lists)', function () {
    const folder = withFolder();
    beforeEach(function () {
      writeFileSync(join(folder.path, 'probe'), '');
      if (run('setfacl', ['-m', 'u:1:r', join(folder.path, 'probe')]).status !== 0) this.skip();
    });

    it('reads and writes the very bytes that the kernel keeps', () => {
      const path = join(folder.path, 'f');
      writeFileSync(path, '');
      for (const text of ['u:7:rw,u:3:r,g:9:x', 'g::rwx,u:7:rw,m::r', 'm::rw', 'u:4294967294:rwx']) {
        run('setfacl', ['-b', path]);
        assert.equal(run('setfacl', ['-m', text, path]).status, 0);
        const value = attribute(path, ACCESS) as Buffer;
        const list = parseAcl(value) as Acl;
        assert.deepEqual(encodeAcl(list), value, text);
        assert.equal(permsOfAcl(list), statSync(path).mode & 0o777, text);
      }
    });

    it('fits a list to a mode as chmod does', () => {
      const path = join(folder.path, 'f');
      writeFileSync(path, '');
      run('setfacl', ['-m', 'g::r,u:7:rwx', path]);
      const list = parseAcl(attribute(path, ACCESS) as Buffer) as Acl;
      chmodSync(path, 0o651);
      assert.ok(sameAcl(parseAcl(attribute(path, ACCESS) as Buffer), fitAclToMode(list, 0o651)));
    });

    it('stores what rsync -A --chmod stores', function () {
      if (!hasRsync(3, 5)) this.skip();
      for (const text of ['u:7:rw,g:9:x', 'g::rwx,u:7:rw,m::r', 'g::r,m::rw', 'g::rw,m::rw', 'g::r,u:7:rw', 'g::rw,u:7:rw,m::rw']) {
        for (const mode of ['', 'g=r', 'g-r,o+x', 'u+s,g+w']) {
          const s = join(folder.path, 's');
          const t = join(folder.path, 't');
          for (const path of [s, t]) run('rm', ['-f', path]);
          writeFileSync(s, '');
          chmodSync(s, 0o644);
          assert.equal(run('setfacl', ['-m', text, s]).status, 0);
          assert.equal(run('rsync', ['-A', ...(mode === '' ? [] : [`--chmod=${mode}`]), s, t]).status, 0);
          const wanted = accessAclFor(parseAcl(attribute(s, ACCESS) as Buffer), statSync(t).mode);
          assert.deepEqual(parseAcl(wanted as Buffer), parseAcl(attribute(t, ACCESS) as Buffer), `${text} ${mode}`);
        }
      }
    });

    it('gives new entries the permissions of a default list, as rsync without --perms does', function () {
      if (!hasRsync(3, 5)) this.skip();
      const modes = [0o600, 0o644, 0o666, 0o755, 0o777, 0o4711];
      const source = join(folder.path, 's');
      mkdirSync(source);
      for (const mode of modes) {
        writeFileSync(join(source, mode.toString(8)), '');
        chmodSync(join(source, mode.toString(8)), mode);
      }
      for (const text of ['u::rwx,g::rx,o::-', 'u::rw,g::rwx,o::r,u:7:rwx,m::rw', 'u::rwx,g::-,o::x,m::rwx,g:4:r']) {
        const target = join(folder.path, 't');
        run('rm', ['-rf', target]);
        mkdirSync(target);
        assert.equal(run('setfacl', ['-d', '-m', text, target]).status, 0);
        const dirDefault = permsOfAcl(parseAcl(attribute(target, 'system.posix_acl_default') as Buffer) as Acl);
        assert.equal(run('rsync', ['-r', `${source}/.`, `${target}/`], 0o077).status, 0);
        for (const mode of modes) {
          const ours = desiredPerms(S_IFREG | mode, -1, false, { perms: false, executability: false, umask: 0o077, dirDefault });
          assert.equal(ours.toString(8), (statSync(join(target, mode.toString(8))).mode & 0o7777).toString(8), `${mode.toString(8)} ${text}`);
        }
      }
    });
  });

  it('is what the golden value says', () => {
    const golden = readFileSync('fixtures/plan/acl.hex', 'utf8').trim();
    const list = makeAcl(7, 5, 1, 6, [{ kind: 'group', id: 100, perm: 4 }, { kind: 'user', id: 1000, perm: 6 }, { kind: 'user', id: 7, perm: 0 }]) as Acl;
    assert.equal(encodeAcl(list).toString('hex'), golden);
  });
});
