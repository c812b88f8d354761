/** Symlinks that are followed may lead back to a folder they lie in: without an end to it, a walk would go round until memory is full. */
import type { FolderCache, Posix } from '../../fs/index.js';
import { parentOf, type RelPath, type StatTable } from '../../tree/index.js';

/**
 * Whether the folder at `path`, whose attributes are record 0 of `own`, is one of the folders on the way to it.
 * @param scratch one record to work with
 */
export function leadsBack(source: Pick<Posix, 'fstat'>, folders: Pick<FolderCache, 'open'>, path: RelPath, own: StatTable, scratch: StatTable): boolean {
  for (let at = path; at !== '';) {
    at = parentOf(at);
    const fd = folders.open(at);
    if (fd >= 0 && source.fstat(fd, scratch, 0) === 0 && scratch.sameInode(0, own, 0)) return true;
  }
  return false;
}
