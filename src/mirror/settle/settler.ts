/**
 * Settler: when a dirty path is due. A change that is complete (its writer has closed the file, a rename, a removal) waits for company only,
 * some milliseconds. One that may go on waits until nothing was heard of it for the quiet time, and so does a path that left within the quiet
 * time, for one that is saved again and again is not sent each time. None waits longer than the longest delay since it was first seen. Both
 * ends of a rename leave in one batch. Pure: the clock is handed in, and `nextAt` says when to look again. Memory is bounded: storms make hints coarser (see dirty-tree.ts), never fewer.
 *
 *     settler.add(hint, now);                  // as hints come
 *     const batch = settler.take(now);         // at settler.nextAt()
 */
import type { RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';
import { DirtyTree, together, type DirtyNode } from './dirty-tree.js';
import { SeenLately } from './seen-lately.js';

export interface SettleOptions {
  /** Nothing was heard of a path for so long, ms: it is due. */
  quietMs: number;
  /** So long a complete change waits for others, ms; not longer than `quietMs`. Default 5. */
  gatherMs?: number;
  /** Due at the latest so long after it was first seen, ms; also what changes all the time. At least `quietMs`. */
  longestMs: number;
  /** Most names held (dirty paths and the folders on the way). Default 50,000, some 15 MB. */
  most?: number;
  /** More dirty names than this directly in one folder make the whole folder dirty. Default 1,000. */
  folderStorm?: number;
}

/** What is due, in an order that keeps a target sensible: what is there, folders before their content; then what is gone, deepest first. */
export interface DirtyBatch {
  readonly hints: readonly Hint[];
  /** When the oldest of them was first seen, ms. */
  readonly first: number;
}

/** Default of `gatherMs`. */
export const GATHER_MS = 5;

export class Settler {
  private readonly tree: DirtyTree;
  private readonly due = new DueHeap();
  private readonly taken: Hint[] = [];
  private readonly lately: SeenLately;
  private readonly gatherMs: number;

  constructor(private readonly options: SettleOptions) {
    const { quietMs, longestMs } = options;
    if (!(quietMs >= 0 && longestMs >= quietMs)) throw new RangeError(`a quiet time of ${quietMs} ms with a longest delay of ${longestMs} ms`);
    this.gatherMs = Math.min(options.gatherMs ?? GATHER_MS, quietMs);
    const most = Math.max(options.most ?? 50_000, 8);
    this.lately = new SeenLately(quietMs, most);
    this.tree = new DirtyTree({ most, folderStorm: options.folderStorm ?? 1000, changed: (node) => this.due.push(node, this.own(node)) });
  }

  /** Takes note of a hint at `now` (ms, of a clock that never runs backwards; `hint.at` is of the same one). */
  add(hint: Hint, now: number): void {
    const node = this.tree.add(this.calm(hint, now), now);
    if (hint.from !== undefined) this.pair(hint, hint.from, true, node, now);
    if (hint.to !== undefined) this.pair(hint, hint.to, false, node, now);
    this.due.tidy(this.tree, (each) => this.own(each));
  }

  /** A rename: its two ends leave together. */
  private pair(hint: Hint, other: RelPath, gone: boolean, node: DirtyNode, now: number): void {
    const known = this.tree.covers(other, 'entry');
    const end = this.tree.add({ path: other, scope: 'entry', reason: 'moved', at: hint.at, gone: known?.gone ?? gone, complete: known?.complete ?? hint.complete === true }, now);
    // Making room for the second may have merged the first into a coarser one.
    const fresh = node.rank > 0 ? node : this.tree.covers(hint.path, hint.scope);
    if (fresh !== undefined) together(fresh, end);
  }

  /** When `take` will have something, ms; undefined: nothing is dirty. */
  nextAt(): number | undefined {
    for (let top = this.due.top(); top !== undefined; top = this.due.top()) {
      const at = this.dueAt(top);
      const known = this.due.topAt();
      if (at <= known) return known;
      this.due.pop();
      this.due.push(top, at);
    }
    return undefined;
  }

  /** What is due at `now`; undefined: nothing. It is forgotten here: who takes it keeps it until the target has it. */
  take(now: number): DirtyBatch | undefined {
    this.lately.forget(now);
    const out: DirtyNode[] = [];
    for (let top = this.due.top(); top !== undefined && this.due.topAt() <= now; top = this.due.top()) {
      this.due.pop();
      const at = this.dueAt(top);
      if (at > now) {
        this.due.push(top, at);
        continue;
      }
      for (const node of top.group === undefined ? [top] : top.group.members) out.push(node);
      for (const node of out) if (node.scope === 'entry') this.lately.put(node.path, now);
      this.collect(out);
    }
    return batchOf(this.taken.splice(0));
  }

  /** All that is dirty, due or not: for a last pass. */
  takeAll(): DirtyBatch | undefined {
    this.collect([...this.tree.records()]);
    return batchOf(this.taken.splice(0));
  }

  /** Dirty paths held. */
  get size(): number {
    return this.tree.size;
  }

  /** Whether hints were made coarser for want of room, how often. */
  get coarsened(): number {
    return this.tree.coarsened;
  }

  /** When the oldest that waits was first seen, ms. Looks at all that waits. */
  oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { first } of this.tree.records()) oldest = oldest === undefined ? first : Math.min(oldest, first);
    return oldest;
  }

  /** What waits, in no order, while nothing is added or taken. */
  *waiting(): Iterable<Hint> {
    for (const node of this.tree.records()) yield node.hint();
  }

  private collect(nodes: DirtyNode[]): void {
    for (const node of nodes.splice(0)) {
      if (node.rank === 0) continue;
      this.taken.push(node.hint());
      this.tree.remove(node);
    }
  }

  /** A path that left within the quiet time is not complete yet: it may be saved on and on. As long as it is, that is so. */
  private calm(hint: Hint, now: number): Hint {
    if (hint.complete !== true || !this.lately.has(hint.path, now)) return hint;
    this.lately.put(hint.path, now);
    return { ...hint, complete: false };
  }

  /** When a record would be due by itself. */
  private own(node: DirtyNode): number {
    return Math.min(this.settled(node), node.first + this.options.longestMs);
  }

  private settled({ last, complete }: DirtyNode): number {
    return last + (complete ? this.gatherMs : this.options.quietMs);
  }

  /** When it is due with its company: quiet is when all are, late is when one is. Never before that one's own time. */
  private dueAt(node: DirtyNode): number {
    if (node.group === undefined) return this.own(node);
    let first = Infinity;
    let settled = -Infinity;
    for (const member of node.group.members) {
      first = Math.min(first, member.first);
      settled = Math.max(settled, this.settled(member));
    }
    return Math.min(settled, first + this.options.longestMs);
  }
}

