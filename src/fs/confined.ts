/**
 * confined: the system calls of a process that is bound to one folder. A path is one below that folder; a name is one name; what follows a
 * symlink does so only as long as it stays below the folder; and hidden names are not there. Nothing here trusts what a path looks like:
 * each step is the kernel's own (openat2 with RESOLVE_BENEATH), and paths from /proc are hints that can only lead to something below.
 */
import type { FilterRule } from '../filter/index.js';
import type { ByteString, StatTable } from '../tree/index.js';
import { Errno } from './errno.js';
import type { ExtentMap } from './extent-map.js';
import { HiddenNames, isOwnName, pathBelow } from './hidden.js';
import type { FsInfo, NameList, OpenFlags, Posix } from './posix.js';

/** What a process is bound to. Plain data. */
export interface Confinement {
  /** Handle of the folder, open as long as the process runs. */
  readonly root: number;
  /** Rules that hide names below it from everybody. */
  readonly hidden: readonly FilterRule[];
}

/** The answer where something leads out: to who is bound to a folder, nothing outside it can be reached. */
const OUT = -Errno.EACCES;
/** Symlinks that one name may lead through. */
const MOST_HOPS = 40;
const DOT = '.' as ByteString;

/** A name that is a path, or the folder above: no call for one name takes it. */
function leads(name: ByteString): boolean {
  return name === '..' || name.includes('/');
}

export class ConfinedPosix implements Posix {
  readonly kind: Posix['kind'];
  readonly lacks: Posix['lacks'];
  readonly euid: number;
  readonly egid: number;
  readonly groups: Posix['groups'];
  private readonly root: number;
  private readonly hidden: HiddenNames | undefined;

  /** @param table one record for looks of our own. */
  constructor(private readonly posix: Posix, confinement: Confinement, private readonly table: StatTable) {
    this.kind = posix.kind;
    this.lacks = posix.lacks;
    this.euid = posix.euid;
    this.egid = posix.egid;
    this.groups = posix.groups;
    this.root = confinement.root;
    this.hidden = confinement.hidden.length === 0 ? undefined : new HiddenNames(confinement.hidden);
  }

  // ---------------------------------------------------------------- what is decided here

  /** 0, or why the name may not be used: -EXDEV, or `hidden` for one that is hidden. */
  private judge(at: number, name: ByteString, hidden: number, isDir?: boolean): number {
    if (leads(name)) return OUT;
    if (this.hidden === undefined || name === DOT || name === '') return 0;
    const folder = pathBelow(this.root, at);
    if (folder === undefined) return OUT;
    return this.hidden.hides(folder, name, () => isDir ?? this.isFolder(at, name)) ? hidden : 0;
  }

  /** For calls that look. */
  private look(at: number, name: ByteString): number {
    return this.judge(at, name, -Errno.ENOENT);
  }

  /** For calls that change. */
  private touch(at: number, name: ByteString, isDir?: boolean): number {
    return this.judge(at, name, -Errno.EACCES, isDir);
  }

  private isFolder(at: number, name: ByteString): boolean {
    return this.posix.stat(at, name, this.table, 0) === 0 && this.table.isDir(0);
  }

  /** A folder that was opened by more than one step: not one that is hidden. */
  private admit(fd: number): number {
    if (fd < 0 || this.hidden === undefined) return fd;
    const path = pathBelow(this.root, fd);
    if (path !== undefined && !this.hidden.hidesFolder(path)) return fd;
    this.posix.close(fd);
    return -Errno.ENOENT;
  }

  /** The folder that a path below the root leads to, through symlinks that stay below it. */
  private beneath(path: string): number {
    const relative = path.replace(/^\/+/, '');
    const fd = relative === '' ? this.posix.openDir(this.root, DOT) : this.posix.openBeneath(this.root, relative as ByteString);
    return this.admit(fd === -Errno.EXDEV ? OUT : fd);
  }

  /** Where a name leads, through symlinks that stay below the root: a folder's handle (the caller closes it) and the name in it; or -errno. */
  private destination(at: number, name: ByteString): { fd: number; name: ByteString } | number {
    const start = pathBelow(this.root, at);
    if (start === undefined || name.startsWith('/')) return OUT;
    let path = start === '' ? name : `${start}/${name}`;
    for (let hop = 0; hop < MOST_HOPS; hop++) {
      const slash = path.lastIndexOf('/');
      const base = path.slice(slash + 1) as ByteString;
      const folderOnly = base === '' || base === '.' || base === '..';
      const fd = this.beneath(folderOnly ? path : path.slice(0, Math.max(slash, 0)));
      if (fd < 0) return fd;
      if (folderOnly) return { fd, name: DOT };
      const refused = this.look(fd, base);
      const text = refused < 0 ? refused : this.posix.readlink(fd, base);
      if (text === -Errno.EINVAL) return { fd, name: base }; // no symlink
      const here = pathBelow(this.root, fd);
      this.posix.close(fd);
      if (typeof text === 'number') return text;
      if (text.startsWith('/') || here === undefined) return OUT;
      path = here === '' ? text : `${here}/${text}`;
    }
    return -Errno.ELOOP;
  }

