/**
 * OutputOptions: everything the user asked for about what is shown, as plain data.
 *
 * The parser makes one beside the SessionOptions; the reports read it and nothing else of the command
 * line. What rsync derives (`-v` raises info levels, `--progress` raises NAME, `-i` chooses a format) is
 * already derived here, so a report asks a level and never counts flags itself.
 */

/** What `--info` can be asked about, by rsync's names, and the highest level that has a meaning. */
export const INFO_MAX = {
  BACKUP: 1, COPY: 1, DEL: 1, FLIST: 2, MISC: 2, MOUNT: 1, NAME: 2, NONREG: 1, PROGRESS: 2, REMOVE: 1, SKIP: 2, STATS: 3, SYMSAFE: 1,
} as const;

/** What `--debug` can be asked about, by rsync's names, and the highest level that has a meaning there. */
export const DEBUG_MAX = {
  ACL: 1, BACKUP: 2, BIND: 1, CHDIR: 1, CONNECT: 2, CMD: 2, DEL: 3, DELTASUM: 4, DUP: 1, EXIT: 3, FILTER: 3, FLIST: 4, FUZZY: 2, GENR: 1,
  HASH: 1, HLINK: 3, ICONV: 2, IO: 4, NSTR: 1, OWN: 2, PROTO: 1, RECV: 1, SEND: 1, TIME: 2,
} as const;

export type InfoName = keyof typeof INFO_MAX;
export type DebugName = keyof typeof DEBUG_MAX;

/** The level of every name; 0 is silent. */
export type InfoLevels = Record<InfoName, number>;
export type DebugLevels = Record<DebugName, number>;

/** How numbers are written: 0 plain digits, 1 digits grouped by commas, 2 units of 1000 (`1.23K`), 3 units of 1024. */
export type HumanLevel = 0 | 1 | 2 | 3;

export interface OutputOptions {
  /** How often `-v` was given (after `--no-v`). Its effect on levels is already in `info` and `debug`. */
  verbosity: number;
  /** `-q`: nothing but errors. */
  quiet: boolean;
  /** How often `-i` was given: 0, 1, or 2 (unchanged entries too). */
  itemize: number;
  /**
   * The line for an updated entry, with rsync's `%` escapes, as the user's bytes (a ByteString); undefined:
   * no line. Derived: `--out-format` as given; else `%i %n%L` with `-i`; else `%n%L` where NAME is 1 or more.
   */
  outFormat: string | undefined;
  /** `--stats` was asked for (INFO STATS is then 2 or more). The two closing lines are shown from STATS 1 on. */
  stats: boolean;
  /** 1 where nothing was said. */
  human: HumanLevel;
  /** `files`: per file (`--progress`, `-P`); `total`: the whole run (`--info=progress2`). */
  progress: 'none' | 'files' | 'total';
  /** `--json`: JSON lines on stdout instead of text. */
  json: boolean;
  /** `--log-file`: path in the file system, as bytes (a ByteString). */
  logFile: string | undefined;
  /** `--log-file-format`; undefined: rsync's default `%i %n%L`. An empty one logs no transfers. */
  logFileFormat: string | undefined;
  /** `-8`: bytes above 127 are passed on unescaped. */
  eightBit: boolean;
  /** Where messages go: `errors` to stderr; `all` also the informational ones (`--stderr=all`). */
  stderr: 'errors' | 'all';
  /** `--outbuf`: how stdout is buffered; undefined: as the report likes. */
  outbuf: 'none' | 'line' | 'block' | undefined;
  /** `--list-only`, or no target given: print entries as `ls -l` would, change nothing. */
  listOnly: boolean;
  info: InfoLevels;
  debug: DebugLevels;
}
