/**
 * Renames: what the target's tree would look like if some of its names had become others. A scan that looks at the target through it plans
 * everything as if the renames were done, and the session carries them out before anything else. Pure: no rename is believed here, only
 * followed.
 */
import { baseOf, joinPath, parentOf, type ByteString, type RelPath } from '../tree/index.js';

/** A name of the target that becomes another, both as paths below its root. A folder takes along all that is in it and not moved by itself. */
export interface Rename { readonly from: RelPath; readonly to: RelPath }

/** An entry that comes into a folder, and where it stands now. */
export interface MovedIn { readonly name: ByteString; readonly from: RelPath }

const NONE: readonly MovedIn[] = [];

/** Renames that happen together: each old path is where the entry stands before any of them. */
export class Renames {
  private readonly byOld = new Map<RelPath, RelPath>();
  private readonly byNew = new Map<RelPath, RelPath>();
  private readonly into = new Map<RelPath, MovedIn[]>();
  /** Folders, where they are now, that something leaves. */
  private readonly left = new Set<RelPath>();

  /** @param list no old path and no new path stands in it twice */
  constructor(list: readonly Rename[]) {
    for (const { from, to } of list) {
      this.byOld.set(from, to);
      this.byNew.set(to, from);
      this.left.add(parentOf(from));
      const parent = parentOf(to);
      const entries = this.into.get(parent);
      const entry = { name: baseOf(to), from };
      if (entries === undefined) this.into.set(parent, [entry]);
      else entries.push(entry);
    }
  }

  get size(): number {
    return this.byOld.size;
  }

  /** Where what will be at `path` is now; undefined: nothing that is there now will be at it. */
  before(path: RelPath): RelPath | undefined {
    let old: string = path;
    let kept = 0; // units of `old` that a rename has accounted for
    for (let cut = path.length; cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
      const from = this.byNew.get(path.slice(0, cut) as RelPath);
      if (from === undefined) continue;
      old = from + path.slice(cut);
      kept = from.length;
      break;
    }
    for (let cut = old.length; cut > kept; cut = old.lastIndexOf('/', cut - 1)) if (this.byOld.has(old.slice(0, cut) as RelPath)) return undefined;
    return old as RelPath;
  }

  /** Whether the entry that is at `old` now goes elsewhere by itself. */
  leaves(old: RelPath): boolean {
    return this.byOld.has(old);
  }

  /** What comes into the folder that will be at `path`. */
  movedInto(path: RelPath): readonly MovedIn[] {
    return this.into.get(path) ?? NONE;
  }

  /** Whether the names of the folder that is at `old` now and will be at `path` are others then. */
  changes(path: RelPath, old: RelPath): boolean {
    return this.into.has(path) || this.left.has(old);
  }

  /** The names that a folder will have: those that it has now (`old`: where it is; undefined: it is yet to be made), without what leaves it, with what comes in. In byte order. */
  names(path: RelPath, old: RelPath | undefined, now: readonly ByteString[]): ByteString[] {
    const comes = this.movedInto(path);
    const stay = old === undefined ? [] : now.filter((name) => !this.byOld.has(joinPath(old, name)));
    if (comes.length === 0) return stay;
    const all = new Set<ByteString>(stay);
    for (const { name } of comes) all.add(name);
    return [...all].sort();
  }
}
