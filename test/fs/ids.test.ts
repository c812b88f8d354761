/** Names of users and groups: from the files, from elsewhere, kept, and never from a peer's trick. */
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { forgetIds, gidOfName, IdNames, nameOfGid, nameOfUid, uidOfName, type IdSources } from '../../src/fs/index.js';
import { b } from './support.js';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/:/bin/sh\nalso-anna:x:1000:1000::/:/bin/sh\nanna:x:1001:1:::\nj\xf6rg:x:1002:1::/:\nbroken\n+nis::::::\n:x:7:7::/:\nfar:x:4294967294:1::/:\nodd:x:-3:1::/:\n';

function sources(nsswitch: string, elsewhere: Record<string, string> = {}): IdSources & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    read: (file) => (file === 'passwd' ? PASSWD : file === 'group' ? 'wheel:x:10:anna\n' : nsswitch),
    ask: (kind, key) => {
      asked.push(`${kind} ${key}`);
      return elsewhere[key];
    },
  };
}

describe('fs: names of ids', () => {
  it('reads the files, first line first, bytes as bytes', () => {
    const ids = new IdNames(sources(''));
    assert.deepStrictEqual([ids.uidOfName(b('root')), ids.uidOfName(b('anna')), ids.uidOfName(b('also-anna')), ids.uidOfName(b('j\xf6rg')), ids.uidOfName(b('far'))], [0, 1000, 1000, 1002, 4294967294]);
    assert.deepStrictEqual([ids.nameOfUid(0), ids.nameOfUid(1000), ids.nameOfUid(1002), ids.nameOfUid(1001), ids.nameOfUid(4294967294)], ['root', 'anna', 'j\xf6rg', 'anna', 'far']);
    assert.deepStrictEqual([ids.gidOfName(b('wheel')), ids.nameOfGid(10)], [10, 'wheel']);
  });

  it('does not know what is not there, or makes no sense', () => {
    const ids = new IdNames(sources(''));
    for (const name of ['nobody-here', '', '+nis', 'odd', 'broken', 'Anna']) assert.strictEqual(ids.uidOfName(b(name)), undefined, name);
    for (const id of [5, 7, -3, 1.5, NaN]) assert.strictEqual(ids.nameOfUid(id), undefined);
    assert.strictEqual(ids.gidOfName(b('anna')), undefined);
  });

  it('asks elsewhere only where the system has an elsewhere, and once', () => {
    const files = sources('passwd: files # ldap\ngroup: compat\n');
    assert.strictEqual(new IdNames(files).uidOfName(b('eva')), undefined);
    assert.deepStrictEqual(files.asked, []);

    const ldap = sources('passwd:  files [NOTFOUND=continue] ldap\ngroup: files\n', { eva: 'eva:*:5000:5000:::', '6000': 'max:*:6000:1:::' });
    const ids = new IdNames(ldap);
    for (let i = 0; i < 3; i++) {
      assert.deepStrictEqual([ids.uidOfName(b('eva')), ids.nameOfUid(5000), ids.nameOfUid(6000), ids.uidOfName(b('max'))], [5000, 'eva', 'max', 6000]);
      assert.deepStrictEqual([ids.uidOfName(b('none')), ids.nameOfUid(7000), ids.gidOfName(b('none'))], [undefined, undefined, undefined]);
    }
    assert.deepStrictEqual(ldap.asked, ['passwd eva', 'passwd 6000', 'passwd none', 'passwd 7000']);
    ids.forget();
    ids.uidOfName(b('eva'));
    assert.strictEqual(ldap.asked.length, 5);
  });

  it('never hands a number, an option or raw bytes to the other program', () => {
    const ldap = sources('passwd: files sss\n', { EVA: 'eva:*:5000:5000:::' });
    const ids = new IdNames(ldap);
    for (const name of ['0', '1000', '--help', '-s', 'a:b', 'a\nb', 'a\0b', '\xff\xfe']) assert.strictEqual(ids.uidOfName(b(name)), undefined, name);
    assert.deepStrictEqual(ldap.asked, []);
    assert.strictEqual(ids.uidOfName(b('EVA')), undefined, 'the answer must carry the very name that was asked for');
  });

  it('agrees with the system', function () {
    if (spawnSync('getent', ['passwd', '0']).status !== 0) this.skip(); // no getent to compare with
    forgetIds();
    for (const [kind, id, name] of [['passwd', uidOfName, nameOfUid], ['group', gidOfName, nameOfGid]] as const) {
      const lines = spawnSync('getent', [kind], { encoding: 'latin1' }).stdout.trim().split('\n');
      assert.ok(lines.length > 3);
      const seen = new Set<string>();
      for (const line of lines) {
        const [n = '', , number = ''] = line.split(':');
        assert.strictEqual(id(b(n)), Number(number), line);
        if (!seen.has(number)) assert.strictEqual(name(Number(number)), n, line);
        seen.add(number);
      }
    }
  });
});
