/**
 * Timetable: which bandwidth limit holds when, by weekday and local time. Pure: instants are handed in (ms since 1970).
 *
 *     mon-fri 08:00-18:00 2M, sat-sun full, else 10M
 *
 * Entries are separated by commas; the first that fits decides. An entry is days (`mon`, `mon-fri`, `sat+wed`, or none: every day),
 * times (`08:00-18:00`, `22-6`, or none: all day) and a limit: a rate as in --bwlimit (KiB a second, or with K, M, G …), `full` or 0
 * for none, `off` for a pause. A time that ends before it begins goes on into the next day, which it need not name. `else`
 * is what holds otherwise; without it there is no limit. Where clocks are put forward the times in between do not occur, where they
 * are put back they occur twice.
 */
import { TwintreeError } from '../tree/index.js';
import { zoneOffset } from './zone.js';

/** Bytes a second above 0; or no limit; or nothing at all is sent. */
export type Limit = number | 'full' | 'off';

const MINUTE = 60_000;
const DAY = 1440; // minutes
const WEEK = 7 * DAY;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
/** 1970-01-01 was a Thursday. */
const EPOCH_DAY = 3;
/** A zone changes its offset at most once in so long, ms. */
const STEP = 12 * 60 * MINUTE;
/** Farther ahead nothing new comes: two weeks and a change of the clocks in each. */
const HORIZON = 16 * DAY * MINUTE;
const ADVICE = 'Write for example "mon-fri 08:00-18:00 2M, sat-sun full, else 10M".';
const UNITS = 'bkmgtp';

export class Timetable {
  /** The limit of each minute of a week, from Monday 00:00. */
  private readonly week: Limit[];
  private readonly offset: (instant: number) => number;

  private constructor(week: Limit[], zone: string) {
    this.week = week;
    this.offset = zoneOffset(zone);
  }

  /**
   * Reads a timetable that holds in a zone (IANA name).
   * @throws TwintreeError USAGE, with the position of what is wrong.
   */
  static parse(text: string, zone: string): Timetable {
    const week = Array<Limit | undefined>(WEEK).fill(undefined);
    let otherwise: Limit = 'full';
    let last = false;
    let at = 0;
    for (const part of text.split(',')) {
      const words = [...part.matchAll(/\S+/g)].map((match) => ({ text: match[0], at: at + match.index }));
      const [first] = words;
      if (first === undefined) throw problem('an entry is empty', at);
      if (last) throw problem('nothing may follow "else"', first.at);
      const entry = parseEntry(words);
      if (entry.days === undefined) {
        otherwise = entry.limit;
        last = true;
      } else fill(week, entry.days, entry.from, entry.to, entry.limit);
      at += part.length + 1;
    }
    return new Timetable(week.map((limit) => limit ?? otherwise), zone);
  }

  limitAt(instant: number): Limit {
    return this.week[this.minute(instant, this.offset(instant))] as Limit;
  }

  /** The first instant after this one at which another limit holds; undefined: it is always the same. */
  nextChange(instant: number): number | undefined {
    const now = this.limitAt(instant);
    if (this.week.every((limit) => limit === now)) return undefined;
    for (let at = instant; at < instant + HORIZON;) {
      const offset = this.offset(at);
      const ahead = Math.min(this.boundary(at, offset, now), at + STEP);
      const next = this.offset(ahead) === offset ? ahead : this.transition(at, ahead, offset);
      if (this.limitAt(next) !== now) return next;
      at = next;
    }
    return undefined;
  }

  private minute(instant: number, offset: number): number {
    const minute = Math.floor((instant + offset) / MINUTE) + EPOCH_DAY * DAY;
    return ((minute % WEEK) + WEEK) % WEEK;
  }

  /** When local time, going on evenly, comes to a minute with another limit. */
  private boundary(instant: number, offset: number, now: Limit): number {
    const start = this.minute(instant, offset);
    let ahead = 1;
    while (ahead < WEEK && this.week[(start + ahead) % WEEK] === now) ahead++;
    return Math.floor((instant + offset) / MINUTE) * MINUTE + ahead * MINUTE - offset;
  }

