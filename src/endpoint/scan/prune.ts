/** -m: whether a folder of the source would be empty on the target. */
import type { FolderCache } from '../../fs/index.js';
import { joinPath, type ByteString, type RelPath } from '../../tree/index.js';
import type { Scopes } from './filters.js';
import { Listing } from './listing.js';
import { Open, type SelectionNode } from './selection.js';
import type { WalkContext } from './walk-context.js';

/** Whether the transfer has anything in a folder but folders, after the filters (-m); a protected folder counts. */
export function holdsFiles(w: WalkContext, mounts: readonly number[], path: RelPath, outer: Scopes, name: ByteString, open: Open, node: SelectionNode | undefined): boolean {
  if (open === Open.No && node?.children === undefined) return false;
  for (const mount of mounts) {
    const fd = (w.mounts[mount] as FolderCache).open(path);
    if (fd < 0) return true; // let the walk report it
    const listing = new Listing(w.source);
    if (listing.readSource([{ mount, fd, listed: open !== Open.No }], node, w.listingFollow, path) < 0) return true;
    const scopes = w.filters.enter(outer, name, { source: [fd], target: -1 });
    const folders: ByteString[] = [];
    for (let k = 0; k < listing.length; k++) {
      const r = listing.record(k);
      if (r < 0) continue;
      const entry = listing.names[k] as ByteString;
      const isDir = listing.table.isDir(r);
      if (scopes.source?.excludes(entry, isDir) === true && node?.children?.get(entry)?.implied !== true) continue;
      if (!isDir || scopes.target?.excludes(entry, true) === true) return true;
      folders.push(entry);
    }
    for (const entry of folders) {
      const child = node?.children?.get(entry);
      const inner = open === Open.Tree ? Open.Tree : (child?.open ?? Open.No);
      if (holdsFiles(w, [mount], joinPath(path, entry), scopes, entry, inner, child)) return true;
    }
  }
  return false;
}
