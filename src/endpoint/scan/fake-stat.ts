/**
 * --fake-super: entries of a tree that an ordinary user keeps hold what they should be in an attribute. Where a
 * side is such a tree, each record becomes what its attribute says before anyone compares it.
 */
import type { Posix } from '../../fs/index.js';
import { decodeFakeStat, FAKE_STAT, fakeStatFits } from '../../plan/index.js';
import type { ByteString, StatTable } from '../../tree/index.js';

/** Overlays record i with what the entry should be. `name` empty: the open folder itself. */
export function overlayFakeStat(posix: Posix, at: number, name: ByteString, table: StatTable, i: number): void {
  const value = name === '' ? posix.fgetXattr(at, FAKE_STAT) : posix.getXattr(at, name, FAKE_STAT);
  if (typeof value === 'number') return;
  const fake = decodeFakeStat(value);
  if (fake === undefined || !fakeStatFits(table.type(i), fake)) return;
  table.overlay(i, fake);
}
