/** LagWatch: when to say that a target is too far behind: once when it passes the limit, and again only after it was below it, or a good while. Pure. */

/** Milliseconds after which it is said again, as long as it lasts. */
const AGAIN = 3_600_000;

export class LagWatch {
  private readonly saidAt = new Map<number, number>();

  /** @param limitMs undefined: never. */
  constructor(private readonly limitMs: number | undefined, private readonly again: number = AGAIN) {}

  /** True where it is to be said now. @param target which one. @param now any clock, ms. */
  over(target: number, ms: number, now: number): boolean {
    if (this.limitMs === undefined) return false;
    if (ms <= this.limitMs) {
      this.saidAt.delete(target);
      return false;
    }
    const said = this.saidAt.get(target);
    if (said !== undefined && now - said < this.again) return false;
    this.saidAt.set(target, now);
    return true;
  }
}
