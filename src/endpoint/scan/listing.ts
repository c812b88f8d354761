/**
 * Listing: the entries of one folder on one side, names in byte order, attributes read lazily in windows.
 *
 * Names are held whole (they must be sorted); attributes for at most WINDOW entries, so that a folder of a
 * million names needs memory for its names only. On the source side several mounts may be merged: the
 * first mount that has a name wins, and a folder wins over anything else (as rsync merges its arguments).
 * One Listing is reused for every folder.
 */
import { EMPTY, isName, joinPath, StatTable, S_IFBLK, S_IFCHR, S_IFDIR, type ByteString, type RelPath } from '../../tree/index.js';
import { Errno, type NameList } from '../../fs/index.js';
import type { TreeReader } from '../source/index.js';
import { isWorkName, withoutWorkNames } from '../apply/index.js';
import { overlayFakeStat } from './fake-stat.js';
import type { SelectionNode } from './selection.js';

/** Entries whose attributes are held at a time; and as long as there were no larger folders. */
export const WINDOW = 2048;
const FEW = 64;

/** A folder of the source in one mount, open for listing. */
export interface SourceLayer { mount: number; fd: number; listed: boolean }

/** What a listing does with a symlink before anyone else sees it: record i becomes what it points to, or stays. 0 or -errno. */
export type FollowRule = (at: number, name: ByteString, table: StatTable, i: number, path: RelPath) => number;

/** Sorted names of a folder with a window on their attributes. */
export class Listing {
  names: ByteString[] = [];
  /** It may be another one after the next folder was read. */
  table = new StatTable(FEW);
  private errors = new Int32Array(FEW);
  private from = 0;
  private to = 0;
  private layers: SourceLayer[] = [];
  /** Layer index of each name; undefined while there is one layer. */
  private layerOf: Map<ByteString, number[]> | undefined;
  private readonly raw: NameList = { names: [], types: [] };
  private follow: FollowRule | undefined;
  /** Entries that stand in other folders yet. */
  private elsewhere: ReadonlyMap<ByteString, { at: () => number; name: ByteString }> | undefined;
  private path: RelPath = EMPTY;

  /** One file that is copied under another name: its name here and its name at the source. */
  alias: { name: ByteString; source: ByteString } | undefined;

  /** --copy-devices: devices are files with the device's content. */
  copyDevices = false;

  /** The side is a fake-super tree. */
  fake = false;

  constructor(private readonly tree: TreeReader) {}

  get length(): number {
    return this.names.length;
  }

  /** Names that the last folder had and that were not wanted. */
  passedOver = 0;

  /** Lists one plain folder; `wanted`: of its names only these. 0 or -errno. */
  readFolder(fd: number, wanted?: (name: ByteString) => boolean): number {
    this.reset([{ mount: 0, fd, listed: true }], undefined);
    return this.listLayer(fd, wanted);
  }

  /** A folder that is yet to be made: nothing is in it. */
  readNothing(): void {
    this.reset([{ mount: 0, fd: -1, listed: false }], undefined);
  }

  /** Other names (in byte order) than were listed; those of `elsewhere` stand in other folders. */
  replaceNames(names: ByteString[], elsewhere: ReadonlyMap<ByteString, { at: () => number; name: ByteString }>): void {
    this.names = names;
    this.elsewhere = elsewhere;
    this.makeRoom();
  }

  /** Where entry k stands, if not in the folder itself under its own name. */
  placeOf(k: number): { at: number; name: ByteString } | undefined {
    const place = this.elsewhere?.get(this.names[k] as ByteString);
    return place === undefined ? undefined : { at: place.at(), name: place.name };
  }

  /**
   * Lists a source folder: the layers that are open, and the names that the selection chose by themselves. What sessions make for
   * themselves in a tree that is their target does not travel, where this is another's source.
   * Returns 0, or -errno of the first layer that could not be listed (the others are listed all the same).
   */
  readSource(layers: SourceLayer[], node: SelectionNode | undefined, follow: FollowRule | undefined, path: RelPath): number {
    this.reset(layers, follow);
    this.path = path;
    let result = 0;
    if (layers.length === 1 && layers[0] !== undefined && layers[0].listed && node?.children === undefined) {
      const error = this.listLayer(layers[0].fd);
      this.names = withoutWorkNames(this.names);
      return error;
    }
    const map = new Map<ByteString, number[]>();
    layers.forEach((layer, k) => {
      if (!layer.listed) return;
      const error = this.tree.list(layer.fd, this.raw);
      if (error < 0) {
        if (result === 0) result = error;
        return;
      }
      for (const name of this.raw.names) {
        if (isWorkName(name)) continue;
        const known = map.get(name);
        if (known === undefined) map.set(name, [k]);
        else known.push(k);
      }
    });
    if (node?.children !== undefined) {
      for (const [name, child] of node.children) {
        if (!isName(name)) continue;
        const chosen = child.mounts.map((m) => layers.findIndex((l) => l.mount === m)).filter((k) => k >= 0);
        const known = map.get(name) ?? [];
        map.set(name, [...new Set([...known, ...chosen])].sort((a, b) => a - b));
      }
    }
    this.layerOf = map;
    this.names = [...map.keys()].sort();
    this.makeRoom();
    return result;
  }

  /** Record index in `table` for entry k, reading the next window where needed; -errno where its attributes cannot be read. */
  record(k: number): number {
    if (k < this.from || k >= this.to) this.fill(k);
    const r = k - this.from;
    const error = this.errors[r] as number;
    return error === 0 ? r : -error;
  }

