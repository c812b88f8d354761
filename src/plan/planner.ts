/**
 * The planner: one entry of the source beside the entry of the same name on the target → one operation
 * with its reason. Pure: what needs the disk (comparing content, attribute lists, link texts) is handed
 * in as `Probe`. The same planner serves a dry run, a real run, and every transport.
 *
 * It writes into one reused Operation; the caller encodes it at once.
 */
import type { ByteString, StatTable } from '../tree/index.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../tree/index.js';
import { clearOperation, fillExpected, fillSource } from './fill.js';
import { KeptAttributes, type Probe } from './kept-attributes.js';
import { Item, OpKind, Reason, SetBits, type Operation } from './operation.js';
import type { SessionOptions } from './options.js';

/** Mode (with type) of a regular file that twintree began and did not finish: sticky and write-only. */
export const INCOMPLETE_MODE = S_IFREG | 0o1200;

/** Item and set bits for "everything about it is new". */
const NEW_ITEM = Item.New;

/** Plans one entry at a time. What is kept of it says `KeptAttributes`. */
export class Planner extends KeptAttributes {
  /**
   * Plans a regular file, symlink, device, FIFO or socket. `t` and `j` are undefined and -1 where the target
   * has nothing (or only an obstacle of another type that goes: then `obstacle` is true).
   * `link` is the source's link text as it shall stand on the target.
   */
  entry(
    name: ByteString, s: StatTable, i: number, t: StatTable | undefined, j: number,
    obstacle: boolean, link: ByteString, probe: Probe,
  ): Operation {
    const op = this.op;
    const type = s.type(i);
    this.source(name, s, i, t, j);
    op.link = link;
    if (t === undefined || obstacle) {
      this.created(op, type, s, i, obstacle ? Reason.ObstacleInWay : Reason.New);
      return op;
    }
    switch (type) {
      case S_IFREG: this.file(op, s, i, t, j, probe); break;
      case S_IFLNK: this.symlink(op, s, i, t, j, link, probe); break;
      default: this.node(op, type, s, i, t, j, probe); break;
    }
    return op;
  }

  /** Plans a folder. `undefined` target: it will be made. `exists` false with a table: an obstacle stands there. */
  folder(path: ByteString, s: StatTable, i: number, t: StatTable | undefined, j: number, obstacle: boolean, probe: Probe): Operation {
    const op = this.op;
    this.source(path, s, i, t, j);
    op.kind = OpKind.Folder;
    op.size = s.size(i); // for listings; nothing of it is transferred
    if (t === undefined || obstacle) {
      op.item = NEW_ITEM | Item.Local;
      op.reason = obstacle ? Reason.ObstacleInWay : Reason.New;
      op.set = this.allBits(S_IFDIR);
      op.mode = S_IFDIR | this.perms(s, i, -1, true);
      return op;
    }
    op.item = 0;
    op.reason = Reason.Unchanged;
    op.set = 0;
    this.attributes(op, s, i, t, j, S_IFDIR, probe);
    if (op.item !== 0) op.reason = Reason.AttributesDiffer;
    // What is done inside a folder changes its times: they are set again on leaving, changed or not.
    if (this.keepsTime(S_IFDIR)) op.set |= SetBits.Mtime;
    return op;
  }

  /** Plans the removal of a name of the target that the source does not have. */
  removal(name: ByteString, t: StatTable, j: number, reason: Reason): Operation {
    const op = this.op;
    clearOperation(op, name);
    op.kind = OpKind.Delete;
    op.reason = reason;
    op.mode = t.mode(j);
    op.size = t.isFile(j) ? t.size(j) : 0;
    fillExpected(op, t, j);
    return op;
  }

  /** A note: nothing is done with the entry, for `reason`. */
  note(name: ByteString, s: StatTable, i: number, reason: Reason): Operation {
    this.source(name, s, i, undefined, -1);
    this.op.kind = OpKind.Note;
    this.op.reason = reason;
    return this.op;
  }

