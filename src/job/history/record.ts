/**
 * What is kept of one run of a job. Text as JSON, bounded in every part, so that a run with a million problems costs no more than its count.
 * What is read is checked: a record of another version, or a damaged one, is none. All times are milliseconds since 1970. Pure.
 */
import type { MirrorStatus } from '../../mirror/index.js';
import type { Outcome } from '../../session/index.js';
import { displayName } from '../../tree/index.js';
import { count, flag, list, object, oneOf, orNull, text, whole } from './shape.js';

export const RECORD_VERSION = 1;

/**
 * What became of a run. `success`: all was done (exit code 0, or 24: files vanished while they were read). `partial`: it went to its end and paths
 * failed (23, 25). `failed`: it could not. `stopped`: its window ended, and it goes on in the next. `cancelled`: by a person or the next run.
 * `skipped`: another run was at work. `interrupted`: it was killed, or the machine went down. `running`: it has not ended.
 */
export const RESULTS = ['running', 'success', 'partial', 'failed', 'stopped', 'cancelled', 'skipped', 'interrupted'] as const;
export type RunResult = (typeof RESULTS)[number];

/** Why a run was begun; `asked`: by a person. */
export const CAUSES = ['schedule', 'catch-up', 'asked', 'live'] as const;
export type RunCause = (typeof CAUSES)[number];

export const HOOK_TIMES = ['before', 'after', 'failure', 'lag'] as const;
export type HookTime = (typeof HOOK_TIMES)[number];

export const NOTICE_KINDS = ['mail', 'webhook', 'ping'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What one target got. Bytes `sent` and `received` are those of the connection; null: there was none, or it was not counted. */
export interface TargetRun {
  target: string;
  exitCode: number;
  start: number; end: number;
  scanMs: number;
  entries: number; created: number; deleted: number; moved: number; linked: number; files: number;
  transferredBytes: number; literalBytes: number; matchedBytes: number;
  sentBytes: number | null; receivedBytes: number | null;
  problems: number; warnings: number;
}

/** One of a run's problems, for people. `target`: its place in `JobRun.targets`. */
export interface RunProblem { target: number; side: 'source' | 'target'; severity: 'error' | 'warning'; code: string; path: string; message: string }

/** What a hook did. `ok`: it came to exit code 0 in time. */
export interface HookRun {
  when: HookTime;
  command: string;
  start: number; durationMs: number;
  ok: boolean;
  exitCode: number | null;
  /** What was wrong, one clause; null: nothing. */
  trouble: string | null;
  /** The end of what it said. */
  output: string;
}

/** What became of a notice. `to`: whom it was for, without anything secret. */
export interface NoticeRun { kind: NoticeKind; about: string; to: string; at: number; ok: boolean; attempts: number; trouble: string | null }

/** How far a target was behind at a moment: age of the oldest change in ms, and sizes of what waited. */
export interface LagPoint { at: number; ms: number; bytes: number }

export interface JobRun {
  version: typeof RECORD_VERSION;
  job: string;
  /** Counts the job's runs from 1. */
  run: number;
  cause: RunCause;
  sources: string[];
  targets: string[];
  pid: number;
  start: number;
  /** Null: it runs, or was interrupted. */
  end: number | null;
  result: RunResult;
  /** Null while it runs, and where it was interrupted. */
  exitCode: number | null;
  /** What ended it, where that was an error of the whole run. */
  error: { code: string; message: string } | null;
  /** By target, those that were worked on. */
  done: TargetRun[];
  problems: RunProblem[];
  hooks: HookRun[];
  notices: NoticeRun[];
  lag: LagPoint[];
  /** Where `skipped`: how many runs in a row were. 0 else. */
  skips: number;
}

export const LIMITS = { name: 128, path: 1024, message: 500, output: 2000, targets: 64, problems: 50, hooks: 32, notices: 64, lag: 600, record: 1 << 20 } as const;

const problemShape = object({ target: whole, side: oneOf(['source', 'target']), severity: oneOf(['error', 'warning']), code: text(64), path: text(LIMITS.path), message: text(LIMITS.message) });
const targetShape = object({
  target: text(LIMITS.path), exitCode: whole, start: count, end: count, scanMs: count, entries: whole, created: whole, deleted: whole, moved: whole, linked: whole, files: whole,
  transferredBytes: count, literalBytes: count, matchedBytes: count, sentBytes: orNull(count), receivedBytes: orNull(count), problems: whole, warnings: whole,
});
const hookShape = object({ when: oneOf(HOOK_TIMES), command: text(LIMITS.message), start: count, durationMs: count, ok: flag, exitCode: orNull(whole), trouble: orNull(text(LIMITS.message)), output: text(LIMITS.output) });
const noticeShape = object({ kind: oneOf(NOTICE_KINDS), about: text(64), to: text(LIMITS.message), at: count, ok: flag, attempts: whole, trouble: orNull(text(LIMITS.message)) });
const recordShape = object({
  version: (value) => value === RECORD_VERSION, job: (value) => typeof value === 'string' && isJobName(value), run: (value) => whole(value) && value !== 0, cause: oneOf(CAUSES),
  sources: list(text(LIMITS.path), LIMITS.targets), targets: list(text(LIMITS.path), LIMITS.targets), pid: whole, start: count, end: orNull(count), result: oneOf(RESULTS), exitCode: orNull(whole),
  error: orNull(object({ code: text(64), message: text(LIMITS.message) })), done: list(targetShape, LIMITS.targets), problems: list(problemShape, LIMITS.problems), hooks: list(hookShape, LIMITS.hooks),
  notices: list(noticeShape, LIMITS.notices), lag: list(object({ at: count, ms: count, bytes: count }), LIMITS.lag), skips: whole,
});

/** Whether a text may name a job here: 1 to 128 characters, none of them a control character or a slash. */
export function isJobName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return name.length > 0 && name.length <= LIMITS.name && !/[\u0000-\u001f\u007f-\u009f/]/.test(name) && name !== '.' && name !== '..';
}

