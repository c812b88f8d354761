/**
 * What is said on a mirror's control socket: a question and an answer, each one line of JSON. What comes is checked field by field before anyone sees
 * it; what is not known is refused, never guessed. Pure.
 */
import { isCount, isObject, isText, parsedObject, TwintreeError } from '../../tree/index.js';

export type ControlRequest =
  /** Nothing is done until `resume`. */
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  /** What is held, if anything is. */
  | { readonly do: 'held' }
  /** Lets exactly this hold go on. */
  | { readonly do: 'approve'; readonly hold: string }
  /** What stands at the source's place now is the source. */
  | { readonly do: 'adopt' }
  /** A rate or a timetable, from now on; null: what the command line says. */
  | { readonly do: 'throttle'; readonly limit: string | null };

/** What a guard held back, and would go if it were approved. Names are text for people. */
export interface HeldView {
  /** Names this hold: an approval is for it and for no later one. */
  readonly id: string;
  readonly message: string;
  /** When it was held, ms since 1970. */
  readonly at: number;
  /** Entries that would be deleted, and the first of their names. */
  readonly deletions: number;
  readonly names: readonly string[];
}

export type ControlAnswer =
  | { readonly ok: true; readonly message: string; readonly held?: HeldView }
  | { readonly ok: false; readonly message: string };

/** Name of the socket in the pair's folder of state. */
export const CONTROL_SOCKET = 'control';
/** Longest text of a timetable. */
export const LONGEST_LIMIT = 4096;
/** Names that a view of a hold has at most. */
export const MOST_HELD_NAMES = 20;
const LONGEST_TEXT = 64 << 10;

/** @throws TwintreeError USAGE. */
export function readRequest(line: string): ControlRequest {
  const value = parsedObject(line);
  switch (value?.['do']) {
    case 'pause': case 'resume': case 'held': case 'adopt': return { do: value['do'] };
    case 'approve':
      if (isText(value['hold'], 64)) return { do: 'approve', hold: value['hold'] };
      break;
    case 'throttle':
      if (value['limit'] === null || isText(value['limit'], LONGEST_LIMIT)) return { do: 'throttle', limit: value['limit'] };
      break;
    default:
  }
  throw new TwintreeError('USAGE', 'the mirror does not know this question', { advice: 'Use commands of the same version as the mirror.' });
}

/** @throws TwintreeError VERSION where the answer is none. */
export function readAnswer(line: string): ControlAnswer {
  const value = parsedObject(line);
  const message = value?.['message'];
  if (value !== undefined && isText(message, LONGEST_TEXT)) {
    if (value['ok'] === false) return { ok: false, message };
    if (value['ok'] === true && value['held'] === undefined) return { ok: true, message };
    if (value['ok'] === true && isHeldView(value['held'])) return { ok: true, message, held: value['held'] };
  }
  throw new TwintreeError('VERSION', 'the mirror gave an answer that cannot be read', { advice: 'Use commands of the same version as the mirror.' });
}

/** Checks every field. */
export function isHeldView(value: unknown): value is HeldView {
  if (!isObject(value)) return false;
  const { id, message, at, deletions, names } = value;
  return isText(id, 64) && isText(message, LONGEST_TEXT) && isCount(at) && isCount(deletions) && Array.isArray(names) && names.length <= MOST_HELD_NAMES && names.every((name) => isText(name, LONGEST_TEXT));
}
