/**
 * `--out-format` and `--log-file-format`: rsync's `%` escapes, compiled once into a list of parts.
 *
 * Between `%` and the letter may stand a width (`-` fills on the right), and apostrophes that make a number
 * more human, one level each. Widths count bytes, before anything is escaped for the terminal, as in rsync. What only
 * a daemon knows (`%a %h %u %P`) and what is no escape at all is printed as it was typed.
 */
import { OpKind, type Operation, type SessionOptions } from '../../plan/index.js';
import type { RelPath } from '../../tree/index.js';
import type { HumanLevel } from '../options/output.js';
import { localTime } from './dates.js';
import { humanNumber } from './human.js';
import { entryType, itemize } from './itemize.js';
import { permissions } from './list.js';
import type { Names } from './names.js';

/** What a format may need beside the operation. */
export interface FormatContext {
  names: Names;
  options: SessionOptions;
  pid: number;
  /** Seconds since 1970. */
  now(): number;
}

type Part = string | ((op: Operation, path: RelPath) => string);

/** `%C` of a file whose sum is not known, as wide as a 128-bit sum in hex. A session tells no sums, so it is always blank. */
const NO_CHECKSUM = ' '.repeat(32);
/** Widest field that is honoured, bytes. */
const MAX_WIDTH = 4096;

/** A compiled format. */
export class LineFormat {
  /** Whether it itemizes (%i): then entries that change in any way are worth a line, not only updated ones. */
  readonly itemizes: boolean;
  /** Whether it can say "deleted" itself (%i or %o); otherwise a deletion is the line `deleting NAME`. */
  readonly tellsDeletion: boolean;
  private readonly parts: Part[] = [];

  /** `format` and every line hold one byte in each unit. */
  constructor(format: string, private readonly context: FormatContext) {
    let letters = '';
    let at = 0;
    for (const match of format.matchAll(/%([-'0-9]*)(.)/gs)) {
      const [whole, flags = '', letter = ''] = match;
      this.parts.push(format.slice(at, match.index));
      at = match.index + whole.length;
      letters += letter;
      const value = this.value(letter, Math.min(3, flags.split("'").length - 1) as HumanLevel);
      this.parts.push(value === undefined ? whole : padded(value, flags.replaceAll("'", '')));
    }
    this.parts.push(format.slice(at));
    this.itemizes = letters.includes('i');
    this.tellsDeletion = this.itemizes || letters.includes('o');
  }

  /** The line for an operation, without a newline. */
  line(op: Operation, path: RelPath): string {
    let text = '';
    for (const part of this.parts) text += typeof part === 'string' ? part : part(op, path);
    return text;
  }

  /** What a letter stands for; undefined where it is not an escape here. */
  private value(letter: string, human: HumanLevel): Part | undefined {
    const { names, options, pid, now } = this.context;
    const number = (of: (op: Operation) => number): Part => (op) => humanNumber(of(op), human);
    switch (letter) {
      case 'i': return itemize;
      case 'n': return (op, path) => names.short(op, path);
      case 'f': return (op, path) => names.long(op, path);
      case 'L': return (op) => names.link(op);
      case 'l': return number((op) => (op.kind === OpKind.Delete ? 0 : op.size));
      // Content bytes carried for this entry; nothing is added for a protocol, and nothing is carried by a dry run.
      case 'b': return number((op) => (op.kind === OpKind.File && !options.dryRun ? op.size : 0));
      case 'c': return number(() => 0); // block sums cross no wire here
      case 'o': return (op) => (op.kind === OpKind.Delete ? 'del.' : 'send');
      case 'p': return String(pid);
      case 't': return () => localTime(now());
      case 'm': return '';
      case 'M': return (op) => localTime(op.kind === OpKind.Delete ? 0 : op.mtimeSec).replace(' ', '-');
      case 'B': return (op) => (op.kind === OpKind.Delete ? '---------' : permissions(op.mode, entryType(op)).slice(1));
      case 'C': return NO_CHECKSUM;
      case 'U': return number((op) => (op.kind === OpKind.Delete || !options.attributes.owner ? 0 : op.uid));
      case 'G':
        return options.attributes.group ? number((op) => (op.kind === OpKind.Delete ? 0 : op.gid)) : 'DEFAULT';
      case '%': return '%';
      default: return undefined;
    }
  }
}

function padded(value: Part, flags: string): Part {
  const width = Math.min(MAX_WIDTH, Number.parseInt(flags.replaceAll('-', ''), 10) || 0);
  if (width === 0) return value;
  const left = flags.startsWith('-');
  const pad = (text: string): string => (left ? text.padEnd(width) : text.padStart(width));
  return typeof value === 'string' ? pad(value) : (op, path) => pad(value(op, path));
}

