/**
 * PlaceNotes: what one walker notes of the places of the source's inodes (state/places.ts), folder by folder, and what it finds to have moved. New
 * names are written as the walk goes on; what has moved or gone is handed to the session, which writes it when the target has followed: a run
 * that dies before leaves the table as the target is.
 *
 * A folder that looks as it did costs a digest and one look into the table.
 */
import { inodeKey, isReused, PLACES_DIGEST_BYTES, samePlace, type InodeKey, type Place, type PlaceTable } from '../state/index.js';
import { joinPath, type ByteString, type RelPath, type StatTable } from '../tree/index.js';
import { KeptTables } from './kept-tables.js';

/** What a thread must know to use the table: plain data. */
export interface PlaceStore {
  /** Folder of the pair's state, which this process holds. */
  folder: ByteString;
  /** Nothing is known yet: every folder of another host is to be told whole. */
  empty: boolean;
  /** Device and inode of the source's root. */
  home: { major: number; minor: number };
  root: InodeKey;
}

/** One inode under one name. */
export interface Placed extends Place { inode: InodeKey; folder: boolean; links: number; bornSec: number; bornNsec: number }

/** An entry that was at `from` when it was last seen. */
export interface MovedEntry { from: RelPath; to: RelPath; folder: boolean; size: number }

/** What is written when the target has followed. */
export interface PlaceChanges {
  moved: MovedEntry[];
  put: Placed[];
  gone: { parent: InodeKey; name: ByteString; inode: InodeKey }[];
  digests: { folder: InodeKey; digest: Buffer | undefined }[];
  /** There was more than is held: the table is begun anew. */
  overflow: boolean;
  /** Records that the walk has seen for sure, to tell when the table holds too many others. */
  seen: number;
}

export function noChanges(): PlaceChanges {
  return { moved: [], put: [], gone: [], digests: [], overflow: false, seen: 0 };
}

/** Adds the changes of another walker. */
export function addChanges(into: PlaceChanges, more: PlaceChanges): void {
  for (const name of ['moved', 'put', 'gone', 'digests'] as const) for (const one of more[name]) (into[name] as unknown[]).push(one);
  into.overflow ||= more.overflow || held(into) > MOST_HELD;
  into.seen += more.seen;
}

/** Changes that are held for the end of the session, at most. */
const MOST_HELD = 500_000;
/** Numbers that are noted of an entry. */
const WORDS = 8;
/** Records that wait to be written, at most. */
const BATCH = 2000;

function grown(facts: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const more = new Float64Array(2 * facts.length);
  more.set(facts);
  return more;
}

function held({ put, gone, digests }: PlaceChanges): number {
  return put.length + gone.length + digests.length;
}

export class PlaceNotes {
  readonly changes = noChanges();
  private readonly tables: KeptTables;
  /** The folder at hand. */
  private at: { path: RelPath; inode: InodeKey; whole: boolean } | undefined;
  private names: ByteString[] = [];
  /** Per name: device, inode, links (0: a folder), birth time, size (`WORDS` numbers). */
  private facts = new Float64Array(WORDS * 64);
  private low = 0;
  private high = 0;
  private readonly waiting: Placed[] = [];
  private readonly digests: { folder: InodeKey; digest: Buffer | undefined }[] = [];

  /** @param failed is told once why nothing is kept any more */
  constructor(private readonly store: PlaceStore, failed: (message: string) => void) {
    this.tables = new KeptTables(store.folder, failed);
  }

  /** A folder's entries follow; record i is its own. `whole`: all of them. */
  enter(path: RelPath, table: StatTable, i: number, whole: boolean): void {
    const inode = this.keyOf(table, i);
    this.at = inode === undefined || this.tables.broken ? undefined : { path, inode, whole };
    this.names = [];
    this.low = 0x811c9dc5;
    this.high = 0x01000193;
  }

  /** An entry that belongs to the transfer, under its name. */
  entry(name: ByteString, table: StatTable, i: number): void {
    const { at } = this;
    if (at === undefined) return;
    const folder = table.isDir(i);
    const size = table.size(i);
    if (!folder && (!table.isFile(i) || (size === 0 && table.nlink(i) < 2))) return;
    const inoLow = table.inoLow(i);
    const inoHigh = table.inoHigh(i);
    if (inoLow === 0 && inoHigh === 0) {
      this.at = undefined; // told by a digest only: nothing of it is known
      return;
    }
    const links = folder ? 0 : Math.max(1, table.nlink(i));
    const from = this.names.length * WORDS;
    if (from === this.facts.length) this.facts = grown(this.facts);
    const { facts } = this;
    facts[from] = table.devMajor(i);
    facts[from + 1] = table.devMinor(i);
    facts[from + 2] = inoHigh;
    facts[from + 3] = inoLow;
    facts[from + 4] = links;
    const born = table.hasBtime(i);
    facts[from + 5] = born ? table.btimeSec(i) : 0;
    facts[from + 6] = born ? table.btimeNsec(i) : 0;
    facts[from + 7] = size;
    this.names.push(name);
    // FNV-1a, twice: a folder that looks the same by chance costs a move.
    let { low, high } = this;
    const mix = (n: number): void => {
      low = Math.imul(low ^ n, 0x01000193);
      high = Math.imul(high ^ n, 0x85ebca6b);
    };
    mix(name.length + 256 * links);
    for (let k = 0; k < name.length; k++) mix(name.charCodeAt(k));
    mix(inoLow);
    mix(inoHigh);
    this.low = low;
    this.high = high;
  }

