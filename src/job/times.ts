/**
 * times: a job's schedules as the planner asks for them, and when a run has to stop. What a window puts off (a run that was missed, one that its end
 * stopped) is remembered here until it is due; after a restart it follows anew from the history.
 */
import { Calendar, type Occurrence } from '../schedule/index.js';
import type { Cause, PlannedJob } from './agent/planner.js';
import type { JobConfig } from './config/index.js';

export interface JobTimes extends PlannedJob {
  /** When a run that begins now has to stop, and goes on next time: the end of its window, or its longest time. Undefined: it may go on. What a person asks for keeps to no window. */
  stopAt(cause: Cause, now: number): number | undefined;
  /** The end of its window stopped the run: it goes on when that opens again, which `next` tells from then on. */
  resume(cause: Cause, now: number): void;
}

export function jobTimes(job: JobConfig): JobTimes {
  const calendar = new Calendar(job.enabled ? job.schedules : [], job.name);
  const owed = new Map<number, Occurrence>(); // by their start
  const owe = (run: Occurrence | undefined): void => {
    if (run !== undefined) owed.set(run.start, run);
  };
  /** The run that a cause is about. */
  const runOf = (cause: Cause): Occurrence | undefined => {
    if (cause.kind === 'asked' || cause.kind === 'live') return undefined;
    const { due } = cause;
    const found = owed.get(due) ?? calendar.next(due - 1);
    return found?.start === due ? found : undefined;
  };
  return {
    name: job.name, priority: job.priority, overlap: job.overlap, live: job.mode === 'live',
    next: (after) => {
      let first = calendar.next(after)?.start;
      for (const start of owed.keys()) {
        if (start > after && (first === undefined || start < first)) first = start;
      }
      return first;
    },
    missed: (since, now) => {
      const runs = calendar.due(since, now);
      for (const run of runs) if (run.start > now) owe(run);
      return runs.filter(({ start }) => start <= now).map(missedStart);
    },
    stopAt: (cause, now) => {
      const run = runOf(cause);
      const closing = run === undefined ? undefined : calendar.closing(run, now);
      const longest = job.runTimeMs === undefined ? undefined : now + job.runTimeMs;
      return closing === undefined || longest === undefined ? (closing ?? longest) : Math.min(closing, longest);
    },
    resume: (cause, now) => {
      const run = runOf(cause);
      for (const start of owed.keys()) if (start <= now) owed.delete(start);
      if (run !== undefined) owe(calendar.resume(run, now));
    },
  };
}

/** When a run should have started: what is caught up starts later. */
function missedStart(run: Occurrence): number {
  for (const move of run.moves) if (move.kind === 'missed') return move.start;
  return run.start;
}
