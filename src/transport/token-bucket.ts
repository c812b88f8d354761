/**
 * TokenBucket: how many bytes may be sent now so that the rate stays even. Pure: the clock is handed in. In any stretch of
 * t seconds no more than rate × t + one slice leave.
 */

/** Slices a second: a burst is a twentieth of a second's bytes. */
const SLICES = 20;
const LEAST_SLICE = 512;
const MOST_SLICE = 1 << 20;

export class TokenBucket {
  /** Most bytes that leave at once. */
  readonly slice: number;
  #tokens: number;
  #at: number;

  /** `rate`: bytes a second, above 0. `now`: a clock that never runs backwards, ms. */
  constructor(readonly rate: number, private readonly now: () => number) {
    this.slice = Math.min(Math.max(Math.floor(rate / SLICES), LEAST_SLICE), MOST_SLICE);
    this.#tokens = this.slice;
    this.#at = now();
  }

  /** Takes up to `wanted` bytes; 0: wait `waitMs` first. Small remainders are not given out alone. */
  take(wanted: number): number {
    this.#fill();
    const most = Math.min(wanted, this.slice);
    if (this.#tokens < most) return 0;
    this.#tokens -= most;
    return most;
  }

  /** Until `take` of as many gives something, ms. */
  waitMs(wanted: number): number {
    this.#fill();
    const missing = Math.min(wanted, this.slice) - this.#tokens;
    return missing <= 0 ? 0 : Math.ceil((missing / this.rate) * 1000);
  }

  #fill(): void {
    const now = this.now();
    this.#tokens = Math.min(this.slice, this.#tokens + ((now - this.#at) * this.rate) / 1000);
    this.#at = now;
  }
}