/** A run that begins. */
export function newRun(about: Pick<JobRun, 'job' | 'cause' | 'sources' | 'targets' | 'pid' | 'start'>): JobRun {
  return {
    version: RECORD_VERSION, run: 1, end: null, result: 'running', exitCode: null, error: null, done: [], problems: [], hooks: [], notices: [], lag: [], skips: 0,
    ...about, sources: bounded(about.sources), targets: bounded(about.targets),
  };
}

function bounded(names: readonly string[]): string[] {
  return names.slice(0, LIMITS.targets).map((each) => cut(each, LIMITS.path));
}

export function encodeRun(run: JobRun): Buffer {
  return Buffer.from(JSON.stringify(run), 'utf8');
}

/** Undefined for what is none of ours. */
export function decodeRun(bytes: Buffer): JobRun | undefined {
  if (bytes.length > LIMITS.record) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // not JSON: no record
  }
  return recordShape(value) ? (value as JobRun) : undefined;
}

/** What a session's outcome leaves of a target, and its first problems. @param at its place in the run's targets. */
export function targetRun(run: JobRun, at: number, outcome: Outcome, start: number, traffic?: { sent: number; received: number }): { done: TargetRun; problems: RunProblem[] } {
  const done: TargetRun = {
    target: run.targets[at] ?? '', exitCode: outcome.exitCode, start, end: start + Math.round(outcome.elapsedMs), scanMs: Math.round(outcome.scanMs), entries: sum(outcome.totals.entries), created: sum(outcome.created),
    deleted: sum(outcome.deleted), moved: outcome.moved, linked: outcome.linked, files: outcome.transferredFiles, transferredBytes: outcome.transferredBytes, literalBytes: outcome.literalBytes,
    matchedBytes: outcome.matchedBytes, sentBytes: traffic?.sent ?? null, receivedBytes: traffic?.received ?? null, problems: outcome.problemCount, warnings: outcome.warningCount,
  };
  // Errors first: where there are many, they are what is looked for.
  const byWeight = [...outcome.problems.filter(({ severity }) => severity === 'error'), ...outcome.problems.filter(({ severity }) => severity === 'warning')];
  const problems = byWeight.slice(0, LIMITS.problems).map(({ side, severity, code, path, message }) => ({ target: at, side, severity, code, path: cut(displayName(path), LIMITS.path), message: cut(message, LIMITS.message) }));
  return { done, problems };
}

