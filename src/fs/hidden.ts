/**
 * hidden: names below one folder that nobody who is bound to it gets to see, whatever he asks: rules in the filters' language, anchored at
 * that folder. A name is judged with every folder above it. Temporary names of sessions are never hidden: what they become is judged.
 */
import { readlinkSync } from 'node:fs';
import { FilterSet, type FilterRule, type FilterScope } from '../filter/index.js';
import { EMPTY, type ByteString, type RelPath } from '../tree/index.js';

/** Scopes kept at most. */
const MOST_SCOPES = 1024;
/** Names that sessions make for themselves: temporary ones, and the folder of --delay-updates. */
const OWN = /^\.~(?:twintree-|tmp~$)/;

/** Whether a name is one that a session makes for itself. */
export function isOwnName(name: ByteString): boolean {
  return OWN.test(name);
}

/** Path of an open folder below the open folder `root`, as the kernel tells it now; undefined where it is not below it (any more). */
export function pathBelow(root: number, fd: number): RelPath | undefined {
  if (fd === root) return EMPTY;
  let top: string;
  let path: string;
  try {
    top = readlinkSync(`/proc/self/fd/${root}`, 'latin1');
    path = readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
  } catch {
    return undefined; // no such handle, or no /proc: then nothing can be said to be below
  }
  if (path === top) return EMPTY;
  const start = top === '/' ? '/' : `${top}/`;
  return path.startsWith(start) ? (path.slice(start.length) as RelPath) : undefined;
}

/** Rules that hide names, compiled once for a thread. */
export class HiddenNames {
  private readonly root: FilterScope;
  private readonly scopes = new Map<RelPath, FilterScope | 'hidden'>();

  constructor(rules: readonly FilterRule[]) {
    this.root = new FilterSet(rules, { side: 'source', deleteExcluded: false, gitignore: false }).root(nothing);
  }

  /** Whether the name in a folder is hidden, itself or by a folder above it. `isDir` is asked only where rules for folders alone decide. */
  hides(folder: RelPath, name: ByteString, isDir: () => boolean): boolean {
    if (isOwnName(name)) return this.scope(folder) === 'hidden';
    const scope = this.scope(folder);
    if (scope === 'hidden') return true;
    const asFolder = scope.excludes(name, true);
    return asFolder === scope.excludes(name, false) ? asFolder : asFolder === isDir();
  }

  /** Whether a folder is hidden, itself or by one above it. */
  hidesFolder(path: RelPath): boolean {
    return this.scope(path) === 'hidden';
  }

  private scope(path: RelPath): FilterScope | 'hidden' {
    if (path === EMPTY) return this.root;
    const known = this.scopes.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const above = this.scope((slash < 0 ? '' : path.slice(0, slash)) as RelPath);
    const name = path.slice(slash + 1) as ByteString;
    const scope = above === 'hidden' || (!isOwnName(name) && above.excludes(name, true)) ? 'hidden' : above.enter(name, nothing);
    if (this.scopes.size >= MOST_SCOPES) this.scopes.clear();
    this.scopes.set(path, scope);
    return scope;
  }
}

/** Rules here stand in no files. */
function nothing(): undefined {
  return undefined;
}
