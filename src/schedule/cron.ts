/**
 * CronFields: a cron expression as it is written, and which local times it names. Pure; zones are `cron-next.ts`'s.
 *
 *     [second] minute hour day-of-month month day-of-week
 *
 * A field is `*`, a number, a name (jan, mon), a range `8-18`, a list `1,15`, with a step `* /15` (written without the blank) or `8-18/2`.
 * Days of the week are 0 to 7 (0 and 7 are Sunday) and may go round: `fri-mon`. Days of the month also: `L` the last, `L-3` three before it,
 * `15W` the working day nearest to the 15th in that month, `LW` the last working day. Days of the week also: `5L` or `friL` the last Friday, `fri#2`
 * the second. `?` is `*`. Where both kinds of days are restricted either is enough, as in Vixie's cron; where one of them begins with `*`
 * both must fit. `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly` stand for what they say.
 */
import { PositionError } from './position.js';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_MS = 86_400_000;
const ADVICE = 'Write minute, hour, day of the month, month and day of the week, such as "30 2 * * mon-fri", or @daily.';
/** The calendar comes round in so many months; what does not occur in them never does. */
const CYCLE = 400 * 12;

const SHORT: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
};

interface Range { readonly name: string; readonly low: number; readonly high: number; readonly names?: readonly string[]; readonly round?: boolean }
const SECOND: Range = { name: 'second', low: 0, high: 59 };
const FIELDS: readonly Range[] = [
  { name: 'minute', low: 0, high: 59 }, { name: 'hour', low: 0, high: 23 }, { name: 'day of the month', low: 1, high: 31 },
  { name: 'month', low: 1, high: 12, names: MONTHS }, { name: 'day of the week', low: 0, high: 7, names: WEEKDAYS, round: true },
];

/** A day of the month that depends on the month: given its number of days and the weekday of its first → the day, 0 where there is none. */
type Special = (days: number, first: number) => number;

/** A cron expression as lists, in order. Months count from 1, weekdays from Sunday as 0. */
export interface CronLists {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
  /** A day of the month or of the week is enough; else both must fit. */
  readonly either: boolean;
}

/** What a field says. */
interface Field { readonly star: boolean; readonly values: readonly boolean[]; readonly special: readonly Special[] }

export class CronFields {
  private readonly seconds: readonly number[];
  private readonly minutes: readonly number[];
  private readonly hours: readonly number[];

  private constructor(second: Field, private readonly minute: Field, private readonly hour: Field, private readonly day: Field, private readonly month: Field, private readonly weekday: Field) {
    this.seconds = listed(second);
    this.minutes = listed(minute);
    this.hours = listed(hour);
  }

