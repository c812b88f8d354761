/** `migrate start`: the conductor in this process, until the migration is at rest or a signal comes. */
import { AT_REST, Conductor, Journal, type MigrationEvent, type Request, takeConductorLock } from '../../migrate/index.js';
import { TwintreeError } from '../../tree/index.js';
import { ownAtHost, ownCommand } from '../../transport/index.js';
import { abortBySignal } from '../commands/shared.js';
import { EXIT } from '../exit-codes.js';
import { serveConductor } from './control.js';
import type { FoundMigration } from './find.js';
import { portsOf } from './ports.js';

export interface StartOptions {
  /** Nothing is begun; it waits for what it is asked. */
  readonly wait: boolean;
  tell(event: MigrationEvent): void;
}

/** What the last plan has found that the target does not hold. */
function lostBy(events: readonly MigrationEvent[]): readonly string[] {
  const planned = events.findLast(({ event }) => event === 'planned');
  return planned?.event === 'planned' ? planned.lost : [];
}

/** With `wait` a conductor waits so long for its first question, ms. */
const WAIT_MS = 60_000;

export async function startHere({ name, folder, definition }: FoundMigration, { wait, tell }: StartOptions): Promise<number> {
  const lock = takeConductorLock(folder);
  if (lock === 'held') throw new TwintreeError('LOCKED', `a conductor is at work at the migration ${name}`, { advice: 'twintree migrate status tells how it stands.' });
  const controller = new AbortController();
  const release = abortBySignal(controller);
  try {
    const journal = Journal.open(folder);
    journal.follow(tell);
    const conductor = new Conductor({ definition, journal, folder, ports: portsOf(definition, folder, lostBy(journal.events)), program: ownAtHost(ownCommand(), true) });
    const server = await serveConductor(folder, conductor);
    try {
      const { state } = conductor.status.stand;
      const first: Request | undefined = !wait && AT_REST.includes(state) && state !== 'finished' ? { what: 'start' } : undefined;
      if (state === 'finished' && !wait) throw new TwintreeError('MIGRATION', `the migration ${name} is finished`, { advice: 'twintree migrate plan FILE begins a new one.' });
      await conductor.run(controller.signal, first, wait ? WAIT_MS : 0);
      return EXIT.ok;
    } finally {
      await server.close();
    }
  } finally {
    release();
    lock.release();
    setImmediate(() => process.exit()); // a session that was left behind may wait for its host
  }
}
