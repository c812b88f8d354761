/**
 * Cron: the instants of a cron expression in a zone, with the days on which clocks change decided as Vixie's cron does. Pure.
 *
 * An expression whose minute or hour begins with `*` goes by the clock on the wall: what the clock does not show does not occur, what it shows
 * twice occurs twice. One with fixed times is for something that should happen once a day: a time that is passed over when clocks are put
 * forward (by up to three hours) is due at that moment, and several such times are due once; a time that comes twice when clocks are put
 * back counts the first time only.
 */
import { CronFields } from './cron.js';
import { ZoneStretches } from './zone.js';

/** Beyond so much a change is no change to or from summer time: what it passes over does not occur. */
const LONGEST_GAP = 3 * 3_600_000;
/** Farther ahead nothing is looked for: 29 February of a certain weekday comes within 40 years, 8 more over the end of a century. */
const HORIZON = 50 * 366 * 86_400_000;
/** Longer than any change of the clocks. */
const TWO_DAYS = 2 * 86_400_000;

/** An instant that is due, and the local time (ms as if UTC) that the clock passed over, where it is due instead of it. */
export interface Due { readonly at: number; readonly skipped?: number }

export class Cron {
  private readonly fields: CronFields;
  private readonly stretches: ZoneStretches;

  /** @param zone IANA name. @throws TwintreeError USAGE; a PositionError where the expression is wrong. */
  constructor(readonly text: string, zone: string) {
    this.fields = CronFields.parse(text);
    this.stretches = ZoneStretches.of(zone);
  }

  /** The first instant after this one (ms since 1970; whole seconds); undefined: none in fifty years. */
  next(after: number): Due | undefined {
    const fixed = !this.fields.everyTime;
    const end = after + HORIZON;
    for (let from = after + 1; from < end;) {
      const { from: start, to, offset, before } = this.stretches.at(from);
      const jump = offset - before;
      if (fixed && from <= start && jump > 0 && jump <= LONGEST_GAP) {
        const skipped = this.fields.next(start + before, start + offset);
        if (skipped !== undefined) return { at: start, skipped };
      }
      const first = fixed && jump < 0 ? Math.max(from, start - jump) : from; // until then the local time is one that was
      const local = this.fields.next(first + offset, end + offset);
      if (local === undefined) return undefined;
      if (local < to + offset) return { at: local - offset };
      from = to - from < TWO_DAYS ? to : Math.max(to, local - offset - TWO_DAYS); // a change that is near may bring back times that were due
    }
    return undefined;
  }
}
