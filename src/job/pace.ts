/** pace: the rates of a timetable, handed to a session as they come to hold. */
import { Timetable } from '../schedule/index.js';
import { SetPace, type Pace } from '../session/index.js';
import type { JobConfig } from './config/index.js';

/** Timers reach no farther, ms. */
const LONGEST_TIMER = 86_400_000;

/** What a pace takes of the time. */
export interface PaceClock {
  now(): number;
  /** Calls back after so many ms; returns what undoes that. */
  later(ms: number, call: () => void): () => void;
}

const SYSTEM: PaceClock = {
  now: Date.now,
  later: (ms, call) => {
    const timer = setTimeout(call, ms);
    timer.unref();
    return () => { clearTimeout(timer); };
  },
};

/** The pace of a job's run, which follows the clock until `close`. */
export function openPace({ timetable, zone }: NonNullable<JobConfig['rates']>, clock: PaceClock = SYSTEM): { pace: Pace; close(): void } {
  const table = Timetable.parse(timetable, zone);
  const pace = new SetPace();
  let undo: (() => void) | undefined;
  const look = (): void => {
    const now = clock.now();
    const limit = table.limitAt(now);
    pace.set(typeof limit === 'number' ? limit : 0);
    const next = table.nextChange(now);
    if (next !== undefined) undo = clock.later(Math.min(Math.max(next - now, 1), LONGEST_TIMER), look); // early or late, it looks again
  };
  look();
  return { pace, close: () => { undo?.(); } };
}