  /** The first ms at which the offset is no longer `offset`, in (low, high]. */
  private transition(from: number, to: number, offset: number): number {
    let low = from;
    let high = to;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offset(middle) === offset) low = middle;
      else high = middle;
    }
    return high;
  }
}

interface Word { readonly text: string; readonly at: number }
interface Entry {
  /** undefined: `else`. */
  readonly days: readonly boolean[] | undefined;
  /** Minutes of the day; `to` at most 2880. */
  readonly from: number;
  readonly to: number;
  readonly limit: Limit;
}

function parseEntry(words: readonly Word[]): Entry {
  const rest = [...words];
  const limitWord = rest.pop() as Word;
  const limit = parseLimit(limitWord);
  if (rest[0]?.text.toLowerCase() === 'else') {
    if (rest[1] !== undefined) throw problem('"else" takes a limit only', rest[1].at);
    return { days: undefined, from: 0, to: DAY, limit };
  }
  const days = rest[0] !== undefined && /^[a-z]/i.test(rest[0].text) ? parseDays(rest.shift() as Word) : DAYS.map(() => true);
  const times = rest.shift();
  const [extra] = rest;
  if (extra !== undefined) throw problem(`${JSON.stringify(extra.text)} is one too many: an entry is days, times and a limit`, extra.at);
  return { days, ...(times === undefined ? { from: 0, to: DAY } : parseTimes(times)), limit };
}

function parseDays({ text, at }: Word): boolean[] {
  const days = DAYS.map(() => false);
  let start = at;
  for (const part of text.toLowerCase().split('+')) {
    const [first = '', last = first, more] = part.split('-');
    const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)];
    if (from < 0 || to < 0 || more !== undefined) throw problem(`${JSON.stringify(part)} is no day`, start);
    for (let day = from; ; day = (day + 1) % 7) {
      days[day] = true;
      if (day === to) break;
    }
    start += part.length + 1;
  }
  return days;
}

function parseTimes({ text, at }: Word): { from: number; to: number } {
  const parts = /^(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?$/.exec(text);
  if (parts === null) throw problem(`${JSON.stringify(text)} is no time of day`, at);
  const from = Number(parts[1]) * 60 + Number(parts[2] ?? 0);
  const to = Number(parts[3]) * 60 + Number(parts[4] ?? 0);
  if (Number(parts[2] ?? 0) > 59 || Number(parts[4] ?? 0) > 59 || from >= DAY || to > DAY) throw problem(`${JSON.stringify(text)} is no time of day`, at);
  if (from === to) throw problem(`${JSON.stringify(text)} has no length; leave the times out for a whole day`, at);
  return { from, to: to > from ? to : to + DAY };
}

function parseLimit({ text, at }: Word): Limit {
  const word = text.toLowerCase();
  if (word === 'full' || word === 'off') return word;
  const parts = /^(\d+(?:\.\d*)?|\.\d+)(?:([bkmgtp])(b|ib)?)?$/.exec(word);
  if (parts === null) throw problem(`${JSON.stringify(text)} is no limit`, at);
  const base = parts[3] === 'b' ? 1000 : 1024;
  const bytes = Math.trunc(Number(parts[1]) * base ** UNITS.indexOf(parts[2] ?? 'k'));
  if (bytes === 0) return 'full';
  if (bytes < 512) throw problem(`${JSON.stringify(text)} is too small: the least is 512 bytes a second`, at);
  if (bytes > 2 ** 63) throw problem(`${JSON.stringify(text)} is too large`, at);
  return Math.floor((bytes + 512) / 1024) * 1024; // whole KiB, as --bwlimit
}

/** Sets the minutes of an entry that no earlier one has. */
function fill(week: (Limit | undefined)[], days: readonly boolean[], from: number, to: number, limit: Limit): void {
  days.forEach((on, day) => {
    if (!on) return;
    for (let minute = from; minute < to; minute++) week[(day * DAY + minute) % WEEK] ??= limit;
  });
}

function problem(message: string, at: number): TwintreeError {
  return new TwintreeError('USAGE', `the timetable is wrong at character ${at + 1}: ${message}`, { advice: ADVICE });
}
