/**
 * Capture by inotify: one watch for each folder. A watch is set before its folder is listed, so what is made in it meanwhile is
 * either listed or told. Watches go with their folders when these move, and are taken away from folders that left the tree.
 */
import { errnoName, Errno, FolderCache, In, parseInotify, type NameList } from '../../fs/index.js';
import { EMPTY, joinPath, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { mountsBelow } from './mounts-below.js';
import { RootedBackend } from './rooted.js';
import { WatchTree, type WatchedFolder } from './watch-tree.js';

const MASK = In.MODIFY | In.ATTRIB | In.CLOSE_WRITE | In.MOVED_FROM | In.MOVED_TO | In.CREATE | In.DELETE | In.DELETE_SELF | In.MOVE_SELF | In.ONLYDIR | In.EXCL_UNLINK;
const DT_DIR = 4;
const DT_UNKNOWN = 0;
/** The second half of a rename follows at once; so long after the first, ms, it came from or went elsewhere. */
const HALF_RENAME_MS = 500;
const MOST_HALVES = 4096;

/** A name that was renamed to somewhere: where it was, and its folder with all watches below. */
interface Half {
  readonly path: RelPath;
  readonly folder: WatchedFolder | undefined;
  readonly at: number;
}

export class InotifyBackend extends RootedBackend {
  readonly name = 'inotify';
  private readonly tree = new WatchTree();
  private readonly halves = new Map<number, Half>();
  /** Paths that folders have left in the events just taken. */
  private readonly left = new Set<RelPath>();
  private readonly table = new StatTable(2);
  private folders: FolderCache | undefined;
  private ownRoot = -1;
  private full = false;
  private limitTold = false;

  get watches(): number {
    return this.tree.size;
  }

  protected watchAll(rootFd: number): string | undefined {
    this.fd = this.kernel.inotifyInit();
    if (this.fd < 0) return this.fd === -Errno.EMFILE ? 'no more inotify queues for this user (fs.inotify.max_user_instances)' : `inotify cannot be used (${errnoName(-this.fd)})`;
    this.mounts = mountsBelow(this.root.realPath);
    this.full = false;
    this.limitTold = false;
    this.use(rootFd);
    this.scan(this.tree.root, EMPTY);
    if (this.tree.root.watch !== 0 || this.blind.has(EMPTY)) return undefined;
    return 'the root cannot be watched';
  }

  protected take(length: number, now: number): boolean {
    let dropped = false;
    const whole = parseInotify(this.buffer, length, (watch, mask, cookie, name) => {
      this.events++;
      if ((mask & In.Q_OVERFLOW) !== 0) dropped = true;
      else if (!dropped) this.event(watch, mask, cookie, name, now);
    });
    if (dropped) this.restart(now, 'overflow', 'changes came faster than they were taken, and the kernel dropped some (fs.inotify.max_queued_events)');
    else this.lookAgain();
    return whole;
  }

  /**
   * Where a folder went away another may stand whose arrival was told before: two that were exchanged each arrive where the
   * other has not yet left.
   */
  private lookAgain(): void {
    for (const path of this.left) {
      if ((this.tree.find(path)?.watch ?? 0) !== 0) continue; // one that arrived since
      this.folders?.forget(path);
      if (this.watchPath(path)) this.sink.hint(path, 'subtree', 'moved');
    }
    this.left.clear();
  }

  protected settle(now: number): void {
    for (const [cookie, { at, folder }] of this.halves) {
      if (now - at < HALF_RENAME_MS) break;
      this.halves.delete(cookie);
      if (folder !== undefined) this.unwatch(folder);
    }
    this.folders?.closeAll();
    this.folders = undefined;
    if (this.ownRoot >= 0) this.posix.close(this.ownRoot);
    this.ownRoot = -1;
  }

  protected remount(path: RelPath, rootFd: number): void {
    this.use(rootFd);
    const known = this.tree.find(path);
    if (known !== undefined) this.drop(known);
    this.watchPath(path);
  }

  protected retry(path: RelPath, rootFd: number): boolean {
    this.use(rootFd);
    this.full = false;
    const how = this.blind.get(path);
    this.blind.delete(path);
    this.watchPath(path, true);
    if (!this.blind.has(path)) return true;
    if (how !== undefined) this.blind.set(path, how);
    return false;
  }

  protected forgetAll(): void {
    this.tree.clear();
    this.halves.clear();
    this.left.clear();
  }

  // ---------------------------------------------------------------- events

  private event(watch: number, mask: number, cookie: number, name: ByteString, now: number): void {
    const folder = this.tree.of(watch);
    if (folder === undefined) return; // of a watch that was taken away
    if ((mask & (In.IGNORED | In.UNMOUNT | In.DELETE_SELF | In.MOVE_SELF)) !== 0) {
      if (folder === this.tree.root) this.doubtRoot();
      if ((mask & In.IGNORED) !== 0) this.tree.dropWatch(folder);
      return;
    }
    const path = this.tree.pathOf(folder);
    if (path === undefined) return; // on its way: told when it arrives
    if (name === '') {
      this.sink.hint(path, 'entry', 'attributes', { complete: true });
      return;
    }
    const child = joinPath(path, name);
    if ((mask & In.ISDIR) === 0) this.fileEvent(child, mask, cookie, now);
    else if (!this.options.prune(child)) this.folderEvent(folder, name, child, mask, cookie, now);
    else if ((mask & In.MOVED_TO) !== 0) this.leftOut(folder, name, cookie);
    else if ((mask & In.MOVED_FROM) !== 0) this.halve(cookie, { path: child, folder: undefined, at: now });
  }

  private fileEvent(path: RelPath, mask: number, cookie: number, now: number): void {
    if ((mask & In.MOVED_FROM) !== 0) {
      this.halve(cookie, { path, folder: undefined, at: now });
      this.sink.hint(path, 'entry', 'moved', { gone: true, complete: true });
    } else if ((mask & In.MOVED_TO) !== 0) {
      const half = this.halves.get(cookie);
      this.halves.delete(cookie);
      this.sink.hint(path, 'entry', 'moved', { complete: true, ...(half === undefined ? {} : { from: half.path }) });
    } else if ((mask & In.DELETE) !== 0) this.sink.hint(path, 'entry', 'deleted', { gone: true, complete: true });
    else if ((mask & In.ATTRIB) !== 0) this.sink.hint(path, 'entry', 'attributes', { complete: true });
    else this.sink.hint(path, 'entry', (mask & In.CREATE) !== 0 ? 'created' : 'modified', { complete: (mask & In.CLOSE_WRITE) !== 0 });
  }

  private folderEvent(parent: WatchedFolder, name: ByteString, path: RelPath, mask: number, cookie: number, now: number): void {
    if ((mask & In.MOVED_FROM) !== 0) {
      const folder = parent.children?.get(name);
      if (folder !== undefined) this.tree.detach(folder);
      this.folders?.forget(path);
      this.halve(cookie, { path, folder, at: now });
      this.left.add(path);
      this.sink.hint(path, 'entry', 'moved', { gone: true, complete: true });
    } else if ((mask & In.MOVED_TO) !== 0) this.arrived(parent, name, path, cookie);
    else if ((mask & In.DELETE) !== 0) {
      const folder = parent.children?.get(name);
      if (folder !== undefined) this.drop(folder);
      this.folders?.forget(path);
      this.left.add(path);
      this.sink.hint(path, 'entry', 'deleted', { gone: true, complete: true });
    } else if ((mask & In.CREATE) !== 0) {
      this.folders?.forget(path);
      this.watchPath(path);
      this.sink.hint(path, 'subtree', 'created'); // not only itself: another may have stood there before
    } else {
      const unwatched = (parent.children?.get(name)?.watch ?? 0) === 0;
      if (unwatched && this.watchPath(path)) this.sink.hint(path, 'subtree', 'readable');
      else this.sink.hint(path, 'entry', 'attributes', { complete: true });
    }
  }

  private arrived(parent: WatchedFolder, name: ByteString, path: RelPath, cookie: number): void {
    const half = this.halves.get(cookie);
    this.halves.delete(cookie);
    this.folders?.forget(path);
    if (half?.folder !== undefined) {
      // A folder known there already was found by a listing ahead of this event (its watches are its own now), or was replaced.
      if (parent.children?.has(name) === true) this.unwatch(half.folder);
      else this.tree.attach(half.folder, parent, name);
    }
    this.watchPath(path, true); // what was left out at the old place may count at the new one
    this.sink.hint(path, 'subtree', 'moved', { complete: true, ...(half === undefined ? {} : { from: half.path }) });
  }

  /** A folder was renamed to a name that is left out. */
  private leftOut(parent: WatchedFolder, name: ByteString, cookie: number): void {
    const half = this.halves.get(cookie);
    this.halves.delete(cookie);
    if (half?.folder !== undefined) this.unwatch(half.folder);
    const known = parent.children?.get(name);
    if (known !== undefined) this.drop(known);
  }

  private halve(cookie: number, half: Half): void {
    if (this.halves.size >= MOST_HALVES) this.settleHalf();
    this.halves.set(cookie, half);
  }

  private settleHalf(): void {
    for (const [cookie, { folder }] of this.halves) {
      this.halves.delete(cookie);
      if (folder !== undefined) this.unwatch(folder);
      return;
    }
  }

  // ---------------------------------------------------------------- watches

  /** Takes a folder out of the tree with all its watches. */
  private drop(folder: WatchedFolder): void {
    this.tree.detach(folder);
    this.unwatch(folder);
  }

  private unwatch(folder: WatchedFolder): void {
    for (const each of this.tree.below(folder)) {
      const { watch } = each;
      if (this.tree.dropWatch(each) && this.fd >= 0) this.kernel.inotifyRemove(this.fd, watch);
    }
  }

  private use(rootFd: number): void {
    this.folders ??= new FolderCache(this.posix, rootFd);
  }

  /** The folders below the root as they are now; undefined: there is no root. */
  private opened(): FolderCache | undefined {
    if (this.folders !== undefined) return this.folders;
    const fd = this.root.open();
    if (typeof fd !== 'number') {
      this.doubtRoot();
      return undefined;
    }
    this.ownRoot = fd;
    return (this.folders = new FolderCache(this.posix, fd));
  }

  /** Watches a folder and all below; `whole`: also where it is watched already. Whether it is a folder and has its watch. */
  private watchPath(path: RelPath, whole = false): boolean {
    if (this.opened() === undefined) return false;
    let folder = this.tree.root;
    if (path !== '') for (const part of path.split('/')) folder = this.tree.child(folder, part as ByteString);
    this.scan(folder, path, whole);
    return folder.watch !== 0;
  }

  /** Sets the watch of a folder, lists it, and goes on with the folders in it. */
  private scan(top: WatchedFolder, topPath: RelPath, whole = false): void {
    const list: NameList = { names: [], types: [] };
    const stack = [{ folder: top, path: topPath }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { folder, path } = next;
      const fd = (this.folders as FolderCache).open(path);
      if (fd < 0) {
        this.cannotOpen(folder, path, -fd);
        continue;
      }
      if (this.options.oneFileSystem && this.elsewhere(fd)) {
        if (folder !== this.tree.root) this.drop(folder);
        continue;
      }
      const before = folder.watch;
      if (!this.watch(folder, path, fd) || (before === folder.watch && !whole)) continue;
      const listed = this.posix.list(fd, list);
      if (listed < 0) {
        this.cannotOpen(folder, path, -listed);
        continue;
      }
      for (let i = 0; i < list.names.length; i++) {
        const name = list.names[i] as ByteString;
        const type = list.types[i];
        if (type !== DT_DIR && (type !== DT_UNKNOWN || this.posix.stat(fd, name, this.table, 0) < 0 || !this.table.isDir(0))) continue;
        const child = joinPath(path, name);
        if (!this.options.prune(child)) stack.push({ folder: this.tree.child(folder, name), path: child });
      }
    }
  }

  private cannotOpen(folder: WatchedFolder, path: RelPath, errno: number): void {
    switch (errno) {
      case Errno.ENOENT: case Errno.ENOTDIR: case Errno.ELOOP: case Errno.ESTALE: // gone, or no folder any more: its own event tells
        if (folder !== this.tree.root) this.drop(folder);
        return;
      case Errno.EACCES: case Errno.EPERM:
        if (!this.blind.has(path)) this.sink.condition('permission', path, 'may not be read, so changes in it are not seen', 'wait');
        this.unseen(path, 'closed');
        return;
      default:
        if (!this.blind.has(path)) this.sink.condition('trouble', path, `cannot be watched (${errnoName(errno)})`, 'sweep');
        this.unseen(path, 'sweep');
    }
  }

  private elsewhere(fd: number): boolean {
    const rootFd = (this.folders as FolderCache).open(EMPTY);
    return this.posix.fstat(fd, this.table, 0) === 0 && this.posix.fstat(rootFd, this.table, 1) === 0 && !this.table.sameDevice(0, this.table, 1);
  }

  /** Sets the watch of an open folder. False: it has none, which was told. */
  private watch(folder: WatchedFolder, path: RelPath, fd: number): boolean {
    const wd = this.full || (folder.watch === 0 && this.tree.size >= this.options.mostWatches) ? -Errno.ENOSPC : this.kernel.inotifyAdd(this.fd, fd, MASK);
    if (wd < 0) {
      if (wd === -Errno.ENOSPC) this.limit(path);
      else this.cannotOpen(folder, path, -wd);
      return false;
    }
    const other = this.tree.of(wd);
    if (other === folder) return true;
    if (other !== undefined && this.isStill(other, fd)) {
      if (!this.blind.has(path)) this.sink.condition('mount', path, 'is another folder of the tree mounted here; it is watched there only', 'sweep');
      this.unseen(path, 'sweep');
      return false;
    }
    const old = folder.watch;
    this.tree.setWatch(folder, wd);
    if (old !== 0 && this.tree.of(old) === undefined) this.kernel.inotifyRemove(this.fd, old); // another folder stood here
    this.blind.delete(path);
    return true;
  }

  /** Whether a known folder is, at its own path, the one that is open: the same seen twice. If not, it has moved, and its event is yet to come. */
  private isStill(other: WatchedFolder, fd: number): boolean {
    const path = this.tree.pathOf(other);
    if (path === undefined) return false;
    const cache = this.folders as FolderCache;
    const at = new FolderCache(this.posix, cache.open(EMPTY));
    const there = at.open(path);
    const same = there >= 0 && this.posix.fstat(there, this.table, 0) === 0 && this.posix.fstat(fd, this.table, 1) === 0 && this.table.sameInode(0, this.table, 1);
    at.closeAll();
    return same;
  }

  private limit(path: RelPath): void {
    this.full = true;
    this.unseen(path, 'sweep');
    if (this.limitTold) return;
    this.limitTold = true;
    this.sink.condition('watch-limit', path, `no more watches after ${this.tree.size} (fs.inotify.max_user_watches): this folder and others are looked at by the clock`, 'sweep');
  }
}
