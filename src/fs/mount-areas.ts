/**
 * MountAreas: where a path of any process lies below one root, whatever name that process knows it by. A file is told by its file system and its path within
 * that file system, which are the same through every bind mount and in every mount namespace. Linux, by mountinfo (proc(5)).
 */
import fs from 'node:fs';
import { fromText, toBytes, type ByteString } from '../tree/index.js';
import { parseMountInfo, type MountEntry } from './watch/index.js';

/** A part of the root's tree: what of a file system stands there. */
interface Area { readonly device: ByteString; readonly inner: ByteString; readonly below: ByteString }

/** Mount tables kept at most; a host of containers has a namespace for each. */
const MOST_TABLES = 4096;

export class MountAreas {
  private readonly areas: Area[] = [];
  /** Every mount of every namespace that was looked at: the kernel's numbers are never shared. */
  private readonly byId = new Map<number, MountEntry>();
  private readonly tables = new Map<string, readonly MountEntry[]>();
  /** File systems of the root and of what is mounted below it, `major:minor`. */
  readonly devices = new Set<string>();
  /** This process's own namespace. */
  readonly own: readonly MountEntry[];

  /** @param root absolute path, symlinks resolved */
  constructor(readonly root: ByteString) {
    this.own = this.table('self');
    const at = mountOf(this.own, root, undefined);
    if (at !== undefined) this.add(at, innerPath(at, root) as ByteString, '' as ByteString);
    for (const mount of this.own) {
      const below = pathBelow(mount.point, root);
      if (below !== undefined && below !== '') this.add(mount, mount.root, below);
    }
  }

  /** The mounts that process `pid` sees, by the paths that readlink(2) in /proc tells of it; empty where they may not be read. */
  table(pid: number | 'self'): readonly MountEntry[] {
    let top: string;
    let key: string;
    try {
      // Paths of a process that was put into another root folder are told from the top of its namespace, its table from that folder.
      top = pid === 'self' ? '/' : fs.readlinkSync(`/proc/${pid}/root`, 'latin1');
      key = `${fs.readlinkSync(`/proc/${pid}/ns/mnt`, 'latin1')} ${top}`;
    } catch {
      return [];
    }
    const known = this.tables.get(key);
    if (known !== undefined) return known;
    let entries: MountEntry[];
    try {
      entries = parseMountInfo(fs.readFileSync(`/proc/${pid}/mountinfo`, 'latin1') as ByteString);
    } catch {
      return [];
    }
    if (top !== '/') entries = entries.map((entry) => ({ ...entry, point: (entry.point === '/' ? top : top + entry.point) as ByteString }));
    for (const entry of entries) if (!this.byId.has(entry.id)) this.byId.set(entry.id, entry);
    if (this.tables.size < MOST_TABLES) this.tables.set(key, entries);
    return entries;
  }

  /** Path below the root of what was opened by the mount of this number; 'outside' of it; undefined: that cannot be told. */
  byMount(id: number, path: ByteString): ByteString | 'outside' | undefined {
    const mount = this.byId.get(id);
    if (mount === undefined) return undefined;
    if (!this.devices.has(mount.device)) return 'outside';
    const inner = innerPath(mount, path);
    return inner === undefined ? undefined : this.place(mount.device, inner);
  }

  /** The same by a table and the path alone, with the file system where it is known. */
  byPath(table: readonly MountEntry[], path: ByteString, device: string | undefined): ByteString | 'outside' | undefined {
    const mount = mountOf(table, path, device);
    if (mount === undefined) return undefined;
    const inner = innerPath(mount, path);
    return inner === undefined ? undefined : this.place(mount.device, inner);
  }

  private place(device: string, inner: ByteString): ByteString | 'outside' {
    for (const area of this.areas) {
      if (area.device !== device) continue;
      const rest = pathBelow(inner, area.inner);
      if (rest !== undefined) return (area.below === '' ? rest : rest === '' ? area.below : `${area.below}/${rest}`) as ByteString;
    }
    return 'outside';
  }

  private add(mount: MountEntry, inner: ByteString, below: ByteString): void {
    this.areas.push({ device: mount.device, inner, below });
    this.devices.add(mount.device);
  }
}

/** The root as the kernel names it: absolute, symlinks resolved; undefined where it is not there. */
export function realRoot(path: ByteString): ByteString | undefined {
  try {
    return fs.realpathSync.native(toBytes(path), { encoding: 'buffer' }).latin1Slice() as ByteString;
  } catch {
    return undefined;
  }
}

/** The mount that a path lies on: the one with the longest place, the last of several there; of this file system where it is named and any of them is. */
function mountOf(table: readonly MountEntry[], path: ByteString, device: string | undefined): MountEntry | undefined {
  let best: MountEntry | undefined;
  let fitting: MountEntry | undefined;
  for (const mount of table) {
    if (pathBelow(path, mount.point) === undefined) continue;
    if (best === undefined || mount.point.length >= best.point.length) best = mount;
    if (mount.device === device && (fitting === undefined || mount.point.length >= fitting.point.length)) fitting = mount;
  }
  return fitting ?? best;
}

/** A path within its file system. */
function innerPath(mount: MountEntry, path: ByteString): ByteString | undefined {
  const rest = pathBelow(path, mount.point);
  if (rest === undefined) return undefined;
  return rest === '' ? mount.root : (`${mount.root === '/' ? '' : mount.root}/${rest}` as ByteString);
}

/** What of an absolute path stands below a folder; '' is the folder itself. */
function pathBelow(path: ByteString, folder: ByteString): ByteString | undefined {
  if (path === folder) return fromText('');
  const start = folder === '/' ? '/' : `${folder}/`;
  return path.startsWith(start) ? (path.slice(start.length) as ByteString) : undefined;
}
