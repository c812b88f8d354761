/**
 * Window: the times of the week at which runs may go on, in the local time of a zone. Pure.
 *
 *     mon-fri 22:00-06:00, sat-sun
 *
 * Entries as in a timetable, without limits; the window is open where one of them fits.
 */
import type { TwintreeError } from '../tree/index.js';
import { PositionError } from './position.js';
import { emptyWeek, entriesOf, fill, parseSpan, Week } from './week.js';

const ADVICE = 'Write for example "mon-fri 22:00-06:00, sat-sun".';

export class Window {
  private constructor(private readonly week: Week<boolean>) {}

  /** @param zone IANA name. @throws TwintreeError USAGE, a PositionError where the text is wrong. */
  static parse(text: string, zone: string): Window {
    const week = emptyWeek<boolean>();
    for (const words of entriesOf(text, problem)) fill(week, parseSpan(words, 'days and times', problem), true);
    return new Window(new Week(week.map((open) => open === true), zone));
  }

  isOpen(instant: number): boolean {
    return this.week.at(instant);
  }

  /** This instant where the window is open, else when it opens next. Undefined: not within two weeks, which a change of the clocks may do. */
  opening(instant: number): number | undefined {
    return this.isOpen(instant) ? instant : this.week.nextChange(instant);
  }

  /** When the window that is open at this instant closes; undefined: never. */
  closing(instant: number): number | undefined {
    return this.week.nextChange(instant);
  }

  /** Since when the window is closed that is closed at this instant. */
  closedSince(instant: number): number | undefined {
    return this.week.since(instant);
  }
}

function problem(what: string, at: number): TwintreeError {
  return new PositionError('the window', what, at, ADVICE);
}
