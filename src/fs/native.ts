/**
 * native: `Posix` on the C library itself (see `libc.ts`): every call, exact to the nanosecond, on Linux. Calls that
 * need a handle and no name are in `native-files.ts`.
 *
 * Names are written NUL-ended into one scratch buffer (`native-memory.ts`) and statx(2) writes into the records
 * of a `StatTable` directly, so a call allocates nothing. An instance belongs to one thread; handles belong to
 * the process. A name that holds a slash or a NUL is refused (-EINVAL) before it reaches the kernel.
 * Misuse that would touch foreign memory (a record or range out of bounds) throws a RangeError.
 */
import { constants } from 'node:fs';
import type { ByteString, StatTable } from '../tree/index.js';
import { S_IFLNK, StatTable as Table } from '../tree/index.js';
import { Errno } from './errno.js';
import { bindLibc, type Libc } from './libc.js';
import { NativeFiles } from './native-files.js';
import { BULK, BULK_BYTES, FIRST, RECORD, SECOND, SMALL } from './native-memory.js';
import { NativeXattrs } from './native-xattrs.js';
import type { Lack, NameList, OpenFlags, Posix } from './posix.js';
import { openBits, renameByLink } from './shared.js';

// The same on every Linux architecture; O_DIRECTORY and O_NOFOLLOW are not, Node knows them.
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_ALL = 0xfff; // basic fields and the birth time
const O_CLOEXEC = 0o2000000;
const O_NOATIME = 0o1000000;
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW, O_NOCTTY, O_RDONLY } = constants;
const SEEK_SET = 0;
const RENAME_NOREPLACE = 1;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const OPEN_HOW = 24;

const DOT = '.' as ByteString;
/** Names of one `statMany` chunk; with names of 255 bytes a chunk fills half of BULK. */
const CHUNK = 256;

export class NativePosix extends NativeFiles implements Posix {
  readonly kind = 'native';
  readonly lacks: ReadonlySet<Lack> = new Set<Lack>();
  readonly euid: number;
  readonly egid: number;
  readonly groups: ReadonlySet<number>;

  private readonly xattrs: NativeXattrs;
  private readonly own = new Table(1);
  private chmodNoFollow = true; // until the kernel says that it has no fchmodat2 (before 6.6)

  constructor(private readonly libc: Libc = bindLibc()) {
    super(libc);
    this.euid = process.geteuid?.() ?? 0;
    this.egid = process.getegid?.() ?? 0;
    this.groups = new Set(process.getgroups?.() ?? []);
    this.xattrs = new NativeXattrs(libc, this.m);
  }

  private openAt(at: number, flags: number, mode: number): number {
    return this.c.openat(at, this.base + FIRST, flags | O_CLOEXEC | O_NOCTTY, mode);
  }

  // Folders and names

  openRoot(path: ByteString): number {
    const bad = this.m.putText(path, FIRST);
    return bad !== 0 ? bad : this.openFolder(AT_FDCWD, O_DIRECTORY);
  }

