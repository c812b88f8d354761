/** Calendar: all schedules of a job together: what comes next, and what is to be run now after a pause. Pure. */
import { Schedule, type Occurrence, type ScheduleSpec } from './schedule.js';

/** A run that starts so much later than it should is on time, ms. */
export const ON_TIME_MS = 60_000;
/** `catchUp: all` makes up for the last so many. */
export const MOST_CAUGHT_UP = 100;
/** A clock that is put back by no more does not have runs done twice; by more, it was wrong before. */
export const LONGEST_STEP_BACK_MS = 3 * 3_600_000;

export class Calendar {
  private readonly schedules: readonly Schedule[];

  /** @param name of the job. @throws TwintreeError USAGE; a PositionError for what is wrong in a text. */
  constructor(specs: readonly ScheduleSpec[], name: string) {
    this.schedules = specs.map((spec, index) => new Schedule(spec, name, index));
  }

  /** The first run that starts after this instant; of several at once, that of the first schedule. Undefined: none in fifty years. */
  next(after: number): Occurrence | undefined {
    let best: Occurrence | undefined;
    for (const schedule of this.schedules) {
      const found = schedule.next(after);
      if (found !== undefined && (best === undefined || found.start < best.start)) best = found;
    }
    return best;
  }

  /**
   * What is to be run now: everything that should have started after `last` and not after `now`, as far as it is on time or is caught up. In order.
   * What is caught up starts now, or when its window opens. `last`: the start of the last run, or when the job came to be; see `settled`.
   */
  due(last: number, now: number): Occurrence[] {
    const late = now - ON_TIME_MS;
    const onTime: Occurrence[] = [];
    const each: Occurrence[] = [];
    const once: Occurrence[] = [];
    for (const schedule of this.schedules) {
      onTime.push(...schedule.last(Math.max(last, late), now, 1));
      if (late <= last || schedule.catchUp === 'none') continue;
      const missed = schedule.last(last, late, schedule.catchUp === 'all' ? MOST_CAUGHT_UP : 1);
      (schedule.catchUp === 'all' ? each : once).push(...missed.flatMap((run) => schedule.outside(now, run.due, { kind: 'missed', start: run.start }) ?? []));
    }
    const all = each.toSorted((a, b) => a.due - b.due);
    if (onTime.length > 0) return [...all, onTime.reduce((a, b) => (b.start > a.start ? b : a))]; // which makes up for a missed one, too
    if (all.length > 0) return all.slice(-MOST_CAUGHT_UP);
    return once.toSorted((a, b) => b.due - a.due).slice(0, 1);
  }

  /** When the window of a run closes that is at work now; undefined: it has none, or that is closed, as it was overslept. */
  closing({ schedule }: Occurrence, now: number): number | undefined {
    return this.schedules[schedule]?.closing(now);
  }

  /** The run that goes on with one which the end of its window stopped, when that opens after this instant. */
  resume({ schedule, due }: Occurrence, after: number): Occurrence | undefined {
    return this.schedules[schedule]?.outside(after, due, { kind: 'resumed' });
  }
}

/**
 * From when on runs are to be looked for, given the start of the last one and the clock as it stands. Where the clock was put back a
 * little, nothing is run twice; where it was put back by more than `LONGEST_STEP_BACK_MS`, the last start tells nothing.
 */
export function settled(last: number, now: number): number {
  return last - now > LONGEST_STEP_BACK_MS ? now : last;
}