  /** @throws PositionError for what is no expression, and for one that names no day that there is. */
  static parse(text: string): CronFields {
    const words = [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], at: match.index }));
    const [first] = words;
    if (first === undefined) throw problem('it is empty', 0);
    if (first.text.startsWith('@')) {
      const stands = SHORT[first.text.toLowerCase()];
      if (words[1] !== undefined) throw problem(`nothing may follow ${first.text}`, words[1].at);
      if (stands === undefined) throw problem(`${first.text} is not known`, first.at, first.text === '@reboot' ? 'A run that was missed while the machine was off is caught up by catchUp.' : `Known are ${Object.keys(SHORT).join(', ')}.`);
      return CronFields.parse(stands);
    }
    if (words.length < 5 || words.length > 6) throw problem(`there are ${words.length} fields, and should be 5, or 6 with seconds`, words[6]?.at ?? first.at);
    const ranges = words.length === 6 ? [SECOND, ...FIELDS] : FIELDS;
    const fields = words.map((word, k) => parseField(word.text, word.at, ranges[k] as Range));
    if (fields.length === 5) fields.unshift({ star: false, values: [true], special: [] });
    const cron = new CronFields(...(fields as [Field, Field, Field, Field, Field, Field]));
    if (!cron.occurs()) throw problem('no month has such a day', (words.at(-3) as { at: number }).at);
    return cron;
  }

  /** Whether it goes by the clock on the wall: minute or hour begin with `*`. Else it names fixed times of the day. */
  get everyTime(): boolean {
    return this.minute.star || this.hour.star;
  }

  /** What the fields list, for those who write it otherwise; undefined where a day depends on its month (L, W, #). */
  lists(): CronLists | undefined {
    const { day, weekday } = this;
    if (day.special.length > 0 || weekday.special.length > 0) return undefined;
    const weekdays = [...new Set(listed(weekday).map((each) => each % 7))].sort((a, b) => a - b);
    return { seconds: this.seconds, minutes: this.minutes, hours: this.hours, days: listed(day), months: listed(this.month), weekdays, either: !day.star && !weekday.star };
  }

  /** The first local time after or at this one that is named (ms as if it were UTC); undefined: none before `end`. */
  next(local: number, end: number): number | undefined {
    const at = Math.ceil(local / 1000) * 1000;
    const today = Math.floor(at / DAY_MS) * DAY_MS;
    if (this.isDay(today)) {
      const time = this.timeOfDay((at - today) / 1000);
      if (time !== undefined) return before(today + time * 1000, end);
    }
    const day = this.nextDay(today + DAY_MS, end);
    return day === undefined ? undefined : before(day + (this.timeOfDay(0) as number) * 1000, end);
  }

  /** The first day from this one on, before `end`. */
  private nextDay(from: number, end: number): number | undefined {
    for (let day = from; day < end;) {
      const date = new Date(day);
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
      if (this.month.values[month + 1] === true) {
        const days = this.daysOf(year, month);
        for (let d = date.getUTCDate(); d < days.length; d++) if (days[d] === true) return utc(year, month, d);
      }
      day = utc(year, month + 1, 1);
    }
    return undefined;
  }

  private isDay(day: number): boolean {
    return this.nextDay(day, day + 1) === day;
  }

  /** Whether some month of the calendar has such a day. */
  private occurs(): boolean {
    return this.nextDay(utc(2000, 0, 1), utc(2000, CYCLE, 1)) !== undefined;
  }

  /** The days of a month that fit, by number from 1. */
  private daysOf(year: number, month: number): boolean[] {
    const count = new Date(utc(year, month + 1, 0)).getUTCDate();
    const first = new Date(utc(year, month, 1)).getUTCDay();
    const named = ({ values, special }: Field, of: (day: number) => number): boolean[] => {
      const days = Array.from({ length: count + 1 }, (_, day) => day > 0 && values[of(day)] === true);
      for (const each of special) {
        const day = each(count, first);
        if (day > 0) days[day] = true;
      }
      return days;
    };
    const byDay = named(this.day, (day) => day);
    const byWeekday = named(this.weekday, (day) => (first + day - 1) % 7);
    const both = this.day.star || this.weekday.star;
    return byDay.map((fits, day) => (both ? fits && byWeekday[day] === true : fits || byWeekday[day] === true));
  }

  /** The first time of the day from this second on; undefined: none that day. */
  private timeOfDay(from: number): number | undefined {
    const [hour, minute, second] = [Math.floor(from / 3600), Math.floor(from / 60) % 60, from % 60];
    for (const h of this.hours) {
      if (h < hour) continue;
      for (const m of this.minutes) {
        if (h === hour && m < minute) continue;
        const s = this.seconds.find((each) => h > hour || m > minute || each >= second);
        if (s !== undefined) return h * 3600 + m * 60 + s;
      }
    }
    return undefined;
  }
}

function before(at: number, end: number): number | undefined {
  return at < end ? at : undefined;
}

function utc(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day);
}

function listed({ values }: Field): number[] {
  return values.flatMap((on, value) => (on ? [value] : []));
}

function parseField(text: string, at: number, range: Range): Field {
  const values = Array<boolean>(range.high + 1).fill(false);
  const special: Special[] = [];
  let from = at;
  for (const part of text.toLowerCase().split(',')) {
    const own = parseSpecial(part, from, range);
    if (own !== undefined) special.push(own);
    else parsePart(part, from, range, values);
    from += part.length + 1;
  }
  if (range.round === true) values[0] ||= values[7] === true; // Sunday is 0 and 7
  return { star: /^[*?]/.test(text), values: range.round === true ? values.slice(0, 7) : values, special };
}

