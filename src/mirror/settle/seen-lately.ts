/** SeenLately: paths that were seen within a span of time. Bounded: beyond it the oldest are forgotten. Pure. */
import type { RelPath } from '../../tree/index.js';

export class SeenLately {
  /** In the order in which they were seen. */
  private readonly at = new Map<RelPath, number>();

  /** @param span ms. @param most paths held. */
  constructor(private readonly span: number, private readonly most: number) {}

  put(path: RelPath, now: number): void {
    this.at.delete(path);
    this.at.set(path, now);
    if (this.at.size > this.most) for (const oldest of this.at.keys()) { this.at.delete(oldest); break; }
  }

  has(path: RelPath, now: number): boolean {
    const at = this.at.get(path);
    return at !== undefined && at + this.span > now;
  }

  /** Lets go of those whose span is over. */
  forget(now: number): void {
    for (const [path, at] of this.at) {
      if (at + this.span > now) return;
      this.at.delete(path);
    }
  }
}