  openRoot(path: ByteString): number {
    return path === '' ? -Errno.ENOENT : this.beneath(path);
  }

  openBeneath(root: number, path: ByteString): number {
    return this.admit(this.posix.openBeneath(root, path));
  }

  openDir(at: number, name: ByteString, follow = false): number {
    const refused = this.look(at, name);
    if (refused < 0) return refused;
    const fd = this.posix.openDir(at, name);
    if (!follow || (fd !== -Errno.ENOTDIR && fd !== -Errno.ELOOP)) return fd;
    const way = this.destination(at, name);
    if (typeof way === 'number') return way;
    const there = this.posix.openDir(way.fd, way.name);
    this.posix.close(way.fd);
    return this.admit(there);
  }

  statFollow(at: number, name: ByteString, table: StatTable, i: number): number {
    const refused = this.look(at, name);
    if (refused < 0) return refused;
    const error = this.posix.stat(at, name, table, i);
    if (error < 0 || !table.isSymlink(i)) return error;
    const way = this.destination(at, name);
    if (typeof way === 'number') return way;
    const result = this.posix.stat(way.fd, way.name, table, i);
    this.posix.close(way.fd);
    return result;
  }

  open(at: number, name: ByteString, flags: OpenFlags, mode?: number): number {
    if (flags.follow !== true) {
      const refused = flags.create === true || flags.write === true ? this.touch(at, name, false) : this.look(at, name);
      return refused < 0 ? refused : this.posix.open(at, name, flags, mode);
    }
    if (flags.create === true || flags.write === true) return OUT; // nothing is ever written through a symlink
    const way = this.destination(at, name);
    if (typeof way === 'number') return way;
    const fd = this.posix.open(way.fd, way.name, { ...flags, follow: false }, mode);
    this.posix.close(way.fd);
    return fd;
  }

  list(fd: number, into: NameList): number {
    const result = this.posix.list(fd, into);
    if (result < 0 || this.hidden === undefined) return result;
    const { names, types } = into;
    const all = names.splice(0);
    const kinds = types.splice(0);
    all.forEach((name, k) => {
      if (this.look(fd, name) < 0) return;
      names.push(name);
      types.push(kinds[k] ?? 0);
    });
    return result;
  }

  statMany(at: number, names: readonly ByteString[], from: number, to: number, table: StatTable, errors: Int32Array): void {
    let judged = this.hidden !== undefined;
    for (let k = from; !judged && k < to; k++) judged = leads(names[k] as ByteString);
    this.posix.statMany(at, names, from, to, table, errors);
    if (!judged) return;
    for (let k = from; k < to; k++) {
      const refused = this.look(at, names[k] as ByteString);
      if (refused < 0) errors[k - from] = -refused;
    }
  }

  // ---------------------------------------------------------------- one name, judged and passed on