  // ---------------------------------------------------------------- kinds

  private created(op: Operation, type: number, s: StatTable, i: number, reason: Reason): void {
    op.reason = reason;
    op.item = NEW_ITEM | (type === S_IFREG ? Item.Transfer : Item.Local);
    op.kind = type === S_IFREG ? OpKind.File : type === S_IFLNK ? OpKind.Symlink : OpKind.Node;
    op.set = this.allBits(type);
    op.mode = type | (type === S_IFLNK ? 0o777 : this.perms(s, i, -1, false));
  }

  private file(op: Operation, s: StatTable, i: number, t: StatTable, j: number, probe: Probe): void {
    const difference = this.contentDiffers(s, i, t, j, probe);
    if (difference === 0) {
      this.unchangedContent(op, s, i, t, j, S_IFREG, probe);
      return;
    }
    if (this.options.replace.append !== false && difference !== Reason.Incomplete && t.size(j) >= s.size(i)) {
      // Appending cannot make a file equal that is as long already: it is left as it is, attributes too.
      op.kind = OpKind.Note;
      op.reason = Reason.TargetLonger;
      op.item = 0;
      op.set = 0;
      return;
    }
    op.kind = OpKind.File;
    op.reason = difference;
    op.item = Item.Transfer;
    if (difference === Reason.Incomplete) {
      op.item |= NEW_ITEM;
      op.set = this.allBits(S_IFREG);
      op.mode = S_IFREG | this.perms(s, i, -1, false);
      return;
    }
    if (difference === Reason.ContentDiffers || this.options.compare.mode === 'checksum') op.item |= Item.Checksum;
    if (s.size(i) !== t.size(j)) op.item |= Item.Size;
    op.set = 0;
    this.attributes(op, s, i, t, j, S_IFREG, probe);
    // The content comes in a new inode: whatever is kept must be set on it.
    op.set |= this.allBits(S_IFREG);
    if (!this.keepsTime(S_IFREG)) op.item |= Item.TimeNow;
  }

  private symlink(op: Operation, s: StatTable, i: number, t: StatTable, j: number, link: ByteString, probe: Probe): void {
    if (probe.targetLink() === link) {
      this.unchangedContent(op, s, i, t, j, S_IFLNK, probe);
      return;
    }
    op.kind = OpKind.Symlink;
    op.reason = Reason.LinkTargetDiffers;
    op.item = Item.Local | Item.Checksum;
    op.set = 0;
    this.attributes(op, s, i, t, j, S_IFLNK, probe);
    op.set |= this.allBits(S_IFLNK);
    if (!this.keepsTime(S_IFLNK)) op.item |= this.options.attributes.times ? Item.Time : Item.TimeNow; // -J keeps the t of -t
  }

  private node(op: Operation, type: number, s: StatTable, i: number, t: StatTable, j: number, probe: Probe): void {
    const device = type === S_IFBLK || type === S_IFCHR;
    const same = !device || (s.rdevMajor(i) === t.rdevMajor(j) && s.rdevMinor(i) === t.rdevMinor(j));
    if (same) {
      this.unchangedContent(op, s, i, t, j, type, probe);
      return;
    }
    op.kind = OpKind.Node;
    op.reason = Reason.DeviceDiffers;
    op.item = Item.Local | Item.Checksum;
    op.set = 0;
    this.attributes(op, s, i, t, j, type, probe);
    op.set |= this.allBits(type);
    if (!this.keepsTime(type)) op.item |= Item.TimeNow;
  }

  private unchangedContent(op: Operation, s: StatTable, i: number, t: StatTable, j: number, type: number, probe: Probe): void {
    op.item = 0;
    op.set = 0;
    this.attributes(op, s, i, t, j, type, probe);
    if (op.item === 0) {
      op.kind = OpKind.Note;
      op.reason = Reason.Unchanged;
    } else {
      op.kind = OpKind.Attributes;
      op.reason = Reason.AttributesDiffer;
    }
  }

