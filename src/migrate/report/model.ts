/** What a migration did, gathered from its journal for a report. Bounded: long series are put together, lists keep their last. Pure. */
import { compareForecasts, type Comparison } from '../forecast/index.js';
import type { MigrationEvent, MigrationState, Part } from '../journal/events.js';

type Of<E extends MigrationEvent['event']> = Extract<MigrationEvent, { event: E }>;

/** A state and how long it lasted. */
export interface Span { readonly state: MigrationState; readonly from: number; readonly to: number; readonly reason: string | null; /** It lasts. */ readonly open: boolean }

export interface Cutover {
  readonly at: number;
  readonly ms: number;
  readonly ok: boolean;
  readonly rehearsal: boolean;
  readonly parts: readonly { readonly part: Part; readonly ms: number }[];
  /** Undefined: nothing was said before. */
  readonly comparison: Comparison | undefined;
}

export interface LagPoint { readonly at: number; readonly lagMs: number; readonly backlogBytes: number; readonly changedBytes: number }

export interface MigrationHistory {
  readonly planned: Of<'planned'> | undefined;
  readonly since: number;
  readonly until: number;
  readonly state: MigrationState | undefined;
  readonly spans: readonly Span[];
  /** The oldest first. */
  readonly cutovers: readonly Cutover[];
  readonly lag: readonly LagPoint[];
  readonly worstLagMs: number | null;
  readonly totals: { readonly sessions: number; readonly files: number; readonly bytes: number; readonly sent: number; readonly backFiles: number; readonly backBytes: number };
  readonly firstCopy: { readonly ms: number; readonly files: number; readonly bytes: number } | undefined;
  readonly hooks: Kept<Of<'hook'>>;
  readonly problems: Kept<Of<'problem'>>;
  readonly writers: Kept<Of<'writer'>>;
  readonly operations: Kept<Of<'operation'>>;
  readonly evidence: Kept<Of<'evidence'>>;
}

/** The last of many, and how many there were. */
export interface Kept<T> { readonly count: number; readonly last: readonly T[] }

/** Entries that a list keeps, points of a picture, spans of a time line. */
const MOST = 200;
const MOST_POINTS = 1440;
const MOST_SPANS = 500;

/** @param events in the order of the journal @param now ms since 1970: up to when the last state lasts */
export function historyOf(events: readonly MigrationEvent[], now: number): MigrationHistory {
  const since = events.reduce((first, { at }) => Math.min(first, at), Infinity);
  const until = Math.max(now, events.reduce((last, { at }) => Math.max(last, at), 0));
  const spans = spansOf(events, until);
  const lag = of(events, 'lag');
  // A rehearsal's pass, told right behind its part, went to the copy for practice.
  const sessions = of(events.filter((_event, k) => !isRehearsal(events[k - 1])), 'session');
  const forward = sessions.filter(({ kind }) => kind !== 'back');
  const back = sessions.filter(({ kind }) => kind === 'back');
  const full = sessions.find(({ kind }) => kind === 'full');
  return {
    planned: of(events, 'planned').at(-1), since: Number.isFinite(since) ? since : now, until, state: spans.at(-1)?.state, spans: spans.slice(-MOST_SPANS), cutovers: cutoversOf(events),
    lag: pointsOf(lag), worstLagMs: lag.length === 0 ? null : lag.reduce((worst, { lagMs }) => Math.max(worst, lagMs), 0),
    totals: {
      sessions: sessions.length, files: sum(forward, 'files'), bytes: sum(forward, 'bytes'), sent: sum(forward, 'sent'), backFiles: sum(back, 'files'), backBytes: sum(back, 'bytes'),
    },
    firstCopy: full === undefined ? undefined : { ms: full.ms, files: full.files, bytes: full.bytes },
    hooks: kept(of(events, 'hook')), problems: kept(of(events, 'problem')), writers: kept(of(events, 'writer')), operations: kept(of(events, 'operation')), evidence: kept(of(events, 'evidence')),
  };
}

function of<E extends MigrationEvent['event']>(events: readonly MigrationEvent[], kind: E): Of<E>[] {
  return events.filter((event): event is Of<E> => event.event === kind);
}

function isRehearsal(before: MigrationEvent | undefined): boolean {
  return before?.event === 'part' && before.part === 'final' && before.rehearsal;
}

function kept<T>(all: readonly T[]): Kept<T> {
  return { count: all.length, last: all.slice(-MOST) };
}

function sum(sessions: readonly Of<'session'>[], field: 'files' | 'bytes' | 'sent'): number {
  return sessions.reduce((all, session) => all + session[field], 0);
}

function spansOf(events: readonly MigrationEvent[], until: number): Span[] {
  const begun: { state: MigrationState; from: number; reason: string | null }[] = [];
  for (const event of events) {
    if (event.event === 'planned' && begun.length === 0) begun.push({ state: 'planned', from: event.at, reason: null });
    else if (event.event === 'state') begun.push({ state: event.state, from: event.at, reason: event.reason });
  }
  return begun.map((span, k): Span => {
    const next = begun[k + 1];
    const { state, from, reason } = span;
    return { state, from, reason, to: Math.max(from, next?.from ?? until), open: next === undefined && !isEnd(state) };
  });
}

export function isEnd(state: MigrationState): boolean {
  return state === 'finished' || state === 'aborted' || state === 'rolled-back';
}

function cutoversOf(events: readonly MigrationEvent[]): Cutover[] {
  const comparisons = compareForecasts(events);
  const left = [...comparisons];
  return of(events, 'downtime').slice(-MOST).map(({ at, ms, ok, rehearsal, parts }) => {
    const k = rehearsal ? -1 : left.findIndex((one) => one.at === at && one.actualMs === ms);
    return { at, ms, ok, rehearsal, parts, comparison: k < 0 ? undefined : left.splice(k, 1)[0] };
  });
}

/** The worst of each stretch, where there are more than a picture can show; what changed is added up. */
function pointsOf(lag: readonly Of<'lag'>[]): LagPoint[] {
  const width = Math.max(1, Math.ceil(lag.length / MOST_POINTS));
  const points: LagPoint[] = [];
  for (let k = 0; k < lag.length; k += width) {
    const those = lag.slice(k, k + width);
    points.push({
      at: (those[0] as Of<'lag'>).at, lagMs: those.reduce((worst, { lagMs }) => Math.max(worst, lagMs), 0), backlogBytes: those.reduce((worst, { backlogBytes }) => Math.max(worst, backlogBytes), 0),
      changedBytes: those.reduce((all, { changedBytes }) => all + changedBytes, 0),
    });
  }
  return points;
}
