/**
 * The root and its identity. The root is opened for the length of one piece of work and closed again: a handle kept open would
 * keep its file system from being unmounted. What is found at its path is the root only if it is the same folder.
 */
import { Errno, errnoName, type KernelWatch, type Posix } from '../../fs/index.js';
import { EMPTY, StatTable, type ByteString } from '../../tree/index.js';

/** Why there is no root. */
export interface RootTrouble {
  readonly why: 'missing' | 'replaced' | 'unreadable';
  readonly message: string;
}

export interface RootIdentity {
  readonly inode: string;
  /** The file system by its device, and by its own id, which on most outlives a remount. */
  readonly device: string;
  readonly fsid: ByteString;
}

export class Root {
  private readonly table = new StatTable(1);
  private known: RootIdentity | undefined;
  /** The root's real path, as the mount table has it. */
  realPath = '' as ByteString;

  constructor(private readonly posix: Posix, private readonly kernel: KernelWatch | undefined, readonly path: ByteString) {}

  /** Opens the root; the first time its identity is taken, later it must be the same. The caller closes the handle. */
  open(): number | RootTrouble {
    const fd = this.posix.openRoot(this.path);
    if (fd < 0) {
      const missing = fd === -Errno.ENOENT || fd === -Errno.ENOTDIR;
      return missing ? { why: 'missing', message: 'the root is gone' } : { why: 'unreadable', message: `the root cannot be opened (${errnoName(-fd)})` };
    }
    const found = this.identify(fd);
    if (typeof found === 'number') {
      this.posix.close(fd);
      return { why: 'unreadable', message: `the root cannot be looked at (${errnoName(-found)})` };
    }
    if (this.known !== undefined && !sameRoot(this.known, found)) {
      this.posix.close(fd);
      return { why: 'replaced', message: found.device === this.known.device ? 'another folder stands where the root was' : 'another file system, or none, stands where the root was' };
    }
    this.known = found;
    const real = this.kernel?.pathOf(fd);
    this.realPath = typeof real === 'string' ? real : this.path;
    return fd;
  }

  /** Runs work with the root's handle. */
  with<T>(work: (fd: number) => T): T | RootTrouble {
    const fd = this.open();
    if (typeof fd !== 'number') return fd;
    try {
      return work(fd);
    } finally {
      this.posix.close(fd);
    }
  }

  /** Takes what stands there next for the root, whatever it is. */
  forget(): void {
    this.known = undefined;
  }

  private identify(fd: number): RootIdentity | number {
    const stat = this.posix.fstat(fd, this.table, 0);
    if (stat < 0) return stat;
    const system = this.kernel?.fileSystemOf(fd);
    if (typeof system === 'number') return system;
    return { inode: `${this.table.inoHigh(0)}:${this.table.inoLow(0)}`, device: `${this.table.devMajor(0)}:${this.table.devMinor(0)}`, fsid: system?.id ?? EMPTY };
  }
}

/** The same inode on the same device; or after a remount, which may give the device another number, on a file system with the same id. */
function sameRoot(a: RootIdentity, b: RootIdentity): boolean {
  return a.inode === b.inode && (a.device === b.device || (a.fsid === b.fsid && !/^\0*$/.test(a.fsid)));
}

export function isTrouble(value: unknown): value is RootTrouble {
  return typeof value === 'object' && value !== null && 'why' in value;
}
