/**
 * Extended attributes and access control lists: read from the source when they are set, so that no plan has to
 * carry them. What the target has beyond them is removed, as far as the policy minds it.
 */
import type { ByteString, RelPath } from '../../tree/index.js';
import { S_IFDIR, S_IFMT } from '../../tree/index.js';
import {
  ACCESS_ACL, changeXattrs, decodeFakeAcl, DEFAULT_ACL, encodeAcl, encodeFakeAccessAcl, encodeFakeDefaultAcl, FAKE_ACCESS_ACL, FAKE_DEFAULT_ACL,
  fitAclToMode, isTrivialAcl, mapAcl, parseAcl, sortXattrs, type Acl, type Xattr,
} from '../../plan/index.js';
import { Errno } from '../../fs/index.js';
import type { ApplyContext } from './context.js';
import { attributeFailed, report } from './report.js';
import { scratchOf } from './scratch.js';
import type { Model, Subject } from './subject.js';

/** Makes the target's extended attributes those of the source. False after a Problem. */
export function copyXattrs(ctx: ApplyContext, path: RelPath, source: Model, target: Subject): boolean {
  const { policy } = scratchOf(ctx);
  const names = source.listXattrs();
  if (typeof names === 'number' && names !== -Errno.EOPNOTSUPP) {
    return report(ctx, path, 'source', 'attribute-failed', 'cannot list its extended attributes', names);
  }
  const wanted: Xattr[] = [];
  for (const name of typeof names === 'number' ? [] : names) {
    const stored = policy.storedName(name);
    if (stored === undefined) continue;
    const value = source.getXattr(name);
    if (typeof value !== 'number') wanted.push({ name: stored, value });
    else if (value !== -Errno.ENODATA) return report(ctx, path, 'source', 'attribute-failed', 'cannot read an extended attribute', value);
  }
  const there = target.listXattrs();
  const actual: Xattr[] = [];
  for (const name of typeof there === 'number' ? [] : there) {
    if (!policy.minds(name)) continue;
    const value = target.getXattr(name);
    if (typeof value !== 'number') actual.push({ name, value });
  }
  if (wanted.length === 0 && actual.length === 0) return true;
  const change = changeXattrs(sortXattrs(wanted), sortXattrs(actual));
  let whole = true;
  for (const name of change.remove) {
    const error = target.removeXattr(name);
    if (error < 0 && error !== -Errno.ENODATA && !attributeFailed(ctx, path, classOf(name), error)) whole = false;
  }
  for (const { name, value } of change.set) {
    const error = target.setXattr(name, value);
    if (error < 0 && !attributeFailed(ctx, path, classOf(name), error)) whole = false;
  }
  return whole;
}

/** What is told once where the target does not know it: attributes by namespace. */
function classOf(name: ByteString): string {
  return `extended attributes (${name.slice(0, name.indexOf('.') + 1)}*)`;
}

/** Makes the target's access list, and for a folder its default list, those of the source fitted to `mode`. False after a Problem. */
export function copyAcl(ctx: ApplyContext, path: RelPath, source: Model, target: Subject, mode: number): boolean {
  const access = readAcl(ctx, source, ACCESS_ACL, FAKE_ACCESS_ACL, mode);
  const fitted = access === undefined || isTrivialAcl(access) ? undefined : fitAclToMode(access, mode);
  let whole = writeAcl(ctx, path, target, fitted, ACCESS_ACL, FAKE_ACCESS_ACL);
  if ((mode & S_IFMT) === S_IFDIR) {
    const inherited = readAcl(ctx, source, DEFAULT_ACL, FAKE_DEFAULT_ACL, mode);
    if (!writeAcl(ctx, path, target, inherited, DEFAULT_ACL, FAKE_DEFAULT_ACL)) whole = false;
  }
  return whole;
}

function readAcl(ctx: ApplyContext, source: Model, name: ByteString, fakeName: ByteString, mode: number): Acl | undefined {
  const fake = ctx.options.attributes.fakeSuper.source;
  const value = source.getXattr(fake ? fakeName : name);
  if (typeof value === 'number') return undefined; // none, or none known to that file system
  const acl = fake ? decodeFakeAcl(value, mode) : parseAcl(value);
  return acl === undefined || ctx.ids === undefined ? acl : mapAcl(acl, ctx.ids);
}

function writeAcl(ctx: ApplyContext, path: RelPath, target: Subject, acl: Acl | undefined, name: ByteString, fakeName: ByteString): boolean {
  const fake = ctx.options.attributes.fakeSuper.target;
  const stored = fake ? fakeName : name;
  if (acl === undefined) {
    const error = target.removeXattr(stored);
    // Nothing to remove, or no lists at all on this file system: both are what is wanted.
    if (error >= 0 || error === -Errno.ENODATA || error === -Errno.EOPNOTSUPP || error === -Errno.ENOSYS) return true;
    return attributeFailed(ctx, path, 'access control lists', error);
  }
  const value = !fake ? encodeAcl(acl) : name === ACCESS_ACL ? encodeFakeAccessAcl(acl) : encodeFakeDefaultAcl(acl);
  const error = target.setXattr(stored, value);
  return error >= 0 || attributeFailed(ctx, path, 'access control lists', error);
}
