/**
 * folder-cache: handles of the folders below a root, opened part by part (O_DIRECTORY|O_NOFOLLOW), so that
 * no symlink put in their way is followed and a path may be longer than PATH_MAX.
 *
 * A bounded number stays open, least recently used first out; a path starts at its deepest open ancestor, so
 * walking in order costs one openat a folder. The cache owns its handles: callers never close them. It trusts
 * a handle until `forget`: who renames or removes a folder says so. The root's handle stays the caller's.
 */
import type { ByteString, RelPath } from '../tree/index.js';
import { Errno } from './errno.js';
import type { Posix } from './posix.js';

/** What the cache asks of the tree. */
export type FolderOpener = Pick<Posix, 'openDir' | 'openBeneath' | 'close'>;

/** A handle stays open without a pin for at least this many further calls of `open`. */
export const FOLDERS_HELD = 16;

export interface FolderCacheOptions {
  /** Follow symlinks on the way and at the end: only where the user asked for it. Default false. */
  follow?: boolean;
  /** With `follow`: only as long as they stay below the root. */
  beneath?: boolean;
  /** Symlinks that are followed all the same: folders the user named a way through. */
  followed?: ReadonlySet<RelPath>;
  /** Handles kept open, at least 24. Pins may exceed it. Default 64. */
  capacity?: number;
}

interface Folder {
  readonly path: RelPath;
  readonly fd: number;
  pins: number;
  returned: number; // serial of the last `open` that returned it; 0: only passed through
  forgotten: boolean;
}

export class FolderCache {
  private readonly folders = new Map<RelPath, Folder>(); // in order of use
  private readonly pinned = new Map<number, Folder>(); // by handle
  private readonly follow: boolean;
  private readonly beneath: boolean;
  private readonly followed: ReadonlySet<RelPath> | undefined;
  private readonly capacity: number;
  private last: Folder | undefined;
  private serial = FOLDERS_HELD; // so that serial 0 is never among the last ones

  constructor(private readonly posix: FolderOpener, private readonly rootFd: number, options: FolderCacheOptions = {}) {
    this.follow = options.follow ?? false;
    this.beneath = options.beneath ?? false;
    this.followed = options.followed;
    this.capacity = Math.max(options.capacity ?? 64, FOLDERS_HELD + 8);
  }

  /**
   * Handle of a folder, or a negated errno (-ENOTDIR or -ELOOP: a symlink or no folder stands on the way).
   * It stays open for at least the next FOLDERS_HELD calls, or until `forget` or `closeAll`; `pin` for longer.
   */
  open(path: RelPath): number {
    return this.handle(path);
  }

  private handle(path: RelPath): number {
    const last = this.last;
    if (last !== undefined && last.path === path) return last.fd; // most calls: the same folder again
    if (path === '') return this.rootFd;
    const folder = this.find(path);
    if (typeof folder === 'number') return folder;
    folder.returned = ++this.serial;
    this.last = folder;
    return folder.fd;
  }

  /** As `open`, of a folder where it stands now, whatever renames a kind of cache looks through. */
  openNow(path: RelPath): number {
    return this.handle(path);
  }

  /** As `open`; the handle stays open until as many `unpin`s, whatever is opened or forgotten in between. */
  pin(path: RelPath): number {
    const fd = this.open(path);
    if (fd < 0 || path === '') return fd;
    const folder = this.last;
    if (folder?.fd !== fd) throw new Error('a folder just opened is not held');
    folder.pins++;
    this.pinned.set(fd, folder);
    return fd;
  }

  /** Gives back a handle that `pin` returned. */
  unpin(fd: number): void {
    const folder = this.pinned.get(fd);
    if (folder === undefined) {
      if (fd === this.rootFd) return;
      throw new Error(`handle ${fd} is not pinned`);
    }
    if (--folder.pins > 0) return;
    this.pinned.delete(fd);
    if (folder.forgotten) this.posix.close(fd);
    else this.shrink(this.capacity);
  }

  /** Forgets a path and everything below it: after a rename, a removal, or in doubt. `''` forgets all. */
  forget(path: RelPath): void {
    const below = path === '' ? '' : `${path}/`;
    for (const folder of this.folders.values()) {
      if (folder.path === path || folder.path.startsWith(below)) this.drop(folder);
    }
  }

  /** Closes all handles but the root's; pinned ones too: nobody may use them any more. */
  closeAll(): void {
    for (const folder of this.pinned.values()) if (folder.forgotten) this.posix.close(folder.fd);
    this.pinned.clear();
    for (const folder of this.folders.values()) this.posix.close(folder.fd);
    this.folders.clear();
    this.last = undefined;
  }

  /** Handles open now, without the root's. */
  get size(): number {
    let forgotten = 0;
    for (const folder of this.pinned.values()) if (folder.forgotten) forgotten++;
    return this.folders.size + forgotten;
  }

  private find(path: RelPath): Folder | number {
    const held = this.folders.get(path);
    if (held !== undefined) {
      this.touch(held);
      return held;
    }
    // Down from the deepest ancestor that is open.
    let cut = path.lastIndexOf('/');
    let at = this.rootFd;
    while (cut > 0) {
      const ancestor = this.folders.get(path.slice(0, cut) as RelPath);
      if (ancestor !== undefined) {
        this.touch(ancestor);
        at = ancestor.fd;
        break;
      }
      cut = path.lastIndexOf('/', cut - 1);
    }
    for (let start = cut > 0 ? cut + 1 : 0; ;) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      const way = (slash < 0 ? path : path.slice(0, end)) as RelPath;
      const followed = this.followed?.has(way) === true;
      let fd = this.openPart(at, path.slice(start, end) as ByteString, (followed || this.follow) && !this.beneath);
      if ((fd === -Errno.ENOTDIR || fd === -Errno.ELOOP) && (followed || this.follow) && this.beneath) {
        const inside = this.posix.openBeneath(this.rootFd, way);
        if (inside >= 0) fd = inside;
      }
      if (fd < 0) return fd;
      const folder: Folder = { path: way, fd, pins: 0, returned: 0, forgotten: false };
      this.folders.set(folder.path, folder); // newest: `shrink` comes to it last
      this.shrink(this.capacity);
      if (slash < 0) return folder;
      at = fd;
      start = end + 1;
    }
  }

  /** One openat; where the process has no handle left, some are given up first. */
  private openPart(at: number, name: ByteString, follow: boolean): number {
    const fd = this.posix.openDir(at, name, follow);
    if (fd !== -Errno.EMFILE && fd !== -Errno.ENFILE) return fd;
    this.shrink(1, at);
    return this.posix.openDir(at, name, follow);
  }

  private touch(folder: Folder): void {
    this.folders.delete(folder.path);
    this.folders.set(folder.path, folder);
  }

  /** Closes the longest unused down to `limit`, leaving pinned ones, the last returned ones, `but` and the newest. */
  private shrink(limit: number, but = -1): void {
    let excess = this.folders.size - limit;
    if (excess <= 0) return;
    let newest = this.folders.size;
    for (const folder of this.folders.values()) {
      if (--newest === 0) return;
      if (folder.pins > 0 || folder.fd === but || folder.returned > this.serial - FOLDERS_HELD) continue;
      this.drop(folder);
      if (--excess === 0) return;
    }
  }

  private drop(folder: Folder): void {
    this.folders.delete(folder.path);
    if (this.last === folder) this.last = undefined;
    if (folder.pins > 0) folder.forgotten = true;
    else this.posix.close(folder.fd);
  }
}
