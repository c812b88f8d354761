/**
 * The order in which renames that happen together can be carried out one after the other: what stands in the way leaves first, folders that a
 * name goes into are in their place before, and where names go round in a circle (or a folder goes into itself) one of them waits under a
 * temporary name. Pure.
 */
import { joinPath, parentOf, type ByteString, type RelPath } from '../tree/index.js';
import type { Rename } from './renames.js';

/** One rename system call. `rename`: index of the rename that it completes; -1: the entry waits at `to` for its turn. */
export interface RenameStep { readonly from: RelPath; readonly to: RelPath; readonly rename: number }

interface Blocker { readonly by: Pending; readonly leaves: boolean }
interface Pending { readonly index: number; readonly to: RelPath; now: RelPath; waits: boolean }

/**
 * The steps for a list of renames (old paths as all of them stand before the first step). `waitingName` gives names that nothing else has. A
 * step's `from` is where the entry is by then. Folders on the way to a `to` that are no one's new place are there, or are made before the step.
 */
export function renameSteps(list: readonly Rename[], waitingName: (n: number) => ByteString): RenameStep[] {
  const steps: RenameStep[] = [];
  const pending = new Map<number, Pending>();
  /** Pending entries by where they are, and by where they go. */
  const at = new Map<RelPath, Pending>();
  const going = new Map<RelPath, Pending>();
  let nested = false; // an entry lies below another
  list.forEach(({ from, to }, index) => {
    const one: Pending = { index, to, now: from, waits: false };
    pending.set(index, one);
    at.set(from, one);
    going.set(to, one);
  });
  for (const { from } of list) {
    for (let above = parentOf(from); above !== '' && !nested; above = parentOf(above)) nested = at.has(above);
  }

  /** What must go before `one` can; undefined: nothing. `leaves`: it stands in the way, and goes anywhere. */
  const blocker = (one: Pending): Blocker | undefined => {
    const there = at.get(one.to);
    if (there !== undefined && there !== one) return { by: there, leaves: true };
    for (let above = parentOf(one.to); above !== ''; above = parentOf(above)) {
      const stands = at.get(above); // `one` itself, where it goes into its own old name
      if (stands !== undefined) return { by: stands, leaves: true };
      const comes = going.get(above);
      if (comes !== undefined) return { by: comes, leaves: false };
    }
    return undefined;
  };
  const move = (one: Pending, to: RelPath, rename: number): void => {
    steps.push({ from: one.now, to, rename });
    at.delete(one.now);
    const below = `${one.now}/`;
    for (const other of nested ? pending.values() : []) {
      if (other === one || !other.now.startsWith(below)) continue;
      at.delete(other.now);
      other.now = (to + other.now.slice(one.now.length)) as RelPath;
      at.set(other.now, other);
    }
    one.now = to;
    if (rename < 0) at.set(to, one);
    else {
      pending.delete(one.index);
      going.delete(one.to);
    }
  };

  let waiting = 0;
  for (const first of pending.values()) { // what goes meanwhile is not met any more
    // Goes along what stands in the way until something can go, and back. What is met twice goes round in a circle.
    let way: Pending[] = [];
    let onWay = new Set<Pending>();
    let leavers: Pending[] = [];
    const restart = (): void => {
      way = pending.has(first.index) ? [first] : [];
      onWay = new Set(way);
      leavers = [];
    };
    restart();
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const next = blocker(last);
      if (next === undefined) {
        move(last, last.to, last.index);
        way.pop();
        onWay.delete(last);
        if (leavers.at(-1) === last) leavers.pop();
        continue;
      }
      if (next.leaves) leavers.push(next.by);
      if (!onWay.has(next.by)) {
        way.push(next.by);
        onWay.add(next.by);
        continue;
      }
      const stands = leavers.at(-1);
      if (stands === undefined || stands.waits) throw new Error('renames that cannot be put into an order');
      stands.waits = true;
      move(stands, joinPath(parentOf(stands.now), waitingName(waiting++)), -1);
      restart();
    }
  }
  return steps;
}
