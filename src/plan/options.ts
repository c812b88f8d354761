/**
 * SessionOptions: everything the user asked for, as plain data (structured-cloneable), already
 * parsed and validated. The command line and the library both make one; every room below reads it.
 */
import type { ByteString } from '../tree/index.js';
import type { FilterRule } from '../filter/index.js';

/** When extraneous entries of the target are deleted. `after` is what plain --delete means here: deletes come last. */
export type DeleteWhen = 'before' | 'during' | 'delay' | 'after';

/** How equality is decided. */
export interface CompareOptions {
  /** `doubt`: as `quick`, and what looks equal by size and time is compared by content, too (a mirror's own; no option). */
  mode: 'quick' | 'checksum' | 'size-only' | 'ignore-times' | 'doubt';
  /** Seconds that two mtimes may differ and still be equal; -1: exact to the ns (rsync's own meaning of -1); 0: equal as far as the target can hold. */
  modifyWindow: number;
  update: boolean; // -u: a newer file on the target is left alone
  existing: boolean; // only what the target already has
  ignoreExisting: boolean;
  ignoreNonExisting: boolean; // as --existing (rsync spells it both ways)
  maxSize: number | undefined; // bytes, inclusive
  minSize: number | undefined;
}

/** Whether contents may be read to decide what is equal. */
export function comparesContent({ mode }: Pick<CompareOptions, 'mode'>): boolean {
  return mode === 'checksum' || mode === 'doubt';
}

/** One rule of --usermap/--groupmap/--chown, in order; the first match wins. */
export interface IdMapRule {
  /** A name pattern (wildcards), an inclusive id range, or '*' / empty-name rule. */
  match: { kind: 'name'; pattern: string } | { kind: 'range'; low: number; high: number } | { kind: 'unnamed' };
  to: { kind: 'id'; id: number } | { kind: 'name'; name: string };
}

/** Which attributes are kept, and how they are changed on the way. */
export interface AttributeOptions {
  perms: boolean; executability: boolean; times: boolean; atimes: boolean; owner: boolean; group: boolean;
  devices: boolean; specials: boolean; links: boolean; hardLinks: boolean; acls: boolean; xattrs: boolean;
  omitDirTimes: boolean; omitLinkTimes: boolean; openNoatime: boolean;
  numericIds: boolean;
  userMap: IdMapRule[]; groupMap: IdMapRule[];
  /** --chmod's text, comma-joined, or undefined. Parsed by plan/chmod. */
  chmod: string | undefined;
  fakeSuper: { source: boolean; target: boolean };
  copyDevices: boolean; writeDevices: boolean;
  /** -XX: also the `rsync.%stat`-like attributes that a fake-super copy keeps for itself. */
  allXattrs?: boolean;
}

/** What is done with symlinks of the source and of the target. */
export interface SymlinkOptions {
  copyLinks: boolean; copyUnsafeLinks: boolean; safeLinks: boolean; copyDirlinks: boolean; keepDirlinks: boolean;
  /** Links are written munged on the target. */
  mungeLinks: boolean;
  /** Links of the source are unmunged when they are read (as a local rsync's own --munge-links). */
  unmungeLinks?: boolean;
}

/** How the walk chooses. */
export interface WalkOptions {
  recursive: boolean;
  dirs: boolean; // -d
  oneFileSystem: 0 | 1 | 2; // -x, -xx
  relative: boolean; impliedDirs: boolean;
  pruneEmptyDirs: boolean;
  gitignore: boolean;
  /** -0: rule files in folders hold NUL-ended rules. */
  nulRules?: boolean;
}

/** What goes from the target, and the limits on it. */
export interface DeleteOptions {
  when: DeleteWhen | undefined; // undefined: nothing is deleted
  excluded: boolean; // --delete-excluded
  ignoreErrors: boolean; force: boolean;
  maxDelete: number | undefined; // stops at N, exit 25
  limit: { count: number } | { percent: number } | undefined; // refuses before the first deletion
  missingArgs: 'error' | 'ignore' | 'delete';
  detectMoves: boolean; // default true
}

/** How an entry gets its place on the target. */
export interface ReplaceOptions {
  inplace: boolean; append: false | 'append' | 'verify'; wholeFile: boolean | undefined; sparse: boolean; preallocate: boolean;
  tempDir: ByteString | undefined; delayUpdates: boolean;
  partial: boolean; partialDir: ByteString | undefined;
  backup: boolean; backupDir: ByteString | undefined; suffix: ByteString;
  /** Backups stand in a folder for each day below `backupDir`, and go when they are older (ms), or when all are more (bytes). */
  backupKeep?: { ageMs: number | undefined; bytes: number | undefined };
  /** --link-dest, --copy-dest, --compare-dest: one kind, several folders in order; relative ones are below the target. */
  altDest: { kind: 'link' | 'copy' | 'compare'; dirs: ByteString[] } | undefined;
  /** -y: a file that the target lacks is built from a similar one of its folder; 2: or of the alternate folders. */
  fuzzy?: 1 | 2;
  /**
   * Said where a later session sees to a file that changes while it is read. True: it is left as the target has it; false: it is taken as it was read, a large
   * one without reading it again. With `inplace` it is taken either way.
   */
  deferChanging?: boolean;
  removeSourceFiles: boolean;
  /** Every file is on the disk before it counts. */
  fsync: boolean;
  /** Everything is on the disk before the session's end is told; cheaper than `fsync`. */
  durable?: boolean;
  mkpath: boolean;
}

/** Everything a session is told. */
export interface SessionOptions {
  dryRun: boolean;
  /** A dry run that reads the content of what it would transfer, so that it can be recorded on the way (--only-write-batch). */
  contentOnly?: boolean;
  compare: CompareOptions;
  attributes: AttributeOptions;
  symlinks: SymlinkOptions;
  walk: WalkOptions;
  filters: FilterRule[]; // in order; merge files given on the command line already read
  filesFrom: ByteString[] | undefined; // entries as given, cleaned by the selection
  delete: DeleteOptions;
  replace: ReplaceOptions;
  guard: { root: boolean; reserveBytes: number };
  lock: boolean;
  /** What is kept between runs is used and kept (--state). */
  state?: boolean;
  /** --clone-dir: where the source's side keeps clones of what it sends, a path of its host. With `state`. */
  cloneDir?: ByteString;
  threads: number | undefined; // undefined: by the machine
  bwlimit: number; // bytes a second, 0 without limit
  stopAt: number | undefined; // epoch ms
}
