/** What a folder of the target gives to what is made in it: its group, and permissions by its default access list. */
import { DEFAULT_ACL, parseAcl, permsOfAcl } from '../../plan/index.js';
import { parentOf, type RelPath } from '../../tree/index.js';
import type { WalkContext } from './walk-context.js';

export function parentSetgid(w: WalkContext, path: RelPath): boolean {
  if (path === '' || w.target === undefined || w.setup.options.attributes.perms) return false;
  const parent = w.target.open(parentOf(path));
  return parent >= 0 && w.posix.fstat(parent, w.rootDevice, 0) === 0 && (w.rootDevice.perms(0) & 0o2000) !== 0;
}

/** Permission bits that a folder of the target gives to what is made in it, -1 where the umask rules. */
export function defaultPerms(w: WalkContext, target: number): number {
  if (target < 0 || w.setup.options.attributes.perms) return -1;
  const value = w.posix.fgetXattr(target, DEFAULT_ACL);
  const acl = typeof value === 'number' ? undefined : parseAcl(value);
  return acl === undefined ? -1 : permsOfAcl(acl);
}

/** The same for a folder that may yet have to be made: the kernel hands a default list down to each new folder. */
export function inheritedPerms(w: WalkContext, path: RelPath): number {
  if (w.setup.options.attributes.perms) return -1;
  if (w.inherited.path === path) return w.inherited.perms;
  const fd = w.target === undefined ? -1 : w.target.open(path);
  const perms = fd >= 0 ? defaultPerms(w, fd) : path === '' ? w.setup.newRootPerms : inheritedPerms(w, parentOf(path));
  w.inherited = { path, perms };
  return perms;
}
