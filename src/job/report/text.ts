/** Reports and histories as text and as JSON. Pure. */
import type { JobRun, RunResult } from '../history/index.js';
import { runDocument } from '../notices/index.js';
import { bytesText, countText, durationText, plain, runLine, runPredicate, timeText } from './format.js';
import { savedShare, type JobReport, type Report } from './model.js';

/** Results in the order in which they are told. */
const TOLD: readonly RunResult[] = ['success', 'partial', 'failed', 'interrupted', 'stopped', 'cancelled', 'skipped', 'running'];
const COUNTED: Readonly<Record<RunResult, string>> = {
  success: 'succeeded', partial: 'could not do everything', failed: 'failed', interrupted: 'interrupted', stopped: 'stopped by the end of the window', cancelled: 'cancelled', skipped: 'left out', running: 'at work',
};

export function reportText(report: Report): string {
  const head = `Jobs on ${plain(report.host)} from ${timeText(report.since)} to ${timeText(report.until)}\n`;
  if (report.jobs.length === 0) return `${head}\nno job has run\n`;
  return `${head}${report.jobs.map((job) => `\n${jobText(job, report.at)}`).join('')}`;
}

/** `12 succeeded, 1 failed`, or `no run`. */
export function countsText(counts: JobReport['counts']): string {
  const parts = TOLD.filter((result) => counts[result] > 0).map((result) => `${counts[result]} ${COUNTED[result]}`);
  return parts.length === 0 ? 'no run' : parts.join(', ');
}

function jobText(job: JobReport, now: number): string {
  const { sums } = job;
  const rows: [string, string][] = [];
  const when = (run: JobRun): string => `${timeText(run.start)} (${durationText(Math.max(0, now - run.start))} ago)`;
  rows.push(['runs', countsText(job.counts)]);
  rows.push(['last success', job.lastSuccess === undefined ? lastSuccessText(job.totals) : when(job.lastSuccess)]);
  if (job.lastFailure !== undefined) rows.push(['last failure', `${when(job.lastFailure)}: ${runLine(job.lastFailure)}`]);
  if (job.failingSince !== undefined) rows.push(['failing since', timeText(job.failingSince)]);
  if (job.medianMs !== null) rows.push(['duration', `median ${durationText(job.medianMs)}, longest ${durationText(job.longestMs ?? 0)}`]);
  rows.push(['carried', carriedText(job)]);
  if (sums.sentBytes + sums.receivedBytes > 0) rows.push(['connection', `${bytesText(sums.sentBytes)} sent, ${bytesText(sums.receivedBytes)} received`]);
  if (sums.problems > 0) rows.push(['problems', countText(sums.problems, 'path')]);
  if (job.worstLagMs !== null) rows.push(['worst lag', durationText(job.worstLagMs)]);
  return `${plain(job.job)}\n${rows.map(([name, value]) => `  ${name.padEnd(14)} ${value}\n`).join('')}`;
}

/** Where the run itself is not kept any more. */
export function lastSuccessText({ lastSuccess }: JobReport['totals']): string {
  return lastSuccess === null ? 'none is known' : timeText(lastSuccess);
}

export function carriedText({ sums }: Pick<JobReport, 'sums'>): string {
  const share = savedShare(sums);
  const saved = share === undefined || sums.matchedBytes === 0 ? '' : `; deltas saved ${bytesText(sums.matchedBytes)} of it (${Math.floor(share * 100)} %)`;
  return `${countText(sums.files, 'file')}, ${bytesText(sums.transferredBytes)}${saved}; ${countText(sums.deleted, 'deletion')}`;
}

/** One line of JSON. */
export function reportJson(report: Report): string {
  const jobs = report.jobs.map(({ lastSuccess, lastFailure, failingSince, runs, ...job }) => ({
    ...job, failingSince: failingSince ?? null, lastSuccess: lastSuccess === undefined ? null : runDocument(lastSuccess), lastFailure: lastFailure === undefined ? null : runDocument(lastFailure), runs: runs.map(runDocument),
  }));
  return `${JSON.stringify({ type: 'report', version: 1, ...report, jobs })}\n`;
}

/** Problems of a run that are printed in a history. */
const NAMED = 5;

/** A run in a history: a line, and below it what went wrong. */
export function historyText(run: JobRun): string {
  const lines = [`${String(run.run).padStart(5)}  ${timeText(run.start)}  ${runPredicate(run)}`];
  for (const { path, message, code } of run.problems.slice(0, NAMED)) lines.push(`       ${plain(path)}: ${plain(message)} (${plain(code)})`);
  for (const hook of run.hooks.filter(({ ok }) => !ok)) lines.push(`       the ${hook.when} hook: ${plain(hook.command)}: ${plain(hook.trouble ?? '')}`, ...hook.output.split('\n').filter((line) => line.trim() !== '').slice(-NAMED).map((line) => `         | ${plain(line)}`));
  for (const notice of run.notices.filter(({ ok }) => !ok)) lines.push(`       the notice of ${notice.about} by ${notice.kind} to ${plain(notice.to)}: ${plain(notice.trouble ?? '')}`);
  return `${lines.join('\n')}\n`;
}

/** A run in a history, as a line of JSON. */
export function historyJson(run: JobRun): string {
  return `${JSON.stringify({ type: 'run', ...runDocument(run) })}\n`;
}
