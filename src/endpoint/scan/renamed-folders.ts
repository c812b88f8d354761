/** The target's folders as they will be when some renames are done: opened by their new paths where they stand now. */
import { Errno, FolderCache, type FolderCacheOptions, type FolderOpener } from '../../fs/index.js';
import type { Renames } from '../../plan/index.js';
import type { RelPath } from '../../tree/index.js';

export class RenamedFolders extends FolderCache {
  constructor(posix: FolderOpener, root: number, private readonly renames: Renames, options?: FolderCacheOptions) {
    super(posix, root, options);
  }

  override open(path: RelPath): number {
    const now = this.renames.before(path);
    return now === undefined ? -Errno.ENOENT : this.openNow(now);
  }

  override forget(path: RelPath): void {
    const now = this.renames.before(path);
    if (now !== undefined) super.forget(now);
  }
}
