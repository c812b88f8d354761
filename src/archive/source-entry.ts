/**
 * One entry of the source → what its member says: headers, extended attributes and access lists, and how its content is read, with its
 * fingerprint before and after. What is planned is the session's; what has changed since is taken as it is now, as a session does.
 *
 * RACE: as endpoint/apply/source.ts, for reading.
 */
import { followsLeaf, xattrPolicy, type Mount } from '../endpoint/index.js';
import { Errno, errnoText, FolderCache, nameOfGid, nameOfUid, type OpenFlags, type Posix } from '../fs/index.js';
import { ACCESS_ACL, DEFAULT_ACL, OpKind, type Operation, type SessionOptions, type XattrPolicy } from '../plan/index.js';
import {
  EMPTY, joinPath, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, StatTable, type ByteString, type Problem, type ProblemCode, type RelPath,
} from '../tree/index.js';
import { aclToText } from './acl-text.js';
import { attributeKey, timeText, type PaxRecord } from './pax.js';
import { dataLength, encodeMap, type SparseMap, type Stretch } from './sparse.js';
import type { MemberHead, MemberType } from './tar-pack.js';

/** Readings of a file that keeps changing. */
export const READS = 3;
/** A file whose allocation falls short of its size by this much is searched for holes. */
const HOLES_WORTH = 32 * 1024;
const BEFORE = 0;
const AFTER = 1;

/** An open file, and what is to be read of it. */
export interface OpenFile {
  fd: number;
  /** By the last look at it. */
  size: number;
  mtimeSec: number; mtimeNsec: number;
  /** Where its data lies, where it has holes. */
  map: SparseMap | undefined;
}

/** Reads entries for one thread. */
export class EntrySource {
  private readonly folders: FolderCache[];
  private readonly table = new StatTable(2);
  private readonly policy: XattrPolicy;
  private readonly flags: OpenFlags;
  private problems: Problem[] = [];

  constructor(private readonly posix: Posix, private readonly options: SessionOptions, mounts: readonly Mount[]) {
    const { copyLinks, copyUnsafeLinks, copyDirlinks } = options.symlinks;
    const follow = copyLinks || copyUnsafeLinks || copyDirlinks;
    this.folders = mounts.map((mount) => new FolderCache(posix, mount.fd, { follow, ...(mount.followed === undefined ? {} : { followed: mount.followed }) }));
    this.policy = xattrPolicy({ euid: 0 }, options); // who restores it decides what may be set
    this.flags = { read: true, nonBlock: true, noAtime: options.attributes.openNoatime, follow: copyLinks };
  }

  /** What was told since the last call. */
  takeProblems(): Problem[] {
    const taken = this.problems;
    this.problems = [];
    return taken;
  }

  /** The member of a folder, symlink, device, FIFO or further name of a file. Undefined: it is left out, and told where that is a loss. */
  describe(op: Operation, folder: RelPath): MemberHead | undefined {
    const path = op.kind === OpKind.Folder ? op.name : joinPath(folder, op.name);
    if ((op.mode & S_IFMT) === S_IFSOCK) {
      this.problem(path, 'special-skipped', 'is a socket, which no archive holds; it is left out', 0, 'warning');
      return undefined;
    }
    const head = this.head(op, path);
    if (op.kind === OpKind.Link) return { ...head, type: 'link', link: op.link };
    const at = this.folderOf(op, op.kind === OpKind.Folder ? path : folder, path);
    if (at < 0) return undefined;
    const isFolder = op.kind === OpKind.Folder;
    head.link = op.link;
    if (!this.attributes(head, path, isFolder ? at : -1, at, isFolder ? EMPTY : op.name, op.mode)) return undefined;
    return head;
  }

