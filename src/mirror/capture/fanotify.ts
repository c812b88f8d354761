/**
 * Capture by fanotify: one mark for each file system below the root, no watch for a folder. The kernel names folders by their
 * handles and tells what happens anywhere on the file system; what is outside the root is dropped. Root only.
 */
import { errnoName, Errno, Fan, FolderCache, parseFanotify, type FanotifyEvent, type HandleName } from '../../fs/index.js';
import { EMPTY, joinPath, type RelPath } from '../../tree/index.js';
import { isTrouble } from './root.js';
import { mountsBelow } from './mounts-below.js';
import { Places, type Place } from './places.js';
import { RootedBackend } from './rooted.js';

const CHANGES = Fan.MODIFY | Fan.ATTRIB | Fan.CLOSE_WRITE | Fan.CREATE | Fan.DELETE | Fan.ONDIR;
/** What a rename is, by how new the kernel is: one event with both places (5.17), or two. */
const RENAMES = [Fan.RENAME, Fan.MOVED_FROM | Fan.MOVED_TO];
const OVERLAYFS = 0x794c7630;

export class FanotifyBackend extends RootedBackend {
  readonly name = 'fanotify';
  private readonly places = new Places(this.kernel, this.posix, this.options.prune);
  private ownRoot = -1;
  private marks = 0;
  private unclear = false;

  get watches(): number {
    return this.marks;
  }

  protected watchAll(rootFd: number): string | undefined {
    this.fd = this.kernel.fanotifyInit(Fan.CLOEXEC | Fan.NONBLOCK | Fan.UNLIMITED_QUEUE | Fan.REPORT_DFID_NAME);
    if (this.fd < 0) {
      if (this.fd === -Errno.EPERM) return 'fanotify needs root';
      return this.fd === -Errno.EINVAL || this.fd === -Errno.ENOSYS ? 'this kernel\'s fanotify does not name files' : `fanotify cannot be used (${errnoName(-this.fd)})`;
    }
    this.places.begin(this.root.realPath);
    this.places.use(rootFd);
    const refused = this.mark(rootFd, EMPTY) ?? this.probe(rootFd);
    if (refused !== undefined) return refused;
    this.mounts = mountsBelow(this.root.realPath);
    if (!this.options.oneFileSystem) for (const { path } of this.mounts) if (path !== '' && !this.prunedMount(path)) this.watchMount(path, rootFd);
    return undefined;
  }

  protected take(length: number, now: number): boolean {
    let dropped = false;
    this.unclear = false;
    const whole = parseFanotify(this.buffer, length, (event) => {
      this.events++;
      if ((event.mask & Fan.Q_OVERFLOW) !== 0) dropped = true;
      else if (!dropped) this.event(event);
    });
    if (dropped) this.restart(now, 'overflow', 'changes came faster than they were taken, and the kernel dropped some');
    return whole;
  }

  protected settle(): void {
    this.places.settle();
    if (this.ownRoot >= 0) this.posix.close(this.ownRoot);
    this.ownRoot = -1;
  }

  protected remount(path: RelPath, rootFd: number): void {
    this.places.removeMount(path);
    this.places.settle(); // handles of what stood there
    this.places.use(rootFd);
    const stands = this.mounts.some((mount) => mount.path === path);
    if (stands && !this.options.oneFileSystem && !this.prunedMount(path)) this.watchMount(path, rootFd);
  }

  protected retry(path: RelPath, rootFd: number): boolean {
    this.places.use(rootFd);
    return path !== '' && !this.mounts.some((mount) => mount.path === path) ? true : this.tryMount(path, rootFd) === undefined;
  }

  protected forgetAll(): void {
    this.marks = 0;
    this.places.begin(this.root.realPath);
  }

  // ---------------------------------------------------------------- marks

  /** Marks the file system behind an open folder. A reason where that cannot be. */
  private mark(fd: number, path: RelPath): string | undefined {
    const system = this.kernel.fileSystemOf(fd);
    if (typeof system === 'number') return `the file system cannot be asked (${errnoName(-system)})`;
    if (system.type === OVERLAYFS) return 'fanotify does not see an overlay file system whole';
    let r = -Errno.EINVAL;
    for (const renames of RENAMES) {
      r = this.kernel.fanotifyMark(this.fd, Fan.MARK_ADD | Fan.MARK_FILESYSTEM, CHANGES | renames, fd);
      if (r !== -Errno.EINVAL) break;
    }
    if (r < 0) return r === -Errno.EPERM ? 'fanotify needs root' : `this file system cannot be watched as a whole (${errnoName(-r)})`;
    this.marks++;
    this.places.addMount(system.id, path);
    return undefined;
  }

