/**
 * Metrics of jobs for Prometheus: what the history knows, and what mirrors of live jobs say now. Counters count over all runs that ever were, also
 * those that the history does not keep any more. The label is `name`: `job` is Prometheus' own. Pure.
 */
import { exposition, metricsText, type Metric, type MirrorStatus, type Sample } from '../../mirror/index.js';
import { sumsOf, type JobRun, type JobStanding } from '../history/index.js';

/** How a job stands. */
export interface JobNow {
  /** What the history knows of it (`JobHistory.standings`); for a job that never ran, `newTotals()` and no runs. */
  readonly standing: JobStanding;
  /** Of its mirrors that are at work, one for each target. */
  readonly live: readonly MirrorStatus[];
  /** When it runs next, ms since 1970; null: not by schedule, or it is unknown. */
  readonly next: number | null;
  /** A person has paused it. */
  readonly paused: boolean;
  /** Runs that wait for their turn. */
  readonly waiting: number;
}

const seconds = (ms: number | null | undefined): number | null => (ms === null || ms === undefined ? null : ms / 1000);
const truth = (value: boolean): number => (value ? 1 : 0);
const RESULTS = ['success', 'partial', 'failed', 'stopped', 'cancelled', 'skipped', 'interrupted'] as const;
const total = (key: 'files' | 'deleted' | 'transferredBytes' | 'literalBytes' | 'matchedBytes' | 'sentBytes' | 'receivedBytes' | 'problems' | 'hooks' | 'notices') => ({ standing }: JobNow): number => standing.totals[key];
const worst = (now: JobNow, of: (status: MirrorStatus) => number): number | null => (now.live.length === 0 ? null : Math.max(...now.live.map(of)));
const sum = (now: JobNow, of: (status: MirrorStatus) => number): number | null => (now.live.length === 0 ? null : now.live.reduce((all, status) => all + of(status), 0));
/** Of the last run that has ended. */
const last = (of: (run: JobRun) => number) => ({ standing: { ended } }: JobNow): number | null => (ended === undefined ? null : of(ended));

export const JOB_PREFIX = 'twintree_job_';

export const JOB_METRICS: readonly Metric<JobNow>[] = [
  { name: 'running', type: 'gauge', help: 'Whether it is at work.', of: (now) => truth(now.standing.last?.result === 'running') },
  { name: 'paused', type: 'gauge', help: 'Whether a person has paused it.', of: ({ paused }) => truth(paused) },
  { name: 'waiting_runs', type: 'gauge', help: 'Runs that wait for their turn.', of: ({ waiting }) => waiting },
  { name: 'next_run_time_seconds', type: 'gauge', help: 'When it runs next.', of: ({ next }) => seconds(next) },
  { name: 'last_run_time_seconds', type: 'gauge', help: 'When its last run began.', of: (now) => seconds(now.standing.last?.start) },
  { name: 'last_success_time_seconds', type: 'gauge', help: 'When a run last ended well; for a live job, when a session last went through.', of: (now) => seconds(latest([now.standing.totals.lastSuccess, ...now.live.map(({ lastSuccess }) => lastSuccess)])) },
  { name: 'last_failure_time_seconds', type: 'gauge', help: 'When a run last began that failed, was interrupted, or could not do everything.', of: ({ standing }) => seconds(standing.totals.lastFailure) },
  { name: 'last_run_ok', type: 'gauge', help: 'Whether the last run that ended did well.', of: last(({ result }) => truth(result === 'success')) },
  { name: 'last_run_exit_code', type: 'gauge', help: 'Exit code of the last run that ended.', of: last(({ exitCode }) => exitCode ?? 0) },
  { name: 'last_run_seconds', type: 'gauge', help: 'How long the last run took that ended.', of: last(({ start, end }) => Math.max(0, (end ?? start) - start) / 1000) },
  { name: 'last_run_files', type: 'gauge', help: 'Files that it carried.', of: last((run) => sumsOf(run).files) },
  { name: 'last_run_bytes', type: 'gauge', help: 'Sizes of the files that it carried.', of: last((run) => sumsOf(run).transferredBytes) },
  { name: 'last_run_literal_bytes', type: 'gauge', help: 'Content bytes of them that were new to the target.', of: last((run) => sumsOf(run).literalBytes) },
  { name: 'last_run_saved_bytes', type: 'gauge', help: 'Content bytes of them that the target had already, so that deltas saved them.', of: last((run) => sumsOf(run).matchedBytes) },
  { name: 'last_run_problems', type: 'gauge', help: 'Paths that failed in it.', of: last((run) => sumsOf(run).problems) },
  { name: 'lag_seconds', type: 'gauge', help: 'Live jobs: age of the oldest change that is not on the target, of the target that is farthest behind.', of: (now) => seconds(worst(now, ({ lagMs }) => lagMs)) },
  { name: 'backlog_bytes', type: 'gauge', help: 'Live jobs: sizes of the files that wait, over all targets.', of: (now) => sum(now, ({ backlog }) => backlog.bytes) },
  { name: 'backlog_paths', type: 'gauge', help: 'Live jobs: paths that wait, over all targets.', of: (now) => sum(now, ({ backlog }) => backlog.paths) },
  { name: 'held', type: 'gauge', help: 'Live jobs: targets that wait for the approval of deletions.', of: (now) => sum(now, ({ held }) => truth(held !== null)) },
  { name: 'failing_paths', type: 'gauge', help: 'Live jobs: paths that fail, over all targets.', of: (now) => sum(now, ({ backlog }) => backlog.failed) },
  { name: 'runs_total', type: 'counter', help: 'Runs that have ended, and those that were left out, by what became of them.', of: ({ standing }): Sample[] => RESULTS.map((result) => ({ labels: { result }, value: standing.totals[result] })) },
  { name: 'run_seconds_total', type: 'counter', help: 'How long all runs took.', of: ({ standing }) => standing.totals.runMs / 1000 },
  { name: 'files_total', type: 'counter', help: 'Files carried.', of: total('files') },
  { name: 'deleted_total', type: 'counter', help: 'Entries deleted.', of: total('deleted') },
  { name: 'bytes_total', type: 'counter', help: 'Sizes of the files carried.', of: total('transferredBytes') },
  { name: 'literal_bytes_total', type: 'counter', help: 'Content bytes that were new to the target.', of: total('literalBytes') },
  { name: 'saved_bytes_total', type: 'counter', help: 'Content bytes that the target had already, so that deltas saved them.', of: total('matchedBytes') },
  { name: 'sent_bytes_total', type: 'counter', help: 'Bytes sent over connections, where they were counted.', of: total('sentBytes') },
  { name: 'received_bytes_total', type: 'counter', help: 'Bytes received over connections, where they were counted.', of: total('receivedBytes') },
  { name: 'problems_total', type: 'counter', help: 'Paths that failed.', of: total('problems') },
  { name: 'hook_failures_total', type: 'counter', help: 'Hooks that failed.', of: total('hooks') },
  { name: 'notice_failures_total', type: 'counter', help: 'Notices that could not be delivered.', of: total('notices') },
];

/** All that there is to say of jobs, and of each mirror of the live ones. */
export function jobMetricsText(jobs: readonly JobNow[]): string {
  return exposition(JOB_PREFIX, JOB_METRICS, jobs.map((now) => ({ labels: { name: now.standing.job }, of: now }))) + metricsText(jobs.flatMap(({ live }) => live));
}

function latest(times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((time) => typeof time === 'number');
  return known.length === 0 ? null : Math.max(...known);
}
