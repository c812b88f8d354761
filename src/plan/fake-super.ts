/**
 * --fake-super: attributes that only root may set are kept in an attribute `user.rsync.%stat` of a plain
 * file, so that an unprivileged user can hold a faithful copy. The form is rsync 3.5's, in both directions.
 *
 * How an entry is stored:
 *  - a folder as a folder; a regular file as itself; a symlink as a regular file that holds the link's text (Linux
 *    keeps no user attributes on symlinks); a device, FIFO or socket as an empty regular file;
 *  - its real mode is `storedMode`: the nine permission bits asked for, and always 0600 (a folder 0700) for
 *    the user who keeps the copy; set-id and sticky bits are never set;
 *  - the attribute holds what the entry should be: `%o %u,%u %u:%u`, the whole mode with type in octal, device
 *    numbers, owner and group. It is left out where the stored entry already is all that (`fakeStatFor`).
 *  - an access or default list goes to `user.rsync.%aacl` and `user.rsync.%dacl`, in a form of rsync's own.
 */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, type ByteString } from '../tree/index.js';
import { makeAcl, type Acl, type AclEntry } from './acl.js';

/** Attribute with mode, device numbers and owner. */
export const FAKE_STAT = 'user.rsync.%stat' as ByteString;
/** Attribute with the access list. */
export const FAKE_ACCESS_ACL = 'user.rsync.%aacl' as ByteString;
/** Attribute with a folder's default list. */
export const FAKE_DEFAULT_ACL = 'user.rsync.%dacl' as ByteString;

/** What an entry should be. */
export interface FakeStat {
  /** With type. */
  mode: number;
  rdevMajor: number;
  rdevMinor: number;
  uid: number;
  gid: number;
}

/** What the stored entry really is. */
export interface StoredStat {
  mode: number;
  uid: number;
  gid: number;
}

/** Type and mode that the stored entry really gets; also what it must be made as. */
export function storedMode(mode: number): number {
  const isDir = (mode & S_IFMT) === S_IFDIR;
  return (isDir ? S_IFDIR | 0o700 : S_IFREG | 0o600) | (mode & 0o777);
}

/** Whether the entry is stored as a file that stands for something else. */
export function isStoredAsFile(mode: number): boolean {
  const type = mode & S_IFMT;
  return type !== S_IFDIR && type !== S_IFREG;
}

/** The attribute's value. */
export function encodeFakeStat(stat: FakeStat): Buffer {
  return Buffer.from(`${(stat.mode & 0xffff).toString(8)} ${stat.rdevMajor},${stat.rdevMinor} ${stat.uid}:${stat.gid}`, 'latin1');
}

// Older writers print ids as signed; a longer value than this is none of ours.
const FORM = /^([0-7]{1,7}) (\d{1,10}),(\d{1,10}) (-?\d{1,10}):(-?\d{1,10})\0?$/;
const MAX_VALUE = 64;

/** Reads the attribute's value. Undefined where it is malformed, or its mode has no type that exists. */
export function decodeFakeStat(value: Uint8Array): FakeStat | undefined {
  if (value.length > MAX_VALUE) return undefined;
  const parts = FORM.exec(Buffer.from(value.buffer, value.byteOffset, value.byteLength).latin1Slice());
  if (!parts) return undefined;
  const mode = Number.parseInt(parts[1] as string, 8);
  const rdevMajor = Number(parts[2]);
  const rdevMinor = Number(parts[3]);
  const uid = toId(parts[4] as string);
  const gid = toId(parts[5] as string);
  if (mode > 0xffff || !isType(mode & S_IFMT) || rdevMajor > 0xffffffff || rdevMinor > 0xffffffff || uid === undefined || gid === undefined) return undefined;
  return { mode, rdevMajor, rdevMinor, uid, gid };
}

function toId(digits: string): number | undefined {
  const id = Number(digits);
  return id > 0xffffffff || id < -0x80000000 ? undefined : id >>> 0;
}

function isType(type: number): boolean {
  switch (type) {
    case S_IFREG: case S_IFDIR: case S_IFLNK: case S_IFBLK: case S_IFCHR: case S_IFIFO: case S_IFSOCK: return true;
    default: return false;
  }
}

