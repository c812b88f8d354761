/**
 * Where two files differ, by where their data lies: what is at one place of the device in both is the same, and is not read. For a file and a clone of an
 * earlier version of it, or two clones, on a file system that never overwrites blocks that are shared (btrfs, xfs). Neither may be written to meanwhile.
 *
 * It never says less than what differs; it may say more: copies of one content at two places differ, and what lies compressed, inline or in any other
 * way that an address does not tell always does. Memory is that of three windows and of the list that comes out.
 */
import type { Extent } from './holes.js';
import { ExtentMap, type ExtentKind } from './extent-map.js';
import type { Posix } from './posix.js';

/** One piece of a file: up to `end` all is of one kind, and data lies at `place` and on. */
interface Piece { kind: ExtentKind; end: number; place: number }

/**
 * The stretches below `size` that may differ, in order and apart; or a negated errno. `pause` is called between two windows.
 * RACE: a file system may move blocks in the background (a balance of btrfs) between two looks. The map of the old file is taken before and after that
 * of the fresh one, and only what both say counts.
 */
export function changedExtents(posix: Posix, old: number, fresh: number, size: number, pause: () => void = () => undefined): Extent[] | number {
  const maps = [new ExtentMap(), new ExtentMap(), new ExtentMap()] as const;
  const [before, now, after] = maps;
  const changed: Extent[] = [];
  for (let at = 0; at < size;) {
    const error = Math.min(posix.extents(old, at, before), posix.extents(fresh, at, now), posix.extents(old, at, after));
    if (error < 0) return error;
    const steady = before.equals(after);
    const end = Math.min(size, told(before), told(now));
    if (end <= at) return -5; // a map that ends before it begins: the file system does not tell
    if (steady) compare(before, now, at, end, changed);
    else add(changed, at, end);
    at = end;
    pause();
  }
  return changed;
}

/** How far a window tells. */
function told(map: ExtentMap): number {
  return map.whole ? Infinity : map.end(map.count - 1);
}

/** Adds what differs in [from, to), which both windows tell all of. */
function compare(old: ExtentMap, fresh: ExtentMap, from: number, to: number, changed: Extent[]): void {
  let i = 0;
  let k = 0;
  for (let at = from; at < to;) {
    while (i < old.count && old.end(i) <= at) i++;
    while (k < fresh.count && fresh.end(k) <= at) k++;
    const a = pieceAt(old, i, at);
    const b = pieceAt(fresh, k, at);
    const end = Math.min(a.end, b.end, to);
    const same = (a.kind === 'zeros' && b.kind === 'zeros') || (a.kind === 'data' && b.kind === 'data' && a.place === b.place);
    if (!same) add(changed, at, end);
    at = end;
  }
}

/** What is at `at`: in extent `i`, or in the hole before it. */
function pieceAt(map: ExtentMap, i: number, at: number): Piece {
  if (i >= map.count) return { kind: 'zeros', end: Infinity, place: 0 };
  const start = map.start(i);
  if (start > at) return { kind: 'zeros', end: start, place: 0 };
  return { kind: map.kind(i), end: map.end(i), place: map.place(i) + at - start };
}

function add(list: Extent[], start: number, end: number): void {
  const last = list.at(-1);
  if (last !== undefined && last.end === start) last.end = end;
  else list.push({ start, end });
}
