/**
 * -H: the other names of the files that a batch touches. An event names one of them, and a link can be kept only by who sees all: so they come into the
 * batch too, as far as the table of places knows them, also those of names that are gone or have become others. Where it does not know all, the
 * answer is that only a full session helps.
 */
import { FolderCache, type NameList, type Posix } from '../../fs/index.js';
import { inodeKey, isReused, type InodeKey, type PlaceTable } from '../../state/index.js';
import { baseOf, EMPTY, joinPath, parentOf, StatTable, type RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';

/** Entries that are looked at: some 10 µs each, and a full session looks at all. A storm in one folder is told as that folder. */
const MOST = 50_000;
/** Names that come in. */
const MOST_NAMES = 5000;

/** What is known of the source's inodes. */
export interface KnownPlaces { readonly table: PlaceTable; readonly root: InodeKey; readonly home: { major: number; minor: number } }

/**
 * The names that have to be looked at beside the hints; undefined where more may have to be. Looks into folders that came as a whole.
 * @param root open handle of the source
 */
export function otherNames(posix: Posix, root: number, hints: readonly Hint[], places: KnownPlaces | undefined): RelPath[] | undefined {
  const search = new LinkSearch(posix, root, places);
  try {
    for (const { path, scope } of hints) if (!search.look(path, scope)) return undefined;
    return search.others();
  } finally {
    search.close();
  }
}

/** A file of several names that was met. */
interface Met { readonly paths: RelPath[]; links: number; readonly bornSec: number; readonly bornNsec: number }

class LinkSearch {
  private readonly cache: FolderCache;
  private readonly stat = new StatTable(1);
  private left = MOST;
  /** Files of several names that were met, under which paths, and how many names each has. */
  private readonly met = new Map<InodeKey, Met>();
  /** Inodes that had a name that is another's now, or nobody's. */
  private readonly lost = new Set<InodeKey>();

  constructor(private readonly posix: Posix, root: number, private readonly places: KnownPlaces | undefined) {
    this.cache = new FolderCache(posix, root);
  }

  close(): void {
    this.cache.closeAll();
  }

  /** What stands at a path or, so far as `depth` goes, below, and what the table says stood there. False where it cannot be told. */
  look(path: RelPath, depth: Hint['scope']): boolean {
    const { posix, stat } = this;
    if (--this.left < 0) return false;
    let inode: InodeKey | undefined;
    let folder = path === EMPTY;
    if (path !== EMPTY) {
      const at = this.cache.open(parentOf(path));
      if (at >= 0 && posix.stat(at, baseOf(path), stat, 0) === 0) {
        folder = stat.isDir(0);
        inode = this.key();
        if (!folder && stat.nlink(0) > 1) {
          if (inode === undefined || !stat.isFile(0)) return false;
          const met = this.met.get(inode);
          const born = stat.hasBtime(0);
          if (met === undefined) this.met.set(inode, { paths: [path], links: stat.nlink(0), bornSec: born ? stat.btimeSec(0) : 0, bornNsec: born ? stat.btimeNsec(0) : 0 });
          else met.paths.push(path);
        }
      }
      if (!this.lookBack(path, inode)) return false;
    }
    if (!folder || depth === 'entry') return true;
    const list: NameList = { names: [], types: [] };
    const fd = this.cache.open(path);
    if (fd < 0 || posix.list(fd, list) < 0) return true; // the session tells that it cannot be read
    const deeper = depth === 'subtree' ? 'subtree' : 'entry';
    const known = this.places?.table;
    const own = known === undefined ? undefined : known.inodeOf(path, (this.places as KnownPlaces).root);
    if (known !== undefined && own?.folder === true) { // names that are gone from it
      const there = new Set(list.names);
      for (const { name } of known.namesIn(own.inode)) if (!there.has(name) && !this.lookBack(joinPath(path, name), undefined)) return false;
    }
    return list.names.every((name) => this.look(joinPath(path, name), deeper));
  }

  /** What had a name that is `now` another's, or (undefined) nobody's: a file, or a folder with all that was in it. */
  private lookBack(path: RelPath, now: InodeKey | undefined): boolean {
    const { places } = this;
    const before = places?.table.inodeOf(path, places.root);
    if (places === undefined || before === undefined || before.inode === now) return true;
    if (!before.folder) this.lost.add(before.inode);
    else for (const stack = [before.inode], seen = new Set(stack); stack.length > 0;) {
      for (const { inode, folder } of places.table.namesIn(stack.pop() as InodeKey)) {
        if (--this.left < 0) return false;
        if (!folder) this.lost.add(inode);
        else if (!seen.has(inode)) {
          seen.add(inode);
          stack.push(inode);
        }
      }
    }
    return true;
  }

  /** All names of what was found. */
  others(): RelPath[] | undefined {
    const { places } = this;
    if (this.met.size + this.lost.size === 0) return [];
    if (places === undefined) return undefined;
    const names = new Set<RelPath>();
    for (const inode of new Set([...this.met.keys(), ...this.lost])) {
      const met = this.met.get(inode);
      const row = places.table.get(inode);
      const known = row === undefined || (met !== undefined && isReused(row, met)) ? undefined : row;
      if (known?.more === true) return undefined;
      const paths = new Set<RelPath>([...(met?.paths ?? []), ...(known === undefined ? [] : places.table.pathsOf(inode, places.root))]);
      // A file is whole where the names that are not found here are as many as were outside of the tree before.
      const outside = known === undefined ? 0 : known.links - known.places.length;
      if (met !== undefined && met.links - this.standing(inode, paths) !== outside) {
        this.lookBeside(inode, met, paths);
        if (met.links - this.standing(inode, paths) !== outside) return undefined;
      }
      for (const path of paths) names.add(path);
      if (names.size > MOST_NAMES) return undefined;
    }
    return [...names];
  }

  /**
   * Names of a file that nobody has told of stand mostly beside those that are known: who puts a file in place by link and unlink (a data base's log, a mailbox) makes
   * them there. And some are gone again by now.
   */
  private lookBeside(inode: InodeKey, met: Met, paths: Set<RelPath>): void {
    const { posix, stat } = this;
    const list: NameList = { names: [], types: [] };
    met.links = 0; // unless one of its names stands still
    for (const folder of new Set(met.paths.map(parentOf))) {
      const at = this.cache.open(folder);
      if (at < 0 || posix.list(at, list) < 0) continue;
      for (const name of list.names) {
        if (--this.left < 0) return;
        if (posix.stat(at, name, stat, 0) < 0 || !stat.isFile(0) || this.key() !== inode) continue;
        paths.add(joinPath(folder, name));
        met.links = stat.nlink(0);
      }
    }
  }

  /** How many of the paths are names of the inode now. */
  private standing(inode: InodeKey, paths: ReadonlySet<RelPath>): number {
    const { posix, stat } = this;
    let count = 0;
    for (const path of paths) {
      const at = this.cache.open(parentOf(path));
      if (at >= 0 && posix.stat(at, baseOf(path), stat, 0) === 0 && this.key() === inode) count++;
    }
    return count;
  }

  private key(): InodeKey | undefined {
    const { stat, places } = this;
    return places === undefined ? undefined : inodeKey(stat.devMajor(0), stat.devMinor(0), stat.inoHigh(0), stat.inoLow(0), places.home);
  }
}
