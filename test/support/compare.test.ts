/** The judge judged: every kind of difference is made for real and must be found, and nothing else. */
import assert from 'node:assert';
import { appendFileSync, chmodSync, lchownSync, linkSync, lutimesSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { assertSameTree, block, char, compareTrees, compareTreesCounted, deep, describeIf, dir, fifo, file, makeTree, readTree, runCommand, socket, sparse, symlink, time, treePaths, useTempFolder, utf8, type Aspect, type Tree } from './index.js';

const notRoot = process.getuid?.() === 0 ? undefined : 'needs root';

/** One of everything that a plain user can make. */
function sample(): Tree {
  const twin = file('same inode', { mtime: time(1000, 1) });
  return {
    plain: file('0123456789', { mode: 0o640, mtime: time(1_700_000_000, 123_456_789), xattrs: { 'user.a': '\0\xff' } }),
    empty: file('', { mtime: time(-5, 999_999_999) }),
    big: file({ size: 600_001, seed: 1 }, { mtime: time(2, 2) }),
    link: symlink(utf8('nach/münchen'), { mtime: time(3, 3) }),
    queue: fifo({ mtime: time(4, 4) }),
    '\xff\n-': file('odd name', { mtime: time(5, 5) }),
    sub: dir({ first: twin, inner: dir({}, { mode: 0o2750, mtime: time(6, 6) }) }, { mtime: time(7, 7) }),
    twin,
  };
}

describe('test support: comparing trees', () => {
  const tmp = useTempFolder('compare');
  beforeEach('make two equal trees', () => {
    makeTree(tmp.at('a'), sample(), { mtime: time(9, 9) });
    makeTree(tmp.at('b'), sample(), { mtime: time(9, 9) });
  });

  /** Restores the folder's time, which making a difference inside it has changed. */
  const settle = (path: string, seconds: number): void => utimesSync(path, seconds, seconds);
  const found = (): { path: string; what: Aspect }[] => compareTrees(tmp.at('a'), tmp.at('b'), { ignore: ['dir-mtime'] }).map(({ path, what }) => ({ path, what }));

  it('finds nothing between two equal trees, and has seen all of them', () => {
    const { differences, counts } = compareTreesCounted(tmp.at('a'), tmp.at('b'));
    assert.deepStrictEqual(differences, []);
    assert.deepStrictEqual(counts, { entries: 11, files: 6, dirs: 3, bytes: 10 + 0 + 600_001 + 8 + 10 + 10 });
    assertSameTree(tmp.at('a'), tmp.at('b'));
  });

  const cases: [string, Aspect, string, (b: string) => void][] = [
    ['a name that is gone', 'missing', 'empty', (b) => rmSync(`${b}/empty`)],
    ['a name too many', 'extra', 'more', (b) => writeFileSync(`${b}/more`, '')],
    ['a byte in the middle of a large file', 'content', 'big', (b) => { runCommand('bash', ['-c', `printf X | dd of='${b}/big' bs=1 seek=400000 conv=notrunc status=none`]); settle(`${b}/big`, 2); }],
    ['a longer file', 'size', 'plain', (b) => { appendFileSync(`${b}/plain`, 'x'); }],
    ['another type', 'type', 'queue', (b) => { rmSync(`${b}/queue`); writeFileSync(`${b}/queue`, ''); }],
    ['permissions of a file', 'mode', 'plain', (b) => chmodSync(`${b}/plain`, 0o641)],
    ['permissions of a folder', 'mode', 'sub/inner', (b) => chmodSync(`${b}/sub/inner`, 0o750)],
    ['the text of a symlink', 'link', 'link', (b) => { unlinkSync(`${b}/link`); symlinkSync('elsewhere', `${b}/link`); }],
    ['the time of a symlink', 'link-mtime', 'link', (b) => lutimesSync(`${b}/link`, 4, 4)],
    ['a time by part of a second', 'mtime', 'plain', (b) => utimesSync(`${b}/plain`, 1_700_000_000.5, 1_700_000_000.5)],
    ['a hard link that is a copy', 'hardlink', 'twin', (b) => { rmSync(`${b}/twin`); makeTree(b, { twin: file('same inode', { mtime: time(1000, 1) }) }); }],
    ['a copy that is a hard link', 'hardlink', 'sub/other', (b) => { writeFileSync(`${tmp.at('a')}/sub/other`, 'same inode'); linkSync(`${b}/sub/first`, `${b}/sub/other`); }],
    ['the value of an xattr', 'xattr', 'plain', (b) => { runCommand('setfattr', ['-n', 'user.a', '-v', 'other', `${b}/plain`]); }],
    ['an ACL', 'acl', 'plain', (b) => { runCommand('setfacl', ['-m', 'u:12345:r--', `${b}/plain`]); chmodSync(`${b}/plain`, 0o640); }],
  ];
  for (const [title, what, path, spoil] of cases) {
    it(`finds ${title}`, () => {
      spoil(tmp.at('b'));
      assert.ok(found().some((d) => d.what === what && d.path === path), `not found: ${JSON.stringify(found())}`);
      assert.throws(() => assertSameTree(tmp.at('a'), tmp.at('b')), new RegExp(`"${path}" ${what}`));
    });
  }

  it('finds a folder time, also of the root, to the nanosecond', () => {
    makeTree(tmp.at('c'), sample(), { mtime: time(9, 10) });
    assert.deepStrictEqual(compareTrees(tmp.at('a'), tmp.at('c')), [{ path: '', what: 'dir-mtime', a: '9000000009', b: '9000000010' }]);
    assert.deepStrictEqual(compareTrees(tmp.at('a'), tmp.at('c'), { root: false }), []);
    assert.deepStrictEqual(compareTrees(tmp.at('a'), tmp.at('c'), { mtimeGranularity: 100 }), []);
  });

  it('finds a filled hole only when asked', () => {
    makeTree(tmp.at('a'), { holes: sparse(4 << 20, [[0, 'x']], { mtime: time(1) }) });
    makeTree(tmp.at('b'), { holes: file('x'.padEnd(4 << 20, '\0'), { mtime: time(1) }) });
    runCommand('sync', [tmp.at('b')]); // allocation is decided at write-back
    assert.deepStrictEqual(found(), []);
    assert.deepStrictEqual(compareTrees(tmp.at('a'), tmp.at('b'), { ignore: ['dir-mtime'], sparse: true }).map((d) => d.what), ['allocation']);
  });

  it('moves no access time, of files and folders', () => {
    const long = time(1000);
    for (const name of ['x', 'y']) makeTree(tmp.at(name), { f: file('content', { mtime: time(2000), atime: long }), d: dir({ g: file('more', { mtime: time(2000), atime: long }) }, { mtime: time(2000), atime: long }) }, { mtime: time(2000), atime: long });
    for (let k = 0; k < 2; k++) assert.deepStrictEqual(compareTrees(tmp.at('x'), tmp.at('y'), { atime: true }), []);
    for (let k = 0; k < 2; k++) assert.deepStrictEqual([...readTree(tmp.at('x')).values()].map((entry) => entry.atime), [long, long, long, long]);
  });

  it('goes deeper than a path can be long', () => {
    makeTree(tmp.at('deep-a'), deep(20, 'd'.repeat(250), { leaf: 'one' }));
    makeTree(tmp.at('deep-b'), deep(20, 'd'.repeat(250), { leaf: 'two' }));
    const [only, ...more] = compareTrees(tmp.at('deep-a'), tmp.at('deep-b'), { ignore: ['dir-mtime', 'mtime'] });
    assert.deepStrictEqual(more, []);
    assert.strictEqual(only?.what, 'content');
    assert.strictEqual(only.path.length, 20 * 251 + 4);
  });

  describeIf('as root', notRoot, () => {
    it('finds owner, group, and device numbers', () => {
      makeTree(tmp.at('c'), { o: file('', { uid: 1, gid: 2, mtime: 0n }), d: block(7, 1, { mtime: 0n }), l: symlink('x', { mtime: 0n }) });
      makeTree(tmp.at('d'), { o: file('', { uid: 3, gid: 4, mtime: 0n }), d: block(7, 2, { mtime: 0n }), l: symlink('x', { mtime: 0n }) });
      lchownSync(tmp.at('d', 'l'), 5, 0);
      assert.deepStrictEqual(compareTrees(tmp.at('c'), tmp.at('d'), { ignore: ['dir-mtime'] }).map(({ path, what, a, b }) => [path, what, a, b]), [
        ['d', 'rdev', '7:1', '7:2'], ['l', 'uid', 0, 5], ['o', 'uid', 1, 3], ['o', 'gid', 2, 4],
      ]);
    });
  });
});

describe('test support: making trees', () => {
  const tmp = useTempFolder('make');

  it('makes exactly what was described', () => {
    makeTree(tmp.at('t'), sample());
    const facts = readTree(tmp.at('t'));
    assert.deepStrictEqual(treePaths(tmp.at('t')), ['big', 'empty', 'link', 'plain', 'queue', 'sub', 'sub/first', 'sub/inner', 'twin', '\xff\n-']);
    const plain = facts.get('plain');
    assert.deepStrictEqual([plain?.type, plain?.mode, plain?.size, plain?.mtime, plain?.xattrs], ['file', 0o640, 10, 1_700_000_000_123_456_789n, { 'user.a': '\0\xff' }]);
    assert.strictEqual(facts.get('empty')?.mtime, -4_000_000_001n);
    assert.strictEqual(facts.get('link')?.to, utf8('nach/münchen'));
    assert.strictEqual(facts.get('link')?.mtime, 3_000_000_003n);
    assert.strictEqual(facts.get('twin')?.ino, facts.get('sub/first')?.ino);
    assert.strictEqual(facts.get('twin')?.nlink, 2);
    assert.strictEqual(facts.get('sub/inner')?.mode, 0o2750);
    assert.strictEqual(facts.get('sub')?.mtime, 7_000_000_007n);
  });

  it('makes holes as holes', () => {
    makeTree(tmp.at('t'), { f: sparse(10 << 20, [[5 << 20, 'middle']]) });
    const facts = readTree(tmp.at('t')).get('f');
    assert.strictEqual(facts?.size, 10 << 20);
    assert.ok((facts?.allocated ?? Infinity) < 1 << 20, `${facts?.allocated} bytes allocated`);
  });

  it('names the path it could not make', () => {
    assert.throws(() => makeTree(tmp.at('t'), { sub: dir({ ['x'.repeat(256)]: 'too long' }) }), /sub\/x+.*File name too long/);
  });

  describeIf('as root', notRoot, () => {
    it('makes owners, devices, sockets and ACLs', () => {
      makeTree(tmp.at('t'), {
        b: block(8, 300, { mode: 0o660, uid: 7 }), c: char(300, 5), s: socket(), f: file('', { uid: 4_000_000_000, gid: 9, mode: 0o6755 }),
        d: dir({}, { acl: 'u:1000:rwx,g:50:r-x', defaultAcl: 'u:1000:r--' }),
      });
      const facts = readTree(tmp.at('t'));
      assert.deepStrictEqual([facts.get('b')?.type, facts.get('b')?.major, facts.get('b')?.minor, facts.get('b')?.mode, facts.get('b')?.uid], ['block', 8, 300, 0o660, 7]);
      assert.deepStrictEqual([facts.get('c')?.type, facts.get('c')?.major, facts.get('s')?.type], ['char', 300, 'socket']);
      assert.deepStrictEqual([facts.get('f')?.uid, facts.get('f')?.gid, facts.get('f')?.mode], [4_000_000_000, 9, 0o6755]);
      const acl = runCommand('getfacl', ['-cnp', tmp.at('t', 'd')]).stdout;
      assert.match(acl, /^user:1000:rwx$/m);
      assert.match(acl, /^group:50:r-x$/m);
      assert.match(acl, /^default:user:1000:r--$/m);
    });
  });
});
