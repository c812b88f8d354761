/** Where a migration's state lies: a folder of its own in the state folder, with its definition as it was planned, its journal, its documents and its locks. */
import { errnoText, loadOwnPosix, makeFolders, namesIn, readWholeFile, writeWholeFile } from '../../fs/index.js';
import { NoteLock } from '../../state/index.js';
import { displayName, fromText, TwintreeError, type ByteString } from '../../tree/index.js';

const DEFINITION = 'definition.yaml';
const LOCK = 'conductor.lock' as ByteString;
const LONGEST = 1 << 20;
/** Name of the control socket. */
export const MIGRATION_SOCKET = 'control';

/** @param state `stateFolder()`. */
export function migrationFolder(state: ByteString, name: string): ByteString {
  return `${state}/migrations/${fromText(name)}` as ByteString;
}

/** Names of the migrations that are known, in order. */
export function migrationNames(state: ByteString): string[] {
  const names = namesIn(`${state}/migrations` as ByteString);
  return typeof names === 'number' ? [] : names.map((name) => displayName(name));
}

/** Makes the folder and keeps the definition as it is written. @throws TwintreeError IO. */
export function keepDefinition(folder: ByteString, definition: string): void {
  const posix = loadOwnPosix();
  const at = makeFolders(posix, folder, 0o700);
  if (at < 0) throw new TwintreeError('IO', `the folder of the migration cannot be made: ${errnoText(-at)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
  posix.close(at);
  const error = writeWholeFile(`${folder}/${DEFINITION}` as ByteString, definition, 0o600);
  if (error < 0) throw new TwintreeError('IO', `the definition cannot be kept: ${errnoText(-error)}`, { path: folder });
}

/** The definition as it was planned; undefined: there is no such migration. @throws TwintreeError IO. */
export function keptDefinition(folder: ByteString): string | undefined {
  const content = readWholeFile(`${folder}/${DEFINITION}` as ByteString, LONGEST);
  return typeof content === 'number' ? undefined : content.toString('utf8');
}

/** The lock of the one conductor. 'held': another one is at work. @throws TwintreeError IO. */
export function takeConductorLock(folder: ByteString): { release(): void } | 'held' {
  const posix = loadOwnPosix();
  const at = posix.openRoot(folder);
  if (at < 0) throw new TwintreeError('IO', `the folder of the migration cannot be opened: ${errnoText(-at)}`, { path: folder });
  const lock = NoteLock.take(posix, at, LOCK, `${process.pid}\n`);
  if (lock === 'held' || typeof lock === 'number') {
    posix.close(at);
    if (lock === 'held') return lock;
    throw new TwintreeError('IO', `the lock of the migration cannot be taken: ${errnoText(-lock)}`, { path: folder });
  }
  return {
    release: () => {
      lock.release();
      posix.close(at);
    },
  };
}

/** Process number of the conductor that is at work; undefined: none is. */
export function conductorPid(folder: ByteString): number | undefined {
  const posix = loadOwnPosix();
  const at = posix.openRoot(folder);
  if (at < 0) return undefined;
  try {
    const note = NoteLock.holder(posix, at, LOCK);
    const pid = Number(note);
    return note === undefined ? undefined : Number.isSafeInteger(pid) ? pid : 0;
  } finally {
    posix.close(at);
  }
}
