/** What mails and webhooks say. Pure. */
import { sumsOf, type JobRun } from '../history/index.js';
import { bytesText, countText, durationText, plain, runLine, timeText } from '../report/format.js';
import type { Occasion } from './spec.js';

/** What there is to tell. */
export interface NoticeContext {
  readonly occasion: Occasion;
  readonly run: JobRun;
  /** This machine's name. */
  readonly host: string;
  /** With `recovery`: the first of the failures before. */
  readonly failedSince?: JobRun;
  /** With `lag`: how far behind a target is, and the limit, ms. */
  readonly lag?: { readonly target: string; readonly ms: number; readonly limitMs: number };
}

/** Version of the JSON that a webhook gets, and hooks on their standard input. */
export const DOCUMENT_VERSION = 1;
const PROBLEMS_IN_MAIL = 20;

export function subjectOf({ occasion, run, host, lag }: NoticeContext): string {
  const job = `${plain(run.job)} on ${plain(host)}`;
  switch (occasion) {
    case 'failure': return `[twintree] ${job}: ${run.result === 'partial' ? 'not everything was done' : 'failed'}${run.exitCode === null ? '' : ` (exit code ${run.exitCode})`}`;
    case 'success': return `[twintree] ${job}: done`;
    case 'recovery': return `[twintree] ${job}: works again`;
    case 'lag': return `[twintree] ${job}: ${durationText(lag?.ms ?? 0)} behind`;
  }
}

export function mailText(context: NoticeContext): string {
  const { run, host, failedSince, lag, occasion } = context;
  const lines: string[] = [];
  const sums = sumsOf(run);
  if (occasion === 'lag' && lag !== undefined) lines.push(`The target ${plain(lag.target)} is ${durationText(lag.ms)} behind; the limit is ${durationText(lag.limitMs)}.`, '');
  else lines.push(`${runLine(run)}.`, '');
  if (occasion === 'recovery' && failedSince !== undefined) lines.push(`It had failed since ${timeText(failedSince.start)}.`, '');
  lines.push(`Host:    ${plain(host)}`, ...run.sources.map((source, k) => `${k === 0 ? 'Source: ' : '        '} ${plain(source)}`), ...run.targets.map((target, k) => `${k === 0 ? 'Target: ' : '        '} ${plain(target)}`));
  lines.push(`Started: ${timeText(run.start)}`);
  if (run.end !== null) lines.push(`Ended:   ${timeText(run.end)} (${durationText(run.end - run.start)})`);
  if (run.done.length > 0) lines.push(`Did:     ${countText(sums.files, 'file')}, ${bytesText(sums.transferredBytes)} (${bytesText(sums.literalBytes)} of it new to the target); ${countText(sums.created, 'entry', 'entries')} created, ${sums.deleted} deleted`);
  if (run.problems.length > 0) {
    lines.push('', `Problems (${Math.min(run.problems.length, PROBLEMS_IN_MAIL)} of ${sums.problems + sums.warnings}):`);
    for (const { path, message, code } of run.problems.slice(0, PROBLEMS_IN_MAIL)) lines.push(`  ${plain(path)}: ${plain(message)} (${plain(code)})`);
  }
  for (const hook of run.hooks.filter(({ ok }) => !ok)) {
    lines.push('', `The ${hook.when} hook failed: ${plain(hook.command)}: ${plain(hook.trouble ?? '')}`);
    lines.push(...hook.output.trimEnd().split('\n').filter((line) => line !== '').map((line) => `  | ${plain(line)}`));
  }
  lines.push('', `twintree job history ${plain(run.job)} shows its runs.`);
  return `${lines.join('\n')}\n`;
}

/** The JSON of a webhook. `text` is a sentence, under the name by which chat services know it. */
export function webhookBody(context: NoticeContext, id: string): string {
  const { occasion, run, host, failedSince, lag } = context;
  return JSON.stringify({
    type: 'twintree-notice', version: DOCUMENT_VERSION, id, occasion, host, text: occasion === 'lag' ? subjectOf(context) : `${subjectOf(context)}: ${runLine(run)}`,
    ...(failedSince === undefined ? {} : { failedSince: failedSince.start }), ...(lag === undefined ? {} : { lag }), run: runDocument(run),
  });
}

/** A run for programs: what is kept of it, with its sums. Times in ms since 1970. */
export function runDocument(run: JobRun): Omit<JobRun, 'version'> & { version: number; sums: ReturnType<typeof sumsOf> } {
  return { ...run, version: DOCUMENT_VERSION, sums: sumsOf(run) };
}
