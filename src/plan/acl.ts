/**
 * POSIX access control lists: from and to the kernel's form, compared, mapped and fitted to a mode.
 *
 * The kernel's form (the value of `system.posix_acl_access` and `system.posix_acl_default`, see acl(5) and
 * linux/posix_acl_xattr.h) is a little-endian u32 version, 2, then for each entry u16 tag, u16 permissions,
 * u32 id. Values from a disk or a peer are not trusted: what is not a valid list is `undefined`, never an exception.
 * Here the list is kept as its four fixed parts and the named entries in the kernel's order.
 */
import type { ByteString } from '../tree/index.js';
import type { IdMapper } from './id-map.js';

/** Attribute that holds the list that decides about access. */
export const ACCESS_ACL = 'system.posix_acl_access' as ByteString;
/** Attribute of a folder: the list that new entries in it begin with. */
export const DEFAULT_ACL = 'system.posix_acl_default' as ByteString;

/** A named entry. */
export interface AclEntry {
  readonly kind: 'user' | 'group';
  readonly id: number;
  /** rwx as 4, 2, 1. */
  readonly perm: number;
}

/** A valid list. Permissions are 0–7. */
export interface Acl {
  readonly user: number;
  readonly group: number;
  readonly other: number;
  /** Undefined where the list has none; a list with named entries always has one. */
  readonly mask: number | undefined;
  /** Users before groups, each by ascending id, none twice. */
  readonly named: readonly AclEntry[];
}

const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
/** An attribute's value is at most 64 KiB on Linux. */
const MAX_ENTRIES = (65536 - HEADER) / ENTRY;

const USER_OBJ = 0x01;
const USER = 0x02;
const GROUP_OBJ = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHER = 0x20;
const NO_ID = 0xffffffff;

/** Reads the kernel's form in any order of entries. Undefined where it is no valid list. */
export function parseAcl(value: Uint8Array): Acl | undefined {
  const entries = (value.length - HEADER) / ENTRY;
  if (!Number.isInteger(entries) || entries < 3 || entries > MAX_ENTRIES) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== VERSION) return undefined;
  let user: number | undefined;
  let group: number | undefined;
  let other: number | undefined;
  let mask: number | undefined;
  const named: AclEntry[] = [];
  for (let at = HEADER; at < value.length; at += ENTRY) {
    const tag = view.getUint16(at, true);
    const perm = view.getUint16(at + 2, true);
    const id = view.getUint32(at + 4, true);
    if (perm > 7) return undefined;
    switch (tag) {
      case USER_OBJ:
        if (user !== undefined) return undefined;
        user = perm;
        break;
      case GROUP_OBJ:
        if (group !== undefined) return undefined;
        group = perm;
        break;
      case OTHER:
        if (other !== undefined) return undefined;
        other = perm;
        break;
      case MASK:
        if (mask !== undefined) return undefined;
        mask = perm;
        break;
      case USER:
      case GROUP:
        if (id === NO_ID) return undefined;
        named.push({ kind: tag === USER ? 'user' : 'group', id, perm });
        break;
      default:
        return undefined;
    }
  }
  if (user === undefined || group === undefined || other === undefined) return undefined;
  return makeAcl(user, group, other, mask, named);
}

/**
 * A list of its parts, with the named entries in any order. Undefined where an id is named twice, or named
 * entries lack a mask.
 */
export function makeAcl(user: number, group: number, other: number, mask: number | undefined, named: readonly AclEntry[]): Acl | undefined {
  if (named.length > 0 && mask === undefined) return undefined;
  const sorted = [...named].sort(compareEntries);
  for (let i = 1; i < sorted.length; i++) {
    if (compareEntries(sorted[i - 1] as AclEntry, sorted[i] as AclEntry) === 0) return undefined;
  }
  return { user, group, other, mask, named: sorted };
}

function compareEntries(a: AclEntry, b: AclEntry): number {
  return a.kind === b.kind ? a.id - b.id : a.kind === 'user' ? -1 : 1;
}

/** The kernel's form, entries in the kernel's order. */
export function encodeAcl(acl: Acl): Buffer {
  const count = 3 + (acl.mask === undefined ? 0 : 1) + acl.named.length;
  const value = Buffer.allocUnsafe(HEADER + count * ENTRY);
  value.writeUInt32LE(VERSION, 0);
  let at = HEADER;
  const put = (tag: number, perm: number, id = NO_ID): void => {
    value.writeUInt16LE(tag, at);
    value.writeUInt16LE(perm, at + 2);
    value.writeUInt32LE(id, at + 4);
    at += ENTRY;
  };
  put(USER_OBJ, acl.user);
  for (const entry of acl.named) if (entry.kind === 'user') put(USER, entry.perm, entry.id);
  put(GROUP_OBJ, acl.group);
  for (const entry of acl.named) if (entry.kind === 'group') put(GROUP, entry.perm, entry.id);
  if (acl.mask !== undefined) put(MASK, acl.mask);
  put(OTHER, acl.other);
  return value;
}

