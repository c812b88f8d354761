/** A target whose kernel refuses to rename one name. */
import { loadPosix, type Posix } from '../../src/fs/index.js';
import { tampered } from '../endpoint/apply-bench.js';

export function posixRefusing(name: string): Posix {
  const real = loadPosix();
  return tampered({
    renameNoReplace: (at, from, toAt, to) => (from === name ? -16 : real.renameNoReplace(at, from, toAt, to)),
    rename: (at, from, toAt, to) => (from === name ? -16 : real.rename(at, from, toAt, to)),
  }, real);
}
