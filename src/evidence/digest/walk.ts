/**
 * Walks one tree in the manifest's order, reads what stat and attributes tell, and has contents hashed ahead of their turn. Entries are given out in order, as
 * soon as all before them are known. Its memory is the names of the folders on the way, and a bounded number of entries ahead.
 */
import { followRule, leadsBack, Listing, localSource, type FollowRule } from '../../endpoint/index.js';
import { Errno, errnoText, FolderCache, type Posix } from '../../fs/index.js';
import { fingerprintOf, type DigestIndex, type FileDigest, type KnownFolder } from '../../state/index.js';
import { baseOf, EMPTY, joinPath, STAT_WORDS, StatTable, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import { LARGE } from '../manifest/content-pieces.js';
import { bareEntry, DIGEST_BYTES, type Entry, type EntryFault } from '../manifest/entry.js';
import { ManifestWriter, type ManifestItem } from '../manifest/items.js';
import { EntryReader } from './attributes.js';
import { DigestFilters, standing, type FolderRules } from './filters.js';
import { CHANGED, type HashResult } from './hash-files.js';
import type { PieceNote } from './hash-pieces.js';
import type { HashPool } from './hash-pool.js';
import { emptyStats, type DigestRequest, type DigestStats } from './request.js';

/** SHA-256 of nothing. */
export const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Entries that may wait for those before them; some 500 bytes each. */
const AHEAD = 32_000;
/** Files of one batch, bytes from which on no more are added to it, and batches at work. */
const BATCH_FILES = 128;
const BATCH_BYTES = 4 << 20;
const MOST_BATCHES = 64;
/** Items given out at a time; milliseconds of walking between two looks at the event loop. */
const GIVEN = 1000;
const SLICE = 8;
const MOST_NOTICES = 100;

/** What a walk stands on. */
export interface WalkDeps {
  readonly posix: Posix;
  /** Handle of the root; the caller's. */
  readonly root: number;
  readonly pool: HashPool;
  readonly index: DigestIndex | undefined;
  /** Folders below the root that options name and that are no part of the tree (`StatTable.identity`). */
  readonly sideFolders: ReadonlySet<string>;
  /** A number from 0 up to but without 1, which nobody can foresee. */
  readonly random: () => number;
  /** Begin at this folder; empty: at the root. */
  readonly only: RelPath;
  readonly signal: AbortSignal;
  /** Takes what is worth saying, beside what was said before the walk. */
  readonly notices: string[];
}

interface Frame { readonly path: RelPath; readonly handle: number; readonly rules: FolderRules | undefined; readonly listing: Listing; at: number; readonly noted: NotedFolder | undefined }

/** What the index is told of a folder when all its files are known. */
interface NotedFolder { readonly path: RelPath; readonly names: readonly ByteString[]; readonly known: KnownFolder; readonly read: Map<ByteString, FileDigest | undefined>; pending: number; left: boolean }

/** An entry on its way out; or the end of a folder. */
interface Outgoing { readonly entry: Entry; ready: boolean; followers: Outgoing[] | undefined }
const END = undefined;

/** A file in a batch. */
interface Wanted { readonly out: Outgoing; readonly noted: NotedFolder | undefined; readonly handle: number; readonly name: ByteString; readonly known: Buffer | undefined; readonly pieces: PieceNote | undefined }
interface OpenBatch { readonly files: Wanted[]; readonly stats: Uint32Array; readonly pins: number[]; last: number; bytes: number }

export class TreeWalk {
  readonly stats: DigestStats;
  private readonly cache: FolderCache;
  private readonly filters: DigestFilters;
  private readonly reader: EntryReader;
  private readonly writer = new ManifestWriter();
  private readonly follow: FollowRule | undefined;
  private readonly own = new StatTable(3); // a folder, the root, scratch
  private readonly scratch = new StatTable(1);
  private readonly frames: Frame[] = [];
  private readonly spare: Listing[] = [];
  private out: (Outgoing | typeof END)[] = [];
  private first = 0; // of `out`
  private batch: OpenBatch | undefined;
  private inFlight = 0;
  private walked = false;
  private filled = false; // it went ahead as far as it may once
  private wake: (() => void) | undefined;
  private failure: Error | undefined;
  private readonly leaders = new Map<string, { path: RelPath; out: Outgoing; left: number }>();

  constructor(private readonly request: DigestRequest, private readonly deps: WalkDeps) {
    const { posix, root } = deps;
    this.stats = { ...emptyStats(), notices: deps.notices };
    this.follow = request.side === 'source' ? followRule(localSource(posix), request.options) : undefined;
    this.cache = new FolderCache(posix, root, { follow: this.follow !== undefined });
    this.reader = new EntryReader(posix, request);
    this.filters = new DigestFilters(posix, request, (file, message) => { this.notice(`${file}: ${message}`); });
    this.begin();
  }

  /** Digest of the manifest; undefined before its end. */
  get root(): Buffer | undefined {
    return this.writer.root;
  }

  /** The next items, at least one; undefined at the end. With `ahead` there are none. @throws the signal's reason. */
  async next(): Promise<ManifestItem[] | undefined> {
    const { signal } = this.deps;
    for (;;) {
      signal.throwIfAborted();
      if (this.failure !== undefined) throw this.failure;
      const mayWalk = (): boolean => !this.walked && this.out.length - this.first < AHEAD && this.inFlight < MOST_BATCHES;
      if (mayWalk()) {
        this.step(performance.now() + SLICE);
        if (!this.filled && mayWalk()) { // first it is found out what is to be read, so that reading is under way while entries are handed on
          await new Promise<void>((resolve) => { setImmediate(resolve); });
          continue;
        }
        if (!this.filled && this.batch !== undefined) this.send();
        this.filled = true;
      }
      const items = this.given();
      if (items.length > 0) return items;
      if (this.walked && this.inFlight === 0 && this.batch === undefined && this.first === this.out.length) {
        this.deps.index?.flush(); // while somebody hears that it cannot be written
        if (this.deps.only === EMPTY) this.deps.index?.forgetOtherPieces();
        return undefined;
      }
      if (mayWalk()) {
        await new Promise<void>((resolve) => { setImmediate(resolve); });
        continue;
      }
      if (this.batch !== undefined && this.inFlight < MOST_BATCHES) this.send();
      if (this.inFlight > 0 && this.failure === undefined) await new Promise<void>((resolve) => { this.wake = resolve; });
    }
  }

  /** Gives back all handles but the root's, when nobody reads by them any more. */
  async close(): Promise<void> {
    this.deps.signal.removeEventListener('abort', this.awake);
    while (this.inFlight > 0) await new Promise<void>((resolve) => { this.wake = resolve; });
    this.cache.closeAll();
  }

  // ---------------------------------------------------------------- walking

  private readonly awake = (): void => {
    this.wake?.();
    this.wake = undefined;
  };

  private begin(): void {
    const { posix, root, signal, only } = this.deps;
    signal.addEventListener('abort', this.awake);
    const error = posix.fstat(root, this.own, 1);
    if (error < 0) throw new Error(`the root cannot be looked at: ${error}`);
    let rules = this.filters.root(root);
    let at = EMPTY;
    for (const part of only === EMPTY ? [] : (only.split('/') as ByteString[])) {
      at = joinPath(at, part);
      const handle = this.cache.open(at);
      if (handle < 0) throw new TwintreeError('TARGET_UNUSABLE', `the folder cannot be opened: ${errnoText(-handle)}`, { path: at });
      rules = this.filters.enter(rules, part, handle);
    }
    const handle = this.cache.pin(only);
    posix.fstat(handle, this.own, 0);
    this.enter(only, baseOf(only), handle, rules, false);
  }

  private step(deadline: number): void {
    for (let n = 0; ; n++) {
      const frame = this.frames.at(-1);
      if (frame === undefined) {
        this.walked = true;
        return;
      }
      if (frame.at >= frame.listing.length) {
        this.leave(frame);
        continue;
      }
      this.entry(frame, frame.at++);
      if (n % 16 === 15 && (performance.now() >= deadline || this.out.length - this.first >= AHEAD || this.inFlight >= MOST_BATCHES)) return;
    }
  }

  private leave(frame: Frame): void {
    this.frames.pop();
    this.cache.unpin(frame.handle);
    if (this.spare.length < 8) this.spare.push(frame.listing);
    if (!this.request.ahead) this.out.push(END);
    if (frame.noted !== undefined) {
      frame.noted.left = true;
      this.settle(frame.noted);
    }
  }

  private entry(frame: Frame, k: number): void {
    const { listing, rules } = frame;
    const name = listing.names[k] as ByteString;
    const r = listing.record(k);
    if (r < 0) {
      if (standing(rules, name, false) !== 'hidden') this.unread(bareEntry(name), -r);
      return;
    }
    const { table } = listing;
    const isDir = table.isDir(r);
    const stands = standing(rules, name, isDir);
    if (stands === 'hidden') return;
    const path = joinPath(frame.path, name);
    if (isDir) this.folder(frame, path, name, table, r, stands === 'protected');
    else this.leaf(frame, path, name, table, r, stands === 'protected');
  }

  private folder(frame: Frame, path: RelPath, name: ByteString, table: StatTable, r: number, isProtected: boolean): void {
    const { options, side } = this.request;
    if (side === 'source' && options.walk.oneFileSystem > 1 && !table.sameDevice(r, this.own, 1)) return; // -xx: mount points are no part of the transfer
    if (this.deps.sideFolders.has(table.identity(r))) return;
    const handle = this.cache.pin(path);
    if (handle < 0) {
      const entry = this.reader.read(frame.handle, name, name, table, r);
      entry.isProtected = isProtected;
      this.unread(entry, -handle);
      if (!this.request.ahead) this.out.push(END);
      return;
    }
    this.deps.posix.fstat(handle, this.own, 0);
    this.enter(path, name, handle, this.filters.enter(frame.rules, name, handle), isProtected);
  }

  /** Enters an open folder, whose record is `own`'s first. */
  private enter(path: RelPath, name: ByteString, handle: number, rules: FolderRules | undefined, isProtected: boolean): void {
    const { own, request, deps } = this;
    const entry = request.ahead ? bareEntry(name) : this.reader.read(handle, EMPTY, name, own, 0);
    entry.isProtected = isProtected;
    entry.isClosed = path !== '' && request.side === 'source' && request.options.walk.oneFileSystem > 0 && !own.sameDevice(0, own, 1);
    this.stats.folders++;
    let error = 0;
    const listing = this.spare.pop() ?? this.newListing();
    if (this.follow !== undefined && leadsBack(deps.posix, this.cache, path, own, this.scratch)) error = -Errno.ELOOP;
    else if (!entry.isClosed) error = listing.readSource([{ mount: 0, fd: handle, listed: true }], undefined, this.follow, path);
    if (error < 0) this.unread(entry, -error);
    else {
      if (entry.fault !== undefined) this.stats.faults++;
      this.put(entry, true);
    }
    if (error < 0 || entry.isClosed) {
      if (path !== '') this.cache.unpin(handle);
      if (!request.ahead) this.out.push(END);
      return;
    }
    const { index } = deps;
    const noted: NotedFolder | undefined = index === undefined ? undefined : { path, names: listing.names, known: index.open(path), read: new Map(), pending: 0, left: false };
    this.frames.push({ path, handle, rules, listing, at: 0, noted });
  }

  private newListing(): Listing {
    const { attributes } = this.request.options;
    const listing = new Listing(this.deps.posix);
    listing.fake = this.request.side === 'source' ? attributes.fakeSuper.source : attributes.fakeSuper.target;
    return listing;
  }

  private leaf(frame: Frame, path: RelPath, name: ByteString, table: StatTable, r: number, isProtected: boolean): void {
    const { request, stats } = this;
    const isFile = table.isFile(r);
    if (request.ahead && !isFile) return;
    const entry = request.ahead ? bareEntry(name) : this.reader.read(frame.handle, name, name, table, r);
    entry.isProtected = isProtected;
    const leader = request.options.attributes.hardLinks && table.nlink(r) > 1 ? this.leaderOf(table, r) : undefined;
    if (leader !== undefined) {
      this.link(entry, leader, isFile);
      return;
    }
    if (!isFile) {
      if (entry.fault !== undefined) stats.faults++;
      this.register(path, table, r, this.put(entry, true));
      return;
    }
    const size = table.size(r);
    stats.files++;
    stats.bytes += size;
    if (size === 0) {
      entry.hash = EMPTY_HASH;
      stats.filesRead++;
      if (entry.fault !== undefined) stats.faults++;
      this.register(path, table, r, this.put(entry, true));
      return;
    }
    const memory = size > LARGE ? this.deps.index?.piecesOf(path) : undefined; // also where it is not read now: it is there
    const known = request.mode === 'index' || request.ahead ? frame.noted?.known.known(name, table, r) : undefined;
    const sampled = known !== undefined && !request.ahead && this.deps.random() * 100 < request.samplePercent;
    if (known !== undefined && !sampled) {
      entry.hash = known.toString('hex');
      stats.filesBelieved++;
      stats.bytesBelieved += size;
      if (entry.fault !== undefined) stats.faults++;
      this.register(path, table, r, this.put(entry, true));
      return;
    }
    if (sampled) stats.filesSampled++;
    const out = this.put(entry, false);
    this.register(path, table, r, out);
    if (frame.noted !== undefined) frame.noted.pending++;
    const pieces = memory === undefined ? undefined : { file: memory, believe: known === undefined && (request.mode === 'index' || request.ahead) }; // a sample is hashed
    this.want({ out, noted: frame.noted, handle: frame.handle, name, known, pieces }, frame.path, table, r, size);
  }

  /** Hard links: the name under which the inode was met before. */
  private leaderOf(table: StatTable, r: number): { path: RelPath; out: Outgoing } | undefined {
    const key = table.identity(r);
    const known = this.leaders.get(key);
    if (known !== undefined && --known.left === 0) this.leaders.delete(key);
    return known;
  }

  private register(path: RelPath, table: StatTable, r: number, out: Outgoing): void {
    if (!this.request.options.attributes.hardLinks || table.nlink(r) === 1) return;
    out.entry.leader = path;
    this.leaders.set(table.identity(r), { path, out, left: table.nlink(r) - 1 });
  }

  private link(entry: Entry, leader: { path: RelPath; out: Outgoing }, isFile: boolean): void {
    entry.leader = leader.path;
    if (this.request.ahead) return;
    if (isFile) this.stats.files++;
    if (!isFile || leader.out.ready) {
      if (isFile) follows(entry, leader.out.entry);
      if (entry.fault !== undefined) this.stats.faults++;
      this.put(entry, true);
      return;
    }
    (leader.out.followers ??= []).push(this.put(entry, false));
  }

  private unread(entry: Entry, errno: number): void {
    const code: EntryFault = errno === Errno.ENOENT ? 'vanished' : 'unreadable';
    entry.fault = { code, errno };
    this.stats.faults++;
    this.put(entry, true);
  }

  private put(entry: Entry, ready: boolean): Outgoing {
    this.stats.entries++;
    const out: Outgoing = { entry, ready, followers: undefined };
    if (!this.request.ahead) this.out.push(out);
    return out;
  }

  private notice(text: string): void {
    if (this.stats.notices.length < MOST_NOTICES) this.stats.notices.push(text);
  }

  // ---------------------------------------------------------------- contents

  private want(file: Wanted, folder: RelPath, table: StatTable, r: number, size: number): void {
    const batch = (this.batch ??= { files: [], stats: new Uint32Array(BATCH_FILES * STAT_WORDS), pins: [], last: -1, bytes: 0 });
    if (batch.last !== file.handle) {
      batch.last = this.cache.pin(folder); // the very handle: its folder is open
      batch.pins.push(batch.last);
    }
    batch.stats.set(table.words.subarray(r * STAT_WORDS, (r + 1) * STAT_WORDS), batch.files.length * STAT_WORDS);
    batch.files.push(file);
    batch.bytes += size;
    if (batch.files.length === BATCH_FILES || batch.bytes >= BATCH_BYTES) this.send();
  }

  private send(): void {
    const { batch } = this;
    if (batch === undefined) return;
    this.batch = undefined;
    this.inFlight++;
    const { files, stats, pins, bytes } = batch;
    const { symlinks } = this.request.options;
    const follow = this.request.side === 'source' && (symlinks.copyLinks || symlinks.copyUnsafeLinks);
    const handles = Int32Array.from(files, ({ handle }) => handle);
    const before = stats.slice(0, files.length * STAT_WORDS);
    void this.hashed(files, pins, this.deps.pool.submit({ handles, names: files.map(({ name }) => name), follow, stats: before, pieces: files.map(({ pieces }) => pieces), once: this.request.ahead }, bytes));
  }

  private async hashed(files: readonly Wanted[], pins: readonly number[], answer: Promise<HashResult>): Promise<void> {
    try {
      this.take(files, await answer);
    } catch (error) {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
    } finally {
      this.inFlight--;
      for (const handle of pins) this.cache.unpin(handle);
      this.awake();
    }
  }

  private take(files: readonly Wanted[], result: HashResult): void {
    const table = new StatTable(files.length);
    table.words.set(result.stats);
    this.stats.bytesRead += result.bytes;
    this.stats.bytesKnown += result.known;
    files.forEach((file, i) => { this.answer(file, result, table, i); });
  }

  private answer({ out, noted, handle, name, known }: Wanted, { errnos, digests, touched, moment }: HashResult, table: StatTable, i: number): void {
    const { stats, request } = this;
    const { entry } = out;
    const errno = errnos[i] as number;
    if (touched[i] === 1 && !request.ahead) this.readAgain(entry, handle, name, table, i);
    let digest: Buffer | undefined;
    if (errno === 0) {
      digest = Buffer.from(digests.slice(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES).buffer);
      entry.hash = digest.toString('hex');
      stats.filesRead++;
      if (known !== undefined && !known.equals(digest) && touched[i] === 0) {
        entry.fault ??= { code: 'differs', errno: 0 };
        stats.samplesWrong++;
      }
    } else entry.fault ??= errno === CHANGED ? { code: 'changed', errno: 0 } : { code: errno === Errno.ENOENT ? 'vanished' : 'unreadable', errno };
    if (noted !== undefined) this.note(noted, name, digest === undefined ? undefined : { name, fingerprint: fingerprintOf(table, i), moment, sha256: digest });
    out.ready = true;
    if (entry.fault !== undefined) stats.faults++;
    for (const follower of out.followers ?? []) {
      follows(follower.entry, entry);
      if (follower.entry.fault !== undefined) stats.faults++;
      follower.ready = true;
    }
    out.followers = undefined;
  }

  /** What was read of a file, for the index. */
  private note(noted: NotedFolder, name: ByteString, file: FileDigest | undefined): void {
    noted.read.set(name, file !== undefined && this.deps.index?.serves(file.fingerprint, file.moment) === true ? file : undefined);
    noted.pending--;
    this.settle(noted);
  }

  /** All of a folder is known: the index is told, where there is anything new. */
  private settle(noted: NotedFolder): void {
    if (noted.left && noted.pending === 0 && noted.read.size > 0) this.deps.index?.put(noted.path, noted.names, noted.read);
  }

  /** It was changed since it was listed, and is read whole now: what is said of it is of the same moment. */
  private readAgain(entry: Entry, handle: number, name: ByteString, table: StatTable, i: number): void {
    const { fault } = entry;
    const fresh = this.reader.read(handle, name, name, table, i);
    const { isProtected, leader } = entry;
    Object.assign(entry, fresh, { isProtected, leader, fault: fault ?? fresh.fault });
  }

  /** The items whose turn it is. */
  private given(): ManifestItem[] {
    const items: ManifestItem[] = [];
    const { out, writer } = this;
    while (this.first < out.length && items.length < GIVEN) {
      const next = out[this.first];
      if (next === END) items.push(writer.end());
      else if (next.ready) items.push(writer.entry(next.entry));
      else break;
      this.first++;
    }
    if (this.first > 4096 && this.first * 2 > out.length) {
      this.out = out.slice(this.first);
      this.first = 0;
    }
    return items;
  }
}

/** A further name of an inode has its content. */
function follows(entry: Entry, leader: Entry): void {
  entry.hash = leader.hash;
  if (leader.fault !== undefined) entry.fault ??= leader.fault;
}
