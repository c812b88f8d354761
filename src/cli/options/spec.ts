/**
 * OptionSpec: one row of the option table. Parsing, help, docs/options.md and the tests all read the
 * same rows, so that an option cannot be known in one place and forgotten in another.
 */
import type { ByteString } from '../../tree/index.js';
import type { Draft } from './draft.js';

/** The commands whose command line follows the table. */
export type TableCommand = 'sync' | 'mirror' | 'plan' | 'apply' | 'verify' | 'explain' | 'seed export' | 'seed import';

/** Headings of the help and of docs/options.md, in this order. */
export const SECTIONS = [
  'What is copied', 'Filters', 'Comparing', 'Attributes', 'Symlinks', 'Deleting', 'Replacing', 'Safety and limits', 'Between hosts', 'Following', 'Archives', 'Output', 'General',
  'Accepted without effect', 'Not in this version',
] as const;
export type Section = (typeof SECTIONS)[number];

/**
 * How an option stands: `works` changes what is done; `holds` asks for what always holds here or has
 * no effect on local trees; `refused` is recognised and refused by name.
 */
export type Standing = 'works' | 'holds' | 'refused';

/** What the parser is handed from outside; it reads no clock, file or environment of its own. */
export interface ParseContext {
  /** A file the user named on the command line (`-` is standard input), or a negated errno. */
  readFile(path: ByteString): Buffer | number;
  /** An environment variable as bytes. */
  env(name: string): ByteString | undefined;
  now: Date;
}

export interface OptionSpec {
  /** Long spelling without dashes; where there is none, the letter. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Other long spellings. */
  readonly aliases?: readonly string[];
  /** Label of its argument; an option without one takes none. */
  readonly argument?: string;
  /** Has `--no-NAME` for its name, letter and aliases. */
  readonly negatable?: boolean;
  /** Shown as `--no-NAME`: the positive form is the default. */
  readonly shownNegated?: boolean;
  readonly section: Section;
  readonly standing: Standing;
  /** One line. */
  readonly help: string;
  /** What to know further: why it holds, what to do instead. */
  readonly note?: string;
  /** Not in rsync. */
  readonly ours?: boolean;
  readonly commands: readonly TableCommand[];
  /** The option was given. `value` is empty where it takes no argument. */
  set(draft: Draft, value: ByteString, context: ParseContext): void;
  /** Its negation was given. */
  clear?(draft: Draft): void;
}

export const SYNC: readonly TableCommand[] = ['sync', 'mirror', 'plan'];
export const SYNC_MIRROR: readonly TableCommand[] = ['sync', 'mirror'];
export const SYNC_VERIFY: readonly TableCommand[] = ['sync', 'mirror', 'plan', 'verify'];
export const ALL: readonly TableCommand[] = ['sync', 'mirror', 'plan', 'verify', 'explain'];
/** What may go over a connection. */
export const CONNECTED: readonly TableCommand[] = ['sync', 'mirror', 'plan', 'apply', 'verify'];
/** How a run goes, not what it does. */
export const RUNS: readonly TableCommand[] = ['sync', 'mirror', 'plan', 'apply'];
/** What has no meaning, or no end, where the source is followed: the same lists for one pass only. */
export const ONCE: readonly TableCommand[] = ['sync', 'plan'];
export const ONCE_VERIFY: readonly TableCommand[] = ['sync', 'plan', 'verify'];
export const ONCE_RUNS: readonly TableCommand[] = ['sync', 'plan', 'apply'];
/** What is shown of a run. */
export const SHOWN: readonly TableCommand[] = ['sync', 'plan', 'apply', 'verify'];
export const EVERY: readonly TableCommand[] = ['sync', 'mirror', 'plan', 'apply', 'verify', 'explain'];

/** `--name`, or `-n` for an option that has only a letter. */
export function spelled(spec: OptionSpec): string {
  return spec.name.length === 1 ? `-${spec.name}` : `--${spec.name}`;
}

/** Every long spelling after `--no-`. */
export function negatedNames(spec: OptionSpec): string[] {
  if (spec.negatable !== true) return [];
  return [spec.name, ...(spec.short === undefined ? [] : [spec.short]), ...(spec.aliases ?? [])].map((name) => `no-${name}`);
}
