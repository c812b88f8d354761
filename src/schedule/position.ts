/** PositionError: what is wrong in a line of text that somebody wrote, and at which character. */
import { TwintreeError } from '../tree/index.js';

export class PositionError extends TwintreeError {
  /** Character from 0. */
  readonly at: number;
  /** What is wrong, without the place. */
  readonly what: string;

  /** @param subject what the text is, such as "the timetable". */
  constructor(subject: string, what: string, at: number, advice: string) {
    super('USAGE', `${subject} is wrong at character ${at + 1}: ${what}`, { advice });
    this.name = 'PositionError';
    this.at = at;
    this.what = what;
  }
}
