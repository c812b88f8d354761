/**
 * What is known of the source's folders: each as it was sent, and a bounded number of them by mount and path. A folder of the walk
 * stream may lack names that the options leave out; one that was asked for has them all.
 */
import { EMPTY, parentOf, STAT_WORDS, TwintreeError, type ByteString, type RelPath, type StatTable } from '../../tree/index.js';
import type { FolderItem, WireXattr } from '../../wire/index.js';

/** Bytes of one stat record. */
export const RECORD = STAT_WORDS * 4;
/** Names that one folder may have: more would be no folder but an attack on our memory. */
const MOST_NAMES = 1 << 24;
/** Folders held, and their bytes, before the longest unused are given up. */
const HELD = 256;
const HELD_BYTES = 64 << 20;

/** One folder, in as many items as it came in. */
export class StoredFolder {
  readonly names: ByteString[] = [];
  readonly mount: number;
  readonly path: RelPath;
  readonly openErrno: number;
  readonly self: Buffer | undefined;
  listErrno: number;
  /** Approximate memory. */
  bytes = 0;
  private readonly items: FolderItem[] = [];
  private readonly starts: number[] = []; // index of each item's first name
  private lastItem = 0;
  private lastFound = -1;

  /** @param complete nothing was left out by the options */
  constructor(first: FolderItem, readonly complete: boolean) {
    this.mount = first.mount;
    this.path = first.path;
    this.openErrno = first.openErrno;
    this.self = first.self;
    this.listErrno = first.listErrno;
    this.add(first);
  }

  /** Takes the next of the folder's items. @throws TwintreeError WIRE where it does not go on where the last ended. */
  add(item: FolderItem): void {
    if (item.mount !== this.mount || item.path !== this.path) throw broken('a folder goes on with another one');
    if (item.listErrno !== 0) this.listErrno = item.listErrno;
    if (this.names.length + item.names.length > MOST_NAMES) throw broken('a folder has more names than can be');
    this.items.push(item);
    this.starts.push(this.names.length);
    let last = this.names[this.names.length - 1];
    for (const name of item.names) {
      if (last !== undefined && name <= last) throw broken('the names of a folder are not in order');
      this.names.push(name);
      last = name;
    }
    this.bytes += item.stats.length + item.names.length * 64 + 512;
    for (const content of item.ruleFiles.values()) this.bytes += content?.length ?? 0;
  }

