/** FolderCache: handles below a root, never through a symlink, as many as allowed, for as long as promised. */
import assert from 'node:assert';
import fs from 'node:fs';
import fc from 'fast-check';
import { Errno, FolderCache, FOLDERS_HELD, type Posix } from '../../src/fs/index.js';
import { StatTable, type RelPath } from '../../src/tree/index.js';
import { deep, makeTree, runCommand, useTempFolder } from '../support/index.js';
import { b, IMPLEMENTATIONS, openHandles } from './support.js';

const { ENOENT, ENOTDIR, ELOOP } = Errno;
const table = new StatTable(1);

for (const { kind, posix: get } of IMPLEMENTATIONS) {
  describe(`fs: FolderCache (${kind})`, () => {
    const tmp = useTempFolder('folders');
    let posix: Posix;
    let root = -1;
    let before: string[] = [];
    beforeEach('open the root', () => {
      posix = get();
      before = openHandles();
      root = posix.openRoot(b(tmp.path));
    });
    afterEach('close the root: nothing else is open', () => {
      posix.close(root);
      assert.deepStrictEqual(openHandles(), before);
    });

    const inode = (fd: number): number => (posix.fstat(fd, table, 0) === 0 ? table.inoLow(0) + table.inoHigh(0) * 2 ** 32 : -1);
    const inodeAt = (path: string): number => fs.statSync(tmp.at(path)).ino;
    const using = (options: ConstructorParameters<typeof FolderCache>[2], act: (cache: FolderCache) => void): void => {
      const cache = new FolderCache(posix, root, options);
      act(cache);
      cache.closeAll();
      assert.strictEqual(cache.size, 0);
    };

    it('gives the root for the empty path, and does not own it', () => using({}, (cache) => {
      assert.strictEqual(cache.open(b('')), root);
      assert.strictEqual(cache.pin(b('')), root);
      cache.unpin(root);
      cache.forget(b(''));
      assert.ok(inode(root) > 0);
    }));

    it('opens what the path names, and the same handle again', () => {
      fs.mkdirSync(tmp.at('a/b/c'), { recursive: true });
      using({}, (cache) => {
        const fd = cache.open(b('a/b/c'));
        assert.strictEqual(inode(fd), inodeAt('a/b/c'));
        assert.strictEqual(inode(cache.open(b('a'))), inodeAt('a'));
        assert.strictEqual(cache.open(b('a/b/c')), fd);
        assert.strictEqual(cache.size, 3);
      });
    });

    it('answers with the errno of what is in the way', () => {
      fs.mkdirSync(tmp.at('d'));
      fs.writeFileSync(tmp.at('d/f'), '');
      using({}, (cache) => assert.deepStrictEqual([cache.open(b('none')), cache.open(b('d/none/x')), cache.open(b('d/f')), cache.open(b('d/f/x')), cache.pin(b('d/none'))], [-ENOENT, -ENOENT, -ENOTDIR, -ENOTDIR, -ENOENT]));
    });

    it('goes through no symlink, at the end or on the way', () => {
      fs.mkdirSync(tmp.at('real/sub'), { recursive: true });
      fs.symlinkSync('real', tmp.at('link'));
      using({}, (cache) => {
        for (const path of ['link', 'link/sub']) assert.ok([-ENOTDIR, -ELOOP].includes(cache.open(b(path))), path);
      });
      using({ follow: true }, (cache) => assert.strictEqual(inode(cache.open(b('link/sub'))), inodeAt('real/sub')));
    });

    it('is not led out of the root by a folder exchanged for a symlink', () => {
      fs.mkdirSync(tmp.at('root/way/deep'), { recursive: true });
      fs.mkdirSync(tmp.at('outside/deep'), { recursive: true });
      const below = posix.openRoot(b(tmp.at('root')));
      const cache = new FolderCache(posix, below);
      cache.open(b('way'));
      fs.renameSync(tmp.at('root/way'), tmp.at('root/moved'));
      fs.symlinkSync('../outside', tmp.at('root/way'));
      // The handle held still means the folder that was meant; asked anew, the symlink is refused.
      assert.strictEqual(inode(cache.open(b('way/deep'))), inodeAt('root/moved/deep'));
      cache.forget(b('way'));
      assert.ok([-ENOTDIR, -ELOOP].includes(cache.open(b('way/deep'))));
      cache.closeAll();
      posix.close(below);
    });

    it('opens paths longer than PATH_MAX', () => {
      makeTree(tmp.path, deep(30, 'd'.repeat(200), { leaf: 'content' }));
      const path = Array(30).fill('d'.repeat(200)).join('/');
      assert.ok(path.length > 4096);
      using({}, (cache) => {
        const fd = cache.open(b(path));
        assert.ok(fd >= 0, `answers ${fd}`);
        assert.strictEqual(posix.stat(fd, b('leaf'), table, 0), 0);
        assert.strictEqual(table.size(0), 7);
      });
    });

    it('opens a folder deeper than the number it keeps', () => {
      makeTree(tmp.path, deep(100, 'd', { leaf: 'content' }));
      using({ capacity: 24 }, (cache) => {
        assert.strictEqual(posix.stat(cache.open(b(Array(100).fill('d').join('/'))), b('leaf'), table, 0), 0);
        assert.strictEqual(cache.size, 24);
      });
    });

    it('opens one folder a step when walking in order', () => {
      for (let i = 0; i < 60; i++) fs.mkdirSync(tmp.at(`a/b/${i}/x`), { recursive: true });
      let opened = 0;
      const counting = Object.create(posix, { openDir: { value: (at: number, name: never, follow?: boolean) => { opened++; return posix.openDir(at, name, follow); } } }) as Posix;
      const cache = new FolderCache(counting, root);
      for (let i = 0; i < 60; i++) {
        cache.open(b(`a/b/${i}`));
        cache.open(b(`a/b/${i}/x`));
      }
      assert.strictEqual(opened, 122);
      cache.closeAll();
    });

    it('keeps its bound, and the last ones returned', () => {
      for (let i = 0; i < 200; i++) fs.mkdirSync(tmp.at(`d${i}`));
      using({ capacity: 24 }, (cache) => {
        const returned: number[] = [];
        for (let i = 0; i < 200; i++) {
          returned.push(cache.open(b(`d${i}`)));
          assert.ok(cache.size <= 24);
          for (let k = Math.max(0, i - FOLDERS_HELD); k <= i; k++) assert.strictEqual(inode(returned[k] as number), inodeAt(`d${k}`));
        }
      });
    });

    it('keeps a pinned handle through everything, until it is unpinned', () => {
      for (let i = 0; i < 100; i++) fs.mkdirSync(tmp.at(`d${i}`));
      using({ capacity: 24 }, (cache) => {
        const fd = cache.pin(b('d0'));
        assert.strictEqual(cache.pin(b('d0')), fd);
        const expected = inode(fd);
        for (let i = 1; i < 100; i++) cache.open(b(`d${i}`));
        cache.forget(b('d0'));
        assert.strictEqual(inode(fd), expected);
        cache.unpin(fd);
        assert.strictEqual(inode(fd), expected);
        cache.unpin(fd);
        assert.ok(!openHandles().some((handle) => handle.startsWith(`${fd} `)), 'closed with the last unpin');
        assert.throws(() => cache.unpin(fd), /not pinned/);
      });
    });

    it('forgets a path with everything below it, and nothing else', () => {
      for (const path of ['a/b', 'a.b', 'ab', 'a/c/d']) fs.mkdirSync(tmp.at(path), { recursive: true });
      using({}, (cache) => {
        for (const path of ['a/b', 'a.b', 'ab', 'a/c/d']) cache.open(b(path));
        assert.strictEqual(cache.size, 6);
        cache.forget(b('a'));
        assert.strictEqual(cache.size, 2);
        fs.renameSync(tmp.at('a'), tmp.at('z'));
        assert.strictEqual(cache.open(b('a/b')), -ENOENT);
        cache.forget(b(''));
        assert.strictEqual(cache.size, 0);
      });
    });

    it('behaves as opening each path anew would, whatever is asked in whatever order', () => {
      const paths: RelPath[] = [];
      for (const x of 'abcdef') for (const y of 'abcdef') {
        fs.mkdirSync(tmp.at(x, y), { recursive: true });
        paths.push(b(x), b(`${x}/${y}`));
      }
      paths.push(b('none'), b('a/none'));
      const step = fc.tuple(fc.constantFrom('open', 'open', 'open', 'pin', 'unpin', 'forget'), fc.constantFrom(...paths));
      fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const cache = new FolderCache(posix, root, { capacity: 24 });
        const held: [number, RelPath][] = []; // by pin
        const recent: [number, RelPath][] = [];
        for (const [what, path] of steps) {
          if (what === 'forget') {
            cache.forget(path);
            recent.length = 0;
          } else if (what === 'unpin') {
            const [fd] = held.shift() ?? [root];
            cache.unpin(fd);
          } else {
            const fd = what === 'open' ? cache.open(path) : cache.pin(path);
            if (path.endsWith('none')) assert.strictEqual(fd, -ENOENT);
            else {
              recent.push([fd, path]);
              if (what === 'pin') held.push([fd, path]);
            }
          }
          for (const [fd, meant] of [...held, ...recent.slice(-FOLDERS_HELD)]) assert.strictEqual(inode(fd), inodeAt(meant));
          assert.ok(cache.size <= 24 + held.length + 1);
        }
        cache.closeAll();
        for (const [, path] of held) assert.ok(inodeAt(path) > 0);
      }), { numRuns: 40 });
    });

    it('gives handles up where the process may have no more', () => {
      for (let i = 0; i < 120; i++) fs.mkdirSync(tmp.at(`d${i}`));
      const child = new URL('child.js', import.meta.url).pathname;
      const { stdout, stderr } = runCommand(process.execPath, [child, 'few-handles', tmp.path, '120'], { maxOpenFiles: 80, env: kind === 'portable' ? { TWINTREE_NO_FFI: '1' } : {} });
      assert.strictEqual(stdout, JSON.stringify({ answers: ['open'], held: true }), stderr);
    });
  });
}