  stat(at: number, name: ByteString, table: StatTable, i: number): number {
    const refused = this.look(at, name);
    return refused < 0 ? refused : this.posix.stat(at, name, table, i);
  }
  mkdir(at: number, name: ByteString, mode: number): number {
    const refused = this.touch(at, name, true);
    return refused < 0 ? refused : this.posix.mkdir(at, name, mode);
  }
  rmdir(at: number, name: ByteString): number {
    const refused = this.touch(at, name, true);
    return refused < 0 ? refused : this.posix.rmdir(at, name);
  }
  unlink(at: number, name: ByteString): number {
    const refused = this.touch(at, name, false);
    return refused < 0 ? refused : this.posix.unlink(at, name);
  }
  rename(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const refused = this.both(fromAt, from, toAt, to);
    return refused < 0 ? refused : this.posix.rename(fromAt, from, toAt, to);
  }
  renameNoReplace(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const refused = this.both(fromAt, from, toAt, to);
    return refused < 0 ? refused : this.posix.renameNoReplace(fromAt, from, toAt, to);
  }
  link(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const refused = this.both(fromAt, from, toAt, to);
    return refused < 0 ? refused : this.posix.link(fromAt, from, toAt, to);
  }
  /** The new name is judged as what the old one is. A folder stays where it is: what is hidden in it could be in sight elsewhere. */
  private both(fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
    const refused = this.touch(fromAt, from);
    if (refused < 0 || this.hidden === undefined) return refused < 0 ? refused : this.touch(toAt, to);
    const isDir = this.isFolder(fromAt, from);
    return isDir && !isOwnName(from) ? OUT : this.touch(toAt, to, isDir);
  }
  symlink(target: ByteString, at: number, name: ByteString): number {
    const refused = this.touch(at, name, false);
    return refused < 0 ? refused : this.posix.symlink(target, at, name);
  }
  readlink(at: number, name: ByteString): ByteString | number {
    const refused = this.look(at, name);
    return refused < 0 ? refused : this.posix.readlink(at, name);
  }
  mknod(at: number, name: ByteString, mode: number, major: number, minor: number): number {
    const refused = this.touch(at, name, false);
    return refused < 0 ? refused : this.posix.mknod(at, name, mode, major, minor);
  }
  chown(at: number, name: ByteString, uid: number, gid: number): number {
    const refused = this.touch(at, name);
    return refused < 0 ? refused : this.posix.chown(at, name, uid, gid);
  }
  chmod(at: number, name: ByteString, mode: number): number {
    const refused = this.touch(at, name);
    return refused < 0 ? refused : this.posix.chmod(at, name, mode);
  }
  utimes(at: number, name: ByteString, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    const refused = this.touch(at, name);
    return refused < 0 ? refused : this.posix.utimes(at, name, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  }
  listXattrs(at: number, name: ByteString, follow = false): ByteString[] | number {
    return follow ? this.led(at, name, (fd, there) => this.posix.listXattrs(fd, there)) : this.seen(at, name, () => this.posix.listXattrs(at, name));
  }
  getXattr(at: number, name: ByteString, attribute: ByteString, follow = false): Buffer | number {
    return follow ? this.led(at, name, (fd, there) => this.posix.getXattr(fd, there, attribute)) : this.seen(at, name, () => this.posix.getXattr(at, name, attribute));
  }
  private seen<T>(at: number, name: ByteString, call: () => T): T | number {
    const refused = this.look(at, name);
    return refused < 0 ? refused : call();
  }
  /** `call` on where a name leads. */
  private led<T>(at: number, name: ByteString, call: (fd: number, there: ByteString) => T): T | number {
    const refused = this.look(at, name);
    const way = refused < 0 ? refused : this.destination(at, name);
    if (typeof way === 'number') return way;
    const result = call(way.fd, way.name);
    this.posix.close(way.fd);
    return result;
  }
  setXattr(at: number, name: ByteString, attribute: ByteString, value: Buffer): number {
    const refused = this.touch(at, name);
    return refused < 0 ? refused : this.posix.setXattr(at, name, attribute, value);
  }
  removeXattr(at: number, name: ByteString, attribute: ByteString): number {
    const refused = this.touch(at, name);
    return refused < 0 ? refused : this.posix.removeXattr(at, name, attribute);
  }

  // ---------------------------------------------------------------- open handles: they were judged when they were opened

  close(fd: number): number { return this.posix.close(fd); }
  fstat(fd: number, table: StatTable, i: number): number { return this.posix.fstat(fd, table, i); }
  fchown(fd: number, uid: number, gid: number): number { return this.posix.fchown(fd, uid, gid); }
  fchmod(fd: number, mode: number): number { return this.posix.fchmod(fd, mode); }
  futimes(fd: number, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    return this.posix.futimes(fd, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  }
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number { return this.posix.read(fd, buffer, offset, length, position); }
  write(fd: number, buffer: Buffer, offset: number, length: number, position: number): number { return this.posix.write(fd, buffer, offset, length, position); }
  truncate(fd: number, size: number): number { return this.posix.truncate(fd, size); }
  allocate(fd: number, offset: number, length: number): number { return this.posix.allocate(fd, offset, length); }
  copyRange(fromFd: number, fromOffset: number, toFd: number, toOffset: number, length: number): number {
    return this.posix.copyRange(fromFd, fromOffset, toFd, toOffset, length);
  }
  clone(fromFd: number, toFd: number): number { return this.posix.clone(fromFd, toFd); }
  extents(fd: number, from: number, into: ExtentMap): number { return this.posix.extents(fd, from, into); }
  seekData(fd: number, offset: number): number { return this.posix.seekData(fd, offset); }
  seekHole(fd: number, offset: number): number { return this.posix.seekHole(fd, offset); }
  seekEnd(fd: number): number { return this.posix.seekEnd(fd); }
  punchHole(fd: number, offset: number, length: number): number { return this.posix.punchHole(fd, offset, length); }
  fsync(fd: number): number { return this.posix.fsync(fd); }
  syncfs(fd: number): number { return this.posix.syncfs(fd); }
  flock(fd: number, how: 'exclusive' | 'shared' | 'unlock'): number { return this.posix.flock(fd, how); }
  statfs(fd: number): FsInfo | number { return this.posix.statfs(fd); }
  inodeFlags(fd: number): number { return this.posix.inodeFlags(fd); }
  flistXattrs(fd: number): ByteString[] | number { return this.posix.flistXattrs(fd); }
  fgetXattr(fd: number, attribute: ByteString): Buffer | number { return this.posix.fgetXattr(fd, attribute); }
  fsetXattr(fd: number, attribute: ByteString, value: Buffer): number { return this.posix.fsetXattr(fd, attribute, value); }
  fremoveXattr(fd: number, attribute: ByteString): number { return this.posix.fremoveXattr(fd, attribute); }
}
