/**
 * A plain user's own folders on the target that it may not list or enter: they are opened up while the trees are looked at, as rsync does it, and
 * get their permissions back when the scan ends; what they shall have in the end, the plan says. Not in a dry run.
 */
import { baseOf, parentOf, type RelPath, type StatTable } from '../../tree/index.js';
import type { FolderCache, Posix } from '../../fs/index.js';

const OWNER = 0o700;

/** The folders that one walker has opened up. */
export class WidenedFolders {
  private readonly open: { path: RelPath; perms: number }[] = [];

  constructor(private readonly posix: Posix, private readonly target: FolderCache | undefined, private readonly allowed: boolean) {}

  /** Handle to work with: the one given (whose attributes are record i) where it serves, or where nothing can be done about it. */
  enter(path: RelPath, fd: number, table: StatTable, i: number): number {
    const { posix, target } = this;
    const perms = table.perms(i);
    if (!this.allowed || target === undefined || path === '' || (perms & 0o500) === 0o500 || posix.euid === 0 || table.uid(i) !== posix.euid) return fd;
    const at = target.open(parentOf(path));
    if (at < 0 || posix.chmod(at, baseOf(path), perms | OWNER) < 0) return fd;
    this.open.push({ path, perms });
    target.forget(path); // that handle cannot list
    return target.open(path);
  }

  /** Gives them back what they had: the inner ones first. */
  restore(): void {
    for (let last = this.open.pop(); last !== undefined; last = this.open.pop()) {
      const at = this.target?.open(parentOf(last.path)) ?? -1;
      if (at >= 0) this.posix.chmod(at, baseOf(last.path), last.perms); // where that fails it is the user's own folder still, and open to nobody else
    }
  }
}
