/**
 * What changed, found by where data lies: on btrfs and xfs, whatever was done to a file between two clones of it, all that a full reading finds different
 * lies in what the extents say; and of a small change they say little.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { changedExtents, ExtentMap, loadPosix, type Extent } from '../../src/fs/index.js';
import { describeOn, Dice, whyNoMount } from '../support/index.js';

const KB = 1024;
const MB = KB * KB;
const BLOCK = 4 * KB;
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** A clone of a file, made now. */
function clone(from: string, to: string): void {
  execFileSync('cp', ['--reflink=always', from, to]);
}

function compared(old: string, fresh: string): Extent[] {
  const [a, b] = [openSync(old, 'r'), openSync(fresh, 'r')];
  const found = changedExtents(loadPosix(), a, b, statSync(fresh).size);
  closeSync(a);
  closeSync(b);
  assert.ok(typeof found !== 'number', `errno ${String(found)}`);
  return found;
}

/** Every block of the shorter one that differs lies in what was found, and what was found is in order and apart. */
function assertCovers(found: readonly Extent[], old: Buffer, fresh: Buffer, words: string): void {
  for (const [i, { start, end }] of found.entries()) assert.ok(start < end && (i === 0 || (found[i - 1] as Extent).end < start), words);
  let k = 0;
  for (let at = 0; at < Math.min(old.length, fresh.length); at += BLOCK) {
    const end = Math.min(at + BLOCK, old.length, fresh.length);
    if (old.compare(fresh, at, end, at, end) === 0) continue;
    for (let p = at; p < end; p++) {
      if (old[p] === fresh[p]) continue;
      while (k < found.length && (found[k] as Extent).end <= p) k++;
      const extent = found[k];
      assert.ok(extent !== undefined && extent.start <= p && p < extent.end, `byte ${p} differs and was not found (${words})`);
    }
  }
}

const whyNoXfsIo = spawnSync('xfs_io', ['-V'], { env }).status === 0 ? undefined : 'needs xfs_io (xfsprogs)';
const TIMES = Number(process.env['PROPERTY_RUNS'] ?? 1);

