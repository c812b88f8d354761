/**
 * A report of jobs as one page (page.ts). Whatever comes from outside (names, messages) is escaped. Its size is bounded: pictures put runs together, tables
 * have their last rows. Pure.
 */
import { isFailure, sumsOf, type JobRun } from '../history/index.js';
import { bytesText, countText, durationText, RESULT_TEXT, runPredicate, timeText } from './format.js';
import { bucketsOf, type JobReport, type Report } from './model.js';
import { htmlPage, timeElement as time } from './page.js';
import { barPlot, escapeHtml as e, linePlot, type PlotAbout } from './plot.js';
import { carriedText, countsText, lastSuccessText } from './text.js';

/** Bars of a picture, and rows of a table. */
const MOST_BARS = 160;
const LEAST_BARS = 30;
const MOST_ROWS = 50;
const MOST_PROBLEMS = 20;

export function reportHtml(report: Report): string {
  const title = `twintree: jobs on ${report.host}`;
  const body = report.jobs.length === 0 ? '<p>No job has run.</p>' : `${overview(report)}${report.jobs.map((job, k) => section(job, k, report)).join('')}`;
  return htmlPage(title, `<p class="dim">From ${time(report.since)} to ${time(report.until)}, made ${time(report.at)}. Times are UTC.</p>
${body}`);
}

