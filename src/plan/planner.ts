/**
 * The planner: one entry of the source beside the entry of the same name on the target → one operation
 * with its reason. Pure: what needs the disk (comparing content, attribute lists, link texts) is handed
 * in as `Probe`. The same planner serves a dry run, a real run, and every transport.
 *
 * It writes into one reused Operation; the caller encodes it at once.
 */
import type { ByteString, StatTable } from '../tree/index.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, EMPTY } from '../tree/index.js';
import { emptyOperation } from './codec.js';
import { applyChmod, parseChmod, type ModeChanges } from './chmod.js';
import { desiredPerms } from './modes.js';
import type { IdMapper } from './id-map.js';
import { Item, OpKind, Reason, SetBits, type Operation } from './operation.js';
import type { SessionOptions } from './options.js';

/** Mode (with type) of a regular file that twintree began and did not finish: sticky and write-only. */
export const INCOMPLETE_MODE = S_IFREG | 0o1200;

/** What a plan must know about the target's file system and the user who writes it. */
export interface TargetFacts {
  /** Nanoseconds that the target's mtimes are rounded to (1 on ext4, xfs, btrfs, tmpfs). */
  granularityNs: number;
  /** May set any owner (root, or --fake-super). */
  setsOwner: boolean;
  /** Group ids the user may give away when it may not set any owner. */
  groups: ReadonlySet<number>;
  umask: number;
  /** May make block and character devices. */
  makesDevices: boolean;
}

/** Questions about the two entries at hand that need the disk. */
export interface Probe {
  /** Whether both regular files hold the same bytes; their sizes are equal. */
  sameContent(): boolean;
  /** Whether access control lists are equal (only asked with -A). */
  sameAcl(mode: number): boolean;
  /** Whether extended attributes are equal (only asked with -X). */
  sameXattrs(): boolean;
  /** Text of the target's symlink. */
  targetLink(): ByteString;
}

/** Item and set bits for "everything about it is new". */
const NEW_ITEM = Item.New;

/** Plans one entry at a time; options are unpacked once. */
export class Planner {
  /** The operation of the last call. */
  readonly op: Operation = emptyOperation();
  /** Whether the target folder at hand has its set-gid bit: what is made in it inherits the group. */
  parentSetgid = false;
  /** Permission bits of its default access list, -1 without one: what is made in it gets those instead of the umask's. */
  dirDefault = -1;
  private readonly modeChanges: ModeChanges | undefined;
  private readonly keepsMode: boolean;
  private readonly windowNs: number;

  constructor(
    private readonly options: SessionOptions,
    private readonly facts: TargetFacts,
    private readonly ids: IdMapper,
  ) {
    const a = options.attributes;
    this.modeChanges = a.chmod === undefined ? undefined : parseChmod(a.chmod);
    this.keepsMode = a.perms || a.executability;
    const window = options.compare.modifyWindow;
    this.windowNs = window > 0 ? window * 1e9 : window < 0 ? 0 : facts.granularityNs > 1 ? facts.granularityNs : 0;
  }

  /** Whether two times count as equal, by --modify-window and the target's granularity. */
  sameTime(aSec: number, aNsec: number, bSec: number, bNsec: number): boolean {
    if (aSec === bSec && aNsec === bNsec) return true;
    if (this.windowNs === 0) return false;
    const difference = Math.abs((aSec - bSec) * 1e9 + (aNsec - bNsec));
    // A coarser clock stores something less than one step away; a window given by the user is inclusive.
    return this.options.compare.modifyWindow > 0 ? difference <= this.windowNs : difference < this.windowNs;
  }

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
    this.clear(name);
    op.kind = OpKind.Delete;
    op.reason = reason;
    op.mode = t.mode(j);
    op.size = t.isFile(j) ? t.size(j) : 0;
    this.expect(op, t, j);
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
    if (this.options.compare.mode === 'checksum') op.item |= Item.Checksum;
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
      case 'quick':
        return this.sameTime(s.mtimeSec(i), s.mtimeNsec(i), t.mtimeSec(j), t.mtimeNsec(j)) ? 0 : Reason.TimeDiffers;
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

  // ---------------------------------------------------------------- attributes

  /** Adds item and set bits for every kept attribute in which the target differs; sets op.mode. */
  private attributes(op: Operation, s: StatTable, i: number, t: StatTable, j: number, type: number, probe: Probe): void {
    const a = this.options.attributes;
    if (this.keepsTime(type)) {
      if (!this.sameTime(s.mtimeSec(i), s.mtimeNsec(i), t.mtimeSec(j), t.mtimeNsec(j))) {
        op.item |= Item.Time;
        op.set |= SetBits.Mtime;
      }
    }
    if (a.atimes && type !== S_IFDIR && type !== S_IFLNK && !this.sameTime(s.atimeSec(i), s.atimeNsec(i), t.atimeSec(j), t.atimeNsec(j))) {
      op.item |= Item.Atime;
      op.set |= SetBits.Atime;
    }
    if (type === S_IFLNK) {
      op.mode = S_IFLNK | 0o777;
    } else {
      const perms = this.perms(s, i, t.mode(j), type === S_IFDIR);
      op.mode = type | perms;
      if (perms !== t.perms(j) && (this.keepsMode || this.modeChanges !== undefined)) {
        op.item |= Item.Perms;
        op.set |= SetBits.Mode;
      }
    }
    if (this.setsUid(op) && op.uid !== t.uid(j)) {
      op.item |= Item.Owner;
      op.set |= SetBits.Uid;
    }
    if (this.setsGid(op) && op.gid !== t.gid(j)) {
      op.item |= Item.Group;
      op.set |= SetBits.Gid;
    }
    // A chown takes setuid and setgid away: the mode is set again after it.
    if ((op.set & (SetBits.Uid | SetBits.Gid)) !== 0 && type !== S_IFLNK && (op.mode & 0o6000) !== 0) op.set |= SetBits.Mode;
    // And it takes a file's capabilities away, which are an extended attribute.
    if (a.xattrs && type === S_IFREG && (op.set & (SetBits.Uid | SetBits.Gid)) !== 0) op.set |= SetBits.Xattr;
    if (a.acls && type !== S_IFLNK && !probe.sameAcl(op.mode)) {
      op.item |= Item.Acl;
      op.set |= SetBits.Acl;
    }
    if (a.xattrs && !probe.sameXattrs()) {
      op.item |= Item.Xattr;
      op.set |= SetBits.Xattr;
    }
  }