/** The list that says no more than a mode does: what an entry without the attribute has. */
export function aclFromMode(mode: number): Acl {
  return { user: (mode >> 6) & 7, group: (mode >> 3) & 7, other: mode & 7, mask: undefined, named: [] };
}

/** Whether the mode says all that the list says; the kernel then keeps no attribute for it. */
export function isTrivialAcl(acl: Acl): boolean {
  return acl.mask === undefined;
}

/** The nine permission bits that an entry with this access list shows in its mode. */
export function permsOfAcl(acl: Acl): number {
  return (acl.user << 6) | ((acl.mask ?? acl.group) << 3) | acl.other;
}

/**
 * The access list an entry has after its mode was set to `mode`: as chmod(2) does it, the group bits go to
 * the mask where there is one, and the owning group then keeps its own.
 */
export function fitAclToMode(acl: Acl, mode: number): Acl {
  const bits = (mode >> 3) & 7;
  const masked = acl.mask !== undefined;
  return { user: (mode >> 6) & 7, group: masked ? acl.group : bits, other: mode & 7, mask: masked ? bits : undefined, named: acl.named };
}

/**
 * The list with ids of the target. Where two ids become one, it gets only what both had, so that
 * nobody gains by the merge.
 */
export function mapAcl(acl: Acl, ids: IdMapper): Acl {
  if (acl.named.length === 0 || (ids.uidsUnchanged && ids.gidsUnchanged)) return acl;
  const mapped = acl.named
    .map((entry) => ({ kind: entry.kind, id: entry.kind === 'user' ? ids.mapUid(entry.id) : ids.mapGid(entry.id), perm: entry.perm }))
    .sort(compareEntries);
  const named: AclEntry[] = [];
  for (const entry of mapped) {
    const before = named.at(-1);
    if (before !== undefined && compareEntries(before, entry) === 0) named[named.length - 1] = { ...before, perm: before.perm & entry.perm };
    else named.push(entry);
  }
  return { ...acl, named };
}

/** Whether two lists say the same in every entry. For default lists, and to be exact. */
export function sameAcl(a: Acl | undefined, b: Acl | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.user === b.user && a.other === b.other && a.group === b.group && a.mask === b.mask && sameNamed(a, b);
}

/**
 * Whether two access lists differ in nothing but what setting the mode will mend: the decision of
 * `a` in an itemized line. `wanted` must be fitted to the mode that will be set.
 */
export function sameBeyondMode(wanted: Acl, actual: Acl): boolean {
  if ((wanted.mask === undefined) !== (actual.mask === undefined)) return false;
  return (wanted.mask === undefined || wanted.group === actual.group) && sameNamed(wanted, actual);
}

/**
 * Whether an entry's access list needs setting, from the two attribute values; undefined where an entry has none.
 * @param mode what the target's mode will be, to which the source's list is fitted before. @param ids maps the source's ids.
 * An invalid value counts as a difference: setting it tells the error.
 */
export function accessAclMatches(source: Uint8Array | undefined, target: Uint8Array | undefined, mode: number, ids?: IdMapper): boolean {
  if (source === undefined && target === undefined) return true;
  const wanted = source === undefined ? aclFromMode(mode) : parseAcl(source);
  const actual = target === undefined ? aclFromMode(mode) : parseAcl(target);
  if (wanted === undefined || actual === undefined) return false;
  return sameBeyondMode(fitAclToMode(ids === undefined ? wanted : mapAcl(wanted, ids), mode), actual);
}

/** The same for a folder's default list, which no mode touches: none and a trivial one differ. */
export function defaultAclMatches(source: Uint8Array | undefined, target: Uint8Array | undefined, ids?: IdMapper): boolean {
  if (source === undefined || target === undefined) return source === target;
  const wanted = parseAcl(source);
  const actual = parseAcl(target);
  return wanted !== undefined && actual !== undefined && sameAcl(ids === undefined ? wanted : mapAcl(wanted, ids), actual);
}

/**
 * The access list to store for an entry that shall have `mode`, in the kernel's form, or undefined where the mode
 * says it all and an attribute that stands on the target is to be removed. Set it before the mode.
 */
export function accessAclFor(source: Acl | undefined, mode: number, ids?: IdMapper): Buffer | undefined {
  if (source === undefined || isTrivialAcl(source)) return undefined;
  return encodeAcl(fitAclToMode(ids === undefined ? source : mapAcl(source, ids), mode));
}

function sameNamed(a: Acl, b: Acl): boolean {
  if (a.named.length !== b.named.length) return false;
  for (let i = 0; i < a.named.length; i++) {
    const x = a.named[i] as AclEntry;
    const y = b.named[i] as AclEntry;
    if (x.id !== y.id || x.perm !== y.perm || x.kind !== y.kind) return false;
  }
  return true;
}
