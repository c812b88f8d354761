/** The total order in which a walk visits folders: parents first, siblings by the bytes of their names, then by mount. */
import type { RelPath } from '../../tree/index.js';

const SLASH = 47;

/** Below 0 where a walk visits `a` before `b`; 0 where they are the same path. */
export function comparePaths(a: RelPath, b: RelPath): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // A part that has ended comes before one that goes on: the slash sorts below every byte.
    if (x !== y) return x === SLASH ? -1 : y === SLASH ? 1 : x - y;
  }
  return a.length - b.length;
}

/** The same with mounts: at one path, lower mounts first. */
export function compareVisits(mountA: number, a: RelPath, mountB: number, b: RelPath): number {
  const paths = comparePaths(a, b);
  return paths === 0 ? mountA - mountB : paths;
}
