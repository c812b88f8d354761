/** Counting what was made or removed by type. */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../tree/index.js';
import type { ApplyTypeCounts } from './context.js';

/** Adds one entry of the type in `mode`. */
export function countType(counts: ApplyTypeCounts, mode: number): void {
  switch (mode & S_IFMT) {
    case S_IFREG: counts.files++; break;
    case S_IFDIR: counts.dirs++; break;
    case S_IFLNK: counts.links++; break;
    case S_IFBLK: case S_IFCHR: counts.devices++; break;
    default: counts.specials++; break;
  }
}
