/**
 * OptionCatalog: what the command line knows of options, handed in, so that a job's options are those of `twintree sync` and `twintree mirror`,
 * read by the same parser. The command line stands above this room and implements it.
 */
import type { JobMode } from './model.js';

export interface JobOption {
  /** Long name in the option table, or its letter where it has none. */
  readonly name: string;
  /** Label of its argument; undefined: it takes none. */
  readonly argument: string | undefined;
  /** `false` says `--no-NAME`. */
  readonly negatable: boolean;
  readonly help: string;
  readonly modes: readonly JobMode[];
  /** Its argument is a file that is read or written here: a relative name counts from the configuration's folder. */
  readonly isFile: boolean;
  /** Not for a job: what to write instead. */
  readonly instead: string | undefined;
}

/** Why words are refused. */
export interface Refusal {
  readonly message: string;
  readonly advice: string | undefined;
}

export interface OptionCatalog {
  /** All names, and only once each option. */
  readonly options: readonly JobOption[];
  /** By any long spelling. */
  find(name: string): JobOption | undefined;
  /** Reads the words of one option alone. */
  checkOption(mode: JobMode, words: readonly string[]): Refusal | undefined;
  /** Reads a whole command line of `sync` or `mirror`. */
  check(mode: JobMode, words: readonly string[]): Refusal | undefined;
}
