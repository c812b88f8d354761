/**
 * Deferrals: files that change while they are read. Their session leaves them, so that the target keeps its last whole version; they are tried again
 * with what failed. Never for ever: one that was put off for the longest time is sent as it is, and marked. Pure; time is handed in (ms).
 */
import type { Problem, RelPath } from '../../tree/index.js';

export interface Deferral {
  readonly path: RelPath;
  /** Since when it was put off, or when it was last sent as it was. */
  readonly since: number;
  /** The target has a version that changed while it was read, of this time; undefined: its last whole one, or none. */
  readonly sentAt: number | undefined;
}

/** Files remembered; beyond them they are sent as they are. */
const MOST = 10_000;

export class Deferrals {
  private readonly files = new Map<RelPath, Deferral>();

  /** @param longestMs 0: nothing is put off. */
  constructor(private readonly longestMs: number) {}

  /** Whether a session that looks at these paths may put files off: not where one of them has waited long enough. */
  mayDefer(looksAt: (path: RelPath) => boolean, now: number): boolean {
    if (this.longestMs <= 0 || this.files.size >= MOST) return false;
    for (const { path, since } of this.files.values()) if (now - since >= this.longestMs && looksAt(path)) return false;
    return true;
  }

  /** A session has ended well that looked at these paths; what failed is in `failed`. */
  ended(failed: ReadonlyMap<RelPath, Problem>, looksAt: (path: RelPath) => boolean, now: number): void {
    for (const path of this.files.keys()) if (!failed.has(path) && looksAt(path)) this.files.delete(path);
    for (const [path, { code }] of failed) {
      const known = this.files.get(path);
      if (code === 'deferred') this.files.set(path, known ?? { path, since: now, sentAt: undefined });
      else if (code === 'changed') this.files.set(path, { path, since: now, sentAt: now });
    }
  }

  /** When the first of them has waited long enough, ms; undefined: none waits. */
  overdueAt(): number | undefined {
    let first: number | undefined;
    for (const { since } of this.files.values()) first = Math.min(first ?? Infinity, since + this.longestMs);
    return first;
  }

  get count(): number {
    return this.files.size;
  }

  /** The first of them. */
  first(most: number): Deferral[] {
    return [...this.files.values()].slice(0, most);
  }
}
