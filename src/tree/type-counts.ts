/** Counts of entries by type, as --stats breaks them down: found, planned or done. */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './stat-table.js';

/** Counts by type of entry. */
export interface TypeCounts { files: number; dirs: number; links: number; devices: number; specials: number }

/** All zero. */
export function typeCounts(): TypeCounts {
  return { files: 0, dirs: 0, links: 0, devices: 0, specials: 0 };
}

/** Counts one entry of the type in `mode`. */
export function countType(counts: TypeCounts, mode: number): void {
  switch (mode & S_IFMT) {
    case S_IFREG: counts.files++; break;
    case S_IFDIR: counts.dirs++; break;
    case S_IFLNK: counts.links++; break;
    case S_IFBLK: case S_IFCHR: counts.devices++; break;
    default: counts.specials++; break;
  }
}

/** Adds other counts. */
export function addCounts(into: TypeCounts, more: TypeCounts): void {
  into.files += more.files;
  into.dirs += more.dirs;
  into.links += more.links;
  into.devices += more.devices;
  into.specials += more.specials;
}