  /** Set bits for a new inode. */
  private allBits(type: number): number {
    const a = this.options.attributes;
    let set = type === S_IFLNK ? 0 : SetBits.Mode;
    if (this.setsUid(this.op)) set |= SetBits.Uid;
    if (this.setsGid(this.op)) set |= SetBits.Gid;
    if (this.keepsTime(type)) set |= SetBits.Mtime;
    if (a.atimes && type !== S_IFDIR && type !== S_IFLNK) set |= SetBits.Atime;
    if (a.acls && type !== S_IFLNK) set |= SetBits.Acl;
    if (a.xattrs) set |= SetBits.Xattr;
    return set;
  }

  private keepsTime(type: number): boolean {
    const a = this.options.attributes;
    if (!a.times) return false;
    return type === S_IFDIR ? !a.omitDirTimes : type === S_IFLNK ? !a.omitLinkTimes : true;
  }

  private setsUid(op: Operation): boolean {
    return this.options.attributes.owner && this.facts.setsOwner && op.uid !== 0xffffffff;
  }

  private setsGid(op: Operation): boolean {
    return this.options.attributes.group && this.setsGroup(op.gid);
  }

  /** Whether this user may give something to the group. */
  setsGroup(gid: number): boolean {
    return (this.facts.setsOwner || this.facts.groups.has(gid)) && gid !== 0xffffffff;
  }

  /** Permissions the target shall have; `targetMode` -1 for a new entry. */
  private perms(s: StatTable, i: number, targetMode: number, isDir: boolean): number {
    const a = this.options.attributes;
    let mode = s.mode(i);
    if (a.perms && this.modeChanges === undefined) return mode & 0o7777;
    if (this.modeChanges !== undefined) mode = (mode & S_IFMT) | (applyChmod(this.modeChanges, mode, isDir, this.facts.umask) & 0o7777);
    return desiredPerms(mode, targetMode, isDir, { perms: a.perms, executability: a.executability, umask: this.facts.umask, parentSetgid: this.parentSetgid, dirDefault: this.dirDefault });
  }

  // ---------------------------------------------------------------- filling

  private clear(name: ByteString): void {
    const op = this.op;
    op.name = name;
    op.item = 0; op.set = 0; op.layer = 0; op.mode = 0; op.uid = 0; op.gid = 0; op.size = 0;
    op.mtimeSec = 0; op.mtimeNsec = 0; op.atimeSec = 0; op.atimeNsec = 0; op.ctimeSec = 0; op.ctimeNsec = 0;
    op.inoLow = 0; op.inoHigh = 0; op.allocated = 0; op.rdevMajor = 0; op.rdevMinor = 0;
    op.link = EMPTY; op.group = ''; op.alt = 0;
    const e = op.expected;
    e.mode = 0; e.inoLow = 0; e.inoHigh = 0; e.size = 0; e.mtimeSec = 0; e.mtimeNsec = 0; e.uid = 0; e.gid = 0;
  }

  private source(name: ByteString, s: StatTable, i: number, t: StatTable | undefined, j: number): void {
    const op = this.op;
    this.clear(name);
    const type = s.type(i);
    op.mode = s.mode(i);
    op.uid = this.ids.mapUid(s.uid(i));
    op.gid = this.ids.mapGid(s.gid(i));
    op.size = type === S_IFREG || type === S_IFLNK ? s.size(i) : 0;
    op.mtimeSec = s.mtimeSec(i);
    op.mtimeNsec = s.mtimeNsec(i);
    op.ctimeSec = s.ctimeSec(i);
    op.ctimeNsec = s.ctimeNsec(i);
    op.inoLow = s.inoLow(i);
    op.inoHigh = s.inoHigh(i);
    op.allocated = s.blocks(i) * 512;
    if (this.options.attributes.atimes) {
      op.atimeSec = s.atimeSec(i);
      op.atimeNsec = s.atimeNsec(i);
    }
    if (type === S_IFBLK || type === S_IFCHR) {
      op.rdevMajor = s.rdevMajor(i);
      op.rdevMinor = s.rdevMinor(i);
    }
    if (t !== undefined) this.expect(op, t, j);
  }

  private expect(op: Operation, t: StatTable, j: number): void {
    const e = op.expected;
    e.mode = t.mode(j);
    e.inoLow = t.inoLow(j);
    e.inoHigh = t.inoHigh(j);
    e.size = t.isFile(j) || t.isSymlink(j) ? t.size(j) : 0;
    e.mtimeSec = t.mtimeSec(j);
    e.mtimeNsec = t.mtimeNsec(j);
    e.uid = t.uid(j);
    e.gid = t.gid(j);
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