describe('changed extents', () => {
  describeOn(['xfs', 'btrfs'], { sizeMiB: 400 }, (fs) => {
    /** One thing that a program or an administrator may do to a file of `size` bytes, as a command of xfs_io or a command of its own. */
    function act(dice: Dice, file: string): string {
      const size = statSync(file).size;
      const at = dice.below(Math.max(1, Math.floor(size / BLOCK))) * BLOCK;
      const odd = dice.below(Math.max(1, size));
      const length = (1 + dice.below(32)) * BLOCK;
      const io = (...commands: string[]): string => {
        // Some are refused on some file systems (collapse on btrfs): then nothing was done.
        spawnSync('xfs_io', [...commands.flatMap((command) => ['-c', command]), file], { env });
        return commands.join(', ');
      };
      switch (dice.pick(['write', 'write', 'write', 'same', 'mmap', 'append', 'cut', 'grow', 'punch', 'zero', 'alloc', 'collapse', 'insert', 'share', 'dedupe', 'defrag', 'sync'])) {
        case 'write': return io(`pwrite -S ${dice.below(255)} ${odd} ${1 + dice.below(3 * BLOCK)}`);
        case 'same': return io(`pwrite -S 171 ${at} ${length}`);
        case 'mmap': return io(`mmap -rw 0 ${size}`, `mwrite -S ${dice.below(255)} ${odd} 1`);
        case 'append': return io(`pwrite -S ${dice.below(255)} ${size} ${1 + dice.below(2 * BLOCK)}`);
        case 'cut': truncateSync(file, Math.max(1, size - dice.below(5 * BLOCK))); return 'cut';
        case 'grow': truncateSync(file, size + dice.below(5 * BLOCK)); return 'grow';
        case 'punch': return io(`fpunch ${dice.chance(0.5) ? at : odd} ${length}`);
        case 'zero': return io(`fzero ${at} ${length}`);
        case 'alloc': return io(`falloc ${at} ${length}`);
        case 'collapse': return io(`fcollapse ${at} ${BLOCK}`);
        case 'insert': return io(`finsert ${at} ${BLOCK}`);
        case 'share': return io(`reflink ${file} ${dice.below(Math.max(1, Math.floor(size / BLOCK))) * BLOCK} ${at} ${BLOCK * (1 + dice.below(8))}`);
        case 'dedupe': return io(`dedupe ${file} ${dice.below(Math.max(1, Math.floor(size / BLOCK))) * BLOCK} ${at} ${BLOCK}`);
        case 'defrag':
          if (fs.kind === 'xfs') spawnSync('xfs_fsr', [file], { env });
          else spawnSync('btrfs', ['filesystem', 'defragment', ...(dice.chance(0.3) ? ['-czstd'] : []), file], { env });
          return 'defrag';
        default: return io('fsync');
      }
    }

    for (let seed = 1; seed <= TIMES; seed++) {
      it(`cover what a full reading finds, through random histories (seed ${seed})`, function () {
        if (whyNoXfsIo !== undefined || whyNoMount(fs.kind) !== undefined) return this.skip();
        const dice = new Dice(seed);
        const file = fs.at('file');
        writeFileSync(file, Buffer.concat(Array.from({ length: 64 }, (_, k) => Buffer.alloc(16 * KB, k + 1))));
        clone(file, fs.at('old'));
        let told = 0;
        let all = 0;
        for (let step = 0; step < 40; step++) {
          const done = Array.from({ length: 1 + dice.below(3) }, () => act(dice, file)).join('; ');
          clone(file, fs.at('fresh'));
          const [old, fresh] = [readFileSync(fs.at('old')), readFileSync(fs.at('fresh'))];
          const found = compared(fs.at('old'), fs.at('fresh'));
          assertCovers(found, old, fresh, `step ${step}: ${done}`);
          told += found.reduce((sum, { start, end }) => sum + end - start, 0);
          all += fresh.length;
          if (dice.chance(0.7)) clone(file, fs.at('old'));
        }
        assert.ok(told < all * 0.7, `${told} of ${all} bytes: little was told to be as it was`);
      });
    }

    it('of a small change in a large file say little, over many windows', () => {
      const file = fs.at('large');
      const size = 48 * MB;
      const fd = openSync(file, 'w');
      // Every other block alone: more extents than one window holds.
      for (let at = 0; at < 24 * MB; at += 2 * BLOCK) writeSync(fd, Buffer.alloc(BLOCK, 1 + ((at / BLOCK) % 250)), 0, BLOCK, at);
      for (let at = 24 * MB; at < size; at += MB) writeSync(fd, Buffer.alloc(MB, 7), 0, MB, at);
      closeSync(fd);
      clone(file, fs.at('old'));
      const map = new ExtentMap();
      const open = openSync(fs.at('old'), 'r');
      assert.equal(loadPosix().extents(open, 0, map), 0);
      closeSync(open);
      assert.ok(!map.whole, 'one window holds it all');
      clone(file, fs.at('fresh'));
      assert.deepEqual(compared(fs.at('old'), fs.at('fresh')), []);
      const change = openSync(file, 'r+');
      writeSync(change, Buffer.alloc(250, 99), 0, 250, 40 * MB + 123);
      writeSync(change, Buffer.alloc(1, 98), 0, 1, 20 * MB);
      closeSync(change);
      clone(file, fs.at('fresh'));
      const found = compared(fs.at('old'), fs.at('fresh'));
      assertCovers(found, readFileSync(fs.at('old')), readFileSync(fs.at('fresh')), 'two places');
      assert.ok(found.reduce((sum, { start, end }) => sum + end - start, 0) <= 64 * KB, JSON.stringify(found));
    });
  });

  describeOn(['btrfs'], { sizeMiB: 300, mount: 'compress-force=zstd' }, (fs) => {
    it('take what is compressed for changed: its address does not tell what part of it is meant', function () {
      if (whyNoXfsIo !== undefined) return this.skip();
      // One compressed extent; then its other half is put in the place of the first, under the same address.
      writeFileSync(fs.at('file'), Buffer.concat([Buffer.alloc(64 * KB, 'a'), Buffer.alloc(64 * KB, 'b')]));
      clone(fs.at('file'), fs.at('old'));
      spawnSync('xfs_io', ['-c', `reflink ${fs.at('file')} ${64 * KB} 0 ${64 * KB}`, fs.at('file')], { env });
      clone(fs.at('file'), fs.at('fresh'));
      const [old, fresh] = [readFileSync(fs.at('old')), readFileSync(fs.at('fresh'))];
      assert.ok(!old.equals(fresh));
      assertCovers(compared(fs.at('old'), fs.at('fresh')), old, fresh, 'compressed');
    });
  });

  describeOn(['tmpfs'], {}, (fs) => {
    it('are told not to be known where the file system does not tell', () => {
      writeFileSync(fs.at('a'), 'x');
      const fd = openSync(fs.at('a'), 'r');
      assert.ok((changedExtents(loadPosix(), fd, fd, 1) as number) < 0);
      closeSync(fd);
    });
  });
});
