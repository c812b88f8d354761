/** Waiting times between attempts: each twice the one before, up to a longest. Pure. */

/** Milliseconds. */
export const FIRST_WAIT = 500;
export const LONGEST_WAIT = 60_000;

export class Backoff {
  private wait = 0;

  /** How long to wait now, ms. */
  next(): number {
    this.wait = this.wait === 0 ? FIRST_WAIT : Math.min(LONGEST_WAIT, 2 * this.wait);
    return this.wait;
  }

  /** The same without its growing: for what failed besides. */
  same(): number {
    return this.wait === 0 ? this.next() : this.wait;
  }

  /** It went well. */
  reset(): void {
    this.wait = 0;
  }
}
