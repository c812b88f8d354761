/**
 * Places: from what a session names to folder handles. Folders are opened part by part below their mount, never through a symlink
 * unless the options follow symlinks or the user named the way; what is no part of the transfer is refused (-EACCES). A mount that there
 * is not answers -EBADF. One belongs to one channel.
 */
import { Errno, FolderCache, type Posix } from '../../fs/index.js';
import { unsafeSymlink } from '../../plan/index.js';
import { joinPath, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { SourcePlace } from '../../wire/index.js';
import { leadsBack } from '../scan/index.js';
import type { SupplySetup } from './messages.js';
import { sharesName, shareOf, type Share } from './share.js';

/** Handles kept open for a mount: a channel asks for neighbouring folders. */
const HELD = 32;

/** Opens the places that requests name. */
export class Places {
  /** Symlinks are followed somewhere: -L, -k or --copy-unsafe-links. */
  readonly follows: boolean;
  private readonly caches: FolderCache[];
  private readonly named = new Set<RelPath>();
  private readonly own = new StatTable(1);
  private readonly outer = new StatTable(1);
  private lastMount = -1;
  private lastPath: RelPath = '' as ByteString;
  private lastShare: Share | undefined;

  constructor(readonly posix: Posix, private readonly setup: SupplySetup) {
    const { copyLinks, copyUnsafeLinks, copyDirlinks } = setup.options.symlinks;
    this.follows = copyLinks || copyUnsafeLinks || copyDirlinks;
    this.caches = setup.mounts.map((m) => new FolderCache(posix, m.fd, { follow: this.follows, capacity: HELD, ...(m.followed === undefined ? {} : { followed: m.followed }) }));
    for (const mount of setup.mounts) for (const path of mount.followed ?? []) this.named.add(path);
  }

  /** Whether the user named a way through the symlink at this path. */
  isNamedWay(path: RelPath): boolean {
    return this.named.has(path);
  }

  /** Whether a symlink with this text is followed wherever it leads; with -k others are where they lead to a folder. */
  goesThrough(path: RelPath, text: ByteString): boolean {
    const { copyLinks, copyUnsafeLinks } = this.setup.options.symlinks;
    return this.isNamedWay(path) || copyLinks || (copyUnsafeLinks && unsafeSymlink(text, path));
  }

  /** What of a folder belongs to the transfer; undefined: nothing. */
  share(mount: number, path: RelPath): Share | undefined {
    if (mount !== this.lastMount || path !== this.lastPath) {
      this.lastShare = shareOf(this.setup.selection, mount, path);
      this.lastMount = mount;
      this.lastPath = path;
    }
    return this.lastShare;
  }

  /** Handle of a folder of the transfer, held as FolderCache holds it, or -errno. */
  folder(mount: number, path: RelPath): number {
    const cache = this.caches[mount];
    if (cache === undefined) return -Errno.EBADF;
    return this.share(mount, path) === undefined ? -Errno.EACCES : cache.open(path);
  }

  /** As `folder`, held until `unpin`; for walkers, who ask for nothing else. */
  pin(mount: number, path: RelPath): number {
    const cache = this.caches[mount];
    return cache === undefined ? -Errno.EBADF : cache.pin(path);
  }

  /** Whether a folder that was reached by a followed symlink is one of those on the way to it. */
  leadsBack(mount: number, path: RelPath, fd: number): boolean {
    const cache = this.caches[mount];
    return this.follows && cache !== undefined && this.posix.fstat(fd, this.own, 0) === 0 && leadsBack(this.posix, cache, path, this.own, this.outer);
  }

  unpin(mount: number, fd: number): void {
    this.caches[mount]?.unpin(fd);
  }

  /** Handle of the folder in which a place lies (for the name '' the folder that it is), or -errno. */
  folderOf(place: SourcePlace): number {
    const fd = this.folder(place.mount, place.folder);
    if (fd < 0) return fd;
    const share = this.share(place.mount, place.folder);
    return share !== undefined && sharesName(share, place.mount, place.name) ? fd : -Errno.EACCES;
  }

  /** Whether the attributes of what a symlink leads to may be asked for. */
  mayFollow(place: SourcePlace): boolean {
    return this.follows || this.isNamedWay(joinPath(place.folder, place.name));
  }

  close(): void {
    for (const cache of this.caches) cache.closeAll();
  }
}
