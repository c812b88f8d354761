/**
 * What carrying out a plan is given, and what it counts. One ApplyContext belongs to one thread: its calls
 * are synchronous and use the scratch space in it one after the other.
 */
import { typeCounts, type ByteString, type Problem, type RelPath, type TypeCounts } from '../../tree/index.js';
import type { IdMapper, SessionOptions, XattrPolicy } from '../../plan/index.js';
import type { FolderCache, Posix } from '../../fs/index.js';
import type { TreeChange } from '../../delta/index.js';
import type { KeptSums } from '../kept-sums.js';
import type { SourceFs } from '../source/types.js';
import type { Preconditions } from './preconditions.js';
import type { Scratch } from './scratch.js';

/** What was really done, by one context. All start at 0. */
export interface ApplyCounters {
  /** Content bytes written. */
  literalBytes: number;
  /** Content bytes taken over without writing them: cloned, or found equal in the old file. */
  matchedBytes: number;
  /** Files whose content was brought up to date. */
  transferredFiles: number;
  /** Their sizes, holes included. */
  transferredSize: number;
  created: TypeCounts;
  deleted: TypeCounts;
  linked: number; // hard links made
  moved: number;
  /** Operations of kind Attributes carried out. */
  attributesSet: number;
  /** Attributes that could not be set because the target does not know their class (told once per class). */
  attributesLost: number;
  /** Operations of a kept plan that an earlier run of it had done. */
  already: number;
}

/** Everything the operations are carried out with. */
export interface ApplyContext {
  /** The target, and everything else on this host: alternate folders, backups, temporary files. */
  posix: Posix;
  /** The source: every call on a handle that `sourceFolder` gave, or that was opened below one, goes through it. */
  source: SourceFs;
  options: SessionOptions;
  /** The user's umask. The process itself runs with umask 0. */
  umask: number;
  /** Handle of the target root. */
  targetRoot: number;
  /** Handles of the --link-dest, --copy-dest or --compare-dest folders, in order. */
  altRoots: number[];
  /** Handle of --backup-dir, -1 without. */
  backupRoot: number;
  /** Handle of --temp-dir, -1 without. */
  tempRoot: number;
  /** Target RelPath → handle. Who renames or removes folders by another context must make this one forget them. */
  targetFolders: FolderCache;
  /** Handle (of `source`) of the source folder of that layer at the target folder's path, or -errno. It stays the callee's. */
  sourceFolder(layer: number, path: RelPath): number;
  /** The source's name of an entry, where it differs from the target's (one file copied under another name). */
  sourceName?(layer: number, folder: RelPath, name: ByteString): ByteString;
  /** Random hex of this session, part of its temporary names. */
  sessionTag: string;
  /** What the threads of one session share to find the files that --delay-updates holds back; `sessionTag` without it. */
  delayTag?: string;
  /** The target keeps a sticky bit on files, so that mode 01200 can mark an incomplete one. */
  marksIncomplete: boolean;
  /** Whether the run shall end now; asked between operations and between slices of at most 8 MB. */
  aborted(): boolean;
  /** Whether it ends because the connection is gone, or a newer session of the same client takes over: the next one goes on where this one was. */
  cutOff?(): boolean;
  /** Content bytes done: written or found equal. Negative where a file that has changed is read again. */
  addBytes(n: number): void;
  counters: ApplyCounters;
  problem(p: Problem): void;
  /** --bwlimit: told the bytes just copied, blocks as long as needed. */
  throttle?(n: number): void;
  /** Whether there is a limit at the moment; without it there is, where `throttle` is set. */
  throttles?(): boolean;
  /** Maps the ids in access control lists (--usermap …); they stay as they are without it. */
  ids?: IdMapper;
  /** Which extended attributes are copied; -X's rules for this user without it. */
  xattrPolicy?: XattrPolicy;
  /** Set where a kept plan is carried out: each path is looked at again, and left where it has drifted. */
  exact?: Preconditions;
  /** A file is in place with content of this hash, computed by both ends, and with this tree of sums; with --state. */
  wrote?(folder: FolderContext, name: ByteString, hash: Buffer | undefined, change: TreeChange | undefined): void;
  /** Sums of large files of the target that are kept between runs; with --state. */
  sums?: KeptSums;
  /** Buffers and memory of the context, made at first use. */
  scratch?: Scratch;
}

/** The folder of the target that operations are carried out in. */
export interface FolderContext {
  path: RelPath;
  /** Its handle, owned by `targetFolders`; renewed from there by every call, so it never is a closed one. */
  fd: number;
  /** Made by this session, still 0700: nobody else can have put anything into it. */
  fresh: boolean;
  setgid: boolean;
  gid: number;
  /** Permissions it had before it, the user's own, was made u+rwx to work in it: then `leaveFolder` must be called even where nothing else is to be set. */
  narrow?: number;
  /** It has a default ACL, so that new entries do not get exactly the mode asked for. Undefined: taken as yes. */
  defaultAcl?: boolean;
}

/** Counters, all 0. */
export function newCounters(): ApplyCounters {
  return {
    literalBytes: 0, matchedBytes: 0, transferredFiles: 0, transferredSize: 0, created: typeCounts(), deleted: typeCounts(),
    linked: 0, moved: 0, attributesSet: 0, attributesLost: 0, already: 0,
  };
}
