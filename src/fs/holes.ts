/**
 * holes: where the data of a file lies, so that holes are neither read nor sent nor written.
 *
 * Asks the file system (SEEK_DATA, SEEK_HOLE); where it cannot tell, the whole file is one extent. Extents come in
 * order, never touch and never reach past `size`; what a writer does to the file meanwhile may be missed, as with
 * any reading. Moves the handle's own position: read with explicit positions.
 */
import { Errno } from './errno.js';
import type { Posix } from './posix.js';

/** A stretch of data, `start` inclusive, `end` exclusive, in bytes. */
export interface Extent { start: number; end: number }

/**
 * Finds the first data at or after `from` and below `size`. False where only a hole is left. Fills `out`, so
 * that a loop over a file of a million extents allocates nothing.
 */
export function nextData(posix: Posix, fd: number, from: number, size: number, out: Extent): boolean {
  if (from >= size) return false;
  const start = posix.seekData(fd, from);
  if (start === -Errno.ENXIO) return false;
  if (start < 0) {
    // Not known here (or an error that reading will meet and report): all of it counts as data.
    out.start = from;
    out.end = size;
    return true;
  }
  if (start >= size) return false;
  const end = posix.seekHole(fd, start);
  out.start = start;
  out.end = end <= start ? size : Math.min(end, size);
  return true;
}

/** All extents of data below `size`, in order. */
export function* dataExtents(posix: Posix, fd: number, size: number): Generator<Extent, void, undefined> {
  const extent: Extent = { start: 0, end: 0 };
  for (let from = 0; nextData(posix, fd, from, size, extent); from = extent.end) yield { start: extent.start, end: extent.end };
}
