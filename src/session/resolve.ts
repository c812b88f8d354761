/**
 * Resolving: what can be decided only when both trees are known whole. Names that were moved are found among
 * what would be deleted, and each hard-link group gets its leader. Then `Resolver.adapt` turns the operations of
 * the plan into what is really done, the same for a dry run and a real one. Memory follows the number of hard-linked
 * inodes and of files that would be deleted (bounded), not the tree.
 */
import { emptyOperation, Item, OpKind, OperationReader, Reason, SetBits, type Operation } from '../plan/index.js';
import { EMPTY, joinPath, S_IFMT, S_IFREG, type RelPath } from '../tree/index.js';
import { spaceFor, type ComparePair } from '../endpoint/index.js';
import type { PlanStore } from './plan-store.js';

/** Most files among which moves are looked for. */
const MAX_REMOVED = 250_000;

/** Differences of a member that its line still shows. */
const LINK_REPORTS = Item.New | Item.Checksum | Item.Size | Item.Time | Item.TimeNow | Item.Perms | Item.Owner | Item.Group | Item.Acl | Item.Xattr;

interface Leader {
  path: RelPath;
  /** Inode that the leader has on the target now ('' where it is to be made). */
  inode: string;
}

/** What a group's names would cost if each were copied. */
interface GroupCost { copies: number; created: number; size: number; space: number; leaderCopied: boolean; leaderCreated: boolean }

/** What the plan counts for names that turn out to be links. */
export interface LinkSavings { files: number; bytes: number; space: number; /** Entries of any type that need no inode. */ created: number }

/** A pair to be proven equal before it is a move. */
export interface MoveCandidate { from: RelPath; to: RelPath; pair: ComparePair; /** It was seen to have been moved. */ known: boolean }

/** Decisions over the whole plan. */
export class Resolver {
  /** -t: without it a name that is linked anew takes the time its leader happens to have, and its line says so. */
  keepsTimes = true;
  private readonly leaders = new Map<string, Leader>();
  private readonly movedTo = new Map<RelPath, RelPath>();
  private readonly movedFrom = new Set<RelPath>();
  private readonly movedInodes = new Map<RelPath, { inoLow: number; inoHigh: number }>();

  /**
   * Chooses the leader of each hard-link group: the first name whose file is equal already, else the first name. Returns what
   * the plan has counted too much: it takes every name for a copy of its own.
   */
  findLeaders(store: PlanStore): LinkSavings {
    const op = emptyOperation();
    const current = new Set<string>();
    const costs = new Map<string, GroupCost>();
    for (const chunk of store.chunks(0)) {
      const reader = new OperationReader(chunk);
      let folder: RelPath = this.lastFolder;
      while (!reader.done) {
        reader.next(op);
        if (op.kind === OpKind.Folder) folder = op.name;
        if (op.group === '') continue;
        const inode = inodeOf(op);
        const isCurrent = (op.kind === OpKind.Note || op.kind === OpKind.Attributes) && inode !== '';
        const copied = op.kind === OpKind.File && op.alt === 0;
        let cost = costs.get(op.group);
        if (cost === undefined) costs.set(op.group, cost = { copies: 0, created: 0, size: op.size, space: spaceFor(op.size, op.allocated), leaderCopied: false, leaderCreated: false });
        if (copied) cost.copies++;
        const created = op.expected.mode === 0 && op.kind !== OpKind.Note && op.kind !== OpKind.Link;
        if (created) cost.created++;
        const known = this.leaders.get(op.group);
        if (known === undefined || (isCurrent && !current.has(op.group))) {
          cost.leaderCopied = copied;
          cost.leaderCreated = created;
          this.leaders.set(op.group, { path: joinPath(folder, op.name), inode: isCurrent ? inode : '' });
          if (isCurrent) current.add(op.group);
        }
      }
      this.lastFolder = folder;
    }
    this.lastFolder = EMPTY;
    const saved: LinkSavings = { files: 0, bytes: 0, space: 0, created: 0 };
    for (const { copies, created, size, space, leaderCopied, leaderCreated } of costs.values()) {
      const links = copies - (leaderCopied ? 1 : 0);
      saved.files += links;
      saved.bytes += links * size;
      saved.space += links * space;
      saved.created += created - (leaderCreated ? 1 : 0);
    }
    return saved;
  }

  /**
   * Finds pairs of a file that would be deleted and a new file of the same size and time, each file in one pair at most.
   * `refuted` are pairs of earlier calls that proved different: they are not named again. `moved`: files that were seen to have been moved, new name →
   * old one; they come first.
   */
  findMoves(store: PlanStore, refuted: readonly MoveCandidate[] = [], moved: ReadonlyMap<RelPath, RelPath> = new Map()): MoveCandidate[] {
    const removed = new Map<string, RelPath[]>();
    const again = new Set(refuted.map((pair) => pairKey(pair.from, pair.to)));
    const reserved = new Set(moved.values());
    const retried = new Set(refuted.map((pair) => pair.to));
    const op = emptyOperation();
    let count = 0;
    this.eachOperation(store, 1, op, (folder) => {
      if (op.kind !== OpKind.Delete || (op.mode & S_IFMT) !== S_IFREG || op.size === 0 || op.reason !== Reason.Extraneous) return;
      if (++count > MAX_REMOVED) return;
      const key = moveKey(op.size, op.expected.mtimeSec, op.expected.mtimeNsec);
      const list = removed.get(key);
      const path = joinPath(folder, op.name);
      if (this.movedFrom.has(path)) return;
      if (list === undefined) removed.set(key, [path]);
      else list.push(path);
    });
    const found: MoveCandidate[] = [];
    if (removed.size === 0) return found;
    this.eachOperation(store, 0, op, (folder) => {
      if (op.kind !== OpKind.File || op.group !== '' || op.alt !== 0 || op.expected.mode !== 0 || op.size === 0) return;
      const list = removed.get(moveKey(op.size, op.mtimeSec, op.mtimeNsec));
      if (list === undefined || list.length === 0) return;
      const to = joinPath(folder, op.name);
      if ((retried.size > 0 && !retried.has(to)) || this.movedTo.has(to)) return; // one that is proven needs no other
      // Of several, the one of the same name is the likeliest.
      const old = moved.get(to);
      const open = (path: RelPath): boolean => (path === old || !reserved.has(path)) && (again.size === 0 || !again.has(pairKey(path, to)));
      const seen = old === undefined ? -1 : list.findIndex((path) => path === old && open(path));
      const same = seen >= 0 ? seen : list.findIndex((path) => (path.endsWith(`/${op.name}`) || path === op.name) && open(path));
      const at = same >= 0 ? same : list.findIndex(open);
      if (at < 0) return;
      const from = list.splice(at, 1)[0] as RelPath;
      found.push({ from, to, known: seen >= 0, pair: { layer: op.layer, source: to, target: from, size: op.size } });
    });
    return found;
  }

