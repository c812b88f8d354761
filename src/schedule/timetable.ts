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
import type { TwintreeError } from '../tree/index.js';
import { PositionError } from './position.js';
import { emptyWeek, entriesOf, fill, parseSpan, Week, type Word } from './week.js';

/** Bytes a second above 0; or no limit; or nothing at all is sent. */
export type Limit = number | 'full' | 'off';

const ADVICE = 'Write for example "mon-fri 08:00-18:00 2M, sat-sun full, else 10M".';
const UNITS = 'bkmgtp';

/** Whether a limit says more than a rate: something with entries, times, or a word. */
export function isTimetable(text: string): boolean {
  return /[,\s]|^(?:full|off)$/i.test(text);
}

export class Timetable {
  private constructor(private readonly week: Week<Limit>) {}

  /**
   * Reads a timetable that holds in a zone (IANA name).
   * @throws TwintreeError USAGE, with the position of what is wrong.
   */
  static parse(text: string, zone: string): Timetable {
    const week = emptyWeek<Limit>();
    let otherwise: Limit = 'full';
    let last = false;
    for (const words of entriesOf(text, problem)) {
      const [first] = words as [Word];
      if (last) throw problem('nothing may follow "else"', first.at);
      const limit = parseLimit(words.pop() as Word);
      if (words[0]?.text.toLowerCase() === 'else') {
        if (words[1] !== undefined) throw problem('"else" takes a limit only', words[1].at);
        otherwise = limit;
        last = true;
      } else fill(week, parseSpan(words, 'days, times and a limit', problem), limit);
    }
    return new Timetable(new Week(week.map((limit) => limit ?? otherwise), zone));
  }

  limitAt(instant: number): Limit {
    return this.week.at(instant);
  }

  /** The first instant after this one at which another limit holds; undefined: it is always the same. */
  nextChange(instant: number): number | undefined {
    return this.week.nextChange(instant);
  }
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

function problem(message: string, at: number): TwintreeError {
  return new PositionError('the timetable', message, at, ADVICE);
}
