/**
 * Posix: the system calls twintree stands on, as one typed interface with two implementations:
 * `native.ts` (FFI; everything) and `portable.ts` (Node alone; what it cannot do is in `lacks`).
 *
 * Conventions. All calls are synchronous. A result below zero is a negated errno (`-2` is ENOENT); no
 * call throws for what the file system answers. `at` is an open folder handle and `name` ONE name in it
 * (never a path, unless said); nothing follows a symlink in the last step unless said. Handles are plain
 * numbers, close-on-exec, and belong to the process, so worker threads share them.
 */
import type { ByteString, StatTable } from '../tree/index.js';
import type { ExtentMap } from './extent-map.js';

/** What an implementation may lack. Said to the user by class before the first byte. */
export type Lack =
  | 'nanoseconds' // times are kept to the microsecond
  | 'symlink-times' | 'devices' | 'fifos' | 'sockets' | 'xattrs' | 'holes' | 'clone' | 'syncfs' | 'flock' | 'birth-time';

/** Names of one folder, as filled by `Posix.list`. Reused between calls. Order: as the kernel gave them. */
export interface NameList {
  names: ByteString[]; // without . and ..
  types: number[]; // DT_* of each name (0 unknown, 1 fifo, 2 chr, 4 dir, 6 blk, 8 reg, 10 lnk, 12 sock)
}

/** What statfs(2) tells of the file system below a handle. */
export interface FsInfo {
  type: number; // f_type magic
  blockSize: number; // bytes
  blocks: number; freeBlocks: number; availableBlocks: number; // availableBlocks: to this user
  files: number; freeFiles: number; // inodes; 0 where the file system has no limit
  nameMax: number; // bytes
  readOnly: boolean;
}

/** utimensat(2)'s special nanosecond values. */
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** Open flags (Linux, x64 and arm64 agree on those used here; native.ts takes O_DIRECTORY/O_NOFOLLOW per machine). */
export interface OpenFlags {
  read?: boolean; write?: boolean; create?: boolean; exclusive?: boolean; truncate?: boolean; append?: boolean;
  /** Follow a symlink in the last step (only where the user asked for it). */
  follow?: boolean;
  /** O_NOATIME, silently dropped where the owner does not match. */
  noAtime?: boolean;
  /** O_NONBLOCK, so that a FIFO put in place of a file cannot hang us. */
  nonBlock?: boolean;
}

export interface Posix {
  readonly kind: 'native' | 'portable';
  readonly lacks: ReadonlySet<Lack>;
  readonly euid: number;
  readonly egid: number;
  readonly groups: ReadonlySet<number>;

  // Folders and names
  /** Opens a folder the user named by a whole path; symlinks on the way and at the end are followed. */
  openRoot(path: ByteString): number;
  /**
   * O_DIRECTORY|O_NOFOLLOW below `at` (follow: without O_NOFOLLOW). A folder that may be passed through but not read is
   * opened (O_PATH): names below it work, `list` and `fsync` answer -EACCES. So does openRoot.
   */
  openDir(at: number, name: ByteString, follow?: boolean): number;
  /** Opens a folder by a path below `root`, following symlinks as long as they stay below it (-EXDEV where one leads out). */
  openBeneath(root: number, path: ByteString): number;
  close(fd: number): number;
  /** Fills `into` with all names of the folder (seeks to its start first). 0 or -errno. */
  list(fd: number, into: NameList): number;
  /** lstat of one name into record i. */
  stat(at: number, name: ByteString, table: StatTable, i: number): number;
  /** stat (follows). */
  statFollow(at: number, name: ByteString, table: StatTable, i: number): number;
  fstat(fd: number, table: StatTable, i: number): number;
  /** lstat of names[from..to) into records 0..; `errors[k]` gets 0 or a positive errno for names[from+k]. The hot loop of a scan. */
  statMany(at: number, names: readonly ByteString[], from: number, to: number, table: StatTable, errors: Int32Array): void;
  mkdir(at: number, name: ByteString, mode: number): number;
  rmdir(at: number, name: ByteString): number;
  unlink(at: number, name: ByteString): number;
  rename(fromAt: number, from: ByteString, toAt: number, to: ByteString): number;
  /** renameat2 RENAME_NOREPLACE; -EEXIST where the name is taken. */
  renameNoReplace(fromAt: number, from: ByteString, toAt: number, to: ByteString): number;
  link(fromAt: number, from: ByteString, toAt: number, to: ByteString): number;
  symlink(target: ByteString, at: number, name: ByteString): number;
  /** The link's text, or a negated errno. */
  readlink(at: number, name: ByteString): ByteString | number;
  /** mknod of block/char/fifo/socket; `mode` carries the type. */
  mknod(at: number, name: ByteString, mode: number, major: number, minor: number): number;

