/**
 * The target's folders beside digests of the source's: where they agree, the source's listing is made from the target's own entries and
 * need not travel. It is used only where the options look at nothing that a digest leaves out.
 */
import { FolderCache, type NameList, type Posix } from '../../fs/index.js';
import type { Renames, SessionOptions } from '../../plan/index.js';
import type { Seed } from '../../hash/index.js';
import { S_IFMT, S_IFREG, STAT_WORDS, StatTable, type ByteString } from '../../tree/index.js';
import { FolderDigest, type DigestItem } from '../../wire/index.js';
import { RenamedFolders } from '../scan/renamed-folders.js';
import { RECORD, StoredFolder } from './folder-store.js';

/** Names that a folder may have to be compared so: a supplier tells larger ones whole. */
const DIGEST_NAMES = 1024;
/** Where a record holds its inode (stx_ino). */
const INODE_AT = 32;
/** Mode of an incomplete file: what carries it is never the same. */
const INCOMPLETE = 0o1200;

/**
 * Whether digests serve these options: equality is that of size and time; no hard links, ACLs, extended attributes, access times, devices of file systems or
 * followed symlinks are looked at, and nothing of the source is removed.
 */
export function digestsServe(options: SessionOptions): boolean {
  const { compare, attributes: a, symlinks: s, walk, replace } = options;
  return compare.mode === 'quick' && !a.hardLinks && !a.acls && !a.xattrs && !a.atimes && !a.fakeSuper.source && !a.fakeSuper.target && !a.copyDevices && !a.writeDevices &&
    !s.copyLinks && !s.copyUnsafeLinks && !s.copyDirlinks && !s.keepDirlinks && walk.oneFileSystem === 0 && options.filesFrom === undefined && options.contentOnly !== true &&
    replace.altDest === undefined && !replace.removeSourceFiles;
}

/** Records of the target as what the source's are known to be: their inodes are no one's. */
function withoutInodes(records: Buffer, count: number): Buffer {
  const out = Buffer.from(records.subarray(0, count * RECORD));
  for (let k = 0; k < count; k++) out.fill(0, k * RECORD + INODE_AT, k * RECORD + INODE_AT + 8);
  return out;
}

/** Reads folders below a root whose handle stays the caller's. */
export class TargetFolders {
  private readonly folders: FolderCache;
  private readonly digest: FolderDigest;
  private readonly raw: NameList = { names: [], types: [] };
  private readonly own = new StatTable(1);
  private table = new StatTable(256);
  private errors = new Int32Array(256);

  /** @param renames the folders are looked at as if these were done */
  constructor(private readonly posix: Posix, root: number, seed: Seed, private readonly renames?: Renames) {
    this.folders = renames === undefined ? new FolderCache(posix, root) : new RenamedFolders(posix, root, renames);
    this.digest = new FolderDigest(seed);
  }

  close(): void {
    this.folders.closeAll();
  }

  /** The folder as the source has it, where the target's is the same. */
  same({ mount, path, digest }: DigestItem): StoredFolder | undefined {
    const { posix, raw, own, renames } = this;
    const now = renames?.before(path);
    if (now !== undefined && renames?.changes(path, now) === true) return undefined;
    const fd = this.folders.open(path);
    if (fd < 0 || posix.fstat(fd, own, 0) < 0 || posix.list(fd, raw) < 0 || raw.names.length > DIGEST_NAMES) return undefined;
    const names = [...raw.names].sort();
    this.grow(names.length);
    const { table, errors } = this;
    posix.statMany(fd, names, 0, names.length, table, errors);
    const links = new Map<number, ByteString>();
    this.digest.begin();
    this.digest.add('' as ByteString, own.words, 0, undefined);
    for (let k = 0; k < names.length; k++) {
      const name = names[k] as ByteString;
      const mode = table.mode(k);
      if (errors[k] !== 0 || ((mode & S_IFMT) === S_IFREG && (mode & 0o7777) === INCOMPLETE)) return undefined;
      const text = table.isSymlink(k) ? posix.readlink(fd, name) : undefined;
      if (typeof text === 'number') return undefined;
      if (text !== undefined) links.set(k, text);
      this.digest.add(name, table.words, k * STAT_WORDS, text);
    }
    if (!this.digest.end().equals(digest)) return undefined;
    return new StoredFolder({
      kind: 'folder', mount, path, more: false, openErrno: 0, listErrno: 0, self: withoutInodes(own.bytes, 1), names, stats: withoutInodes(table.bytes, names.length),
      errors: undefined, links, followed: undefined, xattrs: undefined, hashes: undefined, ruleFiles: new Map(), users: [], groups: [],
    }, false);
  }

  private grow(names: number): void {
    if (names <= this.table.capacity) return;
    this.table = new StatTable(2 * names);
    this.errors = new Int32Array(2 * names);
  }
}
