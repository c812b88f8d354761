/**
 * Pacer: how fast a mirror may send at a moment: by the clock, by a person's word, by what the link and the load of this host bear. The lowest of
 * them holds, and `off` or a pause stops it. Pure: time is handed in (ms since 1970).
 */

/** Bytes a second above 0; or no limit; or nothing at all is sent. */
export type RateLimit = number | 'full' | 'off';

/** Limits by the clock: `Timetable` of schedule/ is one. */
export interface RateSchedule {
  limitAt(instant: number): RateLimit;
  /** The first instant after this one at which another limit holds; undefined: it is always the same. */
  nextChange(instant: number): number | undefined;
}

/** No limit, at any time. */
export const FULL_RATE: RateSchedule = { limitAt: () => 'full', nextChange: () => undefined };

export class Pacer {
  /** What a controller found that the link and the host bear, bytes a second; undefined: there is none, or it knows nothing yet. */
  borne: number | undefined;
  /** Since when a person has paused it, ms since 1970. */
  pausedSince: number | undefined;
  private asked: RateSchedule | undefined;

  /** @param given what the command line says. */
  constructor(private readonly given: RateSchedule = FULL_RATE) {}

  /** A person's word takes the place of the command line's, until the mirror ends; undefined: the command line's again. */
  ask(schedule: RateSchedule | undefined): void {
    this.asked = schedule;
  }

  /** Whether a person's word holds. */
  get isAsked(): boolean {
    return this.asked !== undefined;
  }

  limitAt(now: number): RateLimit {
    if (this.pausedSince !== undefined) return 'off';
    const limit = this.schedule.limitAt(now);
    if (limit === 'off' || this.borne === undefined) return limit;
    return limit === 'full' ? this.borne : Math.min(limit, this.borne);
  }

  /** Why nothing is sent at this moment, if that is so. */
  whyOff(now: number): 'paused' | 'timetable' | undefined {
    if (this.pausedSince !== undefined) return 'paused';
    return this.schedule.limitAt(now) === 'off' ? 'timetable' : undefined;
  }

  /** When the clock changes it next, ms; undefined: it does not. */
  nextChange(now: number): number | undefined {
    return this.schedule.nextChange(now);
  }

  private get schedule(): RateSchedule {
    return this.asked ?? this.given;
  }
}

/** The limit as a session takes it: bytes a second, 0 for none. Nothing is sent by a session that is not run. */
export function sessionRate(limit: RateLimit): number {
  return typeof limit === 'number' ? limit : 0;
}
