/** What a manifest says of an entry beside its content: owner's names, link text, access lists, extended attributes. One reader for each walk. */
import { createHash } from 'node:crypto';
import { followsLeaf, linkTextOf } from '../../endpoint/index.js';
import { Errno, nameOfGid, nameOfUid, type Posix } from '../../fs/index.js';
import { ACCESS_ACL, DEFAULT_ACL, decodeFakeAcl, encodeAcl, FAKE_ACCESS_ACL, FAKE_DEFAULT_ACL, isFakeSuperName, parseAcl, type Acl } from '../../plan/index.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG, type ByteString, type StatTable } from '../../tree/index.js';
import { bareEntry, INLINE_VALUE, type AclName, type Entry, type XattrDigest } from '../manifest/entry.js';
import type { DigestRequest } from './request.js';

export class EntryReader {
  private readonly users = new Map<number, ByteString | undefined>();
  private readonly groups = new Map<number, ByteString | undefined>();
  private readonly fake: boolean;

  constructor(private readonly posix: Posix, private readonly request: DigestRequest) {
    const { fakeSuper } = request.options.attributes;
    this.fake = request.side === 'source' ? fakeSuper.source : fakeSuper.target;
  }

  /** The entry in record i, with all but its content. `at` and `name`: where it stands; an empty name: the open folder `at` itself, which goes by `shown`. */
  read(at: number, name: ByteString, shown: ByteString, table: StatTable, i: number): Entry {
    const entry = bareEntry(shown);
    this.stat(entry, table, i);
    const { attributes } = this.request.options;
    if (entry.type === S_IFLNK) {
      const text = linkTextOf(this.posix, at, name, this.fake);
      if (typeof text === 'number') entry.fault = { code: text === -Errno.ENOENT ? 'vanished' : 'unreadable', errno: -text };
      else entry.link = text;
    }
    if (attributes.acls || attributes.xattrs) this.attributes(entry, at, name);
    return entry;
  }

  /** What stat tells, into an entry. */
  stat(entry: Entry, table: StatTable, i: number): void {
    const type = table.type(i);
    entry.type = type;
    entry.perms = table.perms(i);
    entry.uid = table.uid(i);
    entry.gid = table.gid(i);
    entry.user = named(this.users, entry.uid, nameOfUid);
    entry.group = named(this.groups, entry.gid, nameOfGid);
    entry.size = type === S_IFREG ? table.size(i) : 0;
    entry.mtimeSec = table.mtimeSec(i);
    entry.mtimeNsec = table.mtimeNsec(i);
    if (this.request.options.attributes.atimes && type !== S_IFDIR && type !== S_IFLNK) entry.atime = { sec: table.atimeSec(i), nsec: table.atimeNsec(i) };
    if (type === S_IFBLK || type === S_IFCHR) entry.device = { major: table.rdevMajor(i), minor: table.rdevMinor(i) };
  }

  private attributes(entry: Entry, at: number, name: ByteString): void {
    const { posix, fake } = this;
    const { options } = this.request;
    const follow = name !== '' && this.request.side === 'source' && followsLeaf(options, entry.type);
    const names = name === '' ? posix.flistXattrs(at) : posix.listXattrs(at, name, follow);
    if (typeof names === 'number') {
      if (names !== -Errno.EOPNOTSUPP && names !== -Errno.ENOSYS) entry.fault ??= { code: 'unreadable', errno: -names };
      return;
    }
    if (names.length === 0) return;
    const value = (attribute: ByteString): Buffer | undefined => {
      const content = name === '' ? posix.fgetXattr(at, attribute) : posix.getXattr(at, name, attribute, follow);
      if (typeof content !== 'number') return content;
      if (content !== -Errno.ENODATA) entry.fault ??= { code: 'unreadable', errno: -content };
      return undefined;
    };
    if (options.attributes.acls && entry.type !== S_IFLNK) {
      const list = (attribute: ByteString, disguised: ByteString): Acl | undefined => {
        const stored = fake ? disguised : attribute;
        const content = names.includes(stored) ? value(stored) : undefined;
        if (content === undefined) return undefined;
        const acl = fake ? decodeFakeAcl(content, entry.perms) : parseAcl(content);
        if (acl === undefined) entry.fault ??= { code: 'unreadable', errno: Errno.EINVAL };
        return acl;
      };
      const access = list(ACCESS_ACL, FAKE_ACCESS_ACL);
      const inherited = entry.type === S_IFDIR ? list(DEFAULT_ACL, FAKE_DEFAULT_ACL) : undefined;
      if (access !== undefined) entry.acl = encodeAcl(access).toString('base64');
      if (inherited !== undefined) entry.defaultAcl = encodeAcl(inherited).toString('base64');
      entry.aclNames = this.namesIn([access, inherited]);
    }
    if (options.attributes.xattrs) {
      const found: XattrDigest[] = [];
      for (const attribute of names) {
        if (isAccessList(attribute) || (fake && isFakeSuperName(attribute))) continue;
        const content = value(attribute);
        if (content !== undefined) found.push({ name: attribute, value: digested(content) });
      }
      entry.xattrs = found.sort((a, b) => (a.name < b.name ? -1 : 1));
    }
  }

  private namesIn(lists: readonly (Acl | undefined)[]): AclName[] {
    const found = new Map<string, AclName>();
    for (const list of lists) {
      for (const { kind, id } of list?.named ?? []) {
        const name = kind === 'user' ? named(this.users, id, nameOfUid) : named(this.groups, id, nameOfGid);
        if (name !== undefined) found.set(`${kind} ${id}`, { kind, id, name });
      }
    }
    return [...found.values()];
  }
}

/** An attribute's value as a manifest has it. */
export function digested(value: Buffer): XattrDigest['value'] {
  return value.length <= INLINE_VALUE ? value.toString('base64') : { size: value.length, sha256: createHash('sha256').update(value).digest('hex') };
}

/** Access lists have their own option; XFS shows them once more under another name. */
function isAccessList(name: ByteString): boolean {
  return name.startsWith('system.') || name.startsWith('trusted.SGI_ACL_');
}

function named(known: Map<number, ByteString | undefined>, id: number, ask: (id: number) => ByteString | undefined): ByteString | undefined {
  if (known.has(id)) return known.get(id);
  const name = ask(id);
  known.set(id, name);
  return name;
}
