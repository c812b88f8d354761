/**
 * portable: `Posix` by Node's own fs module, for systems where the native calls are not to be had.
 *
 * On Linux a name below a handle is `/proc/self/fd/<at>/<name>`, which has openat's meaning: a folder exchanged
 * on the way is never entered. Elsewhere a handle stands for the path it was opened by, which keeps bytes and
 * errors right but not that promise. What Node cannot do is in `lacks` and answers -ENOSYS or -EOPNOTSUPP.
 * Times are kept to the microsecond (2 µs from 2106 on). Errors arrive as exceptions and leave as Linux's errno numbers.
 */
import fs from 'node:fs';
import type { ByteString, StatTable } from '../tree/index.js';
import { Errno, errnoOfError } from './errno.js';
import type { FsInfo, Lack, NameList, OpenFlags, Posix } from './posix.js';
import { UTIME_NOW, UTIME_OMIT } from './posix.js';
import { openBits, renameByLink } from './shared.js';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = fs.constants;
const O_PATH = 0o10000000; // Linux
const O_NOATIME = 0o1000000; // Linux
const MAX_IO = 1 << 30; // bytes of one read or write; Node takes no more than 2 GiB
const NANO = 1000000000n;
const FAR = 2 ** 32; // seconds from which a double holds no half microsecond
const DOT = '.' as ByteString;
const DT = { unknown: 0, fifo: 1, char: 2, dir: 4, block: 6, file: 8, link: 10, socket: 12 } as const;

export class PortablePosix implements Posix {
  readonly kind = 'portable';
  readonly lacks: ReadonlySet<Lack>;
  readonly euid = process.geteuid?.() ?? 0;
  readonly egid = process.getegid?.() ?? 0;
  readonly groups: ReadonlySet<number> = new Set(process.getgroups?.() ?? []);
  /** Path of each folder handle, where the system has no /proc/self/fd; undefined where it has. */
  private readonly paths: Map<number, string> | undefined;

  constructor(byHandle: boolean = process.platform === 'linux' && fs.existsSync('/proc/self/fd')) {
    this.paths = byHandle ? undefined : new Map();
    const lacks: Lack[] = ['nanoseconds', 'devices', 'fifos', 'sockets', 'xattrs', 'holes', 'clone', 'syncfs', 'flock'];
    if (process.platform === 'win32') lacks.push('symlink-times');
    this.lacks = new Set(lacks);
  }

  /** Path of a name below a handle, as bytes; a negated errno where the name or the handle cannot be. */
  private path(at: number, name: ByteString): Buffer | number {
    if (name.includes('/') || name.includes('\0')) return -Errno.EINVAL;
    if (name === '') return -Errno.ENOENT;
    if (name.length > 4095) return -Errno.ENAMETOOLONG;
    if (this.paths === undefined) return Buffer.from(`/proc/self/fd/${at}/${name}`, 'latin1');
    const folder = this.paths.get(at);
    return folder === undefined ? -Errno.EBADF : Buffer.from(`${folder}/${name}`, 'latin1');
  }

  /** Path of a handle itself. */
  private pathOf(fd: number): Buffer | number {
    if (this.paths === undefined) return Buffer.from(`/proc/self/fd/${fd}`, 'latin1');
    const path = this.paths.get(fd);
    return path === undefined ? -Errno.EBADF : Buffer.from(path, 'latin1');
  }

  /** Runs `act` on the path of a name; 0 or a negated errno. */
  private on(at: number, name: ByteString, act: (path: Buffer) => void): number {
    const path = this.path(at, name);
    return typeof path === 'number' ? path : attempt(() => act(path));
  }

  // Folders and names

  openRoot(path: ByteString): number {
    if (path.includes('\0')) return -Errno.EINVAL;
    if (path === '') return -Errno.ENOENT;
    return this.openFolder(Buffer.from(path, 'latin1'), O_DIRECTORY);
  }

