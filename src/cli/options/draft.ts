/**
 * Draft: what has been said so far while the command line is read from left to right.
 *
 * Most options write into the SessionOptions and OutputOptions at once. The fields of their own are
 * those whose meaning is settled only at the end of the command line (an implied value that a later
 * option may still change, combinations that conflict); `finish.ts` turns them into options.
 */
import type { SessionOptions } from '../../plan/index.js';
import type { FilterRule } from '../../filter/index.js';
import type { Allowance } from '../../fs/index.js';
import { fromText, type ByteString } from '../../tree/index.js';
import type { BatchWords } from './batch.js';
import { defaultConnection, type ConnectionOptions } from './connection.js';
import { DEBUG_NAMES, INFO_NAMES, silent } from './levels.js';
import type { OutputOptions } from './output.js';

/** How a source is followed; milliseconds. */
export interface FollowingOptions {
  quietMs: number;
  gatherMs: number;
  longestMs: number;
  reconcileMs: number; // Infinity: never
  deferMs: number;
  drift: 'off' | 'report' | 'repair';
  backend: 'auto' | 'fanotify' | 'inotify' | 'chokidar';
  /** --bwlimit as a timetable. */
  timetable: string | undefined;
  /** --time-zone: IANA name; undefined: the system's. */
  timeZone: string | undefined;
  /** --throttle=auto, and the least rate. */
  throttle: 'auto' | undefined;
  throttleFloor: number;
  /** --cpu-limit and --read-limit: of this host's process. */
  limits: Allowance;
  /** --metrics and --metrics-listen. */
  metrics: { file: ByteString | undefined; listen: { host: string; port: number } | undefined };
}

/** What is said of a seed archive. */
export interface SeedWords {
  /** Bytes of a part. */
  split: number | undefined;
  encrypt: boolean;
  recipients: ByteString[];
  recipientFiles: ByteString[];
  passphraseFile: ByteString | undefined;
  identities: ByteString[];
  check: boolean;
}

/** Which of -r and -a asked for recursion: with --files-from, the one of -a does not count. */
export enum Recurse { Off, ByArchive, Asked }
/** -d as told: not told, --no-d, -d, or --old-dirs. */
export enum Dirs { Unsaid, Off, On, Old }

export interface Draft {
  session: SessionOptions;
  output: OutputOptions;
  /** --outbuf as it was said last, which alone counts. */
  outbuf: ByteString | undefined;
  connection: ConnectionOptions;
  following: FollowingOptions;
  recurse: Recurse;
  dirs: Dirs;
  relative: boolean | undefined;
  checksum: boolean; ignoreTimes: boolean; sizeOnly: boolean;
  /** --delete, --delete-excluded or a --delete-WHEN was given. */
  deleting: boolean;
  deleteBefore: boolean; deleteDuring: false | 'during' | 'delay'; deleteAfter: boolean;
  chmod: string[];
  /** Which option set the map, for the exclusive rules of --usermap, --groupmap and --chown. */
  userMapBy: string | undefined; groupMapBy: string | undefined;
  dropDevices: boolean;
  xattrLevel: number; atimeLevel: number;
  suffix: ByteString | undefined;
  /** --munge-links and --fake-super as said of this side; of the other side: in `connection`. */
  munge: boolean;
  fakeSuper: boolean;
  filters: FilterRule[];
  filterShorthand: number; // how often -F
  cvsExclude: boolean;
  from0: boolean;
  filesFrom: ByteString | undefined;
  batch: BatchWords;
  seed: SeedWords;
  /** plan -o. */
  planFile: ByteString | undefined;
  infoAsked: Map<string, number>; debugAsked: Map<string, number>;
  progress: boolean;
  human: number;
  /** --checksum-choice=none for the comparing sum: --checksum then cannot be had. */
  noComparingSum: boolean;
  secludedArgs: boolean; oldArgs: boolean;
  /** -h or --help, and how: on its own `-h` is help, with other arguments it is human-readable. */
  help: boolean;
  version: boolean;
  /** --info=help or --debug=help. */
  listLevels: 'info' | 'debug' | undefined;
}

/** Nothing said: rsync's defaults. */
export function emptyDraft(): Draft {
  return {
    session: {
      dryRun: false,
      compare: {
        mode: 'quick', modifyWindow: 0, update: false, existing: false, ignoreExisting: false, ignoreNonExisting: false, maxSize: undefined, minSize: undefined,
      },
      attributes: {
        perms: false, executability: false, times: false, atimes: false, owner: false, group: false, devices: false, specials: false, links: false,
        hardLinks: false, acls: false, xattrs: false, omitDirTimes: false, omitLinkTimes: false, openNoatime: false, numericIds: false,
        userMap: [], groupMap: [], chmod: undefined, fakeSuper: { source: false, target: false }, copyDevices: false, writeDevices: false,
      },
      symlinks: { copyLinks: false, copyUnsafeLinks: false, safeLinks: false, copyDirlinks: false, keepDirlinks: false, mungeLinks: false },
      walk: { recursive: false, dirs: false, oneFileSystem: 0, relative: false, impliedDirs: true, pruneEmptyDirs: false, gitignore: false },
      filters: [],
      filesFrom: undefined,
      delete: {
        when: undefined, excluded: false, ignoreErrors: false, force: false, maxDelete: undefined, limit: undefined, missingArgs: 'error', detectMoves: true,
      },
      replace: {
        inplace: false, append: false, wholeFile: undefined, sparse: false, preallocate: false, tempDir: undefined, delayUpdates: false,
        partial: false, partialDir: undefined, backup: false, backupDir: undefined, suffix: fromText('~'), altDest: undefined,
        removeSourceFiles: false, fsync: false, mkpath: false,
      },
      guard: { root: false, reserveBytes: 0 },
      lock: true,
      threads: undefined,
      bwlimit: 0,
      stopAt: undefined,
    },
    outbuf: undefined,
    output: {
      verbosity: 0, quiet: false, itemize: 0, outFormat: undefined, stats: false, human: 1, progress: 'none', json: false, logFile: undefined,
      logFileFormat: undefined, eightBit: false, stderr: 'errors', outbuf: undefined, listOnly: false,
      info: silent(INFO_NAMES), debug: silent(DEBUG_NAMES),
    },
    connection: defaultConnection(),
    following: { quietMs: 200, gatherMs: 5, longestMs: 5000, reconcileMs: 86_400_000, deferMs: 60_000, drift: 'off', backend: 'auto', timetable: undefined, timeZone: undefined, throttle: undefined, throttleFloor: 131_072, limits: { cpu: 0, reading: 0 }, metrics: { file: undefined, listen: undefined } },
    recurse: Recurse.Off, dirs: Dirs.Unsaid, relative: undefined,
    checksum: false, ignoreTimes: false, sizeOnly: false,
    deleting: false, deleteBefore: false, deleteDuring: false, deleteAfter: false,
    chmod: [], userMapBy: undefined, groupMapBy: undefined, dropDevices: false, xattrLevel: 0, atimeLevel: 0,
    suffix: undefined, munge: false, fakeSuper: false,
    filters: [], filterShorthand: 0, cvsExclude: false, from0: false, filesFrom: undefined, batch: {}, seed: { split: undefined, encrypt: false, recipients: [], recipientFiles: [], passphraseFile: undefined, identities: [], check: false }, planFile: undefined,
    infoAsked: new Map(), debugAsked: new Map(), progress: false, human: 1, noComparingSum: false,
    secludedArgs: false, oldArgs: false, help: false, version: false, listLevels: undefined,
  };
}