function sum(counts: Outcome['created']): number {
  return counts.files + counts.dirs + counts.links + counts.devices + counts.specials;
}

/** Adds what a target got. Problems are kept as far as there is room, a share for each target. */
export function addTarget(run: JobRun, added: { done: TargetRun; problems: readonly RunProblem[] }): void {
  if (run.done.length < LIMITS.targets) run.done.push(added.done);
  const share = Math.max(1, Math.floor(LIMITS.problems / Math.max(1, run.targets.length)));
  run.problems.push(...added.problems.slice(0, Math.min(share, LIMITS.problems - run.problems.length)));
}

/** Puts down how a target of a live job stands, in place of what was there. A mirror tells what it carried and what of that was new; the rest is what deltas saved. */
export function setLiveTarget(run: JobRun, at: number, status: MirrorStatus): void {
  const target = run.targets[at] ?? '';
  const done: TargetRun = {
    target, exitCode: 0, start: run.start, end: Math.max(run.start, status.at), scanMs: 0, entries: 0, created: 0, deleted: status.deleted, moved: 0, linked: 0, files: status.files, transferredBytes: status.bytes,
    literalBytes: status.literalBytes, matchedBytes: Math.max(0, status.bytes - status.literalBytes), sentBytes: null, receivedBytes: null, problems: status.backlog.failed, warnings: status.deferred.count,
  };
  const place = run.done.findIndex((each) => each.target === target);
  if (place >= 0) run.done[place] = done;
  else if (run.done.length < LIMITS.targets) run.done.push(done);
  const others = run.problems.filter((problem) => problem.target !== at);
  const own = status.failing.map(({ path, message }): RunProblem => ({ target: at, side: 'target', severity: 'error', code: 'failing', path: cut(path, LIMITS.path), message: cut(message, LIMITS.message) }));
  run.problems = [...others, ...own].slice(0, LIMITS.problems);
}

/** What an exit code says of a run that has ended. */
export function resultOf(exitCode: number): RunResult {
  switch (exitCode) {
    case 0: case 24: return 'success';
    case 23: case 25: return 'partial';
    case 20: return 'cancelled';
    default: return 'failed';
  }
}

/** Whether somebody is to be told. */
export function isFailure(result: RunResult): boolean {
  return result === 'partial' || result === 'failed' || result === 'interrupted';
}

/** Whether it says nothing about how the job does. */
export function saysNothing(result: RunResult): boolean {
  return result === 'running' || result === 'skipped' || result === 'cancelled' || result === 'stopped';
}

/** The first of the failures that the job's last runs are; undefined: its last one that counts did well, or there is none. */
export function failingSince(before: readonly JobRun[]): JobRun | undefined {
  let first: JobRun | undefined;
  for (const run of before.toReversed()) {
    if (saysNothing(run.result)) continue;
    if (!isFailure(run.result)) break;
    first = run;
  }
  return first;
}

/** Sums over the targets of a run. */
export interface RunSums { entries: number; files: number; created: number; deleted: number; moved: number; transferredBytes: number; literalBytes: number; matchedBytes: number; sentBytes: number; receivedBytes: number; problems: number; warnings: number }

export function sumsOf(run: Pick<JobRun, 'done'>): RunSums {
  const sums: RunSums = { entries: 0, files: 0, created: 0, deleted: 0, moved: 0, transferredBytes: 0, literalBytes: 0, matchedBytes: 0, sentBytes: 0, receivedBytes: 0, problems: 0, warnings: 0 };
  for (const each of run.done) for (const key of Object.keys(sums) as (keyof RunSums)[]) sums[key] += each[key] ?? 0;
  return sums;
}

/** A text of at most `longest` units, cut at its end, without half a character. */
export function cut(value: string, longest: number): string {
  if (value.length <= longest) return value;
  const end = value.charCodeAt(longest - 2) >> 10 === 0x36 ? longest - 2 : longest - 1; // not between the halves of a surrogate pair
  return `${value.slice(0, end)}…`;
}
