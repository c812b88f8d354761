/**
 * Which extended attributes are copied, under which name they are stored, and how two sets compare.
 *
 * As rsync 3.5: `system.*` is never copied (access lists have their own option, -A), nor are the names under which XFS
 * shows the same lists once more (rsync copies those as any other, past -A and --chmod). Root copies every other
 * namespace, a user only `user.*`; a target kept with --fake-super holds other namespaces as `user.rsync.NAME`. Names
 * `user.rsync.%…` are fake-super's own and are copied by -XX only. Filter rules with the x modifier
 * take the place of the namespace rule. An attribute of the target that the policy `minds` and the source lacks is removed.
 */
import type { ByteString } from '../tree/index.js';
import { FAKE_ACCESS_ACL, FAKE_DEFAULT_ACL, FAKE_STAT } from './fake-super.js';

/** One attribute. */
export interface Xattr {
  name: ByteString;
  value: Buffer;
}

/** What decides about names. */
export interface XattrPolicyOptions {
  /** 1 for -X, 2 for -XX. */
  level: 1 | 2;
  /** The process that writes the target may set all namespaces. */
  root: boolean;
  /** --fake-super of either side. */
  fakeSource: boolean;
  fakeTarget: boolean;
  /** Filter rules with the x modifier, where there are any: whether a name is excluded. */
  excluded?: ((name: ByteString) => boolean) | undefined;
}

const SYSTEM = 'system.';
/** Access lists by the names that XFS gives them beside system.*. */
const XFS_ACL = 'trusted.SGI_ACL_';
const USER = 'user.';
const RSYNC = 'user.rsync.';
const OWN = 'user.rsync.%';

/** Whether the name is one that a fake-super tree keeps for itself. */
export function isFakeSuperName(name: ByteString): boolean {
  return name === FAKE_STAT || name === FAKE_ACCESS_ACL || name === FAKE_DEFAULT_ACL;
}

/** The true name of what a fake-super tree holds in disguise; a name that is none of a namespace is no disguise. */
function undisguised(name: ByteString): ByteString {
  const inner = name.startsWith(RSYNC) ? (name.slice(RSYNC.length) as ByteString) : name;
  return /^(?:trusted|security|system)\../.test(inner) ? inner : name;
}

/** Whether an attribute is an access list. */
function isAcl(name: ByteString): boolean {
  return name.startsWith(SYSTEM) || name.startsWith(XFS_ACL);
}

/** Decides about names. */
export class XattrPolicy {
  private readonly options: XattrPolicyOptions;

  constructor(options: XattrPolicyOptions) {
    this.options = options;
  }

  /** The name under which an attribute of the source is stored on the target, or undefined where it is not copied. */
  storedName(name: ByteString): ByteString | undefined {
    const o = this.options;
    if (o.excluded === undefined ? isAcl(name) : o.excluded(name)) return undefined;
    if (name.startsWith(OWN) && (o.level < 2 || (o.fakeSource && isFakeSuperName(name)))) return undefined;
    const real = o.fakeSource ? undisguised(name) : name;
    if (real !== name && real.startsWith(SYSTEM)) return undefined; // no writer disguises these
    if (real.startsWith(USER) || (o.root && !o.fakeTarget)) return real;
    if (o.fakeTarget || o.excluded !== undefined) return (RSYNC + real) as ByteString;
    return undefined;
  }

  /** Whether an attribute that the target has takes part in the comparison, and goes where the source lacks it. */
  minds(name: ByteString): boolean {
    const o = this.options;
    if (o.fakeTarget && isFakeSuperName(name)) return false;
    if (o.excluded !== undefined) return !o.excluded(name);
    return o.root && !o.fakeTarget ? !isAcl(name) : name.startsWith(USER);
  }
}

/** Sorts a set by name, in place, so that it can be compared. */
export function sortXattrs(set: Xattr[]): Xattr[] {
  return set.length < 2 ? set : set.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Whether two sorted sets hold the same names with the same values. */
export function sameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as Xattr;
    const y = b[i] as Xattr;
    if (x.name !== y.name || !x.value.equals(y.value)) return false;
  }
  return true;
}

/** What makes the sorted set `actual` equal to the sorted set `wanted`. */
export function changeXattrs(wanted: readonly Xattr[], actual: readonly Xattr[]): { set: Xattr[]; remove: ByteString[] } {
  const set: Xattr[] = [];
  const remove: ByteString[] = [];
  let i = 0;
  let j = 0;
  while (i < wanted.length || j < actual.length) {
    const want = wanted[i];
    const have = actual[j];
    if (have === undefined || (want !== undefined && want.name < have.name)) {
      set.push(want as Xattr);
      i++;
    } else if (want === undefined || have.name < want.name) {
      remove.push(have.name);
      j++;
    } else {
      if (!want.value.equals(have.value)) set.push(want);
      i++;
      j++;
    }
  }
  return { set, remove };
}
