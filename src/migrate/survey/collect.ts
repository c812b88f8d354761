/**
 * Collector: makes a survey of entries that are shown to it one by one, in bounded memory: the largest and the hottest in lists of a fixed length, hard links
 * until all names of a group were seen, paths of each kind up to a limit. Pure; what needs the system (names of owners) is handed in.
 */
import { isUtf8 } from 'node:buffer';
import { baseOf, countType, displayName, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, toBytes, typeCounts, type ByteString, type RelPath, type StatTable } from '../../tree/index.js';
import { KINDS, STRETCHES, type Changed, type EarlierSurvey, type Found, type Growth, type Kind, type SizeClass, type Stretch, type Survey } from './types.js';

/** Entries of the lists of the largest and the hottest. */
const MOST_LISTED = 20;
/** Groups of hard links that are followed at a time. */
const MOST_GROUPS = 500_000;
/** Longest path that a call takes whole (PATH_MAX without its end), bytes. */
const PATH_MAX = 4095;
/** A file with fewer bytes than this missing is not called sparse: the last block, compression. */
const LEAST_HOLE = 65_536;
/** Files that a sample is taken of. */
const SAMPLED = 2000;
const SIZE_CLASSES = [4096, 65_536, 1 << 20, 64 << 20, 1 << 30, null] as const;

/** A file that may be read to measure how fast that goes. */
export interface Sample { readonly path: RelPath; readonly bytes: number }

export interface CollectorOptions {
  /** ms since 1970. */
  readonly now: number;
  readonly source: string;
  /** Paths kept of each kind. */
  readonly paths: number;
  nameOfUid(uid: number): ByteString | undefined;
  nameOfGid(gid: number): ByteString | undefined;
}

interface LinkGroup { readonly links: number; seen: number; readonly bytes: number; readonly path: RelPath }

export class Collector {
  readonly survey: Survey;
  private readonly groups = new Map<string, LinkGroup>();
  private readonly names = new Map<string, boolean>();
  private readonly sampled: Sample[] = [];
  private files = 0;
  private seed = 1;
  private longest = 0;

  constructor(private readonly options: CollectorOptions) {
    this.survey = {
      format: 'twintree-survey', version: 1, source: options.source, at: options.now, tookMs: 0, entries: typeCounts(), bytes: { apparent: 0, allocated: 0 },
      sizes: SIZE_CLASSES.map((upTo): SizeClass => ({ upTo, files: 0, bytes: 0 })), largest: [], hottest: [], written: stretches(), made: stretches(), growth: null,
      found: Object.fromEntries(KINDS.map((kind): [Kind, Found] => [kind, { count: 0, paths: [] }])) as Record<Kind, Found>, nanoseconds: 0,
      hardLinks: { groups: 0, names: 0, saved: 0, partial: false }, sparse: { files: 0, apparent: 0, allocated: 0 }, longestPath: 0, mounts: [],
    };
  }

  /** An entry. @param xattrs names of its attributes */
  see(path: RelPath, table: StatTable, i: number, xattrs: readonly ByteString[]): void {
    const { survey } = this;
    const type = table.type(i);
    countType(survey.entries, type);
    this.name(path);
    if (table.mtimeNsec(i) % 1000 !== 0) survey.nanoseconds++;
    this.owner(path, table, i);
    this.attributes(path, table, i, xattrs);
    if (type === S_IFREG) this.file(path, table, i);
    else if (type === S_IFBLK || type === S_IFCHR) this.note('devices', path, `${type === S_IFBLK ? 'block' : 'character'} device ${table.rdevMajor(i)}:${table.rdevMinor(i)}`);
    else if (type === S_IFIFO) this.note('fifos', path, 'FIFO');
    else if (type === S_IFSOCK) this.note('sockets', path, 'socket');
    if (type !== S_IFDIR && type !== S_IFREG && table.nlink(i) > 1) this.link(path, table, i);
  }

  note(kind: Kind, path: RelPath, what: string): void {
    const found = this.survey.found[kind];
    found.count++;
    if (found.paths.length < this.options.paths) found.paths.push({ path: path === '' ? './' : displayName(path), what });
  }

