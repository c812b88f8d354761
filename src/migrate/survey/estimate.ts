/**
 * estimate: how long the first copy, catching up and verifying take, from what a survey and a short sample told. Bounds and not truths: a sample of seconds stands for
 * hours. The forecast takes their place as soon as the migration itself has been measured. Pure.
 */
import type { Estimate, Estimates, Measured } from './plan-types.js';
import { STRETCHES, type Survey } from './types.js';

/** A cost of bytes and one of files add up where they do not overlap; the truth lies between the larger one and this times their sum. */
const SLACK = 1.5;
/** What any session takes to begin and to end, ms. */
const START = 1000;

export interface EstimateFacts {
  readonly survey: Survey;
  readonly measured: Measured;
  /** Bytes a second that the options allow, 0: no limit. */
  readonly limit: number;
  readonly verify: 'full' | 'index';
  /** Of what the index vouches for, 0 to 1. */
  readonly sample: number;
  /** What the dry run would transfer; undefined: all. */
  readonly toCopy: { readonly files: number; readonly bytes: number } | undefined;
  readonly remote: boolean;
}

const UNKNOWN: Estimate = { ms: null, leastMs: null, mostMs: null, limits: 'unknown', note: null };

export function estimatesOf(facts: EstimateFacts): Estimates {
  const change = changeRate(facts.survey);
  const firstCopy = copyTime(facts);
  return { firstCopy, converge: convergeTime(facts, firstCopy, change), verify: verifyTime(facts), changeBytesPerSecond: change };
}

/**
 * Bytes that change each second: the most that any stretch before the survey tells (the last hour, day, week, or growth between surveys). Files count whole, also where a
 * line was appended, so it is an upper bound for what deltas send.
 */
export function changeRate({ written, growth }: Survey): number {
  const rates = (Object.keys(STRETCHES) as (keyof typeof STRETCHES)[]).map((stretch) => (written[stretch].bytes * 1000) / STRETCHES[stretch]);
  // A tree that was put there lately looks as if all of it were changing: the least of day and week is nearer to the truth, the last hour is what is going on now.
  const steady = Math.min(rates[1] ?? 0, rates[2] ?? 0);
  return Math.max(rates[0] === undefined || written.hour.bytes === written.week.bytes ? 0 : rates[0], steady, growth === null ? 0 : (growth.bytes * 1000) / growth.ms, 0);
}

interface Rate { readonly name: string; readonly perSecond: number }

function slowest(rates: readonly (Rate | undefined)[]): Rate | undefined {
  return rates.reduce<Rate | undefined>((least, one) => (one !== undefined && one.perSecond > 0 && (least === undefined || one.perSecond < least.perSecond) ? one : least), undefined);
}

function rate(name: string, perSecond: number | null): Rate | undefined {
  return perSecond === null ? undefined : { name, perSecond };
}

function byteRate({ measured, limit }: EstimateFacts): Rate | undefined {
  return slowest([rate('reading the source', measured.readBytesPerSecond), rate('the network', measured.linkBytesPerSecond), limit > 0 ? { name: 'the limit of bandwidth', perSecond: limit } : undefined]);
}

function copyTime(facts: EstimateFacts): Estimate {
  const { survey, measured, toCopy, remote } = facts;
  const bytes = toCopy?.bytes ?? survey.bytes.apparent;
  const files = toCopy?.files ?? survey.entries.files;
  const bulk = byteRate(facts);
  const each = slowest([rate('opening many small files', measured.readFilesPerSecond), rate('sending many small files', measured.linkFilesPerSecond)]);
  if (bulk === undefined) return UNKNOWN;
  const byBytes = (bytes / bulk.perSecond) * 1000;
  const byFiles = each === undefined ? 0 : (files / each.perSecond) * 1000;
  const least = Math.max(byBytes, byFiles);
  const note = remote && measured.linkBytesPerSecond === null ? 'the network could not be measured: it may take much longer' : !remote ? 'writing to the target is not measured: it may take longer' : null;
  return { ms: Math.round(START / 2 + (least + byBytes + byFiles) / 2), leastMs: Math.round(least), mostMs: Math.round(START + (byBytes + byFiles) * SLACK), limits: byFiles > byBytes ? (each as Rate).name : bulk.name, note };
}

/** What has changed during the first copy is sent, then what has changed during that, and so on: a geometric row, which ends where sending is faster than changing. */
function convergeTime(facts: EstimateFacts, firstCopy: Estimate, change: number): Estimate {
  const bulk = byteRate(facts);
  if (bulk === undefined || firstCopy.ms === null || firstCopy.leastMs === null || firstCopy.mostMs === null) return UNKNOWN;
  if (change >= bulk.perSecond) return { ms: null, leastMs: null, mostMs: null, limits: bulk.name, note: `as much changes each second as can be sent (${bulk.name}): it would not catch up unless deltas save enough of it` };
  const scan = facts.survey.tookMs;
  const catchUp = (ms: number): number => {
    const backlog = Math.min((change * ms) / 1000, facts.survey.bytes.apparent);
    return scan + (backlog / (bulk.perSecond - change)) * 1000;
  };
  return { ms: Math.round(catchUp(firstCopy.ms)), leastMs: Math.round(scan), mostMs: Math.round(catchUp(firstCopy.mostMs) * SLACK), limits: change * firstCopy.ms > bulk.perSecond * scan ? bulk.name : 'looking through the source', note: null };
}

/** Both trees are read at the same time; the target's speed is taken to be the source's. */
function verifyTime({ survey, measured, verify, sample }: EstimateFacts): Estimate {
  const bulk = measured.readBytesPerSecond;
  if (bulk === null || bulk <= 0) return UNKNOWN;
  const share = verify === 'full' ? 1 : sample;
  const byBytes = ((survey.bytes.apparent * share) / bulk) * 1000;
  const byFiles = measured.readFilesPerSecond === null || measured.readFilesPerSecond <= 0 ? 0 : ((survey.entries.files * share) / measured.readFilesPerSecond) * 1000;
  const least = Math.max(byBytes, byFiles, verify === 'index' ? survey.tookMs : 0);
  const most = (byBytes + byFiles + survey.tookMs) * 2;
  return {
    ms: Math.round((least + most / 2 + START) / 2), leastMs: Math.round(least), mostMs: Math.round(most + START), limits: byFiles > byBytes ? 'opening many small files' : 'reading both trees',
    note: verify === 'full' ? 'the services stand still meanwhile: verify: index with a sample reads less' : null,
  };
}
