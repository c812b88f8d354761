/** What the journal of a migration holds: everything that the state, the forecast and the report are made of. Pure data. */

/** Where a migration is. */
export const STATES = ['planned', 'seeding', 'live', 'converging', 'freezing', 'final', 'verifying', 'switching', 'switched', 'rolling-back', 'finished', 'rolled-back', 'aborted'] as const;
export type MigrationState = (typeof STATES)[number];

/** On which host. */
export type Side = 'source' | 'target';

/** Parts of a downtime, in their order. */
export const PARTS = ['freeze', 'quiet', 'final', 'verify', 'switch', 'health'] as const;
export type Part = (typeof PARTS)[number];

/** What hooks are for. */
export const HOOK_PARTS = ['prepare', 'freeze', 'release', 'switch', 'health', 'thaw', 'undo', 'rehearse', 'finish'] as const;
export type HookPart = (typeof HOOK_PARTS)[number];

/** What a person asks for. */
export const OPERATIONS = ['start', 'rehearse', 'cutover', 'rollback', 'finish', 'abort'] as const;
export type OperationName = (typeof OPERATIONS)[number];

export type MigrationEvent = { readonly at: number /* ms since 1970 */ } & MigrationFact;

export type MigrationFact =
  | { event: 'planned'; name: string; source: string; target: string; host: string | null; entries: number; bytes: number; /** Classes of attributes that the target does not hold. */ lost: readonly string[] }
  | { event: 'state'; state: MigrationState; reason: string | null }
  /** An operation began, or ended: then `ok` tells how. */
  | { event: 'operation'; what: OperationName; phase: 'began' | 'ended'; ok: boolean; message: string }
  | { event: 'hook'; part: HookPart; command: string; side: Side; ms: number; ok: boolean; trouble: string | null; output: string; rehearsal: boolean }
  /** The hooks of thaw were run, all of them; `ok`: each did what it should. */
  | { event: 'thawed'; ok: boolean; reason: string }
  /** A part of a cutover was done. */
  | { event: 'part'; part: Part; ms: number; files: number; bytes: number; rehearsal: boolean }
  | { event: 'session'; kind: 'full' | 'batch' | 'final' | 'back'; ms: number; entries: number; files: number; bytes: number; sent: number }
  /** About once a minute; what changed counts from the last such event. */
  | { event: 'lag'; lagMs: number; backlogFiles: number; backlogBytes: number; changedFiles: number; changedBytes: number }
  /** What was said when a cutover began. */
  | { event: 'forecast'; ms: number; plusMinusMs: number; parts: { part: Part; ms: number }[] }
  /** From the first freeze hook to the end of the health check. */
  | { event: 'downtime'; ms: number; parts: { part: Part; ms: number }[]; rehearsal: boolean; ok: boolean }
  | { event: 'evidence'; file: string; root: string; key: string; mode: 'full' | 'index'; sample: number; entries: number; bytes: number; differences: number; extras: number; missing: number; losses: number; ok: boolean }
  | { event: 'problem'; code: string; message: string; path: string | null }
  | { event: 'writer'; pid: number; command: string; path: string };