  // Attributes. uid/gid -1 leaves that one alone.
  chown(at: number, name: ByteString, uid: number, gid: number): number; // never follows
  chmod(at: number, name: ByteString, mode: number): number; // not for symlinks; refuses (-ELOOP) to follow one
  utimes(at: number, name: ByteString, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number; // never follows
  fchown(fd: number, uid: number, gid: number): number;
  fchmod(fd: number, mode: number): number;
  futimes(fd: number, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number;

  // Files
  open(at: number, name: ByteString, flags: OpenFlags, mode?: number): number;
  /** Reads at `position` (or the handle's own place if negative) into buffer[offset..offset+length). Bytes read or -errno. */
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number;
  write(fd: number, buffer: Buffer, offset: number, length: number, position: number): number;
  truncate(fd: number, size: number): number;
  /** posix_fallocate; -EOPNOTSUPP where it cannot. */
  allocate(fd: number, offset: number, length: number): number;
  /** copy_file_range of up to `length` bytes; bytes copied or -errno (-EXDEV, -EINVAL, -EOPNOTSUPP: use read/write). */
  copyRange(fromFd: number, fromOffset: number, toFd: number, toOffset: number, length: number): number;
  /** FICLONE of a whole file. */
  clone(fromFd: number, toFd: number): number;
  /**
   * Where a file's data lies on its device from `from` on, written back before (FIEMAP), as far as `into` has room. 0 or -errno (-EOPNOTSUPP where the
   * file system does not tell).
   */
  extents(fd: number, from: number, into: ExtentMap): number;
  /** SEEK_DATA / SEEK_HOLE from `offset`; -ENXIO past the last data. */
  seekData(fd: number, offset: number): number;
  seekHole(fd: number, offset: number): number;
  /** Bytes up to the end (SEEK_END), which tells the size of a block device; -ENOSYS where it cannot be asked. */
  seekEnd(fd: number): number;
  punchHole(fd: number, offset: number, length: number): number;
  fsync(fd: number): number;
  syncfs(fd: number): number;
  /** flock: 'exclusive' and 'shared' do not wait (-EWOULDBLOCK where held). */
  flock(fd: number, how: 'exclusive' | 'shared' | 'unlock'): number;
  statfs(fd: number): FsInfo | number;
  /** Inode flags of an open folder or file (FS_IOC_GETFLAGS; FS_CASEFOLD_FL is 0x40000000), or a negated errno where there are none. */
  inodeFlags(fd: number): number;

  // Extended attributes of a name in a folder, of any type of entry: a symlink's own, with `follow` those of what it leads to.
  /** Names, or a negated errno (-EOPNOTSUPP: none here). */
  listXattrs(at: number, name: ByteString, follow?: boolean): ByteString[] | number;
  getXattr(at: number, name: ByteString, attribute: ByteString, follow?: boolean): Buffer | number;
  setXattr(at: number, name: ByteString, attribute: ByteString, value: Buffer): number;
  removeXattr(at: number, name: ByteString, attribute: ByteString): number;
  /** The same on an open handle: cheaper where one is open. */
  flistXattrs(fd: number): ByteString[] | number;
  fgetXattr(fd: number, attribute: ByteString): Buffer | number;
  fsetXattr(fd: number, attribute: ByteString, value: Buffer): number;
  fremoveXattr(fd: number, attribute: ByteString): number;
}