  /** Takes a proven move into the plan. */
  move(candidate: MoveCandidate): void {
    this.movedTo.set(candidate.to, candidate.from);
    this.movedFrom.add(candidate.from);
  }

  /** A move of a kept plan, with the inode of the old file: the operation's `expected` gets it, beside a mode of 0. */
  moveKept(from: RelPath, to: RelPath, inode: { inoLow: number; inoHigh: number }): void {
    this.movedTo.set(to, from);
    this.movedFrom.add(from);
    this.movedInodes.set(from, inode);
  }

  /** New name and old one of every move. */
  get movePairs(): Iterable<readonly [to: RelPath, from: RelPath]> {
    return this.movedTo;
  }

  get moves(): number {
    return this.movedTo.size;
  }

  /** Whether any operation may be other than it stands in the plan. */
  get active(): boolean {
    return this.leaders.size > 0 || this.movedTo.size > 0;
  }

  /** Turns an operation into what is done; `op` is changed in place. */
  adapt(op: Operation, folder: RelPath): void {
    if (op.group !== '') this.adaptLink(op, folder);
    else if (op.kind === OpKind.File && this.movedTo.size > 0) {
      const from = this.movedTo.get(joinPath(folder, op.name));
      if (from === undefined) return;
      op.kind = OpKind.Move;
      op.reason = Reason.Moved;
      op.item = Item.New | Item.Local;
      op.link = from;
      const inode = this.movedInodes.get(from);
      if (inode !== undefined) {
        op.expected.inoLow = inode.inoLow;
        op.expected.inoHigh = inode.inoHigh;
      }
    } else if (op.kind === OpKind.Delete && this.movedFrom.size > 0 && this.movedFrom.has(joinPath(folder, op.name))) {
      op.kind = OpKind.Note;
      op.reason = Reason.Moved;
    }
  }

  /** Another member becomes the leader of a group whose leader failed. */
  replaceLeader(group: string, path: RelPath): void {
    this.leaders.set(group, { path, inode: '' });
  }

  /** Path of a group's leader. */
  leaderOf(group: string): RelPath | undefined {
    return this.leaders.get(group)?.path;
  }

  private adaptLink(op: Operation, folder: RelPath): void {
    const leader = this.leaders.get(op.group);
    if (leader === undefined || leader.path === joinPath(folder, op.name)) return;
    const inode = inodeOf(op);
    if (inode !== '' && inode === leader.inode) {
      // One inode already: its attributes are the leader's business.
      op.kind = OpKind.Note;
      op.reason = Reason.Unchanged;
      op.item = Item.HardLink;
      op.set = 0;
      return;
    }
    // What an alternate folder holds as it is stays unchanged, though it is linked to its leader here.
    op.reason = op.kind === OpKind.Link && op.alt > 0 ? Reason.AltDestSame : Reason.LinkMissing;
    op.kind = OpKind.Link;
    op.alt = 0;
    // What differs is told as for the file itself; linking settles it all.
    op.item = (op.item & LINK_REPORTS) | Item.HardLink | (this.keepsTimes || op.expected.mode === 0 ? 0 : Item.TimeNow);
    op.set &= ~(SetBits.Mtime | SetBits.Mode | SetBits.Uid | SetBits.Gid | SetBits.Atime | SetBits.Acl | SetBits.Xattr);
    op.link = leader.path;
  }

  private lastFolder: RelPath = EMPTY;

  private eachOperation(store: PlanStore, stream: 0 | 1, op: Operation, visit: (folder: RelPath) => void): void {
    let folder: RelPath = EMPTY;
    for (const chunk of store.chunks(stream)) {
      const reader = new OperationReader(chunk);
      while (!reader.done) {
        reader.next(op);
        if (op.kind === OpKind.Folder) folder = op.name;
        else visit(folder);
      }
    }
  }
}

/** Whether an operation deletes because nothing of that name shall be there: what an incomplete scan forbids. Other removals only make way. */
export function isDeletion(op: Operation): boolean {
  return op.kind === OpKind.Delete && (op.reason === Reason.Extraneous || op.reason === Reason.ExcludedDeleted);
}

function inodeOf(op: Operation): string {
  const e = op.expected;
  return e.mode === 0 ? '' : `${e.inoHigh}:${e.inoLow}`;
}

function pairKey(from: RelPath, to: RelPath): string {
  return `${from}\0${to}`;
}

function moveKey(size: number, sec: number, nsec: number): string {
  return `${size}:${sec}:${nsec}`;
}
