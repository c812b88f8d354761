/**
 * The index of entries: what was last known of each path on both sides, and under which paths an inode is known. Everything in it is bound to
 * fingerprints and may be missing or old: who uses it compares the fingerprint with what is there now.
 */
import type { RelPath } from '../../tree/index.js';
import type { ByteReader, ByteWriter } from '../../wire/index.js';
import { readFingerprint, sameFingerprint, writeFingerprint, type Fingerprint } from './fingerprint.js';
import type { Table } from './lmdb.js';
import { PathMap, type Codec, type PathHash } from './path-map.js';

/** Which tree. */
export type Side = 'source' | 'target';

/** Bytes of a content hash (XXH3-128). */
export const CONTENT_HASH_BYTES = 16;

/** What was seen of one path on one side. */
export interface Seen {
  fingerprint: Fingerprint;
  /** Strong hash of the content, where it was computed. */
  hash: Buffer | undefined;
  /** Milliseconds since 1970 at which the content with this hash was there; see `isSettled`. */
  moment: number;
}

/** What is known of one path. */
export interface IndexRecord {
  source: Seen | undefined;
  target: Seen | undefined;
  /** First name of a hard-link group at the source. */
  leader: boolean;
}

const SOURCE = 1;
const TARGET = 2;
const SOURCE_HASH = 4;
const TARGET_HASH = 8;
const SAME_HASH = 16; // the target's hash is the source's
const LEADER = 32;
const MAX_MOMENT = 8.64e15;

export const indexCodec: Codec<IndexRecord> = {
  write(w: ByteWriter, { source, target, leader }: IndexRecord): void {
    const sharesHash = source?.hash !== undefined && target?.hash !== undefined && source.hash.equals(target.hash);
    w.u8(
      (source === undefined ? 0 : SOURCE) | (target === undefined ? 0 : TARGET) | (source?.hash === undefined ? 0 : SOURCE_HASH) | (target?.hash === undefined ? 0 : TARGET_HASH) |
      (sharesHash ? SAME_HASH : 0) | (leader ? LEADER : 0),
    );
    if (source !== undefined) writeSeen(w, source, undefined, false);
    if (target !== undefined) writeSeen(w, target, source?.fingerprint, sharesHash);
  },
  read(r: ByteReader): IndexRecord {
    const flags = r.flags(63, 'an index record');
    const source = (flags & SOURCE) === 0 ? undefined : readSeen(r, undefined, (flags & SOURCE_HASH) !== 0, undefined);
    const shared = (flags & SAME_HASH) !== 0 ? source?.hash : undefined;
    const target = (flags & TARGET) === 0 ? undefined : readSeen(r, source?.fingerprint, (flags & TARGET_HASH) !== 0, shared);
    return { source, target, leader: (flags & LEADER) !== 0 };
  },
};

function writeSeen(w: ByteWriter, seen: Seen, like: Fingerprint | undefined, hashIsKnown: boolean): void {
  writeFingerprint(w, seen.fingerprint, like);
  w.varint(Math.max(0, Math.floor(seen.moment)));
  if (seen.hash !== undefined && !hashIsKnown) w.raw(seen.hash);
}

function readSeen(r: ByteReader, like: Fingerprint | undefined, hasHash: boolean, shared: Buffer | undefined): Seen {
  const fingerprint = readFingerprint(r, like);
  const moment = r.varint(MAX_MOMENT, 'a moment');
  return { fingerprint, moment, hash: !hasHash ? undefined : shared ?? Buffer.from(r.raw(CONTENT_HASH_BYTES)) };
}

/** Nothing: that a path is there is all that is said. */
const nothing: Codec<true> = {
  write: (w) => w.u8(1), // the store knows no empty value
  read: (r) => r.flags(1, 'a name') === 1 || true,
};

/** Bytes of an inode's key. */
const INODE_BYTES = 17;

/** Paths and inodes. All that changes it is called in a transaction. */
export class EntryIndex {
  private readonly paths: PathMap<IndexRecord>;
  private readonly inodes: PathMap<true>;

  constructor(entries: Table, inodes: Table, hash?: PathHash) {
    this.paths = new PathMap(entries, indexCodec, 0, hash);
    this.inodes = new PathMap(inodes, nothing, INODE_BYTES, hash);
  }

  get count(): number {
    return this.paths.count;
  }

  get(path: RelPath): IndexRecord | undefined {
    return this.paths.get(path);
  }

  /** Records of a folder and all below it, behind `after`; see `PathMap.list`. */
  list(what?: { folder?: RelPath; after?: RelPath; limit?: number }): { path: RelPath; record: IndexRecord }[] {
    return this.paths.list(what);
  }

  put(path: RelPath, record: IndexRecord): void {
    const before = this.paths.get(path);
    if (before !== undefined && same(before, record)) return;
    this.paths.put(path, record);
    this.renumber(path, 'source', before?.source?.fingerprint, record.source?.fingerprint);
    this.renumber(path, 'target', before?.target?.fingerprint, record.target?.fingerprint);
  }

  remove(path: RelPath): void {
    const before = this.paths.get(path);
    if (before === undefined) return;
    this.paths.remove(path);
    this.renumber(path, 'source', before.source?.fingerprint, undefined);
    this.renumber(path, 'target', before.target?.fingerprint, undefined);
  }

  /** A folder and all below it. */
  removeTree(folder: RelPath): void {
    for (const { path } of this.paths.list({ folder })) this.remove(path);
  }

  /** Paths under which an inode was last known, at most `limit`, in byte order. */
  pathsOf(side: Side, inode: Pick<Fingerprint, 'devMajor' | 'devMinor' | 'inoLow' | 'inoHigh'>, limit = 1000): RelPath[] {
    return this.inodes.list({ scope: inodeScope(side, inode), limit }).map(({ path }) => path);
  }

  private renumber(path: RelPath, side: Side, before: Fingerprint | undefined, now: Fingerprint | undefined): void {
    const old = before === undefined ? undefined : inodeScope(side, before);
    const scope = now === undefined ? undefined : inodeScope(side, now);
    if (old === scope) return;
    if (old !== undefined) this.inodes.remove(path, old);
    if (scope !== undefined) this.inodes.put(path, true, scope);
  }
}

function inodeScope(side: Side, f: Pick<Fingerprint, 'devMajor' | 'devMinor' | 'inoLow' | 'inoHigh'>): string {
  const key = Buffer.allocUnsafe(INODE_BYTES);
  key[0] = side === 'source' ? 0 : 1;
  key.writeUInt32BE(f.devMajor >>> 0, 1);
  key.writeUInt32BE(f.devMinor >>> 0, 5);
  key.writeUInt32BE(f.inoHigh >>> 0, 9);
  key.writeUInt32BE(f.inoLow >>> 0, 13);
  return key.latin1Slice(0, INODE_BYTES);
}

function same(a: IndexRecord, b: IndexRecord): boolean {
  return a.leader === b.leader && sameSeen(a.source, b.source) && sameSeen(a.target, b.target);
}

function sameSeen(a: Seen | undefined, b: Seen | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const sameHash = a.hash === undefined || b.hash === undefined ? a.hash === b.hash : a.hash.equals(b.hash);
  return sameHash && Math.floor(a.moment) === Math.floor(b.moment) && sameFingerprint(a.fingerprint, b.fingerprint);
}
