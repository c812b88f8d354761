/**
 * Which names are one inode, on two sides: the names that both have are the same groups, or they are not. Names that one side has alone do not count. Its memory is the
 * inodes with several names.
 */
import type { RelPath } from '../../tree/index.js';

export class LinkGroups {
  private readonly left = new Map<RelPath, RelPath>();
  private readonly right = new Map<RelPath, RelPath>();

  /** A name that both have, in order, with the leader of its group on each side. False: it is linked to another name than on the other side. */
  agrees(path: RelPath, left: RelPath | undefined, right: RelPath | undefined): boolean {
    return first(this.left, path, left) === first(this.right, path, right);
  }
}

/** The first common name of a group. */
function first(groups: Map<RelPath, RelPath>, path: RelPath, leader: RelPath | undefined): RelPath {
  if (leader === undefined) return path;
  const known = groups.get(leader);
  if (known === undefined) groups.set(leader, path);
  return known ?? path;
}
