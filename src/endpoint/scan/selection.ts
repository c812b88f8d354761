/**
 * The selection: what the user's source arguments (and --files-from) name, as one tree.
 *
 * Every source contributes a mount (an open folder) and a chain of names below it; a transfer path is the
 * same path below its mount. Several sources may meet in one folder: then the folder has several mounts,
 * in the order of the arguments, and the first that has a name wins. Plain data: it is handed to workers.
 */
import { EMPTY, joinPath, type ByteString, type RelPath } from '../../tree/index.js';

/** How far a selected folder is opened: not at all, its own listing, or the whole tree below. */
export enum Open { No = 0, Listing = 1, Tree = 2 }

/** One name of the selection and what is chosen below it. */
export interface SelectionNode {
  /** Mounts (indexes, ascending) in which this very name is chosen. */
  mounts: number[];
  /** Mounts whose whole folder is walked here (a subset of `mounts`; at the root: the sources with a trailing slash). */
  openMounts: number[];
  open: Open;
  /** True for a folder that is only on the way (-R without the user having named it). */
  implied: boolean;
  /** True where the user named it: its absence is an error and not a race. */
  named: boolean;
  /** --delete-missing-args: the source does not have it, so that the target's goes. */
  missing: boolean;
  children: Map<ByteString, SelectionNode> | undefined;
}

/** An empty node. */
export function selectionNode(): SelectionNode {
  return { mounts: [], openMounts: [], open: Open.No, implied: false, named: false, missing: false, children: undefined };
}

/** Adds mount `mount`'s own root listing (a source with a trailing slash). */
export function selectContents(root: SelectionNode, mount: number, open: Open): void {
  addNumber(root.mounts, mount);
  if (open !== Open.No) addNumber(root.openMounts, mount);
  root.open = Math.max(root.open, open);
  root.named = true;
}

/** Adds the entry `path` of a mount, or a request to delete it (`missing`); folders on the way become implied children. */
export function selectPath(root: SelectionNode, mount: number, path: RelPath, open: Open, missing = false): void {
  if (path === EMPTY) {
    selectContents(root, mount, open);
    return;
  }
  let node = root;
  const parts = path.split('/') as ByteString[];
  parts.forEach((part, at) => {
    node.children ??= new Map();
    let child = node.children.get(part);
    const last = at === parts.length - 1;
    if (child === undefined) {
      child = selectionNode();
      child.implied = !last;
      node.children.set(part, child);
    }
    if (last && missing) {
      child.missing = child.mounts.length === 0;
      return;
    }
    addNumber(child.mounts, mount);
    if (last) {
      child.missing = false;
      child.implied = false;
      child.named = true;
      if (open !== Open.No) addNumber(child.openMounts, mount);
      child.open = Math.max(child.open, open);
    }
    node = child;
  });
}

/** The argument that a path lies in (or, on the way to one, the last folder that leads to it): -x keeps to its file system. */
export function argumentOf(selection: SelectionNode, path: RelPath): RelPath {
  let node: SelectionNode | undefined = selection;
  let argument = EMPTY;
  let at = EMPTY;
  for (const part of path === '' ? [] : (path.split('/') as ByteString[])) {
    node = node.children?.get(part);
    if (node === undefined) break;
    at = joinPath(at, part);
    if (node.named || node.implied) argument = at;
  }
  return argument;
}

/** Calls `visit` for every node with its path, parents first. */
export function forEachNode(root: SelectionNode, visit: (path: RelPath, node: SelectionNode) => void, path: RelPath = EMPTY): void {
  visit(path, root);
  if (root.children === undefined) return;
  for (const [name, child] of root.children) forEachNode(child, visit, joinPath(path, name));
}

function addNumber(list: number[], value: number): void {
  if (list.includes(value)) return;
  list.push(value);
  list.sort((a, b) => a - b);
}
