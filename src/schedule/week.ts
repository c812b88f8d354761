/**
 * Week: a value for each minute of a week, in the local time of a zone, and when it changes. Timetables and windows are made of it. Pure.
 *
 * Here, too, is how their entries name days (`mon`, `mon-fri`, `sat+wed`) and times of the day (`08:00-18:00`, `22-6`). A time that ends
 * before it begins goes on into the next day. Where clocks are put forward the times in between do not occur, where they are put back they
 * occur twice.
 */
import { ZoneStretches } from './zone.js';

export const MINUTE = 60_000;
export const DAY = 1440; // minutes
const WEEK = 7 * DAY;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
/** 1970-01-01 was a Thursday. */
const EPOCH_DAY = 3;
/** Farther ahead nothing new comes: two weeks and a change of the clocks in each. */
const HORIZON = 16 * DAY * MINUTE;

export class Week<T> {
  private readonly stretches: ZoneStretches;
  /** The values that there are, and by minute from Monday 00:00 which it is. */
  private readonly kinds: readonly T[];
  private readonly minutes: Uint16Array;

  /** @param values by minute from Monday 00:00. @param zone IANA name. @throws TwintreeError USAGE for a zone that is none. */
  constructor(values: readonly T[], zone: string) {
    const kinds = new Map([...new Set(values)].map((value, k) => [value, k]));
    this.kinds = [...kinds.keys()];
    this.minutes = Uint16Array.from(values, (value) => kinds.get(value) as number);
    this.stretches = ZoneStretches.of(zone);
  }

  at(instant: number): T {
    return this.kinds[this.minutes[this.minute(instant, this.stretches.at(instant).offset)] as number] as T;
  }

  /** The first instant after this one with another value; undefined: it is always the same. */
  nextChange(instant: number): number | undefined {
    const now = this.at(instant);
    if (this.kinds.length === 1) return undefined;
    for (let at = instant; at < instant + HORIZON;) {
      const { offset, to } = this.stretches.at(at);
      const next = Math.min(this.boundary(at, offset), to);
      if (this.at(next) !== now) return next;
      at = next;
    }
    return undefined;
  }

  /** Since when the value is what it is at this instant; undefined: since ever, or for longer than changes are looked for. */
  since(instant: number): number | undefined {
    let since: number | undefined;
    for (let next = this.nextChange(instant - HORIZON); next !== undefined && next <= instant; next = this.nextChange(next)) since = next;
    return since;
  }

  private minute(instant: number, offset: number): number {
    const minute = Math.floor((instant + offset) / MINUTE) + EPOCH_DAY * DAY;
    return ((minute % WEEK) + WEEK) % WEEK;
  }

  /** When local time, going on evenly, comes to a minute with another value. */
  private boundary(instant: number, offset: number): number {
    const start = this.minute(instant, offset);
    const kind = this.minutes[start];
    let ahead = 1;
    while (ahead < WEEK && this.minutes[(start + ahead) % WEEK] === kind) ahead++;
    return Math.floor((instant + offset) / MINUTE) * MINUTE + ahead * MINUTE - offset;
  }
}

/** A word of an entry and where it stands. */
export interface Word { readonly text: string; readonly at: number }

/** Makes the error for what is wrong, at a character from 0. */
export type Complain = (what: string, at: number) => Error;

/** The entries of a text, separated by commas, as words. @throws what `complain` makes for one that is empty. */
export function entriesOf(text: string, complain: Complain): Word[][] {
  let at = 0;
  return text.split(',').map((part) => {
    const from = at;
    at += part.length + 1;
    const words = [...part.matchAll(/\S+/g)].map((match) => ({ text: match[0], at: from + match.index }));
    if (words.length === 0) throw complain('an entry is empty', from);
    return words;
  });
}

/** When an entry holds: days from Monday, and minutes of the day, `to` at most 2880. */
export interface Span { readonly days: readonly boolean[]; readonly from: number; readonly to: number }

/** Reads days and times, each of which may be missing, from the front of an entry's words. What is left after them is one too many. */
export function parseSpan(words: readonly Word[], what: string, complain: Complain): Span {
  const rest = [...words];
  const days = rest[0] !== undefined && /^[a-z]/i.test(rest[0].text) ? parseDays(rest.shift() as Word, complain) : DAYS.map(() => true);
  const times = rest.shift();
  const [extra] = rest;
  if (extra !== undefined) throw complain(`${JSON.stringify(extra.text)} is one too many: an entry is ${what}`, extra.at);
  return { days, ...(times === undefined ? { from: 0, to: DAY } : parseTimes(times, complain)) };
}

function parseDays({ text, at }: Word, complain: Complain): boolean[] {
  const days = DAYS.map(() => false);
  let start = at;
  for (const part of text.toLowerCase().split('+')) {
    const [first = '', last = first, more] = part.split('-');
    const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)];
    if (from < 0 || to < 0 || more !== undefined) throw complain(`${JSON.stringify(part)} is no day`, start);
    for (let day = from; ; day = (day + 1) % 7) {
      days[day] = true;
      if (day === to) break;
    }
    start += part.length + 1;
  }
  return days;
}

function parseTimes({ text, at }: Word, complain: Complain): { from: number; to: number } {
  const parts = /^(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?$/.exec(text);
  if (parts === null) throw complain(`${JSON.stringify(text)} is no time of day`, at);
  const from = Number(parts[1]) * 60 + Number(parts[2] ?? 0);
  const to = Number(parts[3]) * 60 + Number(parts[4] ?? 0);
  if (Number(parts[2] ?? 0) > 59 || Number(parts[4] ?? 0) > 59 || from >= DAY || to > DAY) throw complain(`${JSON.stringify(text)} is no time of day`, at);
  if (from === to) throw complain(`${JSON.stringify(text)} has no length; leave the times out for a whole day`, at);
  return { from, to: to > from ? to : to + DAY };
}

/** A week in which nothing is said. */
export function emptyWeek<T>(): (T | undefined)[] {
  return Array<T | undefined>(WEEK).fill(undefined);
}

/** Sets the minutes of an entry that no earlier one has. */
export function fill<T>(week: (T | undefined)[], { days, from, to }: Span, value: T): void {
  days.forEach((on, day) => {
    if (!on) return;
    for (let minute = from; minute < to; minute++) week[(day * DAY + minute) % WEEK] ??= value;
  });
}
