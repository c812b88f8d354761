/** A folder of the target as it will be listed when some renames are done: what leaves it is not there, what comes in is. */
import type { FolderCache } from '../../fs/index.js';
import type { Renames } from '../../plan/index.js';
import { baseOf, parentOf, type ByteString, type RelPath } from '../../tree/index.js';
import type { Listing } from './listing.js';

/** Makes of a listing of the folder that will be at `path` (or of one that holds nothing, where it is yet to be made) what it will be. */
export function listRenamed(listing: Listing, path: RelPath, renames: Renames | undefined, folders: FolderCache): void {
  if (renames === undefined) return;
  const old = renames.before(path);
  if (old !== undefined ? !renames.changes(path, old) : renames.movedInto(path).length === 0) return;
  const elsewhere = new Map<ByteString, { at: () => number; name: ByteString }>();
  for (const { name, from } of renames.movedInto(path)) elsewhere.set(name, { at: () => folders.openNow(parentOf(from)), name: baseOf(from) });
  listing.replaceNames(renames.names(path, old, listing.names), elsewhere);
}
