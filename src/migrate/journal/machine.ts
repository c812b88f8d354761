/**
 * The states of a migration and the ways between them, and where one stands by its journal. Pure. At every state there is a way back: before the switch the
 * source is let go on, after it the roles turn first, so that nothing is lost.
 */
import type { MigrationEvent, MigrationState, OperationName } from './events.js';

const WAYS: Readonly<Record<MigrationState, readonly MigrationState[]>> = {
  planned: ['seeding', 'aborted'],
  seeding: ['live', 'aborted'],
  live: ['converging', 'aborted'],
  converging: ['freezing', 'live', 'aborted'],
  freezing: ['final', 'live'],
  final: ['verifying', 'live'],
  verifying: ['switching', 'live'],
  switching: ['switched', 'rolling-back'],
  switched: ['rolling-back', 'finished'],
  'rolling-back': ['rolled-back'],
  'rolled-back': ['seeding', 'finished'],
  finished: [],
  aborted: ['seeding'],
};

/** Whether there is a way from one state to another. */
export function canGo(from: MigrationState, to: MigrationState): boolean {
  return WAYS[from].includes(to);
}

/** In which states a person may ask for what. */
export const MAY: Readonly<Record<OperationName, readonly MigrationState[]>> = {
  start: ['planned', 'rolled-back', 'aborted'],
  rehearse: ['seeding', 'live'],
  cutover: ['seeding', 'live'],
  rollback: ['seeding', 'live', 'converging', 'freezing', 'final', 'verifying', 'switching', 'switched', 'rolling-back', 'rolled-back'],
  finish: ['switched', 'rolled-back'],
  abort: ['planned', 'seeding', 'live', 'converging', 'freezing', 'final', 'verifying'],
};

/** States in which the source is, or may be, frozen: whoever finds one of them without anybody at work thaws it. */
export const FROZEN: readonly MigrationState[] = ['freezing', 'final', 'verifying'];
/** States in which the target follows the source. */
export const FOLLOWING: readonly MigrationState[] = ['seeding', 'live', 'converging', ...FROZEN];
/** Nothing is at work in them. */
export const AT_REST: readonly MigrationState[] = ['planned', 'rolled-back', 'finished', 'aborted'];

/** Where a migration stands. */
export interface Stand {
  readonly state: MigrationState;
  /** Since when, ms since 1970. */
  readonly since: number;
  readonly reason: string | null;
  /** What thaws the source was run last and did not do it. */
  readonly thawFailed: boolean;
  /** The first copy has been complete once. */
  readonly seeded: boolean;
  /** The operation that has not ended: its process may be gone. */
  readonly operation: OperationName | undefined;
}

/** By the journal, from its beginning. Undefined: there is no plan. */
export function standOf(events: readonly MigrationEvent[]): Stand | undefined {
  let stand: Stand | undefined;
  for (const event of events) stand = standAfter(stand, event);
  return stand;
}

/** Where it stands after one event more. */
export function standAfter(stand: Stand | undefined, event: MigrationEvent): Stand | undefined {
  if (event.event === 'planned') return { state: 'planned', since: event.at, reason: null, thawFailed: false, seeded: false, operation: undefined };
  if (stand === undefined) return undefined;
  switch (event.event) {
    case 'state': {
      const { state, reason, at } = event;
      return { ...stand, state, reason, since: at, seeded: stand.seeded || state === 'live', ...(FROZEN.includes(state) ? { thawFailed: false } : {}) };
    }
    case 'operation': return { ...stand, operation: event.phase === 'began' ? event.what : undefined };
    case 'thawed': return { ...stand, thawFailed: !event.ok };
    default: return stand;
  }
}
