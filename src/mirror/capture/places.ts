/**
 * Places: where below the root a folder is which fanotify names by its handle. Answers are kept until a folder is renamed.
 * Handles of mounts are opened for one piece of work and closed by `settle`.
 */
import { Errno, FolderCache, sleepFor, type HandleName, type KernelWatch, type Posix } from '../../fs/index.js';
import { StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { Prune } from './types.js';

const DELETED = ' (deleted)';
/** Answers kept; beyond, all are asked anew. */
const MOST = 50_000;

/** A handle of which the kernel has no memory to say is asked about so many times, so many milliseconds apart. */
const LOOKS = 50;
const LOOK_MS = 1;

/** `at`: it is here (below several mounts perhaps), in each case exactly, or (`coarse`) somewhere below. Empty: gone or outside. */
export interface Place {
  readonly path: RelPath;
  readonly coarse: boolean;
}

const NOWHERE: readonly Place[] = [];

export class Places {
  private readonly known = new Map<string, readonly Place[]>();
  private readonly table = new StatTable(1);
  private folders: FolderCache | undefined;
  /** Mounts of each file system, by its id in events. */
  private readonly systems = new Map<ByteString, RelPath[]>();
  private root = '' as ByteString;

  constructor(private readonly kernel: KernelWatch, private readonly posix: Posix, private readonly prune: Prune) {}

  /** The root's real path, and a new start. */
  begin(root: ByteString): void {
    this.root = root;
    this.systems.clear();
    this.known.clear();
  }

  addMount(fsid: ByteString, path: RelPath): void {
    const paths = this.systems.get(fsid) ?? [];
    if (!paths.includes(path)) paths.push(path);
    this.systems.set(fsid, paths);
    this.known.clear();
  }

  removeMount(path: RelPath): void {
    for (const paths of this.systems.values()) {
      const at = paths.indexOf(path);
      if (at >= 0) paths.splice(at, 1);
    }
    this.known.clear();
  }

  /** After a folder was renamed. */
  forget(): void {
    this.known.clear();
  }

  /** The handles are of this open root, until `settle`. */
  use(rootFd: number): void {
    this.folders ??= new FolderCache(this.posix, rootFd);
  }

  get inUse(): boolean {
    return this.folders !== undefined;
  }

  settle(): void {
    this.folders?.closeAll();
    this.folders = undefined;
  }

  /** A positive errno where it cannot be known. */
  of({ fsid, handle }: HandleName): readonly Place[] | number {
    const key = `${fsid}${handle}`;
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const found = this.ask(fsid, handle);
    if (typeof found === 'number') return found;
    if (this.known.size >= MOST) this.known.clear();
    this.known.set(key, found);
    return found;
  }

  private ask(fsid: ByteString, handle: ByteString): readonly Place[] | number {
    // Parts of one file system may have ids of their own (btrfs): where an id is not known, each mount is asked.
    const mounts = this.systems.get(fsid) ?? [...this.systems.values()].flat();
    const found: Place[] = [];
    for (const mount of mounts) {
      const mountFd = (this.folders as FolderCache).open(mount);
      if (mountFd < 0) continue; // it is being unmounted: that is told by itself
      const fd = this.open(mountFd, handle);
      if (fd === -Errno.ESTALE || fd === -Errno.ENOENT || fd === -Errno.EINVAL) continue; // gone, or of another file system
      if (fd < 0) return -fd;
      const place = this.placeOf(fd);
      this.posix.close(fd);
      if (typeof place === 'number') return place;
      if (place !== undefined && !found.some(({ path }) => path === place.path) && !this.pruned(place.path)) found.push(place);
    }
    return found.length === 0 ? NOWHERE : found;
  }

  /** Of a folder that is just going away kernels (6.18) may say ENOMEM; a moment later it is gone. */
  private open(mountFd: number, handle: ByteString): number {
    for (let looked = 1; ; looked++) {
      const fd = this.kernel.openHandle(mountFd, handle);
      if (fd !== -Errno.ENOMEM || looked === LOOKS) return fd;
      sleepFor(LOOK_MS);
    }
  }

  /** Path of an open folder below the root; undefined: outside or gone. One whose path is too long for the kernel: the deepest above that is not. */
  private placeOf(start: number): Place | undefined | number {
    let path = this.kernel.pathOf(start);
    let coarse = false;
    let above = -1;
    while (path === -Errno.ENAMETOOLONG) {
      coarse = true;
      const next = this.kernel.openParent(above < 0 ? start : above);
      if (above >= 0) this.posix.close(above);
      if (next < 0) return -next;
      above = next;
      path = this.kernel.pathOf(above);
    }
    const gone = typeof path === 'string' && path.endsWith(DELETED) && this.posix.fstat(above < 0 ? start : above, this.table, 0) === 0 && this.table.nlink(0) === 0;
    if (above >= 0) this.posix.close(above);
    if (typeof path === 'number') return -path;
    if (gone) return undefined;
    const below = this.belowRoot(path);
    return below === undefined ? undefined : { path: below, coarse };
  }

  private belowRoot(path: ByteString): RelPath | undefined {
    const { root } = this;
    if (path === root) return '' as RelPath;
    const prefix = root === '/' ? '/' : `${root}/`;
    return path.startsWith(prefix) ? (path.slice(prefix.length) as RelPath) : undefined;
  }

  private pruned(path: RelPath): boolean {
    if (path === '') return false;
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) if (this.prune(path.slice(0, end) as RelPath)) return true;
    return this.prune(path);
  }
}