function overview({ jobs }: Report): string {
  const rows = jobs.map((job, k) => `<tr><td><a href="#job-${k}">${e(job.job)}</a></td><td>${stateOf(job)}</td><td class="time">${job.lastSuccess === undefined ? lastSuccessText(job.totals) : time(job.lastSuccess.start)}</td><td class="num">${job.runs.length}</td><td class="num">${bytesText(job.sums.transferredBytes)}</td><td class="num">${bytesText(job.sums.matchedBytes)}</td><td class="num">${job.sums.problems}</td></tr>`);
  return `<table><thead><tr><th>Job<th>State<th>Last success<th class="num">Runs<th class="num">Carried<th class="num">Saved by deltas<th class="num">Problems</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function stateOf(job: JobReport): string {
  const last = job.runs.findLast(({ result }) => result !== 'skipped');
  if (job.failingSince !== undefined) return `<span class="is-bad">failing since ${time(job.failingSince)}</span>`;
  if (last?.result === 'running') return '<span class="is-other">at work</span>';
  return job.lastSuccess === undefined ? '<span class="dim">unknown</span>' : '<span class="is-good">well</span>';
}

function section(job: JobReport, k: number, report: Report): string {
  const { since, until } = report;
  const buckets = bucketsOf(job.runs, since, until, Math.min(MOST_BARS, Math.max(LEAST_BARS, 2 * job.runs.length)));
  const about = (title: string, unit: PlotAbout['unit'], scale: PlotAbout['scale']): PlotAbout => ({ title: `${title} of ${job.job}`, since, until, unit, scale });
  const parts = [
    `<h2 id="job-${k}">${e(job.job)}</h2>${facts(job)}`,
    '<h3>Runs</h3><p class="key dim"><span><i class="good"></i>succeeded</span><span><i class="bad"></i>failed or not everything</span><span><i class="other"></i>other</span></p>',
    barPlot(buckets.map((b) => ({ from: b.from, to: b.to, says: `${when(b.from)}: ${b.good} succeeded, ${b.bad} failed, ${b.other} other`, parts: [{ kind: 'good', value: b.good }, { kind: 'bad', value: b.bad }, { kind: 'other', value: b.other }] })), about('Runs', String, 'count')),
  ];
  if (buckets.some((b) => b.longestMs > 0)) {
    parts.push('<h3>Duration (the longest of each stretch)</h3>', barPlot(buckets.map((b) => ({ from: b.from, to: b.to, says: `${when(b.from)}: ${durationText(b.longestMs)}`, parts: [{ kind: 'duration', value: b.longestMs }] })), about('Duration', durationText, 'time')));
  }
  if (job.sums.literalBytes + job.sums.matchedBytes > 0) {
    parts.push('<h3>Content of carried files</h3><p class="key dim"><span><i class="literal"></i>new to the target</span><span><i class="matched"></i>saved by deltas</span></p>', barPlot(buckets.map((b) => ({ from: b.from, to: b.to, says: `${when(b.from)}: ${bytesText(b.literalBytes)} new, ${bytesText(b.matchedBytes)} saved by deltas`, parts: [{ kind: 'literal', value: b.literalBytes }, { kind: 'matched', value: b.matchedBytes }] })), about('Content', bytesText, 'decimal')));
  }
  if (job.lag.length > 0) {
    const points = job.lag.map(({ at, ms }) => ({ at, value: ms })).toSorted((a, b) => a.at - b.at);
    parts.push('<h3>Lag</h3>', linePlot(points, Math.max(600_000, (until - since) / 40), about('Lag', durationText, 'time')));
  }
  parts.push(runsTable(job), troubles(job));
  return `<section>${parts.join('')}</section>`;
}

function when(from: number): string {
  return timeText(from).slice(0, 16);
}

function facts(job: JobReport): string {
  const rows: [string, string][] = [['Runs', e(countsText(job.counts))], ['Last success', job.lastSuccess === undefined ? lastSuccessText(job.totals) : time(job.lastSuccess.start)]];
  if (job.lastFailure !== undefined) rows.push(['Last failure', `${time(job.lastFailure.start)}: it ${e(runPredicate(job.lastFailure))}`]);
  if (job.medianMs !== null) rows.push(['Duration', `median ${durationText(job.medianMs)}, longest ${durationText(job.longestMs ?? 0)}`]);
  rows.push(['Carried', e(carriedText(job))]);
  if (job.worstLagMs !== null) rows.push(['Worst lag', durationText(job.worstLagMs)]);
  return `<table class="facts"><tbody>${rows.map(([name, value]) => `<tr><th>${name}</th><td>${value}</td></tr>`).join('')}</tbody></table>`;
}

function runsTable({ runs }: JobReport): string {
  if (runs.length === 0) return '<p class="dim">No run in this time.</p>';
  const shown = runs.slice(-MOST_ROWS).toReversed();
  const rows = shown.map((run) => {
    const sums = sumsOf(run);
    return `<tr><td class="num">${run.run}</td><td class="time">${time(run.start)}</td><td class="${classOf(run)}">${e(RESULT_TEXT[run.result])}${run.result === 'skipped' && run.skips > 1 ? ` (${run.skips} times)` : ''}</td><td class="num">${run.exitCode ?? ''}</td><td class="num">${run.end === null ? '' : durationText(run.end - run.start)}</td><td class="num">${sums.files}</td><td class="num">${bytesText(sums.literalBytes)}</td><td class="num">${bytesText(sums.matchedBytes)}</td><td class="num">${sums.problems}</td></tr>`;
  });
  return `<h3>${shown.length < runs.length ? `The last ${shown.length} of ${countText(runs.length, 'run')}` : 'All runs'}</h3><table><thead><tr><th class="num">Run<th>Began<th>Result<th class="num">Code<th class="num">Took<th class="num">Files<th class="num">New<th class="num">Saved<th class="num">Problems</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** What went wrong in the last run that failed. */
function troubles({ lastFailure }: JobReport): string {
  if (lastFailure === undefined) return '';
  const rows = lastFailure.problems.slice(0, MOST_PROBLEMS).map(({ path, message, code }) => `<tr><td>${e(path)}</td><td>${e(message)}</td><td>${e(code)}</td></tr>`);
  for (const hook of lastFailure.hooks.filter(({ ok }) => !ok)) rows.push(`<tr><td>the ${hook.when} hook: ${e(hook.command)}</td><td>${e(hook.trouble ?? '')}</td><td></td></tr>`);
  if (lastFailure.error !== null) rows.push(`<tr><td></td><td>${e(lastFailure.error.message)}</td><td>${e(lastFailure.error.code)}</td></tr>`);
  return rows.length === 0 ? '' : `<h3>What went wrong in run ${lastFailure.run}</h3><table><tbody>${rows.join('')}</tbody></table>`;
}

function classOf({ result }: JobRun): string {
  return result === 'success' ? 'is-good' : isFailure(result) ? 'is-bad' : 'is-other';
}
