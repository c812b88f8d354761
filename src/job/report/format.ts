/** Numbers, times and sentences of runs for people, the same in mails, reports and on the terminal. Pure. */
import { sumsOf, type JobRun, type RunResult } from '../history/index.js';

/** `2.4 GB`, `870 kB`, `12 B`; units of 1000. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${at === 0 || value >= 99.5 ? Math.round(value) : Number(value.toFixed(value >= 9.95 ? 1 : 2))} ${units[at] as string}`;
}

/** `340 ms`, `12.5 s`, `3 min 2 s`, `5 h 12 min`, `3 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(seconds, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return pair(minutes, 60, 'h', 'min');
  const hours = Math.round(minutes / 60);
  return pair(hours, 24, 'd', 'h');
}

function pair(count: number, base: number, large: string, small: string): string {
  const rest = count % base;
  return `${Math.floor(count / base)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** `2026-11-28 18:49:14Z`. */
export function timeText(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ',')} ${count === 1 ? one : many}`;
}

/** A text of any origin as one line without control characters. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export const RESULT_TEXT: Readonly<Record<RunResult, string>> = {
  running: 'is at work', success: 'succeeded', partial: 'could not do everything', failed: 'failed', stopped: 'was stopped by the end of its window', cancelled: 'was cancelled',
  skipped: 'was left out, since another run was at work', interrupted: 'was interrupted',
};

/** What a run did, as one sentence without its end. */
export function runLine(run: JobRun): string {
  return `job ${plain(run.job)} ${runPredicate(run)}`;
}

/** The same without the job's name. */
export function runPredicate(run: JobRun): string {
  const parts = [`${RESULT_TEXT[run.result]}${run.exitCode === null || run.exitCode === 0 ? '' : ` (exit code ${run.exitCode})`}`];
  if (run.result === 'skipped') return run.skips > 1 ? `${parts[0] as string} (${run.skips} times)` : (parts[0] as string);
  const sums = sumsOf(run);
  const failed = run.hooks.filter(({ ok }) => !ok).length;
  if (run.error !== null) parts.push(plain(run.error.message));
  if (sums.problems > 0) {
    const [first] = run.problems;
    parts.push(`${countText(sums.problems, 'problem')}${first === undefined ? '' : `, the first: ${plain(first.path)}: ${plain(first.message)}`}`);
  }
  if (failed > 0) parts.push(`${countText(failed, 'hook')} failed`);
  if (run.done.length > 0) parts.push(`${countText(sums.files, 'file')}, ${bytesText(sums.transferredBytes)}${sums.deleted > 0 ? `, ${countText(sums.deleted, 'deletion')}` : ''}`);
  if (run.end !== null) parts.push(durationText(run.end - run.start));
  return parts.join('; ');
}
