/**
 * --fake-super: entries of a tree that an ordinary user keeps hold what they should be in an attribute. Where a
 * side is such a tree, each record becomes what its attribute says before anyone compares it.
 */
import { Errno } from '../../fs/index.js';
import { decodeFakeStat, FAKE_STAT, fakeStatFits } from '../../plan/index.js';
import type { TreeReader } from '../source/index.js';
import type { ByteString, StatTable } from '../../tree/index.js';

/** Overlays record i with what the entry should be. `name` empty: the open folder itself. */
export function overlayFakeStat(tree: TreeReader, at: number, name: ByteString, table: StatTable, i: number): void {
  const value = name === '' ? tree.fgetXattr(at, FAKE_STAT) : tree.getXattr(at, name, FAKE_STAT);
  if (typeof value === 'number') return;
  const fake = decodeFakeStat(value);
  if (fake === undefined || !fakeStatFits(table.type(i), fake)) return;
  table.overlay(i, fake);
}

/** Longest text of a symlink, bytes. */
const LONGEST_LINK = 4095;

/** The text of a symlink, or a negated errno. `fake`: it may be kept as a regular file that holds its text. */
export function linkTextOf(tree: Pick<TreeReader, 'readlink' | 'open' | 'read' | 'close'>, at: number, name: ByteString, fake: boolean): ByteString | number {
  const text = tree.readlink(at, name);
  if (!fake || text !== -Errno.EINVAL) return text;
  const fd = tree.open(at, name, { read: true, nonBlock: true });
  if (fd < 0) return fd;
  const buffer = Buffer.allocUnsafe(LONGEST_LINK + 1);
  const got = tree.read(fd, buffer, 0, buffer.length, 0);
  tree.close(fd);
  if (got < 0) return got;
  return got === 0 || got > LONGEST_LINK ? -Errno.EINVAL : (buffer.latin1Slice(0, got) as ByteString);
}
