/**
 * What a session tells while it runs, and what it returns. Reports (text, JSON, progress) and the
 * library's users are listeners; nothing here knows how it is shown.
 */
import type { Operation } from '../plan/index.js';
import type { ByteString, Problem, RelPath, TypeCounts } from '../tree/index.js';
import type { TargetFacts } from './target-facts.js';

export type { TypeCounts } from '../tree/index.js';

/** What the finished plan holds: known before the first byte, so progress has a true total. */
export interface PlanTotals {
  /** Source entries in the walk, by type. */
  entries: TypeCounts;
  /** Sum of the sizes of all regular files (and symlink texts) in the walk, bytes. */
  totalSize: number;
  /** Files whose content is to be transferred, and their bytes. */
  transferFiles: number; transferBytes: number;
  creates: TypeCounts; deletes: TypeCounts;
  moves: number; links: number; attributeChanges: number;
  /** Operations in all (without notes). */
  operations: number;
  /** With --mkpath: the root does not stand, and `count` folders are made for it. */
  rootFolders?: { path: ByteString; count: number };
  /** One file is copied under another name: its name on the target, and the source's. */
  renamed?: { name: ByteString; source: ByteString };
}

/** What of a class of attributes will not be kept on the target. */
export interface LostAttributes {
  /** The class as its notice names it: `owners`, `acls`, `special-files` … */
  readonly kind: string;
  /** Entries of the class in all. */
  readonly count: number;
  readonly paths: readonly { readonly path: RelPath; readonly what: ByteString }[];
}

/** How far the run is. */
export interface Progress {
  phase: 'scan' | 'plan' | 'apply' | 'delete' | 'done';
  /** Entries seen by the scan so far. */
  scanned: number;
  doneOperations: number; totalOperations: number;
  doneFiles: number; totalFiles: number;
  doneBytes: number; totalBytes: number; // of content
  elapsedMs: number;
}

/** What became of one operation. 'skipped': an earlier run of the same kept plan had done it. */
export type OperationResult = 'planned' | 'done' | 'failed' | 'skipped';

/** Listener; every method is optional, none may throw. */
export interface SessionListener {
  /** A class of things that cannot be held, or another thing worth a line, once, before the first byte. */
  notice?(code: string, message: string): void;
  plan?(totals: PlanTotals): void;
  /** With `lostPaths`: a class of attributes that the target will not keep, path by path in byte order. Several times for one class where there are many. */
  lost?(lost: LostAttributes): void;
  /** Paths of each class that `lost` is told at most; undefined or 0: it is not called. */
  readonly lostPaths?: number;
  /** Each operation in plan order: with -n as 'planned', else after it was carried out. `path` is below the target root. Only called where `wantsOperations` is set. */
  operation?(op: Operation, path: RelPath, result: OperationResult): void;
  problem?(problem: Problem): void;
  /** The target as its host sees it, before the outcome. Set: it is found out by trying, so that a folder is made there for a moment and removed, by a dry run too. */
  target?(facts: TargetFacts): void;
  progress?(progress: Progress): void;
  /** Milliseconds between two calls of it; default 100. */
  readonly progressEvery?: number;
  /** Ask for operation(): decoding them costs time. 'changes' leaves notes (unchanged entries) out. */
  readonly wantsOperations?: 'none' | 'changes' | 'all';
}

/** The result of a session. */
export interface Outcome {
  exitCode: number;
  totals: PlanTotals;
  /** What was really done. */
  created: TypeCounts; deleted: TypeCounts;
  transferredFiles: number; transferredBytes: number;
  /** Content bytes written, and bytes taken over from what the target already had (delta, clone, unchanged blocks). */
  literalBytes: number; matchedBytes: number;
  linked: number; moved: number; attributesSet: number;
  deletionsSkipped: number; // left by --max-delete
  problems: Problem[]; // the first 10,000
  problemCount: number; warningCount: number;
  elapsedMs: number; scanMs: number;
  /** True where the run was ended by an AbortSignal, a signal or --stop-at. */
  aborted: boolean;
}
