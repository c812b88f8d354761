/**
 * DirtyTree: a set of hints in bounded memory. What a coarser hint covers is absorbed by it; when there is no room left,
 * hints are made coarser (names to their folder, folders to a subtree, at last the whole tree), never dropped. Pure.
 *
 * A trie of names. Its size is counted in nodes, so that long paths count as much as they cost.
 */
import type { ByteString, RelPath } from '../../tree/index.js';
import type { Hint, HintReason, HintScope } from '../hint.js';

/** Ranks of scopes; 0: the node is only on the way. */
const RANK: Record<HintScope, number> = { entry: 1, listing: 2, subtree: 3 };
const ENTRY = 1;
const LISTING = 2;
const SUBTREE = 3;
const SCOPES: readonly HintScope[] = ['entry', 'entry', 'listing', 'subtree'];

/** Records that leave together: the two ends of renames. */
export interface DirtyGroup {
  readonly members: Set<DirtyNode>;
}

/** A place in the tree; a record where `rank` is above 0. */
export class DirtyNode {
  children: Map<ByteString, DirtyNode> | undefined;
  rank = 0;
  reason: HintReason = 'unclear';
  gone = false;
  from: RelPath | undefined;
  /** When it was first heard of, ms. Of a record that absorbed others: the first of all. */
  first = 0;
  /** When it was last heard of, ms; where it is complete, since when it is. Of a record that absorbed others: the last of all. */
  last = 0;
  /** See Hint. Of a record that absorbed others: all are. */
  complete = false;
  group: DirtyGroup | undefined;
  /** Goes up when it may leave earlier than before, so that who keeps records by time sees it. */
  version = 0;
  /** Nodes at and below. */
  nodes = 1;
  /** Direct children that are `entry` records. */
  entries = 0;

  constructor(readonly parent: DirtyNode | undefined, readonly name: ByteString) {}

  get path(): RelPath {
    return pathOf(this);
  }

  get scope(): HintScope {
    return SCOPES[this.rank] as HintScope;
  }

  hint(): Hint {
    const { path, scope, reason, first, gone, complete, from } = this;
    return { path, scope, reason, at: first, gone, ...(complete ? { complete } : {}), ...(from === undefined ? {} : { from }) };
  }
}

function pathOf(leaf: DirtyNode): RelPath {
  const parts: string[] = [];
  for (let node = leaf; node.parent !== undefined; node = node.parent) parts.push(node.name);
  return parts.toReversed().join('/') as RelPath;
}

export interface DirtyTreeOptions {
  /** Most nodes held: names of dirty paths and of the folders on the way. At least 8. */
  most: number;
  /** Names of one folder from which on the folder is meant as a whole (`listing`). */
  folderStorm: number;
  /** Told of each record that is new, was first seen earlier than was known, or is complete now. */
  changed?: (node: DirtyNode) => void;
}

export class DirtyTree {
  readonly root = new DirtyNode(undefined, '' as ByteString);
  /** Records held. */
  size = 0;
  /** How often hints were made coarser for want of room. */
  coarsened = 0;

  constructor(private readonly options: DirtyTreeOptions) {}

  /** Adds a hint heard of at `now`; returns the record that covers it. `hint.at` is when it was first seen. */
  add(hint: Hint, now: number): DirtyNode {
    const covering = this.put(hint, now);
    if (this.root.nodes <= this.options.most) return covering;
    this.coarsen();
    return this.covering(hint.path, RANK[hint.scope]) as DirtyNode;
  }

  /** Takes a record out. */
  remove(node: DirtyNode): void {
    if (node.rank === 0) return;
    node.group?.members.delete(node);
    node.group = undefined;
    this.clear(node);
    this.trim(node);
  }