  /** 0 where the content counts as equal, else the reason. */
  private contentDiffers(s: StatTable, i: number, t: StatTable, j: number, probe: Probe): Reason | 0 {
    if (t.mode(j) === INCOMPLETE_MODE && s.mode(i) !== INCOMPLETE_MODE) return Reason.Incomplete;
    if (s.size(i) !== t.size(j)) return Reason.SizeDiffers;
    switch (this.options.compare.mode) {
      case 'size-only': return 0;
      case 'ignore-times': return Reason.IgnoreTimes;
      case 'checksum': return probe.sameContent() ? 0 : Reason.ContentDiffers;
      case 'quick': case 'doubt':
        if (!this.sameTime(s.mtimeSec(i), s.mtimeNsec(i), t.mtimeSec(j), t.mtimeNsec(j))) return Reason.TimeDiffers;
        return this.options.compare.mode === 'quick' || probe.sameContent() ? 0 : Reason.ContentDiffers;
    }
  }

  /** True where -u leaves the target's file alone: it is newer. */
  targetIsNewer(s: StatTable, i: number, t: StatTable, j: number): boolean {
    if (this.sameTime(s.mtimeSec(i), s.mtimeNsec(i), t.mtimeSec(j), t.mtimeNsec(j))) return false;
    return t.mtimeSec(j) > s.mtimeSec(i) || (t.mtimeSec(j) === s.mtimeSec(i) && t.mtimeNsec(j) > s.mtimeNsec(i));
  }

  /** Item bits in which the entry of an alternate folder differs: set by `altMatch`. */
  altItem = 0;

  /**
   * How the entry of an alternate folder (--link-dest …) answers: 3 same in all that is kept, 2 same content, 1 another
   * version, 0 of another type. A folder's content counts as the same.
   */
  altMatch(s: StatTable, i: number, t: StatTable, j: number, probe: Probe): 0 | 1 | 2 | 3 {
    const type = s.type(i);
    if (type !== t.type(j)) return 0;
    const op = this.op;
    const { item, set, mode } = op;
    op.item = 0;
    let sameContent = true;
    if (type === S_IFREG) {
      sameContent = this.contentDiffers(s, i, t, j, probe) === 0;
      if (!sameContent && this.options.compare.mode === 'checksum') op.item |= Item.Checksum;
      if (s.size(i) !== t.size(j)) op.item |= Item.Size;
    } else if (type === S_IFLNK) sameContent = probe.targetLink() === op.link;
    else if (type !== S_IFDIR) sameContent = s.rdevMajor(i) === t.rdevMajor(j) && s.rdevMinor(i) === t.rdevMinor(j);
    if (!sameContent && type !== S_IFREG) op.item |= Item.Checksum;
    this.attributes(op, s, i, t, j, type, probe);
    if (!sameContent && !this.keepsTime(type)) op.item |= Item.TimeNow;
    this.altItem = op.item;
    op.item = item;
    op.set = set;
    op.mode = mode;
    return !sameContent ? 1 : this.altItem !== 0 ? 2 : 3;
  }

  private source(name: ByteString, s: StatTable, i: number, t: StatTable | undefined, j: number): void {
    clearOperation(this.op, name);
    fillSource(this.op, s, i, this.ids, this.options.attributes.atimes);
    if (t !== undefined) fillExpected(this.op, t, j);
  }
}

/** Whether entries of this type are taken along at all, by -l, --devices and --specials. */
export function typeIsWanted(type: number, options: SessionOptions): boolean {
  const a = options.attributes;
  switch (type) {
    case S_IFREG: case S_IFDIR: return true;
    case S_IFLNK: return a.links;
    case S_IFBLK: case S_IFCHR: return a.devices || a.copyDevices;
    case S_IFIFO: case S_IFSOCK: return a.specials;
    default: return false;
  }
}
