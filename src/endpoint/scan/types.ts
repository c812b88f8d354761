/** What a scan is given and what it gives: plain data that crosses thread borders. */
import type { Rename, SessionOptions } from '../../plan/index.js';
import type { ByteString, Problem, RelPath, TypeCounts } from '../../tree/index.js';
import type { HashStore } from '../content-hashes.js';
import type { PlaceChanges, PlaceStore } from '../place-notes.js';
import type { FilterPlace } from './filters.js';
import type { SelectionNode } from './selection.js';

/** An open folder of the source. Handles belong to the process: workers use the same numbers. */
export interface Mount {
  fd: number;
  path: ByteString;
  /** Symlinks to folders that the user named a way through (`-R link/sub`, `link/`): they are walked as folders. */
  followed?: Set<RelPath>;
}

/** What a file system may be unable to hold. */
export type LostClass = 'acls' | 'xattrs' | 'symlinks' | 'owners' | 'permissions' | 'special files';

/** One entry of which something will not be kept, and what that is: `uid 33 gid 33`, names of attributes, a mode. */
export interface LostPath { readonly path: ByteString; readonly what: ByteString }

/** A class of attributes that the source uses and the target cannot hold. */
export interface Lost {
  readonly kind: string;
  count: number;
  readonly example: ByteString;
  /** With `ScanSetup.lostPaths`; as many as that says for each walker, in the order in which they were met. */
  paths?: LostPath[];
}

/** Everything a walker must know. */
export interface ScanSetup {
  options: SessionOptions;
  mounts: Mount[];
  selection: SelectionNode;
  /** The selection is of dirty paths: where the target lacks a folder on the way, all of it is new. */
  dirty?: boolean;
  /** Handle of the target root; -1 where it does not exist yet. */
  target: number;
  /** The target is looked at as if these were done: they are carried out before anything else. */
  renames?: readonly Rename[];
  /** Symlinks of the target that are gone through as the folders they point to. */
  targetFollowed: Set<RelPath>;
  altRoots: number[];
  /** Identities (`StatTable.identity`) of folders that options name, such as --backup-dir: below the target they are never extraneous. */
  sideFolders: ReadonlySet<string>;
  facts: { granularityNs: number; setsOwner: boolean; groups: number[]; umask: number; makesDevices: boolean; cannotHold: LostClass[] };
  /** Where the target root does not exist yet: permission bits by the default access list it will inherit; -1 without one. */
  newRootPerms: number;
  /** Names of the target fold case or Unicode forms: twins are looked for. */
  foldsNames: 'no' | 'case' | 'unicode' | 'both';
  /** Where the roots stand, for filter rules with absolute paths and filter files above the root. */
  filterPlace: FilterPlace;
  /** What cannot be kept is told path by path, so many of each class, and of entries that need nothing done too. */
  lostPaths?: number;
  /** Notes about unchanged entries are wanted. */
  notes: boolean;
  /** Name on the target → name at the source, where one file is copied under another name. */
  alias: { name: ByteString; source: ByteString } | undefined;
  /** Hashes that earlier runs kept; with --state. */
  hashes?: HashStore;
  /** Where the source's inodes were last seen; noted anew by the walk. */
  places?: PlaceStore;
}

/** Largest file that a file system may keep without allocating anything for it. */
const INLINE = 64 << 10;

/** Bytes that a file's content takes on the target, as far as its source tells. */
export function spaceFor(size: number, allocated: number): number {
  // A small file may be held in its inode; a large one of which nothing is allocated is one hole.
  return Math.min(Math.ceil(size / 4096) * 4096, allocated > 0 || size > INLINE ? allocated : size);
}

/** Consecutive folders of one parent, yet to be walked: the unit that workers take over from each other. */
export interface FolderRun {
  parent: RelPath;
  names: ByteString[];
  /** Per name: mounts in which the folder is open for listing. */
  mounts: number[][];
  /** Per name: mounts that have the folder at all (its attributes come from the first). */
  owners: number[][];
  /** Per name: the target has something under this name. */
  onTarget: boolean[];
  /** Per name: how far it is opened (Open). */
  open: number[];
}

/** What a walk counted and found beside the plan itself. */
/** A file system of the target, and a folder on it. */
export interface FileSystemSeen { readonly device: string; readonly path: RelPath }

export interface ScanFindings {
  entries: TypeCounts;
  targetEntries: number;
  totalSize: number;
  problems: Problem[];
  /** Something of the source could not be read: nothing may be deleted. */
  incomplete: boolean;
  /** Operations that belong to a hard-link group: the session resolves the groups before the plan is final. */
  grouped: number;
  /** How many of the created entries turn out to be links to one that exists or is made anyway; 0 until the session has resolved the groups. */
  linkedNew: number;
  /** Regular files with content that would be deleted: what moves may be found among. */
  removableFiles: number;
  /** Bytes that new content will take, and that replaced and deleted files give back. */
  bytesNeeded: number; bytesReplaced: number; bytesRemoved: number;
  largestReplaced: number;
  transferFiles: number; transferBytes: number;
  creates: TypeCounts;
  deletes: TypeCounts;
  attributeChanges: number;
  operations: number;
  /** What of the source's places is other than it was; with `places`. */
  places?: PlaceChanges;
  /** Classes of attributes that the source uses and the target cannot hold, with how many and one example. */
  lost: Lost[];
  /** File systems that folders of the target lie on, as far as they were walked. */
  fileSystems: FileSystemSeen[];
}

/** Receives a walk's plan as it grows. Stream 0 is the plan itself, stream 1 the deletions that come last. */
export interface PlanSink {
  chunk(stream: 0 | 1, bytes: Uint8Array): void;
  /** Here belongs what another walker makes of the folders that were given away. */
  hole(id: number): void;
}
