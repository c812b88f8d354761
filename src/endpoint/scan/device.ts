/** -x: which file system a place of the source has to lie on to be walked. */
import type { FolderCache } from '../../fs/index.js';
import { EMPTY, joinPath, type ByteString, type RelPath, type StatTable } from '../../tree/index.js';
import type { SelectionNode } from './selection.js';
import type { WalkContext } from './walk-context.js';

/** The file system that -x keeps to at a path: that of the argument it lies in (or, on the way to one, leads to). */
export function deviceOf(w: WalkContext, mount: number, path: RelPath): StatTable {
  let node: SelectionNode | undefined = w.setup.selection;
  let argument = EMPTY;
  let at = EMPTY;
  for (const part of path === '' ? [] : (path.split('/') as ByteString[])) {
    node = node.children?.get(part);
    if (node === undefined) break;
    at = joinPath(at, part);
    if (node.named || node.implied) argument = at;
  }
  const fd = (w.mounts[mount] as FolderCache).open(argument);
  if (fd >= 0) w.source.fstat(fd, w.rootDevice, 0);
  return w.rootDevice;
}
