/**
 * Places: under which name in which folder each inode of the source was last seen. A folder is named by its inode, so what lies below a folder
 * that was renamed needs no other record. It answers where an entry was before (moves), and which other names a file has (hard links), also of
 * names that are gone. A cache: what is missing or wrong in it is found by whoever uses it, against the trees.
 *
 * Files and folders only. Names are kept twice, by inode and, for folders and files with several names, by folder; for each folder a digest over what
 * was seen in it, so that one that has not changed costs one look.
 */
import { EMPTY, isName, joinPath, type ByteString, type RelPath } from '../../tree/index.js';
import { ByteReader, ByteWriter, unzigzag, WireError, zigzag } from '../../wire/index.js';
import type { Table } from './lmdb.js';
import { forgiving } from './path-map.js';

/** An inode as a key of 16 bytes, one unit a byte; of a device that is the root's as if it had none. */
export type InodeKey = string & { readonly inodeKey: unique symbol };

/** One name of an inode. */
export interface Place { readonly parent: InodeKey; readonly name: ByteString }

/** What is known of an inode. */
export interface PlacedInode {
  folder: boolean;
  /** Birth time, nanoseconds within its second and seconds; 0 and 0 where it is not known. */
  bornSec: number; bornNsec: number;
  /** How many names it had in all when it was last seen, also outside of the tree. */
  links: number;
  places: Place[];
  /** It has more names in the tree than are kept. */
  more: boolean;
}

/** Bytes of a key. */
export const INODE_KEY_BYTES = 16;
/** Bytes of a folder's digest. */
export const PLACES_DIGEST_BYTES = 8;
/** Names of one inode that are kept. */
const MOST_PLACES = 64;
/** Folders that a path is looked up through. */
const MOST_DEPTH = 4096;
const BY_INODE = 1;
const BY_NAME = 2;
const SEEN = 3;
const MAX_SECONDS = 2 ** 53 - 1;

/** The key of an inode; `home`: the device that goes without saying. */
export function inodeKey(devMajor: number, devMinor: number, inoHigh: number, inoLow: number, home: { major: number; minor: number }): InodeKey {
  const key = Buffer.allocUnsafe(INODE_KEY_BYTES);
  const isHome = devMajor === home.major && devMinor === home.minor;
  key.writeUInt32BE(isHome ? 0 : devMajor >>> 0, 0);
  key.writeUInt32BE(isHome ? 0 : devMinor >>> 0, 4);
  key.writeUInt32BE(inoHigh >>> 0, 8);
  key.writeUInt32BE(inoLow >>> 0, 12);
  return key.latin1Slice() as InodeKey;
}

/** The table. All that changes it is called in a transaction. */
export class PlaceTable {
  private readonly writer = new ByteWriter();

  constructor(private readonly table: Table) {}

  /** Records of all kinds. */
  get count(): number {
    return this.table.count;
  }

  clear(): void {
    this.table.clear();
  }

  get(inode: InodeKey): PlacedInode | undefined {
    const value = this.table.get(keyOf(BY_INODE, inode));
    return value === undefined ? undefined : decode(value);
  }

  /** The inode that a folder, or a file with several names, had under a name. */
  inodeAt(parent: InodeKey, name: ByteString): { inode: InodeKey; folder: boolean } | undefined {
    const value = this.table.get(keyOf(BY_NAME, parent, name));
    return value === undefined ? undefined : decodeName(value);
  }

  /** Folders and files with several names in a folder. */
  *namesIn(parent: InodeKey): Generator<{ name: ByteString; inode: InodeKey; folder: boolean }> {
    const from = keyOf(BY_NAME, parent);
    for (const { key, value } of this.table.range(from, behind(from))) {
      const name = key.latin1Slice(1 + INODE_KEY_BYTES) as ByteString;
      const child = decodeName(value);
      if (child !== undefined && isName(name)) yield { name, ...child };
    }
  }

  /** The digest that was noted of a folder. */
  digest(folder: InodeKey): Buffer | undefined {
    return this.table.get(keyOf(SEEN, folder));
  }

  /** Notes the digest of a folder; undefined: it has to be looked at again. */
  noteDigest(folder: InodeKey, digest: Buffer | undefined): void {
    const key = keyOf(SEEN, folder);
    if (digest === undefined) this.table.remove(key);
    else this.table.put(key, digest);
  }

  /** The only place of an inode, or, where it has several `links`, one more. */
  put(inode: InodeKey, place: Place, what: { folder: boolean; links: number; bornSec: number; bornNsec: number }): void {
    const linked = !what.folder && what.links > 1;
    const known = this.get(inode);
    const same = known !== undefined && known.folder === what.folder && !isReused(known, what);
    const others = same && linked ? known.places.filter((each) => !samePlace(each, place)) : [];
    if (same && !linked) for (const each of known.places) if (!samePlace(each, place)) this.dropName(inode, each);
    const places = [place, ...others];
    this.write(inode, { ...what, places: places.slice(0, MOST_PLACES), more: (same && known.more && linked) || places.length > MOST_PLACES });
    if (what.folder || linked) this.table.put(keyOf(BY_NAME, place.parent, place.name), Buffer.from(`${what.folder ? '\x01' : '\0'}${inode}`, 'latin1'));
  }