  /** The layers that have entry k, in the order of the arguments; the first is the one that counts. */
  layersOf(k: number): readonly SourceLayer[] {
    if (this.layerOf === undefined) return this.layers;
    const list = this.layerOf.get(this.names[k] as ByteString) ?? [];
    return list.map((at) => this.layers[at] as SourceLayer);
  }

  /** Handle of the folder that entry k is read from. */
  handleOf(k: number): number {
    if (this.layerOf === undefined) return (this.layers[0] as SourceLayer).fd;
    const list = this.layerOf.get(this.names[k] as ByteString) ?? [];
    return (this.layers[list[0] ?? 0] as SourceLayer).fd;
  }

  /** Mount of the layer that entry k is read from. */
  mountOf(k: number): number {
    if (this.layerOf === undefined) return (this.layers[0] as SourceLayer).mount;
    const list = this.layerOf.get(this.names[k] as ByteString) ?? [];
    return (this.layers[list[0] ?? 0] as SourceLayer).mount;
  }

  private reset(layers: SourceLayer[], follow: FollowRule | undefined): void {
    this.layers = layers;
    this.layerOf = undefined;
    this.follow = follow;
    this.elsewhere = undefined;
    this.names = [];
    this.passedOver = 0;
    this.from = 0;
    this.to = 0;
  }

  private listLayer(fd: number, wanted?: (name: ByteString) => boolean): number {
    const result = this.tree.list(fd, this.raw);
    if (result < 0) return result;
    this.names = wanted === undefined ? this.raw.names.slice() : this.raw.names.filter(wanted);
    this.passedOver = this.raw.names.length - this.names.length;
    let sorted = true;
    for (let i = 1; i < this.names.length; i++) {
      if ((this.names[i - 1] as ByteString) > (this.names[i] as ByteString)) { sorted = false; break; }
    }
    if (!sorted) this.names.sort();
    this.makeRoom();
    return 0;
  }

  /** A session over few names needs little memory. */
  private makeRoom(): void {
    if (this.names.length <= this.table.capacity || this.table.capacity === WINDOW) return;
    this.table = new StatTable(WINDOW);
    this.errors = new Int32Array(WINDOW);
  }

  private fill(k: number): void {
    const from = k;
    const to = Math.min(this.names.length, from + this.table.capacity);
    this.from = from;
    this.to = to;
    if (this.layerOf === undefined) {
      this.tree.statMany((this.layers[0] as SourceLayer).fd, this.names, from, to, this.table, this.errors);
    } else {
      for (let i = from; i < to; i++) this.fillMerged(i, i - from);
    }
    if (this.elsewhere !== undefined && this.elsewhere.size > 0) {
      for (let i = from; i < to; i++) {
        const place = this.placeOf(i);
        if (place !== undefined) this.errors[i - from] = place.at < 0 ? -place.at : -this.tree.stat(place.at, place.name, this.table, i - from);
      }
    }
    if (this.fake) {
      for (let i = from; i < to; i++) {
        const r = i - from;
        if (this.errors[r] === 0 && (this.table.isFile(r) || this.table.isDir(r))) overlayFakeStat(this.tree, this.handleOf(i), this.names[i] as ByteString, this.table, r);
      }
    }
    if (this.copyDevices) {
      for (let i = from; i < to; i++) {
        const type = this.errors[i - from] === 0 ? this.table.type(i - from) : 0;
        if (type === S_IFBLK || type === S_IFCHR) this.table.asFile(i - from, type === S_IFBLK ? this.deviceSize(i) : 0);
      }
    }
    if (this.follow !== undefined) {
      for (let i = from; i < to; i++) {
        const r = i - from;
        if (this.errors[r] === 0 && this.table.isSymlink(r)) {
          const error = this.follow(this.handleOf(i), this.names[i] as ByteString, this.table, r, joinPath(this.path, this.names[i] as ByteString));
          if (error < 0) this.errors[r] = -error;
        }
      }
    }
  }

  /** Bytes that a block device holds; 0 where it cannot be asked (a character device is never opened for that). */
  private deviceSize(i: number): number {
    const name = this.names[i] as ByteString;
    const fd = this.tree.open(this.handleOf(i), this.alias?.name === name ? this.alias.source : name, { read: true, nonBlock: true });
    if (fd < 0) return 0; // the transfer meets the same error and reports it
    const size = this.tree.seekEnd(fd);
    this.tree.close(fd);
    return Math.max(0, size);
  }

  /** Reads entry i of several layers: the first that has it, or the first in which it is a folder. */
  private fillMerged(i: number, r: number): void {
    const name = this.names[i] as ByteString;
    const map = this.layerOf as Map<ByteString, number[]>;
    const real = this.alias !== undefined && this.alias.name === name ? this.alias.source : name;
    const present: number[] = [];
    let folder = -1;
    let firstError: number = Errno.ENOENT;
    for (const at of map.get(name) ?? []) {
      const error = this.tree.stat((this.layers[at] as SourceLayer).fd, real, this.table, r);
      if (error < 0) {
        if (present.length === 0) firstError = -error;
        continue;
      }
      present.push(at);
      if (folder < 0 && this.table.type(r) === S_IFDIR) folder = at;
    }
    if (present.length === 0) {
      this.errors[r] = firstError;
      return;
    }
    const chosen = folder >= 0 ? folder : (present[0] as number);
    map.set(name, [chosen, ...present.filter((at) => at !== chosen)]);
    this.errors[r] = 0;
    const error = this.tree.stat((this.layers[chosen] as SourceLayer).fd, real, this.table, r);
    if (error < 0) this.errors[r] = -error;
  }
}
