/**
 * Easing: how many bytes a second a background transfer may send so that it stays out of the way. It backs off as soon as the link's queues grow, told by
 * round trips above their floor, long before packets are lost: the idea and the target of LEDBAT (RFC 6817), applied to a rate that is set
 * once a second. It backs off likewise where tasks on this host stall for want of CPU or disk (the kernel's pressure stall information). Pure; time
 * and measures are handed in.
 */

/** What is known at a moment. */
export interface LoadMeasure {
  /** Bytes a second that were sent since the last measure. */
  sentRate: number;
  /** Of the connection; undefined where there is none, or nothing was measured. */
  roundTrip: { latestMs: number; minMs: number } | undefined;
  /** Share of the last ten seconds in which some task stalled, percent; undefined where the kernel does not tell. */
  pressure: { cpu: number; io: number } | undefined;
}

/** Milliseconds of queueing that are taken for polite: RFC 6817 allows at most 100. */
export const TARGET_DELAY = 100;
/** Percent of stalling that is taken for polite. This program's own work is in it. */
export const TARGET_PRESSURE = 25;
/** Default of the least rate, bytes a second. */
export const LEAST_RATE = 128 << 10;
/** Largest step of a second, up and down; near the rate at which it last had to back off the step up is smaller. */
const GAIN = 0.5;
const CAREFUL_GAIN = 0.05;
/** Near: above this part of it. */
const NEAR = 0.75;
/** What is sent is the transfer's own matter, not the limit's, below this part of the limit: then it does not grow. */
const USED = 0.5;
/** A limit that lies so far above what the transfer ever needed is none. */
const MOST_RATE = 1e12;

export class Easing {
  /** Undefined: it never had to back off. */
  private current: number | undefined;
  private knee = Infinity;

  /** @param floor bytes a second that are always allowed. */
  constructor(private readonly floor = LEAST_RATE) {}

  /** Bytes a second; undefined: no limit. */
  get rate(): number | undefined {
    return this.current;
  }

  /** Takes a measure, about once a second while something is sent. */
  measure(load: LoadMeasure): void {
    const room = spare(load);
    if (this.current === undefined) {
      if (room < 0) this.set(load.sentRate, room);
      return;
    }
    if (room < 0) this.set(this.current, room);
    else if (load.sentRate >= USED * this.current) {
      const gain = this.current < NEAR * this.knee ? GAIN : CAREFUL_GAIN;
      this.current = Math.min(MOST_RATE, this.current * (1 + gain * room));
      if (this.current > this.knee) this.knee = Infinity; // there is more room than there was
    }
  }

  private set(rate: number, room: number): void {
    this.knee = Math.max(this.floor, rate);
    this.current = Math.max(this.floor, rate * (1 + GAIN * room));
  }
}

/** From -1 (far too much) over 0 (as much as is polite) to 1 (nothing is in the way): the least of all that is known. */
function spare({ roundTrip, pressure }: LoadMeasure): number {
  let room = 1;
  if (roundTrip !== undefined) room = Math.min(room, 1 - Math.max(0, roundTrip.latestMs - roundTrip.minMs) / TARGET_DELAY);
  if (pressure !== undefined) room = Math.min(room, 1 - Math.max(pressure.cpu, pressure.io) / TARGET_PRESSURE);
  return Math.max(-1, room);
}
