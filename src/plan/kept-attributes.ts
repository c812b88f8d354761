/**
 * What is kept of an entry: which attributes differ between source and target, which must be set, and the mode and owner
 * that the target shall have. The planner (`planner.ts`) stands on it and decides what is done with the entry.
 */
import type { ByteString, StatTable } from '../tree/index.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../tree/index.js';
import { applyChmod, parseChmod, type ModeChanges } from './chmod.js';
import { emptyOperation } from './codec.js';
import type { IdMapper } from './id-map.js';
import { desiredPerms } from './modes.js';
import { Item, SetBits, type Operation } from './operation.js';
import type { SessionOptions } from './options.js';

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

/** Compares and chooses attributes; options are unpacked once. */
export abstract class KeptAttributes {
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
    protected readonly options: SessionOptions,
    private readonly facts: TargetFacts,
    protected readonly ids: IdMapper,
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

  /** Adds item and set bits for every kept attribute in which the target differs; sets op.mode. */
  protected attributes(op: Operation, s: StatTable, i: number, t: StatTable, j: number, type: number, probe: Probe): void {
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
  protected allBits(type: number): number {
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

  protected keepsTime(type: number): boolean {
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
  protected perms(s: StatTable, i: number, targetMode: number, isDir: boolean): number {
    const a = this.options.attributes;
    let mode = s.mode(i);
    if (a.perms && this.modeChanges === undefined) return mode & 0o7777;
    if (this.modeChanges !== undefined) mode = (mode & S_IFMT) | (applyChmod(this.modeChanges, mode, isDir, this.facts.umask) & 0o7777);
    return desiredPerms(mode, targetMode, isDir, { perms: a.perms, executability: a.executability, umask: this.facts.umask, parentSetgid: this.parentSetgid, dirDefault: this.dirDefault });
  }
}
