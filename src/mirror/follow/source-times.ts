/** When entries of the source last changed: their ctimes. */
import { Errno, FolderCache, loadPosix } from '../../fs/index.js';
import { baseOf, EMPTY, parentOf, StatTable, type ByteString, type RelPath } from '../../tree/index.js';

/** `close` gives back what it holds of the source. */
export class SourceTimes {
  private readonly posix = loadPosix();
  private readonly fd: number;
  private readonly cache: FolderCache | undefined;
  private readonly stat = new StatTable(1);

  /** @param root path of the source. One that cannot be opened is none that can be asked. */
  constructor(root: ByteString) {
    this.fd = this.posix.openRoot(root);
    if (this.fd >= 0) this.cache = new FolderCache(this.posix, this.fd);
  }

  /** ctime of an entry, milliseconds since 1970; undefined where it cannot be asked. */
  changedAt(path: RelPath): number | 'gone' | undefined {
    if (this.cache === undefined) return undefined;
    const at = this.cache.open(path === EMPTY ? EMPTY : parentOf(path));
    const error = at < 0 ? at : path === EMPTY ? this.posix.fstat(at, this.stat, 0) : this.posix.stat(at, baseOf(path), this.stat, 0);
    if (error === -Errno.ENOENT || error === -Errno.ENOTDIR) return 'gone';
    return error < 0 ? undefined : this.stat.ctimeSec(0) * 1000 + this.stat.ctimeNsec(0) / 1e6;
  }

  close(): void {
    this.cache?.closeAll();
    if (this.fd >= 0) this.posix.close(this.fd);
  }
}
