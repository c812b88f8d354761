/** -x: which file system a place of the source has to lie on to be walked. */
import type { FolderCache } from '../../fs/index.js';
import type { RelPath, StatTable } from '../../tree/index.js';
import { argumentOf } from './selection.js';
import type { WalkContext } from './walk-context.js';

/** The file system that -x keeps to at a path: that of the argument it lies in (or, on the way to one, leads to). */
export function deviceOf(w: WalkContext, mount: number, path: RelPath): StatTable {
  const fd = (w.mounts[mount] as FolderCache).open(argumentOf(w.setup.selection, path));
  if (fd >= 0) w.source.fstat(fd, w.rootDevice, 0);
  return w.rootDevice;
}