  /** Opens a regular file. Undefined after a problem. */
  open(op: Operation, folder: RelPath): OpenFile | undefined {
    const path = joinPath(folder, op.name);
    const at = this.folderOf(op, folder, path);
    if (at < 0) return undefined;
    let fd = this.posix.open(at, op.name, this.flags);
    if (fd === -Errno.ELOOP && this.options.symlinks.copyUnsafeLinks) fd = this.posix.open(at, op.name, { ...this.flags, follow: true });
    if (fd < 0) {
      if (fd === -Errno.ENOENT) this.problem(path, 'vanished', 'was gone when it was to be read', fd, 'warning');
      else if (fd === -Errno.ELOOP || fd === -Errno.ENXIO) this.problem(path, 'changed', 'is no longer a regular file; left for the next run');
      else this.problem(path, 'unreadable', `cannot open it: ${errnoText(fd)}`, fd);
      return undefined;
    }
    const file: OpenFile = { fd, size: 0, mtimeSec: 0, mtimeNsec: 0, map: undefined };
    if (this.look(file, path)) return file;
    this.posix.close(fd);
    return undefined;
  }

  /** The member's head of an open file: its size is that of what is read. Undefined after a problem. */
  describeFile(op: Operation, folder: RelPath, file: OpenFile): MemberHead | undefined {
    const path = joinPath(folder, op.name);
    const head = this.head(op, path);
    this.times(head, file.mtimeSec, file.mtimeNsec, op);
    head.size = file.size;
    if (!this.attributes(head, path, file.fd, -1, EMPTY, op.mode)) return undefined;
    const { map } = file;
    if (map !== undefined) {
      head.records.push(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.name', head.name], ['GNU.sparse.realsize', String(map.size)]);
      const slash = head.name.lastIndexOf('/') + 1;
      head.name = `${head.name.slice(0, slash)}GNUSparseFile.0/${head.name.slice(slash)}` as ByteString;
      head.size = encodeMap(map).length + dataLength(map);
    }
    return head;
  }

  /** Looks at an open file before it is read (again). False after a problem. */
  look(file: OpenFile, path: RelPath): boolean {
    const { posix, table } = this;
    const error = posix.fstat(file.fd, table, BEFORE);
    if (error < 0) return this.problem(path, 'unreadable', `cannot read its attributes: ${errnoText(error)}`, error);
    if (!table.isFile(BEFORE)) {
      const { copyDevices } = this.options.attributes;
      return this.problem(path, 'changed', copyDevices ? 'is a device, whose content no archive is made of' : 'is no longer a regular file; left for the next run');
    }
    file.size = table.size(BEFORE);
    file.mtimeSec = table.mtimeSec(BEFORE);
    file.mtimeNsec = table.mtimeNsec(BEFORE);
    file.map = table.blocks(BEFORE) * 512 <= file.size - HOLES_WORTH ? this.mapOf(file.fd, file.size) : undefined;
    return true;
  }

  /** Whether an open file is as it was at the last look, of which this is not one. */
  stoodStill(file: OpenFile): boolean {
    const { table } = this;
    return this.posix.fstat(file.fd, table, AFTER) === 0 && table.size(AFTER) === table.size(BEFORE) && table.mtimeSec(AFTER) === table.mtimeSec(BEFORE) &&
      table.mtimeNsec(AFTER) === table.mtimeNsec(BEFORE) && table.ctimeSec(AFTER) === table.ctimeSec(BEFORE) && table.ctimeNsec(AFTER) === table.ctimeNsec(BEFORE);
  }

  /** Tells a problem with a path of the source; always false. */
  problem(path: RelPath, code: ProblemCode, message: string, errno = 0, severity: Problem['severity'] = 'error'): false {
    this.problems.push({ code, phase: 'transfer', path, side: 'source', message, severity, ...(errno === 0 ? {} : { errno: Math.abs(errno) }) });
    return false;
  }

  close(): void {
    for (const cache of this.folders) cache.closeAll();
  }

  private folderOf(op: Operation, folder: RelPath, path: RelPath): number {
    const at = this.folders[op.layer]?.open(folder) ?? -Errno.ENOENT;
    if (at < 0) {
      const exchanged = at === -Errno.ELOOP || at === -Errno.ENOTDIR;
      if (at === -Errno.ENOENT) this.problem(path, 'vanished', 'was gone when it was to be read', at, 'warning');
      else this.problem(path, exchanged ? 'escaped' : 'unreadable', exchanged ? 'a folder on the way was exchanged for something else' : `cannot open its folder: ${errnoText(at)}`, at);
    }
    return at;
  }

  /** What the plan says of an entry. */
  private head(op: Operation, path: RelPath): MemberHead {
    const type = TYPES[op.mode & S_IFMT] ?? 'file';
    const { attributes } = this.options;
    const head: MemberHead = {
      type, name: (type === 'directory' ? (path === '' ? './' : `${path}/`) : path) as ByteString, mode: op.mode & 0o7777, uid: op.uid, gid: op.gid,
      uname: attributes.numericIds ? EMPTY : nameOfUid(op.uid) ?? EMPTY, gname: attributes.numericIds ? EMPTY : nameOfGid(op.gid) ?? EMPTY,
      size: 0, mtimeSec: 0, link: EMPTY, major: op.rdevMajor, minor: op.rdevMinor, records: [],
    };
    this.times(head, op.mtimeSec, op.mtimeNsec, op);
    return head;
  }

  private times(head: MemberHead, sec: number, nsec: number, op: Operation): void {
    head.mtimeSec = sec;
    head.records = [];
    if (nsec !== 0) head.records.push(['mtime', timeText(sec, nsec)]);
    if (this.options.attributes.atimes && (op.atimeSec !== 0 || op.atimeNsec !== 0)) head.records.push(['atime', timeText(op.atimeSec, op.atimeNsec)]);
  }

  /** Adds the extended attributes and access lists, by handle or by name. False after a problem that leaves the entry out. */
  private attributes(head: MemberHead, path: RelPath, fd: number, at: number, name: ByteString, mode: number): boolean {
    const { acls, xattrs } = this.options.attributes;
    if (!acls && !xattrs) return true;
    const { posix } = this;
    const follow = followsLeaf(this.options, mode);
    const names = fd >= 0 ? posix.flistXattrs(fd) : posix.listXattrs(at, name, follow);
    if (typeof names === 'number') {
      if (names === -Errno.EOPNOTSUPP || names === -Errno.ENOSYS) return true;
      if (names === -Errno.ENOENT) return this.problem(path, 'vanished', 'was gone when it was to be read', names, 'warning');
      this.problem(path, 'attribute-failed', `cannot list its extended attributes: ${errnoText(names)}`, names);
      return true;
    }
    const records: PaxRecord[] = [];
    for (const each of names) {
      const list = each === ACCESS_ACL ? 'access' : each === DEFAULT_ACL ? 'default' : undefined;
      const stored = list === undefined ? this.policy.storedName(each) : undefined;
      if (list === undefined ? !xattrs || stored === undefined : !acls) continue;
      const value = fd >= 0 ? posix.fgetXattr(fd, each) : posix.getXattr(at, name, each, follow);
      if (typeof value === 'number') {
        if (value !== -Errno.ENODATA) this.problem(path, 'attribute-failed', `cannot read an extended attribute: ${errnoText(value)}`, value);
        continue;
      }
      if (stored !== undefined) records.push([attributeKey(stored), value.latin1Slice(0, value.length)]);
      else {
        const text = aclToText(value);
        if (text !== undefined) records.push([`SCHILY.acl.${list as string}`, text]);
      }
    }
    records.sort(([a], [b]) => (a < b ? -1 : 1));
    head.records.push(...records);
    return true;
  }

  /** Where the data of a file lies; undefined where it has no holes, or nobody knows. */
  private mapOf(fd: number, size: number): SparseMap | undefined {
    const stretches: Stretch[] = [];
    for (let at = 0; at < size;) {
      const data = this.posix.seekData(fd, at);
      if (data === -Errno.ENXIO) break;
      if (data < 0) return undefined;
      if (data >= size) break;
      const hole = this.posix.seekHole(fd, data);
      const end = hole > data ? Math.min(hole, size) : size;
      stretches.push({ offset: data, length: end - data });
      at = end;
    }
    const [only] = stretches;
    return stretches.length === 1 && only?.length === size ? undefined : { size, stretches };
  }
}

const TYPES: Readonly<Record<number, MemberType>> = {
  [S_IFREG]: 'file', [S_IFDIR]: 'directory', [S_IFLNK]: 'symlink', [S_IFBLK]: 'block-device', [S_IFCHR]: 'character-device', [S_IFIFO]: 'fifo',
};
