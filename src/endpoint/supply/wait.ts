/**
 * What a job of the supplier waits for. A job is a generator: it yields one of these numbers where another channel of its thread may
 * take a turn, and goes on when what it waits for is there. Numbers above 0 are bytes of credit.
 */

/** Waits that are not for credit. */
export const Wait = {
  /** Nothing: only a pause in long work. */
  turn: 0,
  /** The session's answer to a Refine item. */
  refine: -1,
  /** The next request. */
  idle: -2,
  /** Leave to use much memory, which one job of a thread has at a time. */
  memory: -3,
} as const;

/** Work in pieces; what it yields is what it waits for. */
export type Job<T = void> = Generator<number, T, void>;

/** The supplier was told to end: what is under way is given up. */
export class Ended extends Error {
  constructor() {
    super('the supplier was told to end');
    this.name = 'Ended';
  }
}
