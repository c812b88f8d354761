/** Migrations for a program: what `twintree migrate` does, as functions. The conductor is a process of its own, started where none is at work. */
import { type MigrationEvent, type OperationName, readJournal, type Stand, standOf } from '../../migrate/index.js';
import { TwintreeError } from '../../tree/index.js';
import { ask, follow, startConductor } from './client.js';
import { isFollowing, lookAtConductor, type LiveView } from './control.js';
import { findMigration } from './find.js';

/** An operation of a migration. */
export interface MigrationCall {
  /** The migration's name, or the file that defines it. */
  readonly name: string;
  /** Told each event of the journal as it happens. */
  readonly listener?: (event: MigrationEvent) => void;
  /** Ends the waiting; the operation goes on. */
  readonly signal?: AbortSignal;
  /** Of a roll-back: the new side was taken out of use by hand; it is gone for good. */
  readonly undone?: boolean;
  readonly loseNew?: boolean;
}

/** Where a migration stands, and how the tree that follows does; `live` undefined: no conductor is at work. */
export interface MigrationStanding extends Stand {
  readonly name: string;
  readonly live: LiveView | undefined;
}

/**
 * Asks for an operation and waits for its end. False: it failed, as the journal tells, and what it had begun was undone.
 * @throws TwintreeError MIGRATION where it does not fit, or the conductor ended before; USAGE for an unknown migration.
 */
export async function migrate(what: OperationName, { name, listener = () => undefined, signal = new AbortController().signal, undone, loseNew }: MigrationCall): Promise<boolean> {
  const found = findMigration(name);
  const { events } = readJournal(found.folder);
  const stand = standOf(events);
  if (what === 'start' && stand !== undefined && (isFollowing(stand.state) || stand.operation !== undefined)) {
    await startConductor(found.folder, found.name); // it goes on where it ended
    return true;
  }
  await ask(found.folder, found.name, { what, ...(undone === undefined ? {} : { undone }), ...(loseNew === undefined ? {} : { loseNew }) });
  return follow(found.folder, events.length, what, listener, signal);
}

/** @throws TwintreeError USAGE for an unknown migration. */
export async function migrationStatus(name: string): Promise<MigrationStanding> {
  const found = findMigration(name);
  const stand = standOf(readJournal(found.folder).events);
  if (stand === undefined) throw new TwintreeError('MIGRATION', `the migration ${found.name} has no plan`);
  return { ...stand, name: found.name, live: await lookAtConductor(found.folder) };
}
