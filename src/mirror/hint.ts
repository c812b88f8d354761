/**
 * Hint: the one thing that capture says of a tree: here something may differ. A hint is never an operation. It may be
 * coarser than what happened, never finer; what the tree holds there is for a session to look at.
 */
import type { RelPath } from '../tree/index.js';

/**
 * How much a hint means. `entry`: this name itself (there or gone, of any type; where it is a folder, not what lies in it).
 * `listing`: a folder with each name directly in it, also names that are gone. `subtree`: everything at and below the path;
 * `''` with it is the whole tree.
 */
export type HintScope = 'entry' | 'listing' | 'subtree';

/** Why, for people and counters. Of several that were merged, the first. */
export type HintReason =
  | 'created' | 'modified' | 'attributes' | 'deleted' | 'moved'
  | 'overflow' // the kernel's queue was too short
  | 'unwatched' // looked at by the clock: it has no watch
  | 'readable' // has become readable
  | 'mount' // a file system came or went
  | 'root' // the root came back, or another was taken in its place
  | 'storm' // many changes below, told as one
  | 'unclear'; // the event did not say exactly what

/**
 * Something may differ. A name stands for its inode: where a file has, or had, further names (hard links), those may differ as well,
 * and no event names them. That holds for a name that is gone too, also where it went with its folder.
 */
export interface Hint {
  readonly path: RelPath;
  readonly scope: HintScope;
  readonly reason: HintReason;
  /** When it was first seen, ms since 1970. */
  readonly at: number;
  /** The last that was heard is that the name is gone. */
  readonly gone: boolean;
  /**
   * The change is over as far as is known: the writer has closed the file, or it is a rename, a removal or an attribute. Else the file may
   * still be written, or the folder be filled.
   */
  readonly complete?: boolean;
  /** It was renamed from here, or to there. The other path has a hint of its own, or is covered by one. */
  readonly from?: RelPath;
  readonly to?: RelPath;
}
