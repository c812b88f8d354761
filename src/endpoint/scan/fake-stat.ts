/**
 * --fake-super: entries of a tree that an ordinary user keeps hold what they should be in an attribute. Where a
 * side is such a tree, each record becomes what its attribute says before anyone compares it.
 */
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