  /** All records, folders before what is in them, otherwise in no order. */
  *records(): Generator<DirtyNode> {
    const stack = [this.root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.rank > 0) yield node;
      if (node.children !== undefined) stack.push(...node.children.values());
    }
  }

  /** The record that covers a path with at least this scope. */
  covers(path: RelPath, scope: HintScope): DirtyNode | undefined {
    return this.covering(path, RANK[scope]);
  }

  private covering(path: RelPath, rank: number): DirtyNode | undefined {
    let node = this.root;
    if (node.rank === SUBTREE) return node;
    const parts = path === '' ? [] : (path.split('/') as ByteString[]);
    for (let i = 0; i < parts.length; i++) {
      const child = node.children?.get(parts[i] as ByteString);
      if (i === parts.length - 1 && rank === ENTRY && node.rank === LISTING) return node;
      if (child === undefined) return undefined;
      if (child.rank === SUBTREE) return child;
      node = child;
    }
    return node.rank >= rank ? node : undefined;
  }

  private put(hint: Hint, now: number): DirtyNode {
    const rank = RANK[hint.scope];
    let node = this.root;
    if (hint.path !== '') {
      for (let start = 0; ;) {
        if (node.rank === SUBTREE) return this.touch(node, hint, now);
        const slash = hint.path.indexOf('/', start);
        if (slash < 0 && rank === ENTRY && node.rank === LISTING) return this.touch(node, hint, now);
        node = this.child(node, (slash < 0 ? hint.path.slice(start) : hint.path.slice(start, slash)) as ByteString);
        if (slash < 0) break;
        start = slash + 1;
      }
    }
    if (node.rank >= rank) {
      if (node.rank === ENTRY && !node.complete && hint.complete === true && hint.reason !== 'attributes') this.close(node, now);
      const covering = this.touch(node, hint, now);
      node.gone = hint.gone; // the latest word on this name
      if (hint.from !== undefined) node.from = hint.from;
      return covering;
    }
    const complete = hint.complete === true;
    this.raise(node, rank, hint.reason, hint.at, now, complete);
    node.gone = hint.gone;
    if (hint.from !== undefined) node.from = hint.from;
    const { parent } = node;
    if (rank === ENTRY && parent !== undefined && parent.entries > this.options.folderStorm) {
      this.raise(parent, LISTING, 'storm', hint.at, now, complete);
      return parent;
    }
    return node;
  }

  private touch(node: DirtyNode, hint: Hint, now: number): DirtyNode {
    if (!hint.gone) node.gone = false;
    this.hear(node, now, hint.complete === true);
    if (hint.at < node.first) {
      node.first = hint.at;
      this.tell(node);
    }
    return node;
  }

  /** Something of a record was heard. Further changes that are complete do not keep back what is. */
  private hear(node: DirtyNode, now: number, complete: boolean): void {
    if (node.complete && complete) return;
    node.last = Math.max(node.last, now);
    node.complete = false;
  }

  /** The last word on a name: it is complete now. */
  private close(node: DirtyNode, now: number): void {
    node.last = Math.max(node.last, now);
    node.complete = true;
    this.tell(node);
  }

  private tell(node: DirtyNode): void {
    node.version++;
    this.options.changed?.(node);
  }

  private child(node: DirtyNode, name: ByteString): DirtyNode {
    node.children ??= new Map();
    let child = node.children.get(name);
    if (child === undefined) {
      node.children.set(name, (child = new DirtyNode(node, name)));
      for (let up: DirtyNode | undefined = node; up !== undefined; up = up.parent) up.nodes++;
    }
    return child;
  }

  /** Makes a node a record of this rank, absorbing what it then covers. */
  private raise(node: DirtyNode, rank: number, reason: HintReason, first: number, now: number, complete: boolean): void {
    const fresh = node.rank === 0;
    if (fresh) {
      node.reason = reason;
      node.first = first;
      node.last = now;
      node.complete = complete;
      this.size++;
      if (rank === ENTRY && node.parent !== undefined) node.parent.entries++;
    } else {
      if (node.rank === ENTRY && node.parent !== undefined) node.parent.entries--;
      node.first = Math.min(node.first, first);
      this.hear(node, now, complete);
      node.gone = false;
    }
    node.rank = rank;
    if (rank === SUBTREE) this.absorbAll(node);
    else if (rank === LISTING) this.absorbNames(node);
    this.tell(node);
  }

  private absorbNames(node: DirtyNode): void {
    if (node.children === undefined) return;
    for (const child of node.children.values()) {
      if (child.rank !== ENTRY) continue;
      this.absorb(node, child);
      this.clear(child);
      if (child.children === undefined) this.cut(child);
    }
  }

  private absorbAll(node: DirtyNode): void {
    if (node.children === undefined) return;
    const stack = [...node.children.values()];
    for (let below = stack.pop(); below !== undefined; below = stack.pop()) {
      if (below.rank > 0) {
        this.absorb(node, below);
        below.rank = 0;
        this.size--;
      }
      if (below.children !== undefined) stack.push(...below.children.values());
    }
    const lost = node.nodes - 1;
    node.children = undefined;
    node.entries = 0;
    for (let up: DirtyNode | undefined = node; up !== undefined; up = up.parent) up.nodes -= lost;
  }

  /** Gives times and company of a record to the one that covers it. */
  private absorb(into: DirtyNode, node: DirtyNode): void {
    into.first = Math.min(into.first, node.first);
    into.last = Math.max(into.last, node.last);
    into.complete &&= node.complete;
    const { group } = node;
    if (group === undefined) return;
    group.members.delete(node);
    node.group = undefined;
    if (into.group === undefined) {
      group.members.add(into);
      into.group = group;
    } else if (into.group !== group) joinGroups(into.group, group);
  }

  /** A record becomes a mere place. */
  private clear(node: DirtyNode): void {
    if (node.rank === ENTRY && node.parent !== undefined) node.parent.entries--;
    node.rank = 0;
    node.gone = false;
    node.complete = false;
    node.from = undefined;
    this.size--;
  }

  /** Takes a node without children out of the tree. */
  private cut(node: DirtyNode): void {
    const { parent } = node;
    if (parent === undefined) return;
    parent.children?.delete(node.name);
    if (parent.children?.size === 0) parent.children = undefined;
    for (let up: DirtyNode | undefined = parent; up !== undefined; up = up.parent) up.nodes--;
  }

  /** Cuts a node, and those above it, as long as they hold nothing. */
  private trim(from: DirtyNode): void {
    for (let node: DirtyNode | undefined = from; node?.parent !== undefined && node.rank === 0 && node.children === undefined;) {
      const { parent }: DirtyNode = node;
      this.cut(node);
      node = parent;
    }
  }

  /** Makes hints coarser until at most half of the room is taken. */
  private coarsen(): void {
    this.coarsened++;
    const goal = this.options.most / 2;
    this.each((node) => {
      if (node.entries >= 2) this.raise(node, LISTING, 'storm', node.rank > 0 ? node.first : Infinity, 0, true);
      return true;
    });
    for (let cap = 4; this.root.nodes > goal; cap *= 2) {
      this.each((node) => {
        if (node.nodes > cap) return true;
        if (node.nodes >= 2) this.raise(node, SUBTREE, 'storm', node.rank > 0 ? node.first : Infinity, 0, true);
        return false;
      });
    }
  }

  /** Visits from the root down, as far as `visit` says. */
  private each(visit: (node: DirtyNode) => boolean): void {
    const stack = [this.root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (visit(node) && node.children !== undefined) stack.push(...node.children.values());
    }
  }
}

/** Puts two records, or what they are with already, into one group. */
export function together(a: DirtyNode, b: DirtyNode): void {
  if (a === b || (a.group !== undefined && a.group === b.group)) return;
  if (a.group !== undefined && b.group !== undefined) {
    joinGroups(a.group, b.group);
    return;
  }
  const group: DirtyGroup = a.group ?? b.group ?? { members: new Set() };
  for (const node of [a, b]) {
    node.group = group;
    group.members.add(node);
  }
}

function joinGroups(a: DirtyGroup, b: DirtyGroup): void {
  const [large, small] = a.members.size >= b.members.size ? [a, b] : [b, a];
  for (const node of small.members) {
    node.group = large;
    large.members.add(node);
  }
  small.members.clear();
}
