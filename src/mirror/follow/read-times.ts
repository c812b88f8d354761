/**
 * When sessions read the source. Clocks that stamp files tick every few milliseconds: what is written in the tick in which a session read a file
 * leaves its size and time as the session saw them, and comparing those finds nothing. So a file that was told of again, and whose time lies
 * where a session was at work, is compared by content. Pure.
 */

/** Milliseconds around a session in which its reading and a write may share a tick. */
const SLACK = 20;
/** Sessions remembered. */
const MOST = 64;

export class ReadTimes {
  private spans: { from: number; to: number }[] = [];

  /** A session was at work, milliseconds since 1970 by the system's clock. */
  add(from: number, to: number): void {
    this.spans.push({ from: from - SLACK, to: to + SLACK });
    if (this.spans.length > MOST) this.spans.shift();
  }

  /** Whether a session may have read a file in the tick of this time. */
  has(time: number): boolean {
    return this.spans.some(({ from, to }) => from <= time && time <= to);
  }
}
