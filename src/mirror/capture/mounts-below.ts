/** The mounts below a root, and what has changed of them. */
import { readMounts, type MountEntry } from '../../fs/index.js';
import { EMPTY, type ByteString, type RelPath } from '../../tree/index.js';

/** A mount that shows in the tree; the one with path `''` holds the root itself. */
export interface MountBelow {
  readonly path: RelPath;
  readonly entry: MountEntry;
}

/** The root's own mount and those below, topmost where several stand at one place. `root`: real path. */
export function mountsBelow(root: ByteString, table: readonly MountEntry[] = readMounts()): MountBelow[] {
  const found = new Map<RelPath, MountEntry>();
  let own: MountEntry | undefined;
  const prefix = root === '/' ? '/' : `${root}/`;
  for (const entry of table) {
    const { point } = entry;
    if (point === root || point === '/' || root.startsWith(`${point}/`)) {
      if (own === undefined || point.length >= own.point.length) own = entry;
    } else if (point.startsWith(prefix)) found.set(point.slice(prefix.length) as RelPath, entry);
  }
  const below = [...found].map(([path, entry]) => ({ path, entry }));
  return own === undefined ? below : [{ path: EMPTY, entry: own }, ...below];
}

/** Paths at which another mount, or none, stands now. */
export function changedMounts(before: readonly MountBelow[], now: readonly MountBelow[]): { path: RelPath; came: boolean }[] {
  const key = ({ path, entry }: MountBelow): string => `${entry.id} ${entry.device} ${path}`;
  const old = new Set(before.map(key));
  const fresh = new Set(now.map(key));
  const paths = new Map<RelPath, boolean>();
  for (const mount of before) if (!fresh.has(key(mount))) paths.set(mount.path, false);
  for (const mount of now) if (!old.has(key(mount))) paths.set(mount.path, true);
  return [...paths].filter(([path]) => path !== '').map(([path, came]) => ({ path, came }));
}
