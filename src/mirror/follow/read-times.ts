/**
 * When sessions read which paths of the source. Clocks that stamp files tick every few milliseconds: what is written in the tick in which a
 * session read a file leaves its size and time as the session saw them, and comparing those finds nothing. So a file that was told of again, and
 * whose time lies where a session was at work on it, is compared by content. Pure.
 */
import type { RelPath } from '../../tree/index.js';

interface Span { from: number; to: number }

/** Milliseconds around a session in which its reading and a write may share a tick. */
const SLACK = 20;
/** Sessions remembered that looked at more than single paths. */
const MOST = 64;
/** Single paths remembered, each with the last sessions that looked at it. */
const MOST_PATHS = 20_000;
const MOST_OF_PATH = 4;

export class ReadTimes {
  private readonly spans: Span[] = [];
  private readonly paths = new Map<RelPath, readonly Span[]>();

  /** A session was at work, milliseconds since 1970 by the system's clock; also one that failed. `paths`: it looked at these alone. */
  add(from: number, to: number, paths?: readonly RelPath[]): void {
    const span = { from: from - SLACK, to: to + SLACK };
    if (paths === undefined) {
      this.spans.push(span);
      if (this.spans.length > MOST) this.spans.shift();
      return;
    }
    for (const path of paths) {
      const before = this.paths.get(path);
      this.paths.delete(path); // the latest are the last
      this.paths.set(path, before === undefined ? [span] : [...before.slice(1 - MOST_OF_PATH), span]);
    }
    for (const oldest of this.paths.keys()) {
      if (this.paths.size <= MOST_PATHS) return;
      this.paths.delete(oldest);
    }
  }

  /** Whether a session may have read this file in the tick of this time. */
  has(path: RelPath, time: number): boolean {
    const holds = ({ from, to }: Span): boolean => from <= time && time <= to;
    return this.paths.get(path)?.some(holds) === true || this.spans.some(holds);
  }
}