  /** RACE: asked and opened are two steps; a link changed in between may lead out. Node has no call that does both. */
  openBeneath(root: number, path: ByteString): number {
    const base = this.pathOf(root);
    if (typeof base === 'number') return base;
    let real = '';
    const r = attempt(() => {
      const home = fs.realpathSync(base, 'latin1');
      real = fs.realpathSync(Buffer.concat([base, Buffer.from(`/${path}`, 'latin1')]), 'latin1');
      if (real !== home && !real.startsWith(home === '/' ? '/' : `${home}/`)) real = '';
    });
    if (r < 0) return r;
    return real === '' ? -Errno.EXDEV : this.openFolder(Buffer.from(real, 'latin1'), O_DIRECTORY | O_NOFOLLOW);
  }

  openDir(at: number, name: ByteString, follow = false): number {
    const path = this.path(at, name);
    return typeof path === 'number' ? path : this.openFolder(path, follow ? O_DIRECTORY : O_DIRECTORY | O_NOFOLLOW);
  }

  /** A folder that may not be read may still be passed through: Linux has handles for that. */
  private openFolder(path: Buffer, flags: number): number {
    let fd = result(() => fs.openSync(path, O_RDONLY | flags));
    if (fd === -Errno.EACCES && this.paths === undefined) fd = result(() => fs.openSync(path, O_PATH | flags));
    if (fd >= 0) this.paths?.set(fd, path.latin1Slice(0, path.length));
    return fd;
  }

  close(fd: number): number {
    this.paths?.delete(fd);
    return attempt(() => fs.closeSync(fd));
  }

  list(fd: number, into: NameList): number {
    into.names.length = 0;
    into.types.length = 0;
    const path = this.pathOf(fd);
    if (typeof path === 'number') return path;
    // Node follows a trailing /proc/self/fd link, as it must here.
    return attempt(() => {
      for (const entry of fs.readdirSync(path, { withFileTypes: true, encoding: 'buffer' }) as unknown as fs.Dirent<Buffer>[]) {
        into.names.push(entry.name.latin1Slice(0, entry.name.length) as ByteString);
        into.types.push(typeOf(entry));
      }
    });
  }

  stat(at: number, name: ByteString, table: StatTable, i: number): number {
    checkRecord(table, i);
    return this.on(at, name, (path) => table.fill(i, fs.lstatSync(path, { bigint: true })));
  }

  statFollow(at: number, name: ByteString, table: StatTable, i: number): number {
    checkRecord(table, i);
    return this.on(at, name, (path) => table.fill(i, fs.statSync(path, { bigint: true })));
  }

  fstat(fd: number, table: StatTable, i: number): number {
    checkRecord(table, i);
    return attempt(() => table.fill(i, fs.fstatSync(fd, { bigint: true })));
  }

  statMany(at: number, names: readonly ByteString[], from: number, to: number, table: StatTable, errors: Int32Array): void {
    if (from < 0 || to > names.length || to - from > table.capacity || to - from > errors.length) throw new RangeError(`${to - from} names, ${table.capacity} records`);
    for (let k = from; k < to; k++) errors[k - from] = -this.stat(at, names[k] as ByteString, table, k - from);
  }

  mkdir(at: number, name: ByteString, mode: number): number {
    return this.on(at, name, (path) => void fs.mkdirSync(path, { mode }));
  }

  rmdir(at: number, name: ByteString): number {
    return this.on(at, name, (path) => fs.rmdirSync(path));
  }

  unlink(at: number, name: ByteString): number {
    return this.on(at, name, (path) => fs.unlinkSync(path));
  }

  rename(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const old = this.path(fromAt, from);
    if (typeof old === 'number') return old;
    return this.on(toAt, to, (path) => fs.renameSync(old, path));
  }

  renameNoReplace(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    return renameByLink(this, fromAt, from, toAt, to);
  }

  link(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const old = this.path(fromAt, from);
    if (typeof old === 'number') return old;
    return this.on(toAt, to, (path) => fs.linkSync(old, path));
  }

  symlink(target: ByteString, at: number, name: ByteString): number {
    if (target.includes('\0')) return -Errno.EINVAL;
    if (target.length > 4095) return -Errno.ENAMETOOLONG;
    return this.on(at, name, (path) => fs.symlinkSync(Buffer.from(target, 'latin1'), path));
  }

