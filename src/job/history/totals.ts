/**
 * What a job did in all its runs, also those that are not kept any more: sums that only grow, as counters of metrics have to, and when it last did
 * well or not. Pure.
 */
import { count, object, orNull, whole } from './shape.js';
import { isFailure, sumsOf, type JobRun } from './record.js';

export interface JobTotals {
  version: 1;
  success: number; partial: number; failed: number; stopped: number; cancelled: number; skipped: number; interrupted: number;
  files: number; deleted: number;
  transferredBytes: number; literalBytes: number; matchedBytes: number; sentBytes: number; receivedBytes: number;
  problems: number;
  /** Hooks and notices that failed. */
  hooks: number; notices: number;
  /** Milliseconds that ended runs took. */
  runMs: number;
  /** The number of its latest run. */
  lastRun: number;
  /** When a run last ended well; when one last began that failed; since when none did well; ms since 1970. */
  lastSuccess: number | null; lastFailure: number | null; failingSince: number | null;
}

const COUNTS = ['success', 'partial', 'failed', 'stopped', 'cancelled', 'skipped', 'interrupted', 'files', 'deleted', 'transferredBytes', 'literalBytes', 'matchedBytes', 'sentBytes', 'receivedBytes', 'problems', 'hooks', 'notices', 'runMs'] as const;
const shape = object({ version: (value) => value === 1, ...Object.fromEntries(COUNTS.map((key) => [key, key.endsWith('Bytes') || key === 'runMs' ? count : whole])), lastRun: whole, lastSuccess: orNull(count), lastFailure: orNull(count), failingSince: orNull(count) });

export function newTotals(): JobTotals {
  return { version: 1, ...(Object.fromEntries(COUNTS.map((key) => [key, 0])) as Record<(typeof COUNTS)[number], number>), lastRun: 0, lastSuccess: null, lastFailure: null, failingSince: null };
}

/** Undefined for what is none of ours. */
export function decodeTotals(bytes: Buffer | undefined): JobTotals | undefined {
  try {
    const value: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    return shape(value) ? (value as JobTotals) : undefined;
  } catch {
    return undefined; // not JSON
  }
}

/**
 * Adds a run. `before`: what was added of it earlier, where it is told again with more in it: while it goes on, at its end, and with notices that came
 * after that.
 */
export function addToTotals(totals: JobTotals, run: JobRun, before?: JobRun): void {
  add(totals, run, 1);
  if (before !== undefined) add(totals, before, -1);
  totals.lastRun = Math.max(totals.lastRun, run.run);
  if (isFailure(run.result)) {
    totals.lastFailure = run.start;
    totals.failingSince ??= run.start;
  } else if (run.result === 'success') {
    totals.lastSuccess = run.end ?? run.start;
    totals.failingSince = null;
  }
}

function add(totals: JobTotals, run: JobRun, sign: 1 | -1): void {
  const put = (key: (typeof COUNTS)[number], value: number): void => { totals[key] = Math.max(0, totals[key] + sign * value); };
  if (run.result !== 'running') put(run.result, 1);
  const sums = sumsOf(run);
  for (const key of ['files', 'deleted', 'transferredBytes', 'literalBytes', 'matchedBytes', 'sentBytes', 'receivedBytes', 'problems'] as const) put(key, sums[key]);
  put('hooks', run.hooks.filter(({ ok }) => !ok).length);
  put('notices', run.notices.filter(({ ok }) => !ok).length);
  if (run.end !== null) put('runMs', Math.max(0, Math.round(run.end - run.start)));
}
