/**
 * The selection of dirty paths: what of a source's tree a session looks at where only some of it may differ. Each path is compared as a full
 * session would compare it (filters of all folders on the way included), and what the source has not any more goes from the target as
 * far as deletion is on. A path says no more than "look here": what is done is decided by what stands there.
 */
import { Errno, FolderCache, type Posix } from '../fs/index.js';
import { Open, selectionNode, type SelectionNode } from '../endpoint/index.js';
import { EMPTY, StatTable, type ByteString, type RelPath } from '../tree/index.js';

/** A path below the source that may differ from the target's. The empty path is the root. */
export interface DirtyPath {
  readonly path: RelPath;
  /**
   * How much of it: itself alone (of a folder its attributes), with the names that it holds, or the whole tree below. Where the target may have something else
   * there, a folder is compared whole in any case.
   */
  readonly depth: 'entry' | 'listing' | 'tree';
}

const OPEN: Record<DirtyPath['depth'], Open> = { entry: Open.No, listing: Open.Listing, tree: Open.Tree };

/** What of the one mount is selected. `deletes`: what is gone is named too, so that the target's goes. */
export function selectDirty(posix: Posix, mount: number, dirty: readonly DirtyPath[], deletes: boolean): SelectionNode {
  const root = selectionNode();
  root.mounts = [0];
  root.named = true;
  const stat = new StatTable(1);
  const cache = new FolderCache(posix, mount);
  try {
    for (const { path, depth } of dirty.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : OPEN[b.depth] - OPEN[a.depth]))) {
      if (path === EMPTY) widen(root, OPEN[depth]);
      else add(posix, cache, stat, root, path, OPEN[depth], deletes);
    }
  } finally {
    cache.closeAll();
  }
  return root;
}

function add(posix: Posix, cache: FolderCache, stat: StatTable, root: SelectionNode, path: RelPath, open: Open, deletes: boolean): void {
  const parts = path.split('/') as ByteString[];
  let node = root;
  let above = EMPTY;
  for (const [k, name] of parts.entries()) {
    if (node.open === Open.Tree || node.missing) return; // it is looked at already, or goes as a whole
    const last = k === parts.length - 1;
    const at = cache.open(above);
    const error = at < 0 ? at : posix.stat(at, name, stat, 0);
    const here = (above === EMPTY ? name : `${above}/${name}`) as RelPath;
    const gone = error === -Errno.ENOENT || error === -Errno.ENOTDIR;
    node.children ??= new Map();
    if (gone && !deletes) {
      node.children.delete(name);
      return;
    }
    let child = node.children.get(name);
    if (child === undefined) node.children.set(name, (child = selectionNode()));
    if (gone) { // whatever the target has there is extraneous
      child.mounts = [];
      child.openMounts = [];
      child.children = undefined;
      child.missing = true;
      return;
    }
    child.mounts = [0];
    child.missing = false;
    if (last) {
      if (error < 0 || stat.isDir(0)) widen(child, open);
      return;
    }
    if (error === 0 && !stat.isDir(0)) return; // what was a folder is none any more: it is compared, and all below went with it
    node = child;
    above = here;
  }
}

function widen(node: SelectionNode, open: Open): void {
  node.open = Math.max(node.open, open) as Open;
  if (node.open !== Open.No) node.openMounts = [0];
}
