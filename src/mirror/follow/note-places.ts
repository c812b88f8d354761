/**
 * The places of the source's inodes where the target is on another host: the session's walk is there, so the source is walked here, after a session
 * that went well. Whole after a full one, else where the batch has looked. In slices: the mirror hears meanwhile.
 */
import { commitPlaces, Listing, PlaceNotes, type PlaceStore } from '../../endpoint/index.js';
import { FolderCache, loadPosix, type Posix } from '../../fs/index.js';
import { placeStore } from '../../session/index.js';
import type { PairState } from '../../state/index.js';
import { baseOf, EMPTY, joinPath, parentOf, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';

/** Milliseconds between two looks at the event loop. */
const SLICE = 8;

/** @param where undefined: everywhere. What cannot be read is left out: it is not known then, which costs a full session. */
export async function notePlaces(source: ByteString, state: PairState, where: readonly Pick<Hint, 'path' | 'scope'>[] | undefined, signal: AbortSignal): Promise<void> {
  const posix = loadPosix();
  const fd = posix.openRoot(source);
  if (fd < 0) return;
  try {
    const store = placeStore(state, posix, [{ fd }]);
    if (store !== undefined) await new PlaceWalk(posix, fd, store).run(state, where, signal);
  } finally {
    posix.close(fd);
  }
}

class PlaceWalk {
  private readonly cache: FolderCache;
  private readonly listing: Listing;
  private readonly stat = new StatTable(1);
  private readonly notes: PlaceNotes;
  private failed = false;

  constructor(private readonly posix: Posix, root: number, store: PlaceStore) {
    this.cache = new FolderCache(posix, root);
    this.listing = new Listing(posix);
    this.notes = new PlaceNotes(store, () => { this.failed = true; });
  }

  async run(state: PairState, where: readonly Pick<Hint, 'path' | 'scope'>[] | undefined, signal: AbortSignal): Promise<void> {
    try {
      if (where === undefined) await this.below(EMPTY, true, signal);
      else {
        for (const [folder, names] of byFolder(where)) this.names(folder, names);
        for (const { path, scope } of where) if (scope !== 'entry') await this.below(path, scope === 'subtree', signal);
      }
    } finally {
      this.notes.close();
      this.cache.closeAll();
    }
    if (!this.failed && !signal.aborted) state.write(() => { commitPlaces(state.places, this.notes.changes, where === undefined); });
  }

  /** Some names of a folder, there or not. */
  private names(folder: RelPath, names: readonly ByteString[]): void {
    const { posix, stat, notes } = this;
    const fd = this.cache.open(folder);
    if (fd < 0 || posix.fstat(fd, stat, 0) < 0) return;
    notes.enter(folder, stat, 0, false);
    for (const name of names) {
      if (posix.stat(fd, name, stat, 0) === 0) notes.entry(name, stat, 0);
      else notes.missing(name);
    }
    notes.leave();
  }

  private async below(path: RelPath, deep: boolean, signal: AbortSignal): Promise<void> {
    const { posix, stat, notes, listing } = this;
    const stack = [path];
    let since = performance.now();
    for (let folder = stack.pop(); folder !== undefined && !signal.aborted; folder = stack.pop()) {
      const fd = this.cache.open(folder);
      if (fd < 0 || posix.fstat(fd, stat, 0) < 0 || listing.readFolder(fd) < 0) continue;
      notes.enter(folder, stat, 0, true);
      for (let k = 0; k < listing.length; k++) {
        const r = listing.record(k);
        if (r < 0) continue;
        const name = listing.names[k] as ByteString;
        notes.entry(name, listing.table, r);
        if (deep && listing.table.isDir(r)) stack.push(joinPath(folder, name));
      }
      notes.leave();
      if (performance.now() - since < SLICE) continue;
      await new Promise<void>((resolve) => setImmediate(resolve));
      since = performance.now();
    }
  }
}

function byFolder(where: readonly Pick<Hint, 'path'>[]): Map<RelPath, ByteString[]> {
  const found = new Map<RelPath, ByteString[]>();
  for (const { path } of where) {
    if (path === EMPTY) continue;
    const names = found.get(parentOf(path));
    if (names === undefined) found.set(parentOf(path), [baseOf(path)]);
    else names.push(baseOf(path));
  }
  return found;
}
