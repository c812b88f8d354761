/** One line for a log, whatever is in it. */
import { displayName, fromText } from '../../tree/index.js';

/** Newlines become spaces; everything else that controls a terminal is escaped. */
export function logLine(text: string): string {
  return displayName(fromText(text.trim().replace(/\s*\n\s*/g, ' ')));
}