function batchOf(hints: Hint[]): DirtyBatch | undefined {
  if (hints.length === 0) return undefined;
  let first = Infinity;
  for (const hint of hints) first = Math.min(first, hint.at);
  hints.sort((a, b) => (a.gone === b.gone ? (a.path < b.path ? -1 : a.path > b.path ? 1 : 0) * (a.gone ? -1 : 1) : a.gone ? 1 : -1));
  return { hints, first };
}

interface DueEntry {
  readonly at: number;
  readonly node: DirtyNode;
  readonly version: number;
}

/**
 * Records by when they may be due. A record that is heard of again is not moved: its entry comes too early and is put back then.
 * Entries of records that are gone or were told anew are passed over.
 */
class DueHeap {
  private heap: DueEntry[] = [];

  push(node: DirtyNode, at: number): void {
    const { heap } = this;
    const entry = { at, node, version: node.version };
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if ((heap[up] as DueEntry).at <= at) break;
      heap[i] = heap[up] as DueEntry;
      i = up;
    }
    heap[i] = entry;
  }

  /** The earliest live one. */
  top(): DirtyNode | undefined {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined) return undefined;
      if (isLive(first)) return first.node;
      this.pop();
    }
  }

  /** Time of `top()`. */
  topAt(): number {
    return this.heap[0]?.at ?? Infinity;
  }

  pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && (heap[down + 1] as DueEntry).at < (heap[down] as DueEntry).at) down++;
      if ((heap[down] as DueEntry).at >= last.at) break;
      heap[i] = heap[down] as DueEntry;
      i = down;
    }
    heap[i] = last;
  }

  /** Builds anew where dead entries outnumber the records. */
  tidy(tree: DirtyTree, at: (node: DirtyNode) => number): void {
    if (this.heap.length <= 4 * tree.size + 64) return;
    this.heap = [];
    for (const node of tree.records()) this.push(node, at(node));
  }
}

function isLive({ node, version }: DueEntry): boolean {
  return node.rank > 0 && node.version === version;
}
