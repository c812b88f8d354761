/**
 * Operation: one step that makes the target equal, with the reason for it. A plan is an ordered
 * stream of operations, grouped by folder; a dry run prints it, a real run executes it: the same bytes.
 */
import type { ByteString } from '../tree/index.js';

/** What an operation does. Values are part of the plan's binary form. */
export enum OpKind {
  /** Opens a folder's group of operations; makes the folder, or mends its attributes on leaving. */
  Folder = 1,
  File = 2, // content is transferred (create or replace)
  Symlink = 3,
  Node = 4, // device, FIFO, socket
  Link = 5, // hard link to the leader of its group
  Attributes = 6, // metadata only
  Delete = 7,
  Move = 8, // a name of the target that became another
  Note = 9, // nothing to do: unchanged (-ii, --list-only), left alone by an option, skipped
}

/** Why. Printed by --json and `-vv`; the text is in plan/reason.ts. */
export enum Reason {
  New = 1, TypeDiffers, SizeDiffers, TimeDiffers, ContentDiffers, IgnoreTimes, LinkTargetDiffers, DeviceDiffers,
  AttributesDiffer, Extraneous, ExcludedDeleted, Moved, LinkMissing, Unchanged, TargetNewer, TargetExists, TargetMissing,
  UnsafeLink, NotRegular, TooLarge, TooSmall, AltDestSame, ObstacleInWay, Incomplete, MountPoint, TargetLonger,
}

/** Bits of `Operation.item`: what -i prints after the first two characters, plus what the first two need. */
export enum Item {
  Checksum = 1, // c (content; for a symlink or device: its value)
  Size = 2, // s
  Time = 4, // t
  TimeNow = 8, // T: set to the time of transfer
  Perms = 16, // p
  Owner = 32, // o
  Group = 64, // g
  Atime = 128, // u
  Crtime = 256, // n
  Acl = 512, // a
  Xattr = 1024, // x
  New = 2048, // +++++++++
  Transfer = 4096, // '>' (content is received)
  Local = 8192, // 'c' (created or changed here, no transfer)
  HardLink = 16384, // 'h'
}

/** Bits of `Operation.set`: what apply has to set. */
export enum SetBits { Mode = 1, Uid = 2, Gid = 4, Mtime = 8, Atime = 16, Acl = 32, Xattr = 64 }

/** What stands at the name on the target when the plan was made. */
export interface Expected {
  /** Mode with type; 0 where nothing stood there. */
  mode: number;
  inoLow: number; inoHigh: number;
  size: number; mtimeSec: number; mtimeNsec: number;
  uid: number; gid: number;
}

/** One step. Numbers default to 0; what a kind does not use is left so. */
export interface Operation {
  kind: OpKind;
  /** Name in its folder (for OpKind.Folder: the whole RelPath). */
  name: ByteString;
  reason: Reason;
  item: number; // Item bits
  set: number; // SetBits
  /** Which source layer of the folder the entry comes from (several sources may be merged into one folder). */
  layer: number;
  /** Type and permissions the target shall have (after --chmod, umask, -E …). */
  mode: number;
  /** Owner the target shall have (already mapped). */
  uid: number; gid: number;
  size: number; // bytes, of the source
  mtimeSec: number; mtimeNsec: number;
  atimeSec: number; atimeNsec: number;
  /** ctime and inode of the source, to find a file that changes while it is read. */
  ctimeSec: number; ctimeNsec: number; inoLow: number; inoHigh: number;
  /** Allocated bytes of the source (sparse files). */
  allocated: number;
  rdevMajor: number; rdevMinor: number;
  /** Text of a symlink (also of a Link to an alternate folder's); old path of a Move; path of a Link's leader once resolved. */
  link: ByteString;
  /**
   * 1 + index of the --link-dest/--copy-dest folder that holds the same content, 0 without one. With OpKind.Link
   * the file there is linked, with OpKind.File its content is taken from there instead of from the source.
   */
  alt: number;
  /** Hard-link group, `dev:ino` of the source; empty without one. */
  group: string;
  expected: Expected;
}