/** `*`, `5`, `5-9`, each perhaps with a step. */
function parsePart(part: string, at: number, range: Range, values: boolean[]): void {
  const [span = '', step, more] = part.split('/');
  if (more !== undefined) throw problem(`${JSON.stringify(part)} has two steps`, at);
  const every = step === undefined ? 1 : /^\d{1,4}$/.test(step) ? Number(step) : 0;
  if (every < 1) throw problem(`${JSON.stringify(step)} is no step`, at + span.length + 1, 'A step is a number from 1, such as */15.');
  if (span === '*' || span === '?') {
    const last = range.round === true ? 6 : range.high;
    for (let value = range.low; value <= last; value += every) values[value] = true;
    return;
  }
  const [first = '', last, extra] = span.split('-');
  if (extra !== undefined) throw problem(`${JSON.stringify(span)} is no range`, at);
  const low = parseValue(first, at, range);
  const high = last === undefined ? low : parseValue(last, at + first.length + 1, range);
  if (step !== undefined && last === undefined) throw problem(`${JSON.stringify(part)} has a step and no range`, at, `Write ${first}-${range.high}/${step}.`);
  if (low <= high) for (let value = low; value <= high; value += every) values[value] = true;
  else if (range.round === true) for (let value = low; value <= high + 7; value += every) values[value % 7] = true;
  else throw problem(`the ${range.name} ${JSON.stringify(span)} ends before it begins`, at, `Write ${low}-${range.high},${range.low}-${high}.`);
}

function parseValue(text: string, at: number, range: Range): number {
  const name = range.names?.indexOf(text) ?? -1;
  if (name >= 0) return name + (range.name === 'month' ? 1 : 0);
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= range.low && value <= range.high)) {
    throw problem(`${JSON.stringify(text)} is no ${range.name}`, at, `It is a number from ${range.low} to ${range.high}${range.names === undefined ? '' : `, or a name such as ${range.names[1]}`}.`);
  }
  return value;
}

/** `L`, `L-3`, `15W`, `LW`; `5L`, `fri#2`. */
function parseSpecial(part: string, at: number, range: Range): Special | undefined {
  if (range.name === 'day of the month') {
    const last = /^l(?:-(\d{1,2}))?(w)?$/.exec(part);
    if (last !== null) {
      const back = Number(last[1] ?? 0);
      if (back > 30 || (last[1] !== undefined && last[2] !== undefined)) throw problem(`${JSON.stringify(part)} is no day of the month`, at);
      return last[2] === undefined ? (days) => days - back : (days, first) => working(days, days, first);
    }
    const near = /^(\d{1,2})w$/.exec(part);
    if (near === null) return undefined;
    const day = parseValue(near[1] as string, at, range);
    return (days, first) => (day > days ? 0 : working(day, days, first));
  }
  if (range.name !== 'day of the week') return undefined;
  const parts = /^([a-z]{3}|\d{1,2})(?:(l)|#(\d{1,2}))$/.exec(part);
  if (parts === null) return undefined;
  const weekday = parseValue(parts[1] as string, at, range) % 7;
  const nth = Number(parts[3] ?? 1);
  if (nth < 1 || nth > 5) throw problem(`${JSON.stringify(part)}: a month has at most five of a day`, at + (parts[1] as string).length + 1);
  const earliest = (first: number): number => 1 + ((weekday - first + 7) % 7);
  if (parts[2] !== undefined) return (days, first) => earliest(first) + 7 * Math.floor((days - earliest(first)) / 7);
  return (days, first) => (earliest(first) + 7 * (nth - 1) <= days ? earliest(first) + 7 * (nth - 1) : 0);
}

/** The day from Monday to Friday nearest to this one in its month. */
function working(day: number, days: number, first: number): number {
  const weekday = (first + day - 1) % 7;
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === days ? day - 2 : day + 1;
  return day;
}

function problem(what: string, at: number, advice = ADVICE): PositionError {
  return new PositionError('the cron expression', what, at, advice);
}
