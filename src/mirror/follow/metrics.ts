/**
 * Metrics: how mirrors stand as text for Prometheus (the exposition format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/).
 * Counters count since the mirror was started. Pure.
 */
import { exposition, type Metric as MetricOf, type Sample } from './exposition.js';
import { PHASES, type MirrorStatus } from './status.js';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Metric = MetricOf<MirrorStatus>;

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
const truth = (value: boolean): number => (value ? 1 : 0);
const by = (label: string, values: Readonly<Record<string, number>>): Sample[] => Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));

const METRICS: readonly Metric[] = [
  { name: 'info', type: 'gauge', help: 'How the source is followed; always 1.', of: (s) => [{ labels: { backend: s.backend }, value: 1 }] },
  { name: 'start_time_seconds', type: 'gauge', help: 'When the mirror was started.', of: (s) => seconds(s.startedAt) },
  { name: 'status_time_seconds', type: 'gauge', help: 'Of when these numbers are.', of: (s) => seconds(s.at) },
  { name: 'phase', type: 'gauge', help: 'What the mirror does: 1 for the phase it is in.', of: (s) => PHASES.map((phase) => ({ labels: { phase }, value: truth(s.phase === phase) })) },
  { name: 'lag_seconds', type: 'gauge', help: 'Age of the oldest change that is not on the target.', of: (s) => seconds(s.lagMs) },
  { name: 'backlog_bytes', type: 'gauge', help: 'Sizes of the files that wait; an estimate.', of: (s) => s.backlog.bytes },
  { name: 'backlog_bytes_exact', type: 'gauge', help: 'Whether each path that waits was looked at for backlog_bytes.', of: (s) => truth(s.backlog.exact) },
  { name: 'backlog_paths', type: 'gauge', help: 'Paths that wait.', of: (s) => s.backlog.paths },
  { name: 'in_doubt', type: 'gauge', help: 'Whether everything is to be compared.', of: (s) => truth(s.backlog.whole) },
  { name: 'failing_paths', type: 'gauge', help: 'Paths that fail, by the code of their problem.', of: (s) => by('code', s.failingBy) },
  { name: 'deferred_files', type: 'gauge', help: 'Files that change while they are read.', of: (s) => s.deferred.count },
  { name: 'paused', type: 'gauge', help: 'Whether a person or the timetable has paused it.', of: (s) => ['asked', 'timetable'].map((reason) => ({ labels: { reason }, value: truth(s.pauses.includes(reason)) })) },
  { name: 'held', type: 'gauge', help: 'Whether it waits for the approval of deletions.', of: (s) => truth(s.held !== null) },
  { name: 'held_deletions', type: 'gauge', help: 'Deletions that wait for an approval.', of: (s) => s.held?.deletions ?? 0 },
  { name: 'rate_limit_bytes', type: 'gauge', help: 'Most bytes a second that may be sent now; +Inf without a limit.', of: (s) => s.rate ?? Infinity },
  { name: 'events_total', type: 'counter', help: 'Events of the kernel.', of: (s) => s.events },
  { name: 'overflows_total', type: 'counter', help: 'How often the kernel dropped events.', of: (s) => s.overflows },
  { name: 'sessions_total', type: 'counter', help: 'Sessions, by what became of them.', of: (s) => by('result', s.results) },
  { name: 'full_sessions_total', type: 'counter', help: 'Full comparisons that went through.', of: (s) => s.fullSessions },
  { name: 'files_total', type: 'counter', help: 'Files carried.', of: (s) => s.files },
  { name: 'bytes_total', type: 'counter', help: 'Sizes of the files carried.', of: (s) => s.bytes },
  { name: 'literal_bytes_total', type: 'counter', help: 'Content bytes that were new to the target.', of: (s) => s.literalBytes },
  { name: 'deleted_total', type: 'counter', help: 'Entries deleted.', of: (s) => s.deleted },
  { name: 'drift_paths', type: 'gauge', help: 'Paths that other hands had changed on the target, when it was last looked for.', of: (s) => s.drift?.count ?? null },
  { name: 'drift_paths_total', type: 'counter', help: 'Such paths in all looks.', of: (s) => s.drift?.total ?? null },
  { name: 'unseen_changes_total', type: 'counter', help: 'Changes of the source that no event told, found by comparing.', of: (s) => s.drift?.unseenTotal ?? null },
  { name: 'last_success_time_seconds', type: 'gauge', help: 'When a session last went through.', of: (s) => seconds(s.lastSuccess) },
  { name: 'last_full_time_seconds', type: 'gauge', help: 'When everything was last compared.', of: (s) => seconds(s.lastFull) },
];

/** The metrics of mirrors, one for each target. */
export function metricsText(statuses: readonly MirrorStatus[]): string {
  return exposition('twintree_mirror_', METRICS, statuses.map((status) => ({ labels: { source: status.source, target: status.target }, of: status })));
}