  /** Index of a name, -1 where it is not here. Asked in order it costs one comparison. */
  find(name: ByteString): number {
    const { names } = this;
    if (names[this.lastFound + 1] === name) return ++this.lastFound;
    if (names[this.lastFound] === name) return this.lastFound;
    let low = 0;
    let high = names.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = names[middle] as ByteString;
      if (at === name) return (this.lastFound = middle);
      if (at < name) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Record of entry k into `table`; 0 or -errno. */
  record(k: number, table: StatTable, i: number): number {
    const item = this.itemOf(k);
    const at = k - (this.starts[this.lastItem] as number);
    const error = item.errors === undefined ? 0 : (item.errors[at] as number);
    if (error !== 0) return -error;
    item.stats.copy(table.bytes, i * RECORD, at * RECORD, (at + 1) * RECORD);
    return 0;
  }

  /** Record of entry k, or a negated errno. */
  recordOf(k: number): Buffer | number {
    const item = this.itemOf(k);
    const at = k - (this.starts[this.lastItem] as number);
    const error = item.errors === undefined ? 0 : (item.errors[at] as number);
    return error !== 0 ? -error : item.stats.subarray(at * RECORD, (at + 1) * RECORD);
  }

  /** Records of the entries [k, k+n) into records 0… and their errors; the names must be here. */
  records(k: number, n: number, table: StatTable, errors: Int32Array): void {
    for (let done = 0; done < n;) {
      const item = this.itemOf(k + done);
      const at = k + done - (this.starts[this.lastItem] as number);
      const count = Math.min(n - done, item.names.length - at);
      item.stats.copy(table.bytes, done * RECORD, at * RECORD, (at + count) * RECORD);
      if (item.errors === undefined) errors.fill(0, done, done + count);
      else errors.set(item.errors.subarray(at, at + count), done);
      done += count;
    }
  }

  /** Mode of entry k, 0 where its attributes could not be read. */
  mode(k: number): number {
    const item = this.itemOf(k);
    const at = k - (this.starts[this.lastItem] as number);
    if (item.errors !== undefined && item.errors[at] !== 0) return 0;
    return item.stats.readUInt16LE(at * RECORD + 28); // stx_mode
  }

  /** Text of entry k where it is a symlink whose text came along. */
  link(k: number): ByteString | undefined {
    return this.itemOf(k).links.get(k - (this.starts[this.lastItem] as number));
  }

  /** What symlink k leads to: a record or an errno; undefined where that did not come along. */
  followed(k: number): Buffer | number | undefined {
    return this.itemOf(k).followed?.get(k - (this.starts[this.lastItem] as number));
  }

  /** Extended attributes of entry k (-1: the folder itself), where the options have them sent. */
  xattrs(k: number): readonly WireXattr[] {
    const item = k < 0 ? (this.items[0] as FolderItem) : this.itemOf(k);
    return item.xattrs?.get(k < 0 ? -1 : k - (this.starts[this.lastItem] as number)) ?? NONE;
  }

  /** Hash of entry k, where it came along. */
  hash(k: number): Buffer | undefined {
    return this.itemOf(k).hashes?.get(k - (this.starts[this.lastItem] as number));
  }

  /** Content of a rule file; null: it was looked for and is not there; undefined: it was not looked for. */
  ruleFile(name: ByteString): Buffer | null | undefined {
    for (const item of this.items) if (item.ruleFiles.has(name)) return item.ruleFiles.get(name) ?? null;
    return undefined;
  }

  private itemOf(k: number): FolderItem {
    let at = this.lastItem;
    const start = this.starts[at] as number;
    if (k < start) at = 0;
    while (k >= (this.starts[at] as number) + (this.items[at] as FolderItem).names.length && at + 1 < this.items.length) at++;
    this.lastItem = at;
    return this.items[at] as FolderItem;
  }
}

const NONE: readonly WireXattr[] = [];

/** A bounded number of folders, the longest unused first out; those on the way to the one that came last count as used with it: the walk comes back to them. */
export class FolderStore {
  private readonly folders = new Map<string, StoredFolder>();
  private bytes = 0;

  get(mount: number, path: RelPath): StoredFolder | undefined {
    const key = keyOf(mount, path);
    const folder = this.folders.get(key);
    if (folder === undefined) return undefined;
    this.folders.delete(key);
    this.folders.set(key, folder);
    return folder;
  }

  put(folder: StoredFolder): void {
    const key = keyOf(folder.mount, folder.path);
    for (let at = folder.path; at !== EMPTY;) this.get(folder.mount, (at = parentOf(at)));
    this.drop(key);
    this.folders.set(key, folder);
    this.bytes += folder.bytes;
    for (const old of this.folders.keys()) {
      if (old === key || (this.folders.size <= HELD && this.bytes <= HELD_BYTES)) break;
      this.drop(old);
    }
  }

  clear(): void {
    this.folders.clear();
    this.bytes = 0;
  }

  get size(): number {
    return this.folders.size;
  }

  private drop(key: string): void {
    const folder = this.folders.get(key);
    if (folder === undefined) return;
    this.folders.delete(key);
    this.bytes -= folder.bytes;
  }
}

function keyOf(mount: number, path: RelPath): string {
  return `${mount}/${path}`;
}

/** The peer broke the protocol. */
export function broken(what: string): TwintreeError {
  return new TwintreeError('WIRE', `the other host broke the protocol: ${what}`, { advice: 'Check that both hosts run the same version.' });
}