  /** Ends it. @returns inodes that have further names outside of what was walked, as `StatTable.identity` */
  finish(tookMs: number): { survey: Survey; shared: Set<string>; samples: Sample[] } {
    const { survey, groups } = this;
    const shared = new Set<string>();
    for (const [identity, group] of groups) {
      shared.add(identity);
      survey.hardLinks.groups++;
      survey.hardLinks.saved += group.bytes * (group.seen - 1);
      this.note('links-outside', group.path, `${group.links - group.seen} of ${group.links} names are elsewhere`);
    }
    survey.tookMs = Math.round(tookMs);
    survey.longestPath = this.longest;
    return { survey, shared, samples: this.sampled };
  }

  private name(path: RelPath): void {
    const name = baseOf(path);
    if (path.length > this.longest) this.longest = path.length;
    if (path.length > PATH_MAX) this.note('long-paths', path, `${path.length} bytes`);
    // oxlint-disable-next-line no-control-regex -- finding what is not plain is the purpose
    if (/^[\u0020-\u007e]*$/.test(name)) return;
    // oxlint-disable-next-line no-control-regex -- as above
    if (/[\u0000-\u001f\u007f]/.test(name)) this.note('control-characters', path, 'control characters in its name');
    if (!isUtf8(toBytes(name))) this.note('not-utf8', path, 'its name is not UTF-8');
  }

  private owner(path: RelPath, table: StatTable, i: number): void {
    const uid = table.uid(i);
    const gid = table.gid(i);
    if (!this.isNamed(`u${uid}`, () => this.options.nameOfUid(uid))) this.note('unnamed-owners', path, `uid ${uid}`);
    if (!this.isNamed(`g${gid}`, () => this.options.nameOfGid(gid))) this.note('unnamed-groups', path, `gid ${gid}`);
  }

  private isNamed(key: string, ask: () => ByteString | undefined): boolean {
    let named = this.names.get(key);
    if (named === undefined) this.names.set(key, (named = ask() !== undefined));
    return named;
  }

  private attributes(path: RelPath, table: StatTable, i: number, xattrs: readonly ByteString[]): void {
    const type = table.type(i);
    const perms = table.perms(i);
    if (type !== S_IFLNK && (perms & 0o6000) !== 0 && type !== S_IFDIR) this.note('set-id', path, `mode ${perms.toString(8)}`);
    if ((perms & 0o1000) !== 0 && type !== S_IFDIR) this.note('sticky', path, `mode ${perms.toString(8)}`);
    if (table.isImmutable(i)) this.note('immutable', path, 'immutable (chattr +i)');
    if (table.isAppendOnly(i)) this.note('append-only', path, 'append-only (chattr +a)');
    if (xattrs.length === 0) return;
    const acls = xattrs.filter((name) => name.startsWith('system.posix_acl_'));
    if (acls.length > 0) this.note('acls', path, acls.map((name) => (name.endsWith('_default') ? 'default list' : 'access list')).join(', '));
    if (xattrs.includes('security.capability' as ByteString)) this.note('capabilities', path, 'security.capability');
    for (const [space, kind] of [['user.', 'user-xattrs'], ['trusted.', 'trusted-xattrs'], ['security.', 'security-xattrs']] as const) {
      const those = xattrs.filter((name) => name.startsWith(space) && name !== 'security.capability' && !name.startsWith('trusted.SGI_ACL_'));
      if (those.length > 0) this.note(kind, path, those.map((name) => displayName(name)).join(' '));
    }
    const others = xattrs.filter((name) => !/^(?:user|trusted|security|system\.posix_acl_)/.test(name));
    if (others.length > 0) this.note('other-xattrs', path, others.map((name) => displayName(name)).join(' '));
  }

