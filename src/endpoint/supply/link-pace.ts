/**
 * How fast the connection takes what is sent, as one channel sees it: measured only while something waits for it all the time. A channel that mostly waits for
 * requests never waits for credit, and yet its link may be slow.
 */

/** Milliseconds that a measure takes at least. */
const SPAN = 200;
/** What waits is known to so many bytes: less may have left already. */
const UNTOLD = 128 << 10;
/** Bytes a millisecond below which packing pays: less than a core packs. */
const SLOW = 12_000;

export class LinkPace {
  /** Whether the link was slow when that was last known. */
  slow = false;
  private since: number | undefined;
  private before = 0;

  /**
   * To be called whenever something is sent.
   * @param now ms
   * @param taken bytes that have left so far, modulo 2^32; @param waiting bytes that have not
   */
  look(now: number, taken: number, waiting: number): void {
    if (waiting <= UNTOLD) {
      this.since = undefined;
      return;
    }
    if (this.since !== undefined) {
      if (now - this.since < SPAN) return;
      this.slow = ((taken - this.before) >>> 0) / (now - this.since) < SLOW;
    }
    this.since = now;
    this.before = taken;
  }
}