  /** What was noted of entry k of the folder at hand. */
  private noted(parent: InodeKey, k: number): Placed & { size: number } {
    const [devMajor = 0, devMinor = 0, inoHigh = 0, inoLow = 0, links = 0, bornSec = 0, bornNsec = 0, size = 0] = this.facts.subarray(k * WORDS, (k + 1) * WORDS);
    const inode = inodeKey(devMajor, devMinor, inoHigh, inoLow, this.store.home);
    return { parent, name: this.names[k] as ByteString, inode, folder: links === 0, links, bornSec, bornNsec, size };
  }

  /** A name that was asked for and is not there. */
  missing(name: ByteString): void {
    const { at } = this;
    const known = at === undefined ? undefined : this.tables.open()?.places.inodeAt(at.inode, name);
    if (at !== undefined && known !== undefined) this.changes.gone.push({ parent: at.inode, name, inode: known.inode });
  }

  /** The folder's entries have all been told. */
  leave(): void {
    const { at } = this;
    this.at = undefined;
    const tables = at === undefined ? undefined : this.tables.open();
    if (at === undefined || tables === undefined) return;
    const { places } = tables;
    const digest = Buffer.alloc(PLACES_DIGEST_BYTES);
    digest.writeInt32LE(this.low | 0, 0);
    digest.writeInt32LE(this.high | 0, 4);
    this.changes.seen += this.names.length;
    const before = places.digest(at.inode);
    if (at.whole && before?.equals(digest) === true) return;
    const entries = this.names.map((_, k) => this.noted(at.inode, k));
    let later = false; // something is written at the end only
    let now = 0;
    for (const { size, ...entry } of entries) {
      const known = places.get(entry.inode);
      const linked = entry.links > 1;
      const same = known !== undefined && known.folder === entry.folder && !isReused(known, entry);
      const there = same && known.places.some((place) => samePlace(place, entry));
      if (same && !there && !linked) {
        later = true;
        this.hold(this.changes.put, entry);
        const [place] = known.places;
        const from = place === undefined ? undefined : places.pathOf(place, this.store.root);
        if (from !== undefined) this.hold(this.changes.moved, { from, to: joinPath(at.path, entry.name), folder: entry.folder, size });
        continue;
      }
      if (there && known.links === entry.links && (linked ? places.inodeAt(at.inode, entry.name)?.inode === entry.inode : known.places.length === 1)) continue;
      this.put(entry);
      now++;
    }
    if (at.whole && before !== undefined) later = this.findGone(at.inode, entries) || later;
    if (!at.whole) {
      if (before !== undefined && (later || now > 0)) this.digests.push({ folder: at.inode, digest: undefined });
    } else if (later) this.hold(this.changes.digests, { folder: at.inode, digest });
    else this.digests.push({ folder: at.inode, digest });
    if (this.waiting.length + this.digests.length >= BATCH) this.flush();
  }

  /** Names of the folder that are there no more. True where there are any. */
  private findGone(folder: InodeKey, entries: readonly Placed[]): boolean {
    const places = this.tables.open()?.places;
    if (places === undefined) return false;
    const there = new Map(entries.map((entry) => [entry.name, entry.inode]));
    let any = false;
    for (const { name, inode } of places.namesIn(folder)) {
      if (there.get(name) === inode) continue;
      this.hold(this.changes.gone, { parent: folder, name, inode });
      any = true;
    }
    return any;
  }

  private put(entry: Placed): void {
    this.waiting.push(entry);
  }

  private hold<T>(list: T[], one: T): void {
    if (held(this.changes) >= MOST_HELD) this.changes.overflow = true;
    else list.push(one);
  }

  /** Writes what waits. */
  flush(): void {
    const tables = this.waiting.length + this.digests.length === 0 ? undefined : this.tables.open();
    if (tables === undefined) return;
    try {
      tables.write(() => {
        for (const entry of this.waiting) tables.places.put(entry.inode, entry, entry);
        for (const { folder, digest } of this.digests) tables.places.noteDigest(folder, digest);
      });
    } catch (error) {
      this.tables.fail(error);
    }
    this.waiting.length = 0;
    this.digests.length = 0;
  }

  /** Writes what waits and lets the store go. */
  close(): void {
    this.flush();
    this.tables.close();
  }

  private keyOf(table: StatTable, i: number): InodeKey | undefined {
    const low = table.inoLow(i);
    const high = table.inoHigh(i);
    if (low === 0 && high === 0) return undefined;
    return inodeKey(table.devMajor(i), table.devMinor(i), high, low, this.store.home);
  }
}

/**
 * Writes what the walkers left for the end; in a transaction. `full`: the walk has seen the whole source, so what the table holds far beyond that is
 * of inodes that are gone.
 */
export function commitPlaces(places: PlaceTable, changes: PlaceChanges, full: boolean): void {
  if (changes.overflow || (full && places.count > 6 * changes.seen + 10_000)) {
    places.clear();
    return;
  }
  for (const entry of changes.put) places.put(entry.inode, entry, entry);
  for (const { inode, parent, name } of changes.gone) places.remove(inode, { parent, name });
  for (const { folder, digest } of changes.digests) places.noteDigest(folder, digest);
}
