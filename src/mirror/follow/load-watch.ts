/** Watches, for --throttle=auto, what the link and this host bear while a session is at work (control/easing.ts decides). */
import { readPressure, type Pressure } from '../../fs/index.js';
import { Easing } from '../control/index.js';

/** What a connection that stands tells of itself; a standing connection of session/ is one. */
export interface LinkMeter {
  /** Undefined: none stands, or nothing was measured. `ageMs`: how long ago. */
  roundTrip(): { latestMs: number; minMs: number; ageMs?: number } | undefined;
  /** Bytes that went over the connection that stands. */
  bytes(): { out: number };
}

/** Milliseconds between two measures, at least. */
const EVERY = 900;
/** A round trip that was measured so long ago says nothing of now, ms. */
const STALE = 10_000;

export class LoadWatch {
  private readonly easing: Easing;
  private at: number | undefined;
  private sent = 0;
  private told = false;

  /** @param floor bytes a second. @param notice told once where there is less to go by than was asked for. */
  constructor(floor: number, private readonly meter: LinkMeter | undefined, private readonly notice: (code: string, message: string) => void, private readonly pressure: () => Pressure | undefined = readPressure) {
    this.easing = new Easing(floor);
  }

  /**
   * Looks; called about once a second. Returns bytes a second, undefined: no limit.
   * @param busy a session is at work: else nothing is learnt. @param carried content bytes so far, which count where no connection tells. @param now ms, a clock that never runs backwards.
   */
  look(busy: boolean, carried: number, now: number): number | undefined {
    const sent = this.meter?.bytes().out ?? carried;
    if (!busy || this.at === undefined) {
      this.at = now;
      this.sent = sent;
      return this.easing.rate;
    }
    const passed = now - this.at;
    if (passed < EVERY) return this.easing.rate;
    const sentRate = (Math.max(0, sent - this.sent) * 1000) / passed; // a connection that was made anew counts from 0
    this.at = now;
    this.sent = sent;
    this.easing.measure({ sentRate, roundTrip: this.roundTrip(), pressure: this.hostPressure() });
    return this.easing.rate;
  }

  private roundTrip(): { latestMs: number; minMs: number } | undefined {
    const trip = this.meter?.roundTrip();
    return trip === undefined || (trip.ageMs ?? 0) > STALE ? undefined : trip;
  }

  private hostPressure(): Pressure | undefined {
    const pressure = this.pressure();
    if (pressure === undefined && !this.told) {
      this.told = true;
      this.notice('no-pressure', `this kernel does not tell how tasks stall (/proc/pressure): --throttle=auto goes by ${this.meter === undefined ? 'nothing' : 'the connection alone'}`);
    }
    return pressure;
  }
}