  readlink(at: number, name: ByteString): ByteString | number {
    const path = this.path(at, name);
    if (typeof path === 'number') return path;
    let text = '' as ByteString;
    const r = attempt(() => { text = fs.readlinkSync(path, { encoding: 'latin1' }) as ByteString; });
    return r < 0 ? r : text;
  }

  mknod(): number {
    return -Errno.ENOSYS;
  }

  // Attributes

  chown(at: number, name: ByteString, uid: number, gid: number): number {
    return this.on(at, name, (path) => fs.lchownSync(path, uid, gid));
  }

  chmod(at: number, name: ByteString, mode: number): number {
    const path = this.path(at, name);
    if (typeof path === 'number') return path;
    if (this.paths !== undefined) {
      // RACE: without O_PATH, a name exchanged for a symlink between the two calls has its target's mode changed.
      return attempt(() => {
        if (fs.lstatSync(path).isSymbolicLink()) throw systemError('ELOOP');
        fs.chmodSync(path, mode);
      });
    }
    const fd = result(() => fs.openSync(path, O_PATH | O_NOFOLLOW));
    if (fd < 0) return fd;
    const r = attempt(() => {
      if (fs.fstatSync(fd).isSymbolicLink()) throw systemError('ELOOP');
      fs.chmodSync(`/proc/self/fd/${fd}`, mode);
    });
    fs.closeSync(fd);
    return r;
  }

  utimes(at: number, name: ByteString, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    return this.on(at, name, (path) => {
      const now = atimeNsec === UTIME_OMIT || mtimeNsec === UTIME_OMIT ? fs.lstatSync(path, { bigint: true }) : undefined;
      fs.lutimesSync(path, timeFor(atimeSec, atimeNsec, now?.atimeNs), timeFor(mtimeSec, mtimeNsec, now?.mtimeNs));
    });
  }

  futimes(fd: number, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    const r = attempt(() => {
      const now = atimeNsec === UTIME_OMIT || mtimeNsec === UTIME_OMIT ? fs.fstatSync(fd, { bigint: true }) : undefined;
      fs.futimesSync(fd, timeFor(atimeSec, atimeNsec, now?.atimeNs), timeFor(mtimeSec, mtimeNsec, now?.mtimeNs));
    });
    return r === -Errno.EBADF ? this.utimes(fd, DOT, atimeSec, atimeNsec, mtimeSec, mtimeNsec) : r;
  }

  fchown(fd: number, uid: number, gid: number): number {
    const r = attempt(() => fs.fchownSync(fd, uid, gid));
    return r === -Errno.EBADF ? this.chown(fd, DOT, uid, gid) : r; // a folder opened only to pass through
  }

  fchmod(fd: number, mode: number): number {
    const r = attempt(() => fs.fchmodSync(fd, mode));
    return r === -Errno.EBADF ? this.chmod(fd, DOT, mode) : r;
  }

  // Files

