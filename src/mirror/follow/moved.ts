/** What the hints of a batch say of moves: pairs of an old and a new name, for a session that looks whether they hold. Pure. */
import type { Rename } from '../../plan/index.js';
import type { RelPath } from '../../tree/index.js';
import type { Hint } from '../hint.js';

/** Names that one entry went through in one batch, at most. */
const MOST_STEPS = 32;

/** Where each entry came from that is there now, as far as it was heard. A name that came and went again stands for where it had come from. */
export function movedIn(hints: readonly Hint[]): Rename[] {
  const byPath = new Map<RelPath, Hint>();
  for (const hint of hints) if (hint.from !== undefined) byPath.set(hint.path, hint);
  const moved: Rename[] = [];
  for (const { path: to, from: first, gone } of byPath.values()) {
    if (gone || first === undefined) continue;
    let from = first;
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const before = byPath.get(from);
      if (before?.gone !== true || before.from === undefined) break;
      from = before.from;
    }
    if (from !== to) moved.push({ from, to });
  }
  return moved;
}