/**
 * Whether a stored entry can stand for what its attribute says: a folder for a folder, a regular file
 * for all but a folder. Anything else has no such attribute (a device of the disk speaks for itself), or a forged one.
 */
export function fakeStatFits(storedType: number, fake: FakeStat): boolean {
  const isDir = (fake.mode & S_IFMT) === S_IFDIR;
  return storedType === S_IFDIR ? isDir : storedType === S_IFREG && !isDir;
}

/**
 * The value to store for `wanted` on an entry that really is `stored` (its mode being `storedMode(wanted.mode)`),
 * or undefined where none is needed and one that stands there is to be removed.
 */
export function fakeStatFor(wanted: FakeStat, stored: StoredStat): Buffer | undefined {
  const needed =
    (wanted.mode & 0xffff) !== storedMode(wanted.mode) || wanted.rdevMajor !== 0 || wanted.rdevMinor !== 0 ||
    wanted.uid !== stored.uid || wanted.gid !== stored.gid;
  return needed ? encodeFakeStat(wanted) : undefined;
}

/** Permissions of a part that the list does not have, or that the mode tells. */
const NO_ENTRY = 0x80;
/** Bit of a named entry's permissions: it is a user, else a group. */
const IS_USER = 0x80000000;
const FIXED = 16;
const NAMED = 8;

/**
 * The value of FAKE_ACCESS_ACL: four u32 (user, group, mask, other), then u32 id and u32 permissions for each
 * named entry, little-endian. What the mode tells is left to it. An entry whose list is trivial needs no attribute.
 * @param acl fitted to the entry's mode.
 */
export function encodeFakeAccessAcl(acl: Acl): Buffer {
  const group = acl.mask === undefined || acl.group === acl.mask ? NO_ENTRY : acl.group;
  // The mask is written, though the mode tells it: readers take what stands here for the mask.
  return encodeParts(NO_ENTRY, group, acl.mask ?? NO_ENTRY, NO_ENTRY, acl.named);
}

/** The value of FAKE_DEFAULT_ACL: the same form with every part. */
export function encodeFakeDefaultAcl(acl: Acl): Buffer {
  return encodeParts(acl.user, acl.group, acl.mask ?? NO_ENTRY, acl.other, acl.named);
}

function encodeParts(user: number, group: number, mask: number, other: number, named: readonly AclEntry[]): Buffer {
  const value = Buffer.allocUnsafe(FIXED + named.length * NAMED);
  value.writeUInt32LE(user, 0);
  value.writeUInt32LE(group, 4);
  value.writeUInt32LE(mask, 8);
  value.writeUInt32LE(other, 12);
  let at = FIXED;
  for (const entry of named) {
    value.writeUInt32LE(entry.id, at);
    value.writeUInt32LE(entry.kind === 'user' ? entry.perm + IS_USER : entry.perm, at + 4);
    at += NAMED;
  }
  return value;
}

/**
 * Reads either attribute's value; parts that were left out come from `mode`, the mode the entry should have.
 * Undefined where it is no valid list.
 */
export function decodeFakeAcl(value: Uint8Array, mode: number): Acl | undefined {
  const count = (value.length - FIXED) / NAMED;
  if (!Number.isInteger(count) || count < 0 || value.length > 65536) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const part = (at: number, shift: number): number => {
    const perm = view.getUint32(at, true);
    return perm === NO_ENTRY ? (mode >> shift) & 7 : perm;
  };
  const user = part(0, 6);
  const group = part(4, 3);
  const other = part(12, 0);
  const named: AclEntry[] = [];
  for (let at = FIXED; at < value.length; at += NAMED) {
    const access = view.getUint32(at + 4, true);
    const perm = access & 0x7fffffff;
    const id = view.getUint32(at, true);
    if (perm > 7 || id === 0xffffffff) return undefined;
    named.push({ kind: access >= IS_USER ? 'user' : 'group', id, perm });
  }
  const written = view.getUint32(8, true);
  const mask = written !== NO_ENTRY ? written : named.length > 0 ? (mode >> 3) & 7 : undefined;
  if (user > 7 || group > 7 || other > 7 || (mask ?? 0) > 7) return undefined;
  return makeAcl(user, group, other, mask, named);
}
