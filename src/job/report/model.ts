/** A report: what the runs of jobs did over a stretch of time, as numbers. Pure. */
import { isFailure, newTotals, sumsOf, type JobRun, type JobSummary, type JobTotals, type LagPoint, type RunResult, type RunSums } from '../history/index.js';

/** What one job did. Runs with the oldest first. */
export interface JobReport {
  job: string;
  /** Runs by what became of them; those that were left out are counted one by one. */
  counts: Record<RunResult, number>;
  sums: RunSums;
  /** Of runs that ended, ms; null: there is none. */
  medianMs: number | null;
  longestMs: number | null;
  /** The worst, ms; null: nothing followed changes. */
  worstLagMs: number | null;
  /** Of all runs that are kept; when one last did well is in `totals` for ever. */
  lastSuccess: JobRun | undefined;
  lastFailure: JobRun | undefined;
  /** The first of the failures that its last runs are; undefined: it does well. */
  failingSince: number | undefined;
  runs: JobRun[];
  lag: LagPoint[];
  totals: JobTotals;
}

export interface Report {
  /** When it was made, and of what time it is; ms since 1970. */
  at: number;
  since: number;
  until: number;
  host: string;
  jobs: JobReport[];
}

/**
 * @param summaries those of `JobHistory.summaries({ since, until })`.
 * @param known names of jobs that are told also where they never ran.
 */
export function makeReport(summaries: readonly JobSummary[], about: Pick<Report, 'at' | 'since' | 'until' | 'host'>, known: readonly string[] = []): Report {
  const never = known.filter((name) => !summaries.some(({ job }) => job === name)).map((job): JobSummary => ({ job, runs: [], totals: newTotals(), lastSuccess: undefined, lastFailure: undefined, failingSince: undefined }));
  return { ...about, jobs: [...summaries, ...never].toSorted((a, b) => (a.job < b.job ? -1 : 1)).map((summary) => reportOf(summary, about)) };
}

function reportOf({ job, runs, totals, lastSuccess, lastFailure, failingSince }: JobSummary, { since, until }: Pick<Report, 'since' | 'until'>): JobReport {
  const counts: Record<RunResult, number> = { running: 0, success: 0, partial: 0, failed: 0, stopped: 0, cancelled: 0, skipped: 0, interrupted: 0 };
  for (const run of runs) counts[run.result] += run.result === 'skipped' ? run.skips : 1;
  const durations = runs.filter((run) => run.result !== 'skipped' && run.end !== null).map((run) => Math.max(0, (run.end ?? 0) - run.start)).sort((a, b) => a - b);
  const lag = runs.flatMap((run) => run.lag).filter(({ at }) => at >= since && at < until);
  return {
    job, counts, sums: sumsOf({ done: runs.flatMap(({ done }) => done) }), medianMs: durations[Math.floor(durations.length / 2)] ?? null, longestMs: durations.at(-1) ?? null,
    worstLagMs: lag.length === 0 ? null : lag.reduce((worst, { ms }) => Math.max(worst, ms), 0), lastSuccess, lastFailure, failingSince: failingSince === undefined ? undefined : Math.min(failingSince.start, totals.failingSince ?? Infinity), runs, lag, totals,
  };
}

/** What share of the content of carried files the target had already; undefined where nothing was carried. */
export function savedShare({ literalBytes, matchedBytes }: Pick<RunSums, 'literalBytes' | 'matchedBytes'>): number | undefined {
  const all = literalBytes + matchedBytes;
  return all === 0 ? undefined : matchedBytes / all;
}

/** One of equal stretches of time. */
export interface Bucket { from: number; to: number; good: number; bad: number; other: number; longestMs: number; literalBytes: number; matchedBytes: number; runs: number }

/** Runs put together in equal stretches of time, so that a picture of any number of them is bounded. Each counts where it began. */
export function bucketsOf(runs: readonly JobRun[], since: number, until: number, most: number): Bucket[] {
  const width = Math.max(1, (until - since) / most);
  const buckets: Bucket[] = Array.from({ length: most }, (_, k) => ({ from: since + k * width, to: since + (k + 1) * width, good: 0, bad: 0, other: 0, longestMs: 0, literalBytes: 0, matchedBytes: 0, runs: 0 }));
  for (const run of runs) {
    const bucket = buckets[Math.min(most - 1, Math.max(0, Math.floor((run.start - since) / width)))];
    if (bucket === undefined || run.result === 'skipped') continue;
    bucket.runs++;
    if (run.result === 'success') bucket.good++;
    else if (isFailure(run.result)) bucket.bad++;
    else bucket.other++;
    if (run.end !== null) bucket.longestMs = Math.max(bucket.longestMs, run.end - run.start);
    const sums = sumsOf(run);
    bucket.literalBytes += sums.literalBytes;
    bucket.matchedBytes += sums.matchedBytes;
  }
  return buckets;
}