  open(at: number, name: ByteString, flags: OpenFlags, mode = 0o600): number {
    const path = this.path(at, name);
    if (typeof path === 'number') return path;
    const bits = openBits(flags);
    const quiet = flags.noAtime === true && process.platform === 'linux';
    const fd = result(() => fs.openSync(path, quiet ? bits | O_NOATIME : bits, mode));
    return fd === -Errno.EPERM && quiet ? result(() => fs.openSync(path, bits, mode)) : fd;
  }

  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    return result(() => fs.readSync(fd, buffer, offset, Math.min(length, MAX_IO), position < 0 ? null : position));
  }

  write(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    return result(() => fs.writeSync(fd, buffer, offset, Math.min(length, MAX_IO), position < 0 ? null : position));
  }

  truncate(fd: number, size: number): number {
    return size < 0 ? -Errno.EINVAL : attempt(() => fs.ftruncateSync(fd, size));
  }

  allocate(): number { return -Errno.EOPNOTSUPP; }
  copyRange(): number { return -Errno.EOPNOTSUPP; }
  clone(): number { return -Errno.EOPNOTSUPP; }
  extents(): number { return -Errno.EOPNOTSUPP; }
  seekData(): number { return -Errno.ENOSYS; }
  seekHole(): number { return -Errno.ENOSYS; }
  seekEnd(): number { return -Errno.ENOSYS; }
  punchHole(): number { return -Errno.EOPNOTSUPP; }

  fsync(fd: number): number {
    const r = attempt(() => fs.fsyncSync(fd));
    if (r !== -Errno.EBADF) return r;
    return attempt(() => void fs.fstatSync(fd)) === 0 ? -Errno.EACCES : r; // a folder opened only to pass through
  }

  syncfs(): number { return -Errno.ENOSYS; }
  flock(): number { return -Errno.ENOSYS; }

  inodeFlags(): number { return -Errno.ENOSYS; }

  statfs(fd: number): FsInfo | number {
    const path = this.pathOf(fd);
    if (typeof path === 'number') return path;
    let info: FsInfo | undefined;
    const r = attempt(() => {
      const s = fs.statfsSync(path);
      info = {
        type: s.type, blockSize: s.bsize, blocks: s.blocks, freeBlocks: s.bfree, availableBlocks: s.bavail, files: s.files, freeFiles: s.ffree,
        nameMax: 255, // not told by Node; true of every file system in use on Linux
        readOnly: attempt(() => fs.accessSync(path, fs.constants.W_OK)) === -Errno.EROFS,
      };
    });
    return info ?? r;
  }

  // Extended attributes: Node has none.

  listXattrs(): number { return -Errno.EOPNOTSUPP; }
  getXattr(): number { return -Errno.EOPNOTSUPP; }
  setXattr(): number { return -Errno.EOPNOTSUPP; }
  removeXattr(): number { return -Errno.EOPNOTSUPP; }
  flistXattrs(): number { return -Errno.EOPNOTSUPP; }
  fgetXattr(): number { return -Errno.EOPNOTSUPP; }
  fsetXattr(): number { return -Errno.EOPNOTSUPP; }
  fremoveXattr(): number { return -Errno.EOPNOTSUPP; }
}

/** 0, or the negated errno of what `act` threw. */
function attempt(act: () => void): number {
  try {
    act();
    return 0;
  } catch (error) {
    return errnoOfError(error);
  }
}

/** What `act` returns, or the negated errno of what it threw. */
function result(act: () => number): number {
  try {
    return act();
  } catch (error) {
    return errnoOfError(error);
  }
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

function checkRecord(table: StatTable, i: number): void {
  if (!(i >= 0 && i < table.capacity)) throw new RangeError(`record ${i} of ${table.capacity}`);
}

function typeOf(entry: fs.Dirent<Buffer>): number {
  if (entry.isFile()) return DT.file;
  if (entry.isDirectory()) return DT.dir;
  if (entry.isSymbolicLink()) return DT.link;
  if (entry.isFIFO()) return DT.fifo;
  if (entry.isSocket()) return DT.socket;
  if (entry.isCharacterDevice()) return DT.char;
  return entry.isBlockDevice() ? DT.block : DT.unknown;
}

/**
 * A time as Node's utimes calls take it. Text, because a negative number is replaced by the present there while
 * numeric text is taken as it is. It is cut to microseconds towards zero: half a one is added away from zero, so that
 * the rounding of a double never makes it the one before. From 2106 on, a double is no finer than 2 µs. A time
 * to be kept is given from what it is now.
 */
function timeFor(sec: number, nsec: number, now: bigint | undefined): string {
  if (nsec === UTIME_NOW) return String(Date.now() / 1000);
  if (nsec === UTIME_OMIT && now !== undefined) {
    const whole = (now - (((now % NANO) + NANO) % NANO)) / NANO;
    return timeFor(Number(whole), Number(now - whole * NANO), undefined);
  }
  const time = sec + Math.floor(nsec / 1000) / 1e6;
  return nsec === 0 || Math.abs(sec) >= FAR ? time.toFixed(7) : (time + (time < 0 ? -5e-7 : 5e-7)).toFixed(7);
}
