/** Extents of data: where the file system can tell, and where it cannot. */
import assert from 'node:assert';
import fs from 'node:fs';
import fc from 'fast-check';
import { dataExtents, NativePosix, PortablePosix, type Posix } from '../../src/fs/index.js';
import { describeOn, tempFolder, useTempFolder } from '../support/index.js';
import { b } from './support.js';

const BLOCK = 65_536; // a multiple of every block size met here

function extents(posix: Posix, path: string, size?: number): [number, number][] {
  const root = posix.openRoot(b(path));
  const fd = posix.open(root, b('f'), { read: true });
  const found = [...dataExtents(posix, fd, size ?? fs.statSync(`${path}/f`).size)].map((e): [number, number] => [e.start, e.end]);
  posix.close(fd);
  posix.close(root);
  return found;
}

/** Writes a block of data at each of the given block numbers of a file of `blocks` blocks. */
function sparseFile(path: string, data: readonly number[], blocks: number): void {
  const fd = fs.openSync(`${path}/f`, 'w');
  for (const block of data) fs.writeSync(fd, Buffer.alloc(BLOCK, block + 1), 0, BLOCK, block * BLOCK);
  fs.ftruncateSync(fd, blocks * BLOCK);
  fs.closeSync(fd);
}

describe('fs: holes', () => {
  const posix = new NativePosix();
  describeOn(['ext4', 'xfs', 'btrfs', 'tmpfs'], {}, (mount) => {
    it('finds the data between holes', () => {
      sparseFile(mount.path, [1, 2, 5], 8);
      assert.deepStrictEqual(extents(posix, mount.path), [[BLOCK, 3 * BLOCK], [5 * BLOCK, 6 * BLOCK]]);
    });
    it('finds no data in a file that is one hole, and none in an empty one', () => {
      sparseFile(mount.path, [], 100_000);
      assert.deepStrictEqual(extents(posix, mount.path), []);
      sparseFile(mount.path, [], 0);
      assert.deepStrictEqual(extents(posix, mount.path), []);
    });
    it('finds one extent in a file without holes', () => {
      sparseFile(mount.path, [0, 1, 2], 3);
      assert.deepStrictEqual(extents(posix, mount.path), [[0, 3 * BLOCK]]);
    });
    it('stays below the size it is given, though the file has grown', () => {
      sparseFile(mount.path, [0, 1, 3], 4);
      assert.deepStrictEqual(extents(posix, mount.path, BLOCK + 100), [[0, BLOCK + 100]]);
      assert.deepStrictEqual(extents(posix, mount.path, 3 * BLOCK), [[0, 2 * BLOCK]]);
    });
    it('covers all data and nothing but, whatever was written', () => {
      fc.assert(fc.property(fc.uniqueArray(fc.nat(30)), (data) => {
        sparseFile(mount.path, data, 31);
        const covered = new Set<number>();
        let last = -1;
        for (const [start, end] of extents(posix, mount.path)) {
          assert.ok(start > last && end > start, 'in order, apart from each other');
          last = end;
          for (let at = start; at < end; at += BLOCK) covered.add(Math.floor(at / BLOCK));
        }
        assert.deepStrictEqual([...covered].sort((x, y) => x - y), [...data].sort((x, y) => x - y));
      }), { numRuns: 25 });
    });
  });

  describe('where the file system cannot tell', () => {
    const tmp = useTempFolder('holes');
    it('takes the whole file for data', () => {
      sparseFile(tmp.path, [1], 3);
      assert.deepStrictEqual(extents(new PortablePosix(), tmp.path), [[0, 3 * BLOCK]]);
    });
    it('takes an empty file for empty', () => {
      const folder = tempFolder('holes-empty');
      sparseFile(folder.path, [], 0);
      assert.deepStrictEqual(extents(new PortablePosix(), folder.path), []);
      folder.remove();
    });
  });
});
