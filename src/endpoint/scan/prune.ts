/**
 * -m: whether a folder of the source would be empty on the target. On one host the walker looks ahead into each folder before it goes there. What
 * another host sends ahead comes in the order of a walk, and looking ahead would have it asked for folder by folder: then all empty folders
 * are found first, in a pass of their own in that order (`emptyFolders`).
 */
import type { FolderCache } from '../../fs/index.js';
import { EMPTY, joinPath, type ByteString, type RelPath } from '../../tree/index.js';
import type { Scopes } from './filters.js';
import { Listing } from './listing.js';
import { leadsBack } from './loops.js';
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

/** A folder's part in one mount, as the walker has it. */
interface Part { readonly mount: number; readonly listed: boolean }

/** All folders that `holdsFiles` denies, but those within others, by one pass over the whole source in the order of the walk. */
export function emptyFolders(w: WalkContext): Set<RelPath> {
  const node = w.setup.selection;
  const mounts = new Set([...node.mounts, ...[...(node.children?.values() ?? [])].flatMap((child) => child.mounts)]);
  const parts = [...mounts].sort((a, b) => a - b).map((mount) => ({ mount, listed: node.openMounts.includes(mount) }));
  const search = new Search(w);
  search.fills(parts, EMPTY, undefined, EMPTY, node.open, node);
  return new Set(search.found);
}

class Search {
  readonly found: RelPath[] = [];
  private readonly listing: Listing; // of one folder after the other

  constructor(private readonly w: WalkContext) {
    this.listing = new Listing(w.source);
  }

  /** Whether a folder holds anything but empty folders. */
  fills(parts: readonly Part[], path: RelPath, outer: Scopes | undefined, name: ByteString, open: Open, node: SelectionNode | undefined): boolean {
    const { w, listing, found } = this;
    if ((open === Open.No && node?.children === undefined) || w.signals.aborted()) return false;
    const folders = new Map<ByteString, Part[]>();
    const source: { part: Part; fd: number }[] = [];
    let holds = false;
    try {
      for (const part of parts) {
        const cache = w.mounts[part.mount] as FolderCache;
        const fd = cache.pin(path);
        if (fd < 0) holds = true; // let the walk report it
        else source.push({ part, fd });
        if (fd >= 0 && w.listingFollow !== undefined && w.source.fstat(fd, w.own, 0) === 0 && leadsBack(w.source, cache, path, w.own, w.outside)) return true;
      }
      const handles = { source: source.map(({ fd }) => fd), target: w.target?.open(path) ?? -1 };
      const scopes = outer === undefined ? w.filters.root(handles) : w.filters.enter(outer, name, handles);
      for (const { part: { mount, listed }, fd } of source) {
        if (listing.readSource([{ mount, fd, listed }], node, w.listingFollow, path) < 0) holds = true;
        for (let k = 0; k < listing.length; k++) {
          const r = listing.record(k);
          if (r < 0) continue;
          const entry = listing.names[k] as ByteString;
          const isDir = listing.table.isDir(r);
          const child = node?.children?.get(entry);
          if (scopes.source?.excludes(entry, isDir) === true && child?.implied !== true) continue;
          if (!isDir || scopes.target?.excludes(entry, true) === true) holds = true;
          if (isDir) folders.set(entry, [...(folders.get(entry) ?? []), { mount, listed: (listed && open === Open.Tree) || child?.openMounts.includes(mount) === true }]);
        }
      }
      for (const entry of [...folders.keys()].sort()) {
        const child = node?.children?.get(entry);
        const at = joinPath(path, entry);
        const before = found.length;
        if (this.fills(folders.get(entry) ?? [], at, scopes, entry, open === Open.Tree ? Open.Tree : (child?.open ?? Open.No), child)) holds = true;
        else {
          found.length = before;
          found.push(at);
        }
      }
      return holds;
    } finally {
      for (const { part, fd } of source) (w.mounts[part.mount] as FolderCache).unpin(fd);
    }
  }
}
