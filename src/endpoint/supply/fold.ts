/**
 * Folder items: the entries of one folder of one mount, as the session's scan will ask for them: names in byte order, attributes, texts of
 * symlinks, what followed symlinks lead to, extended attributes, names of owners, and with -c hashes. Large folders are told
 * in several items, which hold no more than WINDOW entries each.
 *
 * The names of an item are all that the folder has, unless `listErrno` is ENODATA: then the folder was not listed, and they are only those
 * that the selection chooses by themselves.
 */
import { Errno, type NameList, type Posix } from '../../fs/index.js';
import { ACCESS_ACL, DEFAULT_ACL, isFakeSuperName } from '../../plan/index.js';
import { isName, joinPath, STAT_WORDS, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { FOLDER_CUT, FolderDigest, MAX_XATTR_VALUE, type FolderItem, type WireXattr } from '../../wire/index.js';
import type { Hashing } from './hashing.js';
import type { SupplySetup } from './messages.js';
import { ToldNames } from './names.js';
import type { ItemSink } from './outgoing.js';
import type { Places } from './places.js';
import type { Share } from './share.js';
import type { Job } from './wait.js';

/** Entries whose attributes are held at a time, and most entries of one item. */
const WINDOW = 1024;
/** Bytes of one record. */
const RECORD = STAT_WORDS * 4;
/** Bytes that an entry takes on the wire beside its name, roughly. */
const ENTRY = 24;
/** Bytes of attributes of one entry that are told; past them the entry counts as unreadable (E2BIG). */
const MOST_XATTRS = 4 << 20;
/** Bytes hashed for one item, so that a folder of large files is told piece by piece. */
const HASHED = 16 << 20;
/** Files of more bytes take a while to hash. */
const LONG_READING = 1 << 20;
/** Bytes of a rule file that are told unasked. */
const MOST_RULES = 1 << 20;
const NO_RULE_FILES: ReadonlyMap<ByteString, Buffer | undefined> = new Map();

/** Entry of a folder as a walker has to see it. */
export interface SeenEntry {
  name: ByteString;
  /** It is a folder by itself, without following. */
  folder: boolean;
  /** Record `at` of `table`: what it counts as, a followed symlink being what it leads to. */
  table: StatTable;
  at: number;
}

/** What is told beside the names. */
export interface FolderRequest {
  mount: number;
  path: RelPath;
  fd: number;
  share: Share;
  /** False: the folder is not listed though it could be (another file system with -x); its names are those of the selection. */
  listed: boolean;
  ruleFiles?: ReadonlyMap<ByteString, Buffer | undefined>;
  /** Whether a regular file's hash is told. */
  hashes?: ((entry: SeenEntry) => boolean) | undefined;
  /** Called for each entry whose attributes could be read. */
  each?: (entry: SeenEntry) => void;
  /** Names that are left out altogether. */
  hides?: ((entry: SeenEntry) => boolean) | undefined;
}

/** Makes Folder items. One belongs to one channel: it remembers which owners' names were told there. */
export class Folders {
  private readonly raw: NameList = { names: [], types: [] };
  private readonly table = new StatTable(WINDOW);
  private readonly errors = new Int32Array(WINDOW);
  private readonly leads = new StatTable(1);
  private readonly own = new StatTable(1);
  private readonly entry: SeenEntry = { name: '' as ByteString, folder: false, table: this.table, at: 0 };
  private told: ToldNames | undefined;
  private digests: FolderDigest | undefined;
  private readonly allXattrs: boolean;
  private readonly someXattrs: boolean;

  constructor(private readonly posix: Posix, private readonly setup: SupplySetup, private readonly places: Places, private readonly hashing: Hashing) {
    const { xattrs, acls, fakeSuper, numericIds } = setup.options.attributes;
    this.allXattrs = xattrs;
    this.someXattrs = xattrs || acls || fakeSuper.source;
    this.told = numericIds ? undefined : new ToldNames();
  }

  /** What was told so far did not arrive: owners' names are told again. */
  forgetNames(): void {
    if (this.told !== undefined) this.told = new ToldNames();
  }

  /** Tells that a folder cannot be opened. */
  refused(out: ItemSink, mount: number, path: RelPath, errno: number): void {
    out.write(this.item({ mount, path }, { openErrno: errno }));
  }

  /** Tells one folder. Its handle must stay open meanwhile. */
  *tell(out: ItemSink, request: FolderRequest): Job {
    const { posix } = this;
    const { mount, path, fd } = request;
    const error = posix.fstat(fd, this.own, 0);
    if (error < 0) {
      this.refused(out, mount, path, -error);
      return;
    }
    this.told?.note(this.own.uid(0), this.own.gid(0));
    const all = request.share.all && request.listed;
    let listErrno: number = all ? 0 : Errno.ENODATA;
    let names: ByteString[] = [];
    if (all) {
      const listed = posix.list(fd, this.raw);
      if (listed < 0) listErrno = -listed;
      else names = sortedNames(this.raw.names);
    } else names = this.chosen(request);
    const xattrs = this.someXattrs ? this.xattrsOf(fd, '' as ByteString) : undefined;
    const first: Partial<FolderItem> = {
      self: Buffer.from(this.own.bytes), listErrno, ruleFiles: tellable(request.ruleFiles),
      ...(xattrs === undefined || xattrs === 'too-large' ? {} : { xattrs: new Map([[-1, xattrs]]) }),
    };
    if (names.length === 0) out.writeLarge(this.item(request, first), sizeOf(first));
    for (let from = 0; from < names.length; from += WINDOW) yield* this.window(out, request, names, from, from === 0 ? first : undefined);
    yield* out.pump();
  }

  /** Tells a folder's digest; false where it has to be told whole. Notes its entries as `tell` does. */
  digest(out: ItemSink, { mount, path, fd, share, listed, each, hides, hashes }: FolderRequest): boolean {
    const { posix, own, entry } = this;
    if (!share.all || !listed || hides !== undefined || hashes !== undefined || this.someXattrs) return false;
    if (posix.fstat(fd, own, 0) < 0 || posix.list(fd, this.raw) < 0 || this.raw.names.length > WINDOW) return false;
    const names = sortedNames(this.raw.names);
    this.posix.statMany(fd, names, 0, names.length, this.table, this.errors);
    this.digests ??= new FolderDigest(this.setup.seed);
    this.digests.begin();
    this.digests.add('' as ByteString, own.words, 0, undefined);
    for (let k = 0; k < names.length; k++) {
      const name = names[k] as ByteString;
      const text = this.errors[k] === 0 && this.table.isSymlink(k) ? posix.readlink(fd, name) : undefined;
      if (this.errors[k] !== 0 || typeof text === 'number') return false;
      this.digests.add(name, this.table.words, k * STAT_WORDS, text);
    }
    out.write({ kind: 'digest', mount, path, digest: this.digests.end() });
    entry.table = this.table;
    for (let k = 0; k < names.length; k++) {
      entry.name = names[k] as ByteString;
      entry.folder = this.table.isDir(k);
      entry.at = k;
      each?.(entry);
    }
    return true;
  }

  /** Names that the selection chooses from this mount and that are there. */
  private chosen(request: FolderRequest): ByteString[] {
    const names: ByteString[] = [];
    for (const [name, child] of request.share.node?.children ?? []) {
      if (isName(name) && child.mounts.includes(request.mount) && this.posix.stat(request.fd, name, this.leads, 0) !== -Errno.ENOENT) names.push(name);
    }
    return sortedNames(names);
  }

  /** Tells the entries from number `from` on, at most WINDOW. */
  private *window(out: ItemSink, request: FolderRequest, all: ByteString[], from: number, first: Partial<FolderItem> | undefined): Job {
    const { table, errors, entry } = this;
    const to = Math.min(all.length, from + WINDOW);
    this.posix.statMany(request.fd, all, from, to, table, errors);
    let item = new Part(first);
    for (let k = from; k < to; k++) {
      const r = k - from;
      const name = all[k] as ByteString;
      let cost = name.length + ENTRY;
      let errno = errors[r] as number;
      const at = item.names.length;
      if (errno === 0) {
        entry.name = name;
        entry.folder = table.isDir(r);
        entry.table = table;
        entry.at = r;
        if (table.isSymlink(r)) cost += this.symlink(request, item, at);
        if (request.hides?.(entry) === true) {
          item.links.delete(at);
          item.followed.delete(at);
          continue;
        }
        this.told?.note(table.uid(r), table.gid(r));
        if (entry.table !== table) this.told?.note(entry.table.uid(0), entry.table.gid(0));
        if (this.someXattrs) {
          const xattrs = this.xattrsOf(request.fd, name, entry.table !== table);
          if (xattrs === 'too-large') errno = Errno.E2BIG;
          else if (xattrs !== undefined) {
            item.xattrs.set(at, xattrs);
            for (const { name: attribute, value } of xattrs) cost += attribute.length + value.length + 8;
          }
        }
        if (errno === 0) {
          request.each?.(entry);
          if (request.hashes !== undefined && entry.table.isFile(entry.at) && request.hashes(entry)) {
            const size = entry.table.size(entry.at);
            if (size > LONG_READING) yield* out.flush(); // what was told before does not wait for it
            const { errno: failed, hash } = yield* this.hashing.named(request.fd, name, entry.table !== table, size);
            if (failed === 0) item.hashes.set(at, hash);
            item.hashed += size;
          }
        }
      }
      item.add(name, table, r, errno, cost);
      if ((item.cost >= FOLDER_CUT - 8192 || item.hashed >= HASHED) && k + 1 < all.length) {
        out.writeLarge(this.item(request, item.content(true)), item.cost);
        yield* out.pump();
        item = new Part(undefined);
      }
    }
    const more = to < all.length;
    // The last item says that the folder ends, even where it is empty.
    if (item.names.length > 0 || !more || item.first !== undefined) out.writeLarge(this.item(request, item.content(more)), item.cost);
    yield* out.pump();
  }

  /** The text of a symlink and, where it may be followed, what it leads to; sets what the entry counts as. Returns the bytes it costs. */
  private symlink(request: FolderRequest, item: Part, at: number): number {
    const { posix, entry, leads } = this;
    const { copyDirlinks } = this.setup.options.symlinks;
    const text = posix.readlink(request.fd, entry.name);
    if (typeof text === 'number') return 0; // the session asks for itself and meets the error
    item.links.set(at, text);
    const whole = this.places.goesThrough(joinPath(request.path, entry.name), text);
    if (!whole && !copyDirlinks) return text.length;
    const error = posix.statFollow(request.fd, entry.name, leads, 0);
    item.followed.set(at, error < 0 ? -error : Buffer.from(leads.bytes));
    if (error === 0 && (whole || leads.isDir(0))) {
      entry.table = leads;
      entry.at = 0;
    }
    return text.length + 2 * ENTRY;
  }

  /** The attributes that the session will look at; undefined where there are none. `name` empty: of the folder itself. */
  private xattrsOf(at: number, name: ByteString, follow = false): WireXattr[] | 'too-large' | undefined {
    const { posix } = this;
    const names = name === '' ? posix.flistXattrs(at) : posix.listXattrs(at, name, follow);
    if (typeof names === 'number' || names.length === 0) return undefined;
    const out: WireXattr[] = [];
    let bytes = 0;
    for (const attribute of names) {
      if (!this.allXattrs && attribute !== ACCESS_ACL && attribute !== DEFAULT_ACL && !isFakeSuperName(attribute)) continue;
      const value = name === '' ? posix.fgetXattr(at, attribute) : posix.getXattr(at, name, attribute, follow);
      if (typeof value === 'number') continue; // as where it is not there: that is how a scan on one host takes it too
      bytes += value.length;
      if (value.length > MAX_XATTR_VALUE || bytes > MOST_XATTRS) return 'too-large';
      out.push({ name: attribute, value });
    }
    return out.length === 0 ? undefined : out;
  }

  private item(where: { mount: number; path: RelPath }, content: Partial<FolderItem>): FolderItem {
    const names = this.told?.take();
    return {
      kind: 'folder', mount: where.mount, path: where.path, more: false, openErrno: 0, listErrno: 0, self: undefined, names: [], stats: Buffer.alloc(0), errors: undefined,
      links: new Map(), followed: undefined, xattrs: undefined, hashes: undefined, ruleFiles: NO_RULE_FILES,
      users: names?.users ?? [], groups: names?.groups ?? [], ...content,
    };
  }
}

/** One item as it grows. */
class Part {
  readonly names: ByteString[] = [];
  readonly links = new Map<number, ByteString>();
  readonly followed = new Map<number, Buffer | number>();
  readonly xattrs: Map<number, readonly WireXattr[]>;
  readonly hashes = new Map<number, Buffer>();
  /** Bytes on the wire, roughly. */
  cost: number;
  /** Bytes hashed for it. */
  hashed = 0;
  private readonly records: Buffer[] = [];
  private readonly errors: number[] = [];
  private failed = false;
  private end = -1; // record behind the last one

  constructor(readonly first: Partial<FolderItem> | undefined) {
    this.cost = first === undefined ? 0 : sizeOf(first);
    this.xattrs = new Map(first?.xattrs ?? []);
  }

  add(name: ByteString, table: StatTable, r: number, errno: number, cost: number): void {
    this.names.push(name);
    const bytes = table.bytes.subarray(r * RECORD, (r + 1) * RECORD);
    if (errno !== 0) {
      bytes.fill(0);
      this.failed = true;
    }
    // Mostly all entries of a window are told: then their records are one piece of the table.
    const last = this.records.at(-1);
    if (last !== undefined && this.end === r) this.records[this.records.length - 1] = table.bytes.subarray(r * RECORD - last.length, (r + 1) * RECORD);
    else this.records.push(bytes);
    this.end = r + 1;
    this.errors.push(errno);
    this.cost += cost;
  }

  content(more: boolean): Partial<FolderItem> {
    return {
      ...this.first, more, names: this.names, stats: this.records.length === 1 ? (this.records[0] as Buffer) : Buffer.concat(this.records), links: this.links,
      errors: this.failed ? Int32Array.from(this.errors) : undefined,
      followed: this.followed.size > 0 ? this.followed : undefined,
      xattrs: this.xattrs.size > 0 ? this.xattrs : undefined,
      hashes: this.hashes.size > 0 ? this.hashes : undefined,
    };
  }
}

function sizeOf(first: Partial<FolderItem>): number {
  let size = RECORD;
  for (const content of first.ruleFiles?.values() ?? []) size += content?.length ?? 0;
  for (const list of first.xattrs?.values() ?? []) for (const { value } of list) size += value.length;
  return size;
}

/** Rule files that fit into an item; the session asks for larger ones. */
function tellable(files: ReadonlyMap<ByteString, Buffer | undefined> | undefined): ReadonlyMap<ByteString, Buffer | undefined> {
  if (files === undefined) return NO_RULE_FILES;
  const large = [...files.values()].some((content) => content !== undefined && content.length > MOST_RULES);
  return large ? new Map([...files].filter(([, content]) => content === undefined || content.length <= MOST_RULES)) : files;
}

/** Byte order, each name once, without what cannot be a name on the wire (no file system in use has such). */
function sortedNames(names: readonly ByteString[]): ByteString[] {
  const sorted = names.filter(isName).sort();
  return sorted.some((name, i) => i > 0 && name === sorted[i - 1]) ? [...new Set(sorted)] : sorted;
}