  /** A name is gone. */
  remove(inode: InodeKey, place: Place): void {
    this.dropName(inode, place);
    const known = this.get(inode);
    if (known === undefined || !known.places.some((each) => samePlace(each, place))) return;
    const places = known.places.filter((each) => !samePlace(each, place));
    if (places.length > 0 || known.more) this.write(inode, { ...known, places });
    else this.table.remove(keyOf(BY_INODE, inode));
  }

  /** Paths of an inode, below the folder whose inode is `root`. */
  pathsOf(inode: InodeKey, root: InodeKey): RelPath[] {
    return (this.get(inode)?.places ?? []).flatMap((place) => this.pathOf(place, root) ?? []);
  }

  /** The path of a place; undefined where the table does not lead to the root. */
  pathOf({ parent, name }: Place, root: InodeKey): RelPath | undefined {
    let path = name as RelPath;
    for (let folder = parent, depth = 0; folder !== root; depth++) {
      const place = depth < MOST_DEPTH ? this.get(folder)?.places[0] : undefined;
      if (place === undefined) return undefined;
      path = joinPath(place.name, path);
      folder = place.parent;
    }
    return path;
  }

  /** The inode that a path had. Of a file only where it had several names. */
  inodeOf(path: RelPath, root: InodeKey): { inode: InodeKey; folder: boolean } | undefined {
    let at = { inode: root, folder: true };
    for (const name of path === EMPTY ? [] : (path.split('/') as ByteString[])) {
      const next = at.folder ? this.inodeAt(at.inode, name) : undefined;
      if (next === undefined) return undefined;
      at = next;
    }
    return at;
  }

  private dropName(inode: InodeKey, { parent, name }: Place): void {
    if (this.inodeAt(parent, name)?.inode === inode) this.table.remove(keyOf(BY_NAME, parent, name));
  }

  private write(inode: InodeKey, { folder, bornSec, bornNsec, links, places, more }: PlacedInode): void {
    const w = this.writer;
    w.at = 0;
    w.u8((folder ? 1 : 0) | (more ? 2 : 0));
    w.varint(zigzag(bornSec));
    w.varint(bornNsec);
    w.varint(links);
    w.varint(places.length);
    for (const { parent, name } of places) {
      w.raw(Buffer.from(parent, 'latin1'));
      w.sizedText(name);
    }
    this.table.put(keyOf(BY_INODE, inode), Buffer.from(w.bytes.subarray(0, w.at)));
  }
}

/** Whether an inode is another one by now under the same number: both birth times are known and differ. */
export function isReused(known: Pick<PlacedInode, 'bornSec' | 'bornNsec'>, now: { bornSec: number; bornNsec: number }): boolean {
  return isBorn(known) && isBorn(now) && (known.bornSec !== now.bornSec || known.bornNsec !== now.bornNsec);
}

function isBorn({ bornSec, bornNsec }: { bornSec: number; bornNsec: number }): boolean {
  return bornSec !== 0 || bornNsec !== 0;
}

export function samePlace(a: Place, b: Place): boolean {
  return a.name === b.name && a.parent === b.parent;
}

/** The first key that does not begin with these bytes; the first of them is below 255. */
function behind(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  let at = end.length - 1;
  for (; end[at] === 255; at--) end[at] = 0;
  end[at] = (end[at] as number) + 1;
  return end;
}

function keyOf(kind: number, inode: InodeKey, name: ByteString = EMPTY): Buffer {
  return Buffer.from(`${String.fromCharCode(kind)}${inode}${name}`, 'latin1');
}

function decode(value: Buffer): PlacedInode | undefined {
  return forgiving(() => {
    const r = new ByteReader(value);
    const flags = r.flags(3, 'an inode record');
    const bornSec = unzigzag(r.varint(MAX_SECONDS, 'a time'));
    const bornNsec = r.varint(999_999_999, 'a time');
    const links = r.varint(2 ** 32 - 1, 'a number of links');
    const places: Place[] = [];
    for (let n = r.count(MOST_PLACES, INODE_KEY_BYTES + 1, 'places'); n > 0; n--) {
      const parent = Buffer.from(r.raw(INODE_KEY_BYTES)).latin1Slice() as InodeKey;
      const name = r.sizedText(255, 'a name');
      if (!isName(name)) throw new WireError('range', 'no name');
      places.push({ parent, name });
    }
    if (r.left > 0) throw new WireError('range', 'bytes are left over');
    return { folder: (flags & 1) !== 0, more: (flags & 2) !== 0, bornSec, bornNsec, links, places };
  });
}

function decodeName(value: Buffer): { inode: InodeKey; folder: boolean } | undefined {
  if (value.length !== 1 + INODE_KEY_BYTES || (value[0] as number) > 1) return undefined;
  return { inode: value.latin1Slice(1) as InodeKey, folder: value[0] === 1 };
}
