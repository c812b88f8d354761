/** What a plan is made of, and what it holds: plain data, and the JSON document as it is written. Pure. */
import type { Finding } from '../../doctor/index.js';
import type { TargetFacts } from '../../session/index.js';
import type { FoundPath, Survey } from './types.js';

/** A command that will be run, as the definition says it. */
export interface PlannedHook { readonly command: readonly string[]; readonly side: 'source' | 'target'; readonly timeoutMs: number }

/** The migration that is planned: of its definition what a plan tells. */
export interface PlanSubject {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly words: readonly string[];
  readonly converge: { readonly lagMs: number; readonly backlogBytes: number; readonly steadyMs: number; readonly patienceMs: number };
  readonly freeze: { readonly prepare: readonly PlannedHook[]; readonly hooks: readonly PlannedHook[]; readonly thaw: readonly PlannedHook[]; readonly limitMs: number; readonly quietMs: number };
  readonly final: 'dirty' | 'full';
  readonly verify: { readonly mode: 'full' | 'index'; readonly sample: number };
  readonly switch: { readonly hooks: readonly PlannedHook[]; readonly undo: readonly PlannedHook[]; readonly health: { readonly hook: PlannedHook; readonly attempts: number; readonly everyMs: number } | undefined };
  readonly rehearse: { readonly on: { readonly kind: 'clone' } | { readonly kind: 'folder'; readonly path: string }; readonly hooks: readonly PlannedHook[]; readonly undo: readonly PlannedHook[] };
  readonly finish: { readonly hooks: readonly PlannedHook[] };
  readonly reverse: boolean;
}

/**
 * `lost`: the target cannot hold it, or whoever writes there may not set it. `left`: the entry itself is not copied. `unasked`: the options do not say that it is copied.
 * `never`: no copy keeps it.
 */
export type LossCause = 'lost' | 'left' | 'unasked' | 'never';

export interface LossClass {
  /** Stable. */
  readonly kind: string;
  readonly cause: LossCause;
  /** One sentence. */
  readonly message: string;
  readonly mend: string | null;
  /** Entries in all; null: it is of all entries, or not counted. */
  readonly count: number | null;
  /** As many as were asked for, in byte order or that of the walk. */
  readonly paths: readonly FoundPath[];
}

/** What was measured for the estimates; null: it could not be. */
export interface Measured {
  readonly readBytesPerSecond: number | null;
  readonly readFilesPerSecond: number | null;
  readonly linkBytesPerSecond: number | null;
  readonly linkFilesPerSecond: number | null;
  /** What each figure stands on, and why one is missing. */
  readonly notes: readonly string[];
}

/** A time with the bounds that the figures allow, ms; null: it cannot be told. */
export interface Estimate { readonly ms: number | null; readonly leastMs: number | null; readonly mostMs: number | null; readonly limits: string; readonly note: string | null }

export interface Estimates { readonly firstCopy: Estimate; readonly converge: Estimate; readonly verify: Estimate; readonly changeBytesPerSecond: number }

export interface Risk { readonly severity: 'high' | 'medium' | 'low'; readonly risk: string; readonly action: string }

export interface Step {
  readonly state: string;
  readonly command: string;
  readonly what: string;
  /** What it changes on the source and on the target. */
  readonly touches: string;
  readonly hooks: readonly PlannedHook[];
  readonly takes: string;
  readonly wayBack: string;
}

export interface OpenFilesTold {
  readonly total: number;
  readonly writers: number;
  /** The writers first, some of them. */
  readonly files: readonly { readonly pid: number; readonly command: string; readonly path: string; readonly how: string; readonly deleted: boolean }[];
  readonly unseen: number;
  readonly blind: readonly string[];
}

export interface MigrationPlan {
  readonly format: 'twintree-migration-plan';
  readonly version: 1;
  readonly name: string;
  readonly program: string;
  /** ms since 1970. */
  readonly at: number;
  readonly source: string;
  readonly target: string;
  readonly host: string | null;
  readonly options: readonly string[];
  readonly survey: Survey;
  readonly openFiles: OpenFilesTold;
  /** The target as its own host sees it; null: it could not be looked at. */
  readonly targetFacts: TargetFacts | null;
  readonly findings: readonly Finding[];
  readonly losses: readonly LossClass[];
  readonly measured: Measured;
  readonly estimates: Estimates;
  readonly risks: readonly Risk[];
  readonly steps: readonly Step[];
  readonly limits: { readonly lagMs: number; readonly backlogBytes: number; readonly steadyMs: number; readonly patienceMs: number; readonly freezeMs: number; readonly quietMs: number };
}
