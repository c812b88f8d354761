/** Asking a migration for something: by its conductor, which is started in the background where none is at work; what happens is read from the journal. */
import { setTimeout as pause } from 'node:timers/promises';
import { stampOf, startDetached } from '../../fs/index.js';
import { conductorPid, journalPath, type MigrationEvent, readJournal, type Request } from '../../migrate/index.js';
import { ownCommand } from '../../transport/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { askConductor } from './control.js';

const LOOK_MS = 100;
/** In which a conductor that was started must answer. */
const START_MS = 60_000;
const LOG = 'conductor.log';

/** Asks for an operation, and starts a conductor in the background where none is at work. @throws TwintreeError MIGRATION where it does not fit. */
export async function ask(folder: ByteString, name: string, request: Request): Promise<void> {
  if (await askConductor(folder, request)) return;
  await startConductor(folder, name);
  const until = performance.now() + START_MS;
  while (performance.now() < until) {
    if (await askConductor(folder, request)) return;
    await pause(LOOK_MS);
  }
  throw new TwintreeError('TIMEOUT', 'the conductor of the migration was started and does not answer', { path: `${folder}/${LOG}` as ByteString });
}

/** Starts one that goes on by itself; it ends when the migration is at rest. */
export async function startConductor(folder: ByteString, name: string): Promise<void> {
  const pid = startDetached([...ownCommand(), 'migrate', 'start', name, '--wait'], `${folder}/${LOG}` as ByteString);
  if (pid < 0) throw new TwintreeError('IO', 'the conductor of the migration cannot be started', { path: `${folder}/${LOG}` as ByteString });
  const until = performance.now() + START_MS;
  while (conductorPid(folder) === undefined) {
    if (performance.now() > until) throw new TwintreeError('TIMEOUT', 'the conductor of the migration was started and is not at work', { path: `${folder}/${LOG}` as ByteString });
    await pause(LOOK_MS);
  }
}

/**
 * Tells each event from number `from` on, until the operation has ended. Whether it did what it should.
 * @throws TwintreeError where the conductor has ended before.
 */
export async function follow(folder: ByteString, from: number, what: Request['what'], told: (event: MigrationEvent) => void, signal: AbortSignal): Promise<boolean> {
  let seen = from;
  let began = false;
  let size = -1;
  let events: readonly MigrationEvent[] = [];
  for (let gone = false; ; ) {
    const stamp = stampOf(journalPath(folder));
    if (typeof stamp === 'number' || stamp.size !== size) ({ events, length: size } = readJournal(folder)); // a long journal is read again only where it has grown
    for (const event of events.slice(seen)) {
      told(event);
      if (event.event !== 'operation' || event.what !== what) continue;
      if (event.phase === 'began') began = true;
      else if (began) return event.ok;
    }
    seen = Math.max(seen, events.length);
    if (gone) throw new TwintreeError('MIGRATION', 'the conductor has ended before the operation did', { advice: 'twintree migrate status tells where it stands, twintree migrate start goes on.' });
    gone = conductorPid(folder) === undefined; // what it said last is read once more
    await pause(LOOK_MS, undefined, { signal });
  }
}