  private file(path: RelPath, table: StatTable, i: number): void {
    const { survey } = this;
    const bytes = table.size(i);
    const allocated = table.blocks(i) * 512;
    if (table.nlink(i) > 1 && !this.link(path, table, i)) return; // its bytes were counted with its first name
    survey.bytes.apparent += bytes;
    survey.bytes.allocated += allocated;
    const sizes = survey.sizes.find(({ upTo }) => upTo === null || bytes <= upTo) as SizeClass;
    sizes.files++;
    sizes.bytes += bytes;
    if (bytes - allocated >= LEAST_HOLE) {
      survey.sparse.files++;
      survey.sparse.apparent += bytes;
      survey.sparse.allocated += allocated;
      this.note('sparse', path, `${bytes} bytes, ${allocated} allocated`);
    }
    const written = table.mtimeSec(i) * 1000 + table.mtimeNsec(i) / 1e6;
    const changedAt = Math.max(written, table.ctimeSec(i) * 1000 + table.ctimeNsec(i) / 1e6);
    this.recent(survey.written, written, bytes);
    if (survey.made !== null) {
      if (table.hasBtime(i)) this.recent(survey.made, table.btimeSec(i) * 1000 + table.btimeNsec(i) / 1e6, bytes);
      else survey.made = null; // a count of some would mislead
    }
    keep(survey.largest, { path: '', bytes, allocated }, ({ bytes: size }) => size, path);
    if (changedAt <= this.options.now) keep(survey.hottest, { path: '', bytes, changedAt: Math.round(changedAt) }, ({ changedAt: at }) => at, path);
    this.sample(path, bytes);
  }

  private recent(counts: Record<Stretch, Changed>, at: number, bytes: number): void {
    const age = this.options.now - at;
    if (age < -60_000) return; // a time of the future says nothing
    for (const stretch of ['week', 'day', 'hour'] as const) {
      if (age > STRETCHES[stretch]) return;
      counts[stretch].files++;
      counts[stretch].bytes += bytes;
    }
  }

  /** One more name of an inode. Whether it is the first. */
  private link(path: RelPath, table: StatTable, i: number): boolean {
    const { survey, groups } = this;
    const identity = table.identity(i);
    survey.hardLinks.names++;
    this.note('hard-links', path, `${table.nlink(i)} names`);
    const known = groups.get(identity);
    if (known === undefined) {
      if (groups.size >= MOST_GROUPS) survey.hardLinks.partial = true;
      else groups.set(identity, { links: table.nlink(i), seen: 1, bytes: table.type(i) === S_IFREG ? table.size(i) : 0, path });
      return true;
    }
    if (++known.seen < known.links) return false;
    groups.delete(identity); // all its names were seen
    survey.hardLinks.groups++;
    survey.hardLinks.saved += known.bytes * (known.seen - 1);
    return false;
  }

  /** Each file is in the sample with the same chance (Vitter's algorithm R), by a generator that begins the same each time. */
  private sample(path: RelPath, bytes: number): void {
    if (bytes === 0) return;
    this.files++;
    if (this.sampled.length < SAMPLED) {
      this.sampled.push({ path, bytes });
      return;
    }
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0;
    const at = Math.floor((this.seed / 2 ** 32) * this.files);
    if (at < SAMPLED) this.sampled[at] = { path, bytes };
  }
}

function stretches(): Record<Stretch, Changed> {
  return { hour: none(), day: none(), week: none() };
}

function none(): Changed {
  return { files: 0, bytes: 0 };
}

/** Puts one into a list of the greatest, greatest first; the path becomes text only where it stays. */
function keep<T extends { readonly path: string }>(list: T[], one: T, rank: (one: T) => number, path: RelPath): void {
  const last = list.at(-1);
  if (list.length >= MOST_LISTED && last !== undefined && rank(one) <= rank(last)) return;
  const at = list.findIndex((other) => rank(other) < rank(one));
  list.splice(at < 0 ? list.length : at, 0, { ...one, path: displayName(path) });
  if (list.length > MOST_LISTED) list.pop();
}

/** How a source grew from an earlier survey to a later one; null where they are not of the same source or not in this order. */
export function growthBetween(earlier: EarlierSurvey, later: Survey): Growth | null {
  const ms = later.at - earlier.at;
  if (earlier.source !== later.source || ms <= 0) return null;
  const bytes = later.bytes.apparent - earlier.bytes.apparent;
  return { since: earlier.at, ms, files: later.entries.files - earlier.entries.files, bytes, bytesPerDay: Math.round((bytes * 86_400_000) / ms) };
}