  /** Whether what the kernel will name can be found again. */
  private probe(rootFd: number): string | undefined {
    const handle = this.kernel.handleOf(rootFd);
    if (typeof handle === 'number') return `this file system does not name files (${errnoName(-handle)})`;
    const fd = this.kernel.openHandle(rootFd, handle);
    if (fd < 0) return fd === -Errno.EPERM ? 'finding files by what fanotify calls them needs root' : `files cannot be found by what fanotify calls them (${errnoName(-fd)})`;
    const path = this.kernel.pathOf(fd);
    this.posix.close(fd);
    return path === this.root.realPath ? undefined : 'the root is not found where it is by what fanotify calls it';
  }

  private tryMount(path: RelPath, rootFd: number): string | undefined {
    const folders = new FolderCache(this.posix, rootFd);
    const fd = folders.open(path);
    const reason = fd < 0 ? errnoName(-fd) : this.mark(fd, path);
    folders.closeAll();
    return reason;
  }

  private watchMount(path: RelPath, rootFd: number): void {
    const reason = this.tryMount(path, rootFd);
    if (reason === undefined) return;
    if (!this.blind.has(path)) this.sink.condition('mount', path, `the file system mounted here is looked at by the clock: ${reason}`, 'sweep');
    this.unseen(path, 'sweep');
  }

  private prunedMount(path: RelPath): boolean {
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) if (this.options.prune(path.slice(0, end) as RelPath)) return true;
    return this.options.prune(path);
  }

  // ---------------------------------------------------------------- events

  private event({ mask, place, from, to }: FanotifyEvent): void {
    const isFolder = (mask & Fan.ONDIR) !== 0;
    if (from !== undefined || to !== undefined) {
      this.renamed(this.pathsOf(from, isFolder), this.pathsOf(to, isFolder), isFolder);
      return;
    }
    const came = (mask & (Fan.CREATE | Fan.MOVED_TO)) !== 0;
    const went = (mask & (Fan.DELETE | Fan.MOVED_FROM)) !== 0;
    const moved = (mask & (Fan.MOVED_FROM | Fan.MOVED_TO)) !== 0;
    const closed = (mask & Fan.CLOSE_WRITE) !== 0;
    const written = closed || (mask & Fan.MODIFY) !== 0;
    const reason = moved ? 'moved' : came ? 'created' : went ? 'deleted' : written ? 'modified' : 'attributes';
    const complete = moved || closed || !(written || came);
    // Several changes of one name come as one event, in no order: `gone` is said only where nothing came.
    for (const path of this.pathsOf(place, isFolder)) this.sink.hint(path, isFolder && came ? 'subtree' : 'entry', reason, { gone: went && !came, complete });
    if (isFolder && moved) this.places.forget();
  }

  private renamed(from: RelPath[], to: RelPath[], isFolder: boolean): void {
    for (const path of from) this.sink.hint(path, 'entry', 'moved', { gone: true, complete: true });
    const [source] = from;
    for (const path of to) this.sink.hint(path, isFolder ? 'subtree' : 'entry', 'moved', { complete: true, ...(source === undefined ? {} : { from: source }) });
    if (isFolder && from.length + to.length > 0) this.places.forget();
  }

  /** Where a name is that an event names; empty: outside, gone or left out. */
  private pathsOf(name: HandleName | undefined, isFolder: boolean): RelPath[] {
    if (name === undefined) return [];
    const paths: RelPath[] = [];
    for (const { path, coarse } of this.placesOf(name)) {
      const full = name.name === '.' ? path : joinPath(path, name.name);
      if (coarse) this.sink.hint(path, 'subtree', 'unclear');
      else if (!isFolder || full === '' || !this.options.prune(full)) paths.push(full);
    }
    return paths;
  }

  private placesOf(name: HandleName): readonly Place[] {
    if (!this.places.inUse) {
      const fd = this.root.open();
      if (isTrouble(fd)) {
        this.doubtRoot();
        return [];
      }
      this.ownRoot = fd;
      this.places.use(fd);
    }
    const found = this.places.of(name);
    if (typeof found !== 'number') return found;
    if (!this.unclear) {
      this.unclear = true;
      this.sink.condition('trouble', EMPTY, `a change was told whose place cannot be found (${errnoName(found)})`, 'dirty');
      this.sink.hint(EMPTY, 'subtree', 'unclear');
    }
    return [];
  }
}
