/**
 * What equal means for two entries under the session's options. The session's own planner decides: where it would do something, they differ. It is asked once as if the
 * target could hold everything, and where that finds something, once more as it is: what only the first one minds is a loss. Pure but for names of ids, which are
 * handed in.
 */
import { withoutLost, xattrPolicy, type LostClass } from '../../endpoint/index.js';
import {
  aclFromMode, fitAclToMode, IdMapper, Item, mapAcl, mungeLink, parseAcl, Planner, sameAcl, sameBeyondMode, typeIsWanted, unmungeLink, unsafeSymlink,
  type Acl, type Operation, type Probe, type SessionOptions, type XattrPolicy,
} from '../../plan/index.js';
import { EMPTY, S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { Entry, XattrDigest } from '../manifest/entry.js';
import type { TreeFacts } from '../digest/request.js';
import { LinkGroups } from './link-groups.js';
import type { NoteDetail } from './notes.js';

/** Who the two sides are. */
export interface PolicyFacts {
  readonly options: SessionOptions;
  /** Both hosts ask the same data base of names: ids stay what they are. */
  readonly sameNames: boolean;
  readonly target: TreeFacts & { readonly euid: number };
  /** Ids of names on the target's host, as far as `OwnerNames` asked for them. */
  readonly names: OwnerNames;
}

/** What a pair of entries differs in. */
export interface Verdict { readonly differs: readonly NoteDetail[]; readonly lost: readonly NoteDetail[] }

const EQUAL: Verdict = { differs: [], lost: [] };

/** Names of owners: those of the source come with its entries, their ids on the target's host are asked for before they are needed. */
export class OwnerNames {
  private readonly names = { user: new Map<number, ByteString | undefined>(), group: new Map<number, ByteString | undefined>() };
  private readonly ids = { user: new Map<ByteString, number | undefined>(), group: new Map<ByteString, number | undefined>() };

  /** @param ask a name's id on the target's host; undefined: it is never needed */
  constructor(private readonly ask: ((kind: 'user' | 'group', name: ByteString) => Promise<number | undefined>) | undefined) {}

  /** Whether an entry of the source names somebody who was not asked for yet. */
  isNew(entry: Entry): boolean {
    if (this.ask === undefined || entry.type === 0) return false;
    return !this.names.user.has(entry.uid) || !this.names.group.has(entry.gid) || entry.aclNames.some(({ kind, id }) => !this.names[kind].has(id));
  }

  /** Finds out what is needed for an entry of the source. */
  async learn(entry: Entry): Promise<void> {
    await this.note('user', entry.uid, entry.user);
    await this.note('group', entry.gid, entry.group);
    for (const { kind, id, name } of entry.aclNames) await this.note(kind, id, name);
  }

  /** Finds out a name's id. */
  async learnName(kind: 'user' | 'group', name: ByteString): Promise<void> {
    if (this.ask !== undefined && !this.ids[kind].has(name)) this.ids[kind].set(name, await this.ask(kind, name));
  }

  nameOf(kind: 'user' | 'group', id: number): ByteString | undefined {
    return this.names[kind].get(id);
  }

  idOf(kind: 'user' | 'group', name: string): number | undefined {
    return this.ids[kind].get(name as ByteString);
  }

  private async note(kind: 'user' | 'group', id: number, name: ByteString | undefined): Promise<void> {
    if (this.names[kind].has(id)) return;
    this.names[kind].set(id, name);
    if (name !== undefined) await this.learnName(kind, name);
  }
}

/** Compares entries of one name. */
export class ComparePolicy {
  private readonly strict: Planner;
  private readonly held: Planner;
  private readonly probe: EntryProbe;
  private readonly table = new StatTable(2);
  private readonly lost: ReadonlySet<LostClass>;
  private readonly groups = new LinkGroups();
  private readonly options: SessionOptions;

  constructor(private readonly facts: PolicyFacts) {
    const { names, sameNames, target } = facts;
    const { attributes, replace } = facts.options;
    // Contents are proven by their digests, whatever a session would go by; and what is appended to is compared whole.
    const options: SessionOptions = { ...facts.options, compare: { ...facts.options.compare, mode: 'checksum' }, replace: { ...replace, append: false } };
    this.options = options;
    this.lost = new Set(target.cannotHold);
    const ids = new IdMapper({
      userMap: attributes.userMap, groupMap: attributes.groupMap, numericIds: attributes.numericIds, sameNames,
      users: { nameOfSource: (id) => names.nameOf('user', id), idOfTarget: (name) => names.idOf('user', name) },
      groups: { nameOfSource: (id) => names.nameOf('group', id), idOfTarget: (name) => names.idOf('group', name) },
    });
    const { fakeSuper, chmod, executability, perms } = attributes;
    const { mungeLinks, unmungeLinks } = options.symlinks;
    this.alikeIsEqual = attributes.userMap.length === 0 && attributes.groupMap.length === 0 && chmod === undefined && (perms || !executability) && !fakeSuper.source && !fakeSuper.target && !mungeLinks && unmungeLinks !== true;
    const { umask } = target;
    this.strict = new Planner(options, { granularityNs: 1, setsOwner: true, groups: new Set(), umask, makesDevices: true }, ids);
    this.held = new Planner(withoutLost(options, this.lost), { ...target, groups: new Set(target.groups) }, ids);
    this.probe = new EntryProbe(ids, xattrPolicy(target, options), options);
  }

  /** Entries that are written alike are equal: the options change nothing on the way. */
  readonly alikeIsEqual: boolean;

  /** Why an entry of the source is no part of the transfer: then nothing is said of the target's either. */
  isLeftOut(entry: Entry, path: RelPath): boolean {
    const { options } = this;
    if (entry.type === 0 || entry.type === S_IFDIR) return false;
    if (!typeIsWanted(entry.type, options)) return true;
    if (entry.type === S_IFLNK && options.symlinks.safeLinks && entry.link !== undefined) {
      return unsafeSymlink(options.symlinks.unmungeLinks === true ? unmungeLink(entry.link) : entry.link, path);
    }
    const { minSize, maxSize } = options.compare;
    return entry.type === S_IFREG && ((maxSize !== undefined && entry.size > maxSize) || (minSize !== undefined && entry.size < minSize));
  }

  /** Whether the target cannot have an entry of this type at all. */
  cannotHave(entry: Entry): boolean {
    const { makesDevices } = this.facts.target;
    switch (entry.type) {
      case S_IFREG: case S_IFDIR: case 0: return false;
      case S_IFLNK: return this.lost.has('symlinks');
      case S_IFBLK: case S_IFCHR: return !makesDevices && !this.options.attributes.fakeSuper.target;
      default: return this.lost.has('special files');
    }
  }

  /** Two entries of one name, both with their attributes. */
  compare(source: Entry, target: Entry, path: RelPath): Verdict {
    if (source.type !== target.type) return { differs: ['type'], lost: [] };
    const hard: NoteDetail[] = this.agrees(source, target, path) ? [] : ['hard-link'];
    const { table, probe } = this;
    fill(table, 0, source);
    fill(table, 1, target);
    probe.about(source, target);
    const wanted = this.bits(this.strict, source);
    if (wanted === 0) return hard.length === 0 ? EQUAL : { differs: hard, lost: [] };
    const minded = this.bits(this.held, source);
    return { differs: [...details(wanted & minded, source), ...hard], lost: details(wanted & ~minded, source) };
  }

  /** Whether both are names of the same inode on each side; to be asked of every pair that is no folder. */
  agrees(source: Entry, target: Entry, path: RelPath): boolean {
    return !this.options.attributes.hardLinks || source.type === S_IFDIR || this.groups.agrees(path, source.leader, target.leader);
  }

  private bits(planner: Planner, source: Entry): number {
    const { table, probe } = this;
    const op: Operation = source.type === S_IFDIR ? planner.folder(EMPTY, table, 0, table, 1, false, probe) : planner.entry(source.name, table, 0, table, 1, false, this.linkText(source), probe);
    return op.item & ~(Item.Local | Item.TimeNow);
  }

  /** A link's text as it shall stand on the target. */
  private linkText(source: Entry): ByteString {
    const { mungeLinks, unmungeLinks } = this.options.symlinks;
    const text = source.link ?? EMPTY;
    const plain = unmungeLinks === true ? unmungeLink(text) : text;
    return mungeLinks ? mungeLink(plain) : plain;
  }
}

const NAMES: readonly (readonly [Item, NoteDetail])[] = [
  [Item.Size, 'size'], [Item.Time, 'mtime'], [Item.Perms, 'mode'], [Item.Owner, 'owner'], [Item.Group, 'group'], [Item.Atime, 'atime'], [Item.Acl, 'acl'], [Item.Xattr, 'xattrs'],
];

function details(bits: number, { type }: Entry): NoteDetail[] {
  if (bits === 0) return [];
  const found: NoteDetail[] = [];
  if ((bits & Item.New) !== 0) found.push('unfinished');
  if ((bits & (Item.Checksum | Item.Transfer)) !== 0) found.push(type === S_IFLNK ? 'link' : type === S_IFREG ? 'content' : 'device');
  for (const [bit, name] of NAMES) if ((bits & bit) !== 0) found.push(name);
  return found;
}

function fill(table: StatTable, i: number, e: Entry): void {
  table.set(i, {
    mode: e.type | e.perms, uid: e.uid, gid: e.gid, size: e.type === S_IFLNK ? (e.link ?? '').length : e.size, mtimeSec: e.mtimeSec, mtimeNsec: e.mtimeNsec,
    atimeSec: e.atime?.sec ?? 0, atimeNsec: e.atime?.nsec ?? 0, rdevMajor: e.device?.major ?? 0, rdevMinor: e.device?.minor ?? 0,
  });
}

/** Answers the planner's questions out of two entries. What could not be read counts as equal here: that it was not read is told by itself. */
class EntryProbe implements Probe {
  private source: Entry | undefined;
  private target: Entry | undefined;

  constructor(private readonly ids: IdMapper, private readonly policy: XattrPolicy, private readonly options: SessionOptions) {}

  about(source: Entry, target: Entry): void {
    this.source = source;
    this.target = target;
  }

  sameContent(): boolean {
    const [wanted, actual] = [this.source?.hash, this.target?.hash];
    return wanted === undefined || actual === undefined || wanted === actual;
  }

  targetLink(): ByteString {
    return this.target?.link ?? EMPTY;
  }

  sameAcl(mode: number): boolean {
    const [wanted, actual] = [this.mapped(this.source?.acl), list(this.target?.acl)];
    if (wanted !== undefined || actual !== undefined) {
      const plain = aclFromMode(mode);
      if (!sameBeyondMode(fitAclToMode(wanted ?? plain, mode), actual ?? plain)) return false;
    }
    return this.source?.type !== S_IFDIR || sameAcl(this.mapped(this.source.defaultAcl), list(this.target?.defaultAcl));
  }

  sameXattrs(): boolean {
    const wanted: XattrDigest[] = [];
    for (const { name, value } of this.source?.xattrs ?? []) {
      const stored = this.policy.storedName(name);
      if (stored !== undefined) wanted.push({ name: stored, value });
    }
    const actual = (this.target?.xattrs ?? []).filter(({ name }) => this.policy.minds(name));
    if (wanted.length !== actual.length) return false;
    if (this.options.attributes.fakeSuper.source || this.options.attributes.fakeSuper.target) wanted.sort((a, b) => (a.name < b.name ? -1 : 1));
    return wanted.every(({ name, value }, i) => name === actual[i]?.name && sameValue(value, actual[i]?.value));
  }

  private mapped(text: string | undefined): Acl | undefined {
    const acl = list(text);
    return acl === undefined ? undefined : mapAcl(acl, this.ids);
  }
}

function list(text: string | undefined): Acl | undefined {
  return text === undefined ? undefined : parseAcl(Buffer.from(text, 'base64'));
}

function sameValue(a: XattrDigest['value'], b: XattrDigest['value'] | undefined): boolean {
  if (typeof a === 'string' || typeof b === 'string' || b === undefined) return a === b;
  return a.size === b.size && a.sha256 === b.sha256;
}
