/** The lock on one pair's state: the kernel's. Beside it stands who holds it, for people. */
import { errnoText, type Posix } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { NoteLock } from '../note-lock.js';

/** Who holds a lock: process number, and since when, milliseconds since 1970. */
export interface LockHolder { pid: number; since: number }

const NAME = 'lock' as ByteString;

export class PairLock {
  private constructor(private readonly lock: NoteLock) {}

  /**
   * Takes the lock in a folder of state. Where the system has no such locks (`Posix.lacks`), nobody is kept out.
   * @param folder its open handle. @throws TwintreeError LOCKED with who holds it, or IO.
   */
  static take(posix: Posix, folder: number, path: ByteString, now: number): PairLock {
    const lock = NoteLock.take(posix, folder, NAME, `${JSON.stringify({ pid: process.pid, since: now } satisfies LockHolder)}\n`);
    if (lock === 'held') throw lockedBy(parseHolder(NoteLock.read(posix, folder, NAME)), path);
    if (typeof lock === 'number') throw new TwintreeError('IO', `the lock of the state cannot be opened: ${errnoText(-lock)}`, { path });
    return new PairLock(lock);
  }

  /** Gives it back. */
  release(): void {
    this.lock.release();
  }
}

/** Who holds the lock in a folder of state; undefined: nobody. */
export function lockHolder(posix: Posix, folder: ByteString): LockHolder | undefined {
  const at = posix.openRoot(folder);
  if (at < 0) return undefined;
  try {
    return parseHolder(NoteLock.holder(posix, at, NAME));
  } finally {
    posix.close(at);
  }
}

function lockedBy(holder: LockHolder | undefined, path: ByteString): TwintreeError {
  const who = holder === undefined ? '' : ` (process ${holder.pid}, since ${new Date(holder.since).toISOString()})`;
  return new TwintreeError('LOCKED', `another run works on this pair of trees${who}`, { path, advice: 'Wait for it.' });
}

/** What the note says; undefined where that is nothing sensible. */
function parseHolder(text: string | undefined): LockHolder | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    const { pid, since } = value ?? {};
    const sane = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof since === 'number' && since >= 0 && since <= 8.64e15;
    return sane ? { pid, since } : undefined;
  } catch {
    return undefined; // half written
  }
}