  openDir(at: number, name: ByteString, follow = false): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.openFolder(at, follow ? O_DIRECTORY : O_DIRECTORY | O_NOFOLLOW);
  }

  openBeneath(root: number, path: ByteString): number {
    const bad = this.m.putText(path === '' ? ('.' as ByteString) : path, FIRST);
    if (bad !== 0) return bad;
    // struct open_how: u64 flags, u64 mode, u64 resolve
    this.m.putWord(0, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    this.m.putWord(1, 0);
    this.m.putWord(2, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    return this.c.openat2(root, this.base + FIRST, this.base + SMALL, OPEN_HOW);
  }

  /** A folder that may not be read may still be passed through: then the handle is one for that (O_PATH). */
  private openFolder(at: number, flags: number): number {
    const fd = this.openAt(at, O_RDONLY | flags, 0);
    return fd === -Errno.EACCES ? this.openAt(at, O_PATH | flags, 0) : fd;
  }

  close(fd: number): number {
    if (this.libc.closeRaw(fd) === 0) return 0;
    const e = this.libc.errno();
    return e === Errno.EINTR ? 0 : -e; // on Linux the handle is closed all the same
  }

  list(fd: number, into: NameList): number {
    const { names, types } = into;
    names.length = 0;
    types.length = 0;
    const sought = this.c.lseek(fd, 0, SEEK_SET);
    if (sought < 0) return sought === -Errno.ESPIPE ? -Errno.ENOTDIR : this.unreadable(fd, sought);
    const bytes = this.m.scratch;
    for (;;) {
      const n = this.c.getdents64(fd, this.base + BULK, BULK_BYTES);
      if (n <= 0) return n;
      // struct linux_dirent64: ino 8, offset 8, length 2, type 1, then the name, NUL-ended, to a multiple of 8.
      for (let p = BULK, end = BULK + n; p < end;) {
        const length = (bytes[p + 16] as number) | ((bytes[p + 17] as number) << 8);
        const start = p + 19;
        let stop = p + length - 8; // the padding after the NUL may hold anything: look for the first NUL
        if (stop < start) stop = start;
        while (bytes[stop] !== 0) stop++;
        const dots = bytes[start] === 46 && (stop === start + 1 || (stop === start + 2 && bytes[start + 1] === 46));
        if (!dots) {
          names.push(bytes.latin1Slice(start, stop) as ByteString);
          types.push(bytes[p + 18] as number);
        }
        p += length;
      }
    }
  }

  /** -EACCES in place of -EBADF where the handle is good, but only to pass through. */
  private unreadable(fd: number, r: number): number {
    return r === -Errno.EBADF && this.fstat(fd, this.own, 0) === 0 ? -Errno.EACCES : r;
  }

  stat(at: number, name: ByteString, table: StatTable, i: number): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.c.statx(at, this.base + FIRST, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_ALL, this.m.record(table, i));
  }

  statFollow(at: number, name: ByteString, table: StatTable, i: number): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.c.statx(at, this.base + FIRST, 0, STATX_ALL, this.m.record(table, i));
  }

  fstat(fd: number, table: StatTable, i: number): number {
    this.m.scratch[FIRST] = 0;
    return this.c.statx(fd, this.base + FIRST, AT_EMPTY_PATH, STATX_ALL, this.m.record(table, i));
  }

  statMany(at: number, names: readonly ByteString[], from: number, to: number, table: StatTable, errors: Int32Array): void {
    const count = to - from;
    if (count <= 0) return;
    if (from < 0 || to > names.length || count > table.capacity || count > errors.length) throw new RangeError(`${count} names, ${table.capacity} records`);
    const { statxRaw, errno } = this.libc;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    let record = this.m.address(table.words.buffer);
    for (let low = from; low < to; low += CHUNK) {
      const high = Math.min(low + CHUNK, to);
      // All names of a chunk go over in one write; each then stands NUL-ended behind the last.
      const text = names.slice(low, high).join('\0');
      const wide = text.length < BULK_BYTES;
      if (wide) {
        this.m.scratch.latin1Write(text, BULK, text.length);
        this.m.scratch[BULK + text.length] = 0;
      }
      for (let k = low, p = this.base + BULK; k < high; k++, record += RECORD) {
        const name = names[k] as ByteString;
        if (wide) {
          const r = statxRaw(at, p, flags, STATX_ALL, record);
          errors[k - from] = r === 0 ? 0 : this.statAgain(at, p, flags, record, errno());
        } else errors[k - from] = -this.stat(at, name, table, k - from);
        p += name.length + 1;
      }
    }
  }

  /** The error of one statx in the loop; EINTR asks once more. */
  private statAgain(at: number, name: number, flags: number, record: number, error: number): number {
    return error === Errno.EINTR ? -this.c.statx(at, name, flags, STATX_ALL, record) : error;
  }

  mkdir(at: number, name: ByteString, mode: number): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.c.mkdirat(at, this.base + FIRST, mode);
  }

  rmdir(at: number, name: ByteString): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.c.unlinkat(at, this.base + FIRST, AT_REMOVEDIR);
  }

  unlink(at: number, name: ByteString): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.c.unlinkat(at, this.base + FIRST, 0);
  }

  rename(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const bad = this.m.putNames(from, to);
    return bad !== 0 ? bad : this.c.renameat(fromAt, this.base + FIRST, toAt, this.base + SECOND);
  }

  renameNoReplace(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const bad = this.m.putNames(from, to);
    if (bad !== 0) return bad;
    const r = this.c.renameat2(fromAt, this.base + FIRST, toAt, this.base + SECOND, RENAME_NOREPLACE);
    return r === -Errno.EINVAL || r === -Errno.ENOSYS ? renameByLink(this, fromAt, from, toAt, to) : r;
  }

  link(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const bad = this.m.putNames(from, to);
    return bad !== 0 ? bad : this.c.linkat(fromAt, this.base + FIRST, toAt, this.base + SECOND, 0);
  }

  symlink(target: ByteString, at: number, name: ByteString): number {
    const bad = this.m.putText(target, FIRST) || this.m.putName(name, SECOND);
    return bad !== 0 ? bad : this.c.symlinkat(this.base + FIRST, at, this.base + SECOND);
  }

  readlink(at: number, name: ByteString): ByteString | number {
    const bad = this.m.putName(name);
    if (bad !== 0) return bad;
    const n = this.c.readlinkat(at, this.base + FIRST, this.base + BULK, BULK_BYTES);
    return n < 0 ? n : (this.m.scratch.latin1Slice(BULK, BULK + n) as ByteString);
  }

  mknod(at: number, name: ByteString, mode: number, major: number, minor: number): number {
    if (!(major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xfffff)) return -Errno.EINVAL; // the kernel's dev_t has 12 and 20 bits
    const bad = this.m.putName(name);
    const device = (((minor & ~0xff) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
    return bad !== 0 ? bad : this.c.mknodat(at, this.base + FIRST, mode, device);
  }

  // Attributes

  chown(at: number, name: ByteString, uid: number, gid: number): number {
    const bad = this.m.putName(name);
    return bad !== 0 ? bad : this.c.fchownat(at, this.base + FIRST, uid >>> 0, gid >>> 0, AT_SYMLINK_NOFOLLOW);
  }

  chmod(at: number, name: ByteString, mode: number): number {
    const bad = this.m.putName(name);
    if (bad !== 0) return bad;
    if (this.chmodNoFollow) {
      const r = this.c.fchmodat2(at, this.base + FIRST, mode, AT_SYMLINK_NOFOLLOW);
      if (r === -Errno.ENOSYS) this.chmodNoFollow = false;
      // EOPNOTSUPP: a symlink. EPERM: an old sandbox that knows the call not, or the truth; the second way tells which.
      else if (r !== -Errno.EOPNOTSUPP && r !== -Errno.EPERM) return r;
    }
    return this.chmodByHandle(at, mode);
  }

  /** chmod of the name at FIRST through a handle that only names it, so that nothing can be exchanged in between. */
  private chmodByHandle(at: number, mode: number): number {
    const fd = this.openAt(at, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0) return fd;
    let r = this.fstat(fd, this.own, 0);
    if (r === 0) {
      if (this.own.type(0) === S_IFLNK) r = -Errno.ELOOP;
      else r = this.m.putText(`/proc/self/fd/${fd}` as ByteString, FIRST) || this.c.chmod(this.base + FIRST, mode);
    }
    this.close(fd);
    return r;
  }

  utimes(at: number, name: ByteString, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    const bad = this.m.putName(name);
    if (bad !== 0) return bad;
    this.putTimes(atimeSec, atimeNsec, mtimeSec, mtimeNsec);
    return this.c.utimensat(at, this.base + FIRST, this.base + SMALL, AT_SYMLINK_NOFOLLOW);
  }

  futimes(fd: number, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    this.putTimes(atimeSec, atimeNsec, mtimeSec, mtimeNsec);
    const r = this.c.futimens(fd, this.base + SMALL);
    return r === -Errno.EBADF ? this.utimes(fd, DOT, atimeSec, atimeNsec, mtimeSec, mtimeNsec) : r;
  }

  /** Two `struct timespec`. */
  private putTimes(atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): void {
    this.m.putWord(0, atimeSec);
    this.m.putWord(1, atimeNsec);
    this.m.putWord(2, mtimeSec);
    this.m.putWord(3, mtimeNsec);
  }

  fchown(fd: number, uid: number, gid: number): number {
    const r = this.c.fchown(fd, uid >>> 0, gid >>> 0);
    return r === -Errno.EBADF ? this.chown(fd, DOT, uid, gid) : r; // a folder opened only to pass through
  }

  fchmod(fd: number, mode: number): number {
    const r = this.c.fchmod(fd, mode);
    return r === -Errno.EBADF ? this.chmod(fd, DOT, mode) : r;
  }

  // Files

  open(at: number, name: ByteString, flags: OpenFlags, mode = 0o600): number {
    const bad = this.m.putName(name);
    if (bad !== 0) return bad;
    const bits = openBits(flags);
    const fd = this.openAt(at, flags.noAtime === true ? bits | O_NOATIME : bits, mode);
    return fd === -Errno.EPERM && flags.noAtime === true ? this.openAt(at, bits, mode) : fd;
  }

  fsync(fd: number): number {
    const r = this.c.fsync(fd);
    return r < 0 ? this.unreadable(fd, r) : r;
  }

  // Extended attributes. A handle that only passes through takes no f* call: by its dot then.

  listXattrs(at: number, name: ByteString, follow = false): ByteString[] | number {
    return this.xattrs.list(at, name, follow);
  }

  getXattr(at: number, name: ByteString, attribute: ByteString, follow = false): Buffer | number {
    return this.xattrs.get(at, name, attribute, follow);
  }

  setXattr(at: number, name: ByteString, attribute: ByteString, value: Buffer): number {
    return this.xattrs.set(at, name, attribute, value);
  }

  removeXattr(at: number, name: ByteString, attribute: ByteString): number {
    return this.xattrs.remove(at, name, attribute);
  }

  flistXattrs(fd: number): ByteString[] | number {
    const r = this.xattrs.flist(fd);
    return r === -Errno.EBADF ? this.xattrs.list(fd, DOT) : r;
  }

  fgetXattr(fd: number, attribute: ByteString): Buffer | number {
    const r = this.xattrs.fget(fd, attribute);
    return r === -Errno.EBADF ? this.xattrs.get(fd, DOT, attribute) : r;
  }

  fsetXattr(fd: number, attribute: ByteString, value: Buffer): number {
    const r = this.xattrs.fset(fd, attribute, value);
    return r === -Errno.EBADF ? this.xattrs.set(fd, DOT, attribute, value) : r;
  }

  fremoveXattr(fd: number, attribute: ByteString): number {
    const r = this.xattrs.fremove(fd, attribute);
    return r === -Errno.EBADF ? this.xattrs.remove(fd, DOT, attribute) : r;
  }
}
