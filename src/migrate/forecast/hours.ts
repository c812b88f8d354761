/**
 * hours: when the least changes, from what changed minute by minute. Pure.
 *
 * Method: what is reported between two looks is spread evenly over the hours it lies in (a gap of more than ten minutes says nothing: the program was not at work); each hour of the
 * day has the mean rate of all its days. An hour counts as seen from half an hour on; an answer is given from twenty hours on, for hours of the week from two weeks on.
 */
import type { MigrationEvent } from '../journal/events.js';

export interface Rate { readonly filesPerSecond: number; readonly bytesPerSecond: number }

export interface CheapHour extends Rate {
  /** 0 to 23, in the zone that was asked for. */
  readonly hour: number;
  /** 0: Sunday; null: every day. */
  readonly weekday: number | null;
  /** Hours of the day (of the week) that were seen. */
  readonly seen: number;
  /** The dearest one, for comparison. */
  readonly dearest: Rate & { readonly hour: number; readonly weekday: number | null };
}

/** Hour and day of an instant where people live. */
export type LocalHour = (at: number) => { readonly hour: number; readonly weekday: number };

export const UTC: LocalHour = (at) => {
  const date = new Date(at);
  return { hour: date.getUTCHours(), weekday: date.getUTCDay() };
};

const HOUR = 3_600_000;
const LONGEST_GAP = 600_000;
const LEAST_SEEN = HOUR / 2;
const LEAST_HOURS = 20;
const LEAST_HOURS_OF_WEEK = 160;
/** Each hour of the week twice. */
const LEAST_SPAN_OF_WEEK = 13 * 24 * HOUR;

interface Cell { ms: number; files: number; bytes: number }

/** Why there is no answer yet, or the hour. @param cost ms that a cutover takes longer by a file and by a byte that changes: what cheap means */
export function cheapestHour(events: readonly MigrationEvent[], cost: (rate: Rate) => number, local: LocalHour = UTC): CheapHour | { readonly unknown: string } {
  const day = new Map<number, Cell>();
  const week = new Map<number, Cell>();
  let first: number | undefined;
  let before: number | undefined;
  for (const event of events) {
    if (event.event !== 'lag') continue;
    first ??= event.at;
    if (before !== undefined && event.at > before && event.at - before <= LONGEST_GAP) {
      const { hour, weekday } = local((before + event.at) / 2);
      const ms = event.at - before;
      add(day, hour, ms, event.changedFiles, event.changedBytes);
      add(week, weekday * 24 + hour, ms, event.changedFiles, event.changedBytes);
    }
    before = event.at;
  }
  const hours = ranked(day, cost);
  if (hours.length < LEAST_HOURS) return { unknown: hours.length === 0 ? 'nothing was seen long enough yet' : `only ${hours.length} of 24 hours of the day were seen long enough` };
  const ofWeek = ranked(week, cost);
  const long = first !== undefined && before !== undefined && before - first >= LEAST_SPAN_OF_WEEK && ofWeek.length >= LEAST_HOURS_OF_WEEK;
  const those = long ? ofWeek : hours;
  const place = (key: number): { hour: number; weekday: number | null } => (long ? { hour: key % 24, weekday: Math.floor(key / 24) } : { hour: key, weekday: null });
  const [cheapest, dearest] = [those[0], those.at(-1)] as [Ranked, Ranked];
  return { ...place(cheapest.key), ...cheapest.rate, seen: those.length, dearest: { ...place(dearest.key), ...dearest.rate } };
}

interface Ranked { readonly key: number; readonly rate: Rate; readonly cost: number }

function ranked(cells: ReadonlyMap<number, Cell>, cost: (rate: Rate) => number): Ranked[] {
  return [...cells].filter(([, { ms }]) => ms >= LEAST_SEEN).map(([key, { ms, files, bytes }]): Ranked => {
    const rate = { filesPerSecond: (files * 1000) / ms, bytesPerSecond: (bytes * 1000) / ms };
    return { key, rate, cost: cost(rate) };
  }).toSorted((a, b) => a.cost - b.cost || a.key - b.key);
}

function add(cells: Map<number, Cell>, key: number, ms: number, files: number, bytes: number): void {
  const cell = cells.get(key);
  if (cell === undefined) cells.set(key, { ms, files, bytes });
  else {
    cell.ms += ms;
    cell.files += files;
    cell.bytes += bytes;
  }
}

/** What changes now: over the last `window` ms; undefined where nothing was seen then. */
export function changeRate(events: readonly MigrationEvent[], now: number, window: number): Rate | undefined {
  let ms = 0;
  let files = 0;
  let bytes = 0;
  let before: number | undefined;
  for (const event of events) {
    if (event.event !== 'lag') continue;
    if (before !== undefined && event.at > before && event.at - before <= LONGEST_GAP && event.at > now - window && event.at <= now) {
      ms += event.at - before;
      files += event.changedFiles;
      bytes += event.changedBytes;
    }
    before = event.at;
  }
  return ms === 0 ? undefined : { filesPerSecond: (files * 1000) / ms, bytesPerSecond: (bytes * 1000) / ms };
}
