/**
 * Access lists as tar archives hold them: the text of acl(5) under `SCHILY.acl.access` and `SCHILY.acl.default`, entries parted by commas.
 * Written with numbers, so that no name has to exist where it is restored; read with names or numbers, and with star's fourth field (the
 * number beside the name). Pure: who knows the names is handed in.
 */
import { encodeAcl, makeAcl, parseAcl, type AclEntry } from '../plan/index.js';

/** The id of a user or group by name and, where the text has one beside it, number; undefined: nobody is known by that name. */
export type IdOfName = (kind: 'user' | 'group', name: string, number: number | undefined) => number | undefined;

/** Most entries that are read. */
const MOST = 4096;

/** The kernel's form as text; undefined where it is no valid list. */
export function aclToText(value: Uint8Array): string | undefined {
  const acl = parseAcl(value);
  if (acl === undefined) return undefined;
  const named = (kind: AclEntry['kind']): string[] => acl.named.filter((entry) => entry.kind === kind).map((entry) => `${kind}:${entry.id}:${rwx(entry.perm)}`);
  return [
    `user::${rwx(acl.user)}`, ...named('user'), `group::${rwx(acl.group)}`, ...named('group'),
    ...(acl.mask === undefined ? [] : [`mask::${rwx(acl.mask)}`]), `other::${rwx(acl.other)}`,
  ].join(',');
}

/** Text as the kernel's form; undefined where it is no valid list, or names somebody who is not known. */
export function aclFromText(text: string, idOf: IdOfName): Buffer | undefined {
  const single = new Map<string, number>();
  const named: AclEntry[] = [];
  const entries = text.split(/[,\n]/, MOST + 1);
  if (entries.length > MOST) return undefined;
  for (const raw of entries) {
    const entry = raw.replace(/#.*/, '').trim();
    if (entry === '') continue;
    const [kind = '', name = '', perms = '', number] = entry.split(':');
    const long = LONG[kind];
    const perm = permOf(long === 'mask' || long === 'other' ? (perms === '' ? name : perms) : perms); // `other:r--` is written too
    if (long === undefined || perm === undefined) return undefined;
    if (long === 'mask' || long === 'other' || name === '') {
      if (single.has(long)) return undefined;
      single.set(long, perm);
      continue;
    }
    const id = idOf(long, name, numberOf(number)) ?? numberOf(name);
    if (id === undefined) return undefined;
    named.push({ kind: long, id, perm });
  }
  const user = single.get('user');
  const group = single.get('group');
  const other = single.get('other');
  if (user === undefined || group === undefined || other === undefined) return undefined;
  const acl = makeAcl(user, group, other, single.get('mask'), named);
  return acl === undefined ? undefined : encodeAcl(acl);
}

const LONG: Readonly<Record<string, 'user' | 'group' | 'mask' | 'other' | undefined>> = { user: 'user', u: 'user', group: 'group', g: 'group', mask: 'mask', m: 'mask', other: 'other', o: 'other' };

function rwx(perm: number): string {
  return `${(perm & 4) !== 0 ? 'r' : '-'}${(perm & 2) !== 0 ? 'w' : '-'}${(perm & 1) !== 0 ? 'x' : '-'}`;
}

function permOf(text: string): number | undefined {
  if (!/^[rwx-]{0,3}$/.test(text)) return undefined;
  return (text.includes('r') ? 4 : 0) | (text.includes('w') ? 2 : 0) | (text.includes('x') ? 1 : 0);
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id < 0xffffffff ? id : undefined;
}
