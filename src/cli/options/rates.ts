/** Rates that may change by the clock, as `mirror --bwlimit` and `twintree throttle` take them: one rate, or a timetable. */
import type { RateRequest } from '../../mirror/index.js';
import { Timetable } from '../../schedule/index.js';
import type { FollowingOptions } from './draft.js';

/** The zone that this system's clock shows; UTC where TZ is something that Node makes no zone of, and its own dates are in UTC, too. */
export function systemZone(): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions() as { timeZone?: string };
  return timeZone === undefined || timeZone === 'Etc/Unknown' ? 'UTC' : timeZone;
}

/** @param zone IANA name; undefined: the system's. @throws TwintreeError USAGE. */
export function readRates(text: string, zone: string | undefined): Timetable {
  return Timetable.parse(text, zone ?? systemZone());
}

/** How fast a mirror may send, and how it reads another limit later. */
export function ratesOf(bwlimit: number, { timetable, timeZone }: FollowingOptions): RateRequest {
  const read = (text: string): Timetable => readRates(text, timeZone);
  if (timetable !== undefined) return { given: read(timetable), read };
  return bwlimit > 0 ? { given: { limitAt: () => bwlimit, nextChange: () => undefined }, read } : { read };
}
