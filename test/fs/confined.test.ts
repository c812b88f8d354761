/** The system calls of a process that is bound to a folder, and the names hidden in it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { parseFilterRule } from '../../src/filter/index.js';
import { ConfinedPosix, Errno, NativePosix, type NameList } from '../../src/fs/index.js';
import { StatTable, type ByteString } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

const b = (text: string): ByteString => text as ByteString;
const rules = (...texts: string[]) => texts.flatMap((text) => parseFilterRule(b(text), { source: 'test', line: 0 }));

(process.platform === 'linux' ? describe : describe.skip)('ConfinedPosix (Linux)', () => {
  const tmp = useTempFolder('confined');
  const native = new NativePosix();
  const table = new StatTable(4);
  let top: number;
  let root: number;

  beforeEach(() => {
    for (const folder of ['root/a/b', 'root/secret/deep', 'out']) mkdirSync(tmp.at(folder), { recursive: true });
    for (const file of ['root/file', 'root/a/file', 'root/x.key', 'root/secret/file', 'out/file']) writeFileSync(tmp.at(file), file);
    symlinkSync('../out', tmp.at('root/out'));
    symlinkSync(tmp.at('root/a'), tmp.at('root/absolute'));
    symlinkSync('../../out/file', tmp.at('root/a/far'));
    symlinkSync('../file', tmp.at('root/a/near'));
    symlinkSync('near', tmp.at('root/a/chain'));
    symlinkSync('loop', tmp.at('root/loop'));
    symlinkSync('secret', tmp.at('root/to-secret'));
    symlinkSync('x.key', tmp.at('root/to-key'));
    top = native.openRoot(b(tmp.at('root')));
  });
  afterEach(() => { native.close(top); });

  function bound(...hidden: string[]): ConfinedPosix {
    const posix = new ConfinedPosix(native, { root: top, hidden: rules(...hidden) }, new StatTable(1));
    root = posix.openRoot(b('/'));
    assert.ok(root >= 0);
    return posix;
  }

  /** Content by name with following, or the negated errno. */
  function content(posix: ConfinedPosix, at: number, name: string): string | number {
    const fd = posix.open(at, b(name), { read: true, follow: true });
    if (fd < 0) return fd;
    const buffer = Buffer.alloc(64);
    const n = posix.read(fd, buffer, 0, 64, 0);
    posix.close(fd);
    return buffer.toString('utf8', 0, n);
  }

  it('reads attributes through symlinks as long as these stay below the root', () => {
    const posix = bound('- *.key');
    const a = posix.openDir(root, b('a'));
    for (const file of ['root/file', 'out/file', 'root/x.key']) execFileSync('setfattr', ['-n', 'user.at', '-v', file, tmp.at(file)]);
    const value = (at: number, name: string): string | number => {
      const got = posix.getXattr(at, b(name), b('user.at'), true);
      return typeof got === 'number' ? got : String(got);
    };
    assert.deepEqual([value(a, 'chain'), posix.listXattrs(a, b('chain'), true), posix.listXattrs(a, b('chain'))], ['root/file', ['user.at'], []]);
    assert.deepEqual([value(a, 'far'), posix.listXattrs(a, b('far'), true), value(root, 'to-key'), value(root, 'loop')], [-Errno.EACCES, -Errno.EACCES, -Errno.ENOENT, -Errno.ELOOP]);
    posix.close(a);
    posix.close(root);
  });

  it('opens folders below the root by whole paths, and none outside', () => {
    const posix = bound();
    for (const path of ['/', '.', '/a', 'a/b', '/a/../a/b/', 'a/b/../..']) {
      const fd = posix.openRoot(b(path));
      assert.ok(fd >= 0, path);
      posix.close(fd);
    }
    for (const path of ['..', '/..', 'a/../../out', 'out', '/out', 'absolute', '/proc/self/root', 'a/../../root']) assert.ok(posix.openRoot(b(path)) < 0, path);
    posix.close(root);
  });

  it('takes no path where one name is asked for', () => {
    const posix = bound();
    const a = posix.openDir(root, b('a'));
    for (const name of ['..', 'a/b', '../file', '/etc', '../../out/new']) {
      assert.ok(posix.openDir(root, b(name)) < 0, name);
      assert.ok(posix.stat(a, b(name), table, 0) < 0, name);
      assert.ok(posix.mkdir(a, b(name), 0o700) < 0, name);
      assert.ok(posix.open(a, b(name), { write: true, create: true }, 0o600) < 0, name);
      assert.ok(posix.rename(root, b('file'), a, b(name)) < 0, name);
      assert.ok(posix.link(root, b('file'), a, b(name)) < 0, name);
      assert.ok(posix.symlink(b('x'), a, b(name)) < 0, name);
      assert.ok(posix.unlink(a, b(name)) < 0, name);
      assert.ok(posix.rmdir(a, b(name)) < 0, name);
      assert.ok(posix.chmod(a, b(name), 0o777) < 0, name);
      const errors = new Int32Array(2);
      posix.statMany(a, [b('file'), b(name)], 0, 2, table, errors);
      assert.deepEqual([errors[0], (errors[1] ?? 0) > 0], [0, true], name);
    }
    assert.equal(readFileSync(tmp.at('root/file'), 'utf8'), 'root/file');
    assert.ok(!existsSync(tmp.at('out/new')));
    for (const fd of [a, root]) posix.close(fd);
  });

  it('follows symlinks that stay below the root, and no others', () => {
    const posix = bound();
    const a = posix.openDir(root, b('a'));
    assert.equal(content(posix, a, 'near'), 'root/file');
    assert.equal(content(posix, a, 'chain'), 'root/file');
    assert.equal(posix.statFollow(a, b('chain'), table, 0), 0);
    assert.ok(table.isFile(0));
    assert.equal(content(posix, a, 'far'), -Errno.EACCES);
    assert.equal(posix.statFollow(a, b('far'), table, 0), -Errno.EACCES);
    assert.ok(posix.openDir(root, b('out'), true) < 0);
    assert.ok(posix.openDir(root, b('absolute'), true) < 0); // it stays inside, and the kernel counts from another root
    assert.equal(posix.statFollow(root, b('loop'), table, 0), -Errno.ELOOP);
    assert.ok(posix.open(a, b('near'), { write: true, follow: true }) < 0);
    for (const fd of [a, root]) posix.close(fd);
  });

  it('a folder that was moved out of the root is a way to nothing by following', () => {
    const posix = bound();
    const a = posix.openDir(root, b('a'));
    const out = native.openRoot(b(tmp.at('out')));
    native.rename(top, b('a'), out, b('a'));
    assert.equal(content(posix, a, 'near'), -Errno.EACCES);
    for (const fd of [a, out, root]) posix.close(fd);
  });

  it('hides names, and what is below them, from looking and from changing', () => {
    const posix = bound('- /secret/', '- *.key');
    const names: NameList = { names: [], types: [] };
    posix.list(root, names);
    assert.ok(!names.names.includes(b('secret')) && !names.names.includes(b('x.key')) && names.names.includes(b('file')));
    assert.equal(names.names.length, names.types.length);
    for (const path of ['secret', 'secret/deep', 'to-secret', 'a/../secret']) assert.equal(posix.openRoot(b(path)), -Errno.ENOENT, path);
    assert.equal(posix.openDir(root, b('secret')), -Errno.ENOENT);
    assert.ok(posix.openDir(root, b('to-secret'), true) < 0);
    assert.equal(posix.stat(root, b('x.key'), table, 0), -Errno.ENOENT);
    assert.equal(content(posix, root, 'to-key'), -Errno.ENOENT);
    assert.equal(posix.unlink(root, b('x.key')), -Errno.EACCES);
    assert.equal(posix.rename(root, b('file'), root, b('new.key')), -Errno.EACCES);
    assert.equal(posix.open(root, b('new.key'), { write: true, create: true }, 0o600), -Errno.EACCES);
    // A handle that was got before the name was hidden, or by another way, shows nothing either.
    const secret = native.openDir(top, b('secret'));
    assert.ok(posix.stat(secret, b('file'), table, 0) < 0);
    for (const fd of [secret, root]) posix.close(fd);
  });

  it('does not move a folder, with what is hidden in it, to where it would be in sight', () => {
    mkdirSync(tmp.at('root/a/secret'));
    const posix = bound('- /a/secret/');
    assert.equal(posix.rename(root, b('a'), root, b('other')), -Errno.EACCES);
    assert.equal(posix.renameNoReplace(root, b('a'), root, b('.~twintree-abc-1')), -Errno.EACCES);
    assert.equal(posix.rename(root, b('file'), root, b('renamed')), 0);
    posix.close(root);
  });

  it('a rule for folders alone asks what the name is', () => {
    const posix = bound('- file/');
    assert.equal(posix.stat(root, b('file'), table, 0), 0);
    assert.equal(posix.mkdir(root, b('file'), 0o700), -Errno.EACCES);
    posix.close(root);
  });

  it('sessions may make their temporary names where everything is hidden but some, and nothing becomes of them but what may be there', () => {
    const posix = bound('+ *.iso', '- *');
    const temp = b('.~twintree-abc-1');
    const fd = posix.open(root, temp, { write: true, create: true }, 0o600);
    assert.ok(fd >= 0);
    assert.equal(posix.rename(root, temp, root, b('other')), -Errno.EACCES);
    assert.equal(posix.rename(root, temp, root, b('good.iso')), 0);
    for (const each of [fd, root]) posix.close(each);
  });
});
