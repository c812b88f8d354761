/**
 * last-words: what a child writes to its stderr on the way to ours. Lines pass as they come, with control characters
 * made harmless, and the last 2 KiB are kept for the error that may follow. A line without end is cut at 4 KiB.
 */
import { writeSync } from 'node:fs';
import { displayName, fromBytes, type ByteString } from '../tree/index.js';

const KEPT = 2048;
const LONGEST_LINE = 4096;

/** Text of another program made safe for a terminal: tabs stay, everything else that controls is escaped. */
export function safeText(line: ByteString): string {
  return line.split('\t').map((part) => displayName(part as ByteString)).join('\t');
}

/** One child's stderr. */
export class LastWords {
  #open = '';
  #kept = '';

  /** `pass` takes whole lines, each ended by a newline. */
  constructor(private readonly pass: (text: string) => void = writeStderr) {}

  push(bytes: Uint8Array): void {
    let text = this.#open + fromBytes(bytes);
    let out = '';
    for (let end = text.indexOf('\n'); end >= 0 || text.length > LONGEST_LINE; end = text.indexOf('\n')) {
      const cut = end < 0 || end > LONGEST_LINE ? LONGEST_LINE : end;
      out += this.#line(text.slice(0, cut));
      text = text.slice(cut === end ? cut + 1 : cut);
    }
    this.#open = text;
    if (out !== '') this.pass(out);
  }

  /** The child has ended: a last line without a newline is passed on too. */
  end(): void {
    if (this.#open === '') return;
    const line = this.#line(this.#open);
    this.#open = '';
    this.pass(line);
  }

  /** The last lines as one, for an error message; empty where there was nothing. */
  get text(): string {
    return this.#kept.trim().replaceAll(/\s*\n\s*/g, '; ');
  }

  #line(line: string): string {
    const shown = `${safeText(line.replace(/\r$/, '') as ByteString)}\n`;
    this.#kept = (this.#kept + shown).slice(-KEPT);
    return shown;
  }
}

/** Writes to this process' stderr from any thread, also where the main thread is busy; a stderr that is gone stops nothing. */
export function writeStderr(text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  let at = 0;
  try {
    while (at < bytes.length) at += writeSync(2, bytes, at);
  } catch {
    process.stderr.write(bytes.subarray(at)); // non-blocking and full: Node's own stream waits in its place
  }
}
