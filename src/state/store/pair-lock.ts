/**
 * The lock on one pair's state: the kernel's, on an open file, so that it goes with its holder however that ends. Beside it stands who holds
 * it, for people.
 */
import { Errno, errnoText, type Posix } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';

/** Who holds a lock: process number, and since when, milliseconds since 1970. */
export interface LockHolder { pid: number; since: number }

const NAME = 'lock' as ByteString;
const LIMIT = 256;

export class PairLock {
  private constructor(private readonly posix: Posix, private fd: number) {}

  /**
   * Takes the lock in a folder of state. Where the system has no such locks (`Posix.lacks`), nobody is kept out.
   * @param folder its open handle. @throws TwintreeError LOCKED with who holds it, or IO.
   */
  static take(posix: Posix, folder: number, path: ByteString, now: number): PairLock {
    const fd = posix.open(folder, NAME, { read: true, write: true, create: true, nonBlock: true }, 0o600);
    if (fd < 0) throw new TwintreeError('IO', `the lock of the state cannot be opened: ${errnoText(-fd)}`, { path });
    if (posix.flock(fd, 'exclusive') === -Errno.EWOULDBLOCK) {
      const holder = readHolder(posix, fd);
      posix.close(fd);
      throw lockedBy(holder, path);
    }
    const text = Buffer.from(`${JSON.stringify({ pid: process.pid, since: now } satisfies LockHolder)}\n`);
    posix.truncate(fd, 0);
    posix.write(fd, text, 0, text.length, 0); // for people only: that it cannot be written keeps nobody from working
    return new PairLock(posix, fd);
  }

  /** Gives it back. */
  release(): void {
    if (this.fd < 0) return;
    this.posix.truncate(this.fd, 0);
    this.posix.close(this.fd);
    this.fd = -1;
  }
}

/** Who holds the lock in a folder of state; undefined: nobody. Takes nothing from who is about to take it, but for a moment. */
export function lockHolder(posix: Posix, folder: ByteString): LockHolder | undefined {
  const at = posix.openRoot(folder);
  if (at < 0) return undefined;
  const fd = posix.open(at, NAME, { read: true, nonBlock: true }, 0);
  posix.close(at);
  if (fd < 0) return undefined;
  const holder = readHolder(posix, fd);
  // Who ended in good order has left nothing in it. Else only the kernel knows, where it has such locks.
  const held = holder !== undefined && (posix.lacks.has('flock') || posix.flock(fd, 'shared') === -Errno.EWOULDBLOCK);
  posix.close(fd);
  return held ? holder : undefined;
}

function lockedBy(holder: LockHolder | undefined, path: ByteString): TwintreeError {
  const who = holder === undefined ? '' : ` (process ${holder.pid}, since ${new Date(holder.since).toISOString()})`;
  return new TwintreeError('LOCKED', `another run works on this pair of trees${who}`, { path, advice: 'Wait for it.' });
}

/** What the file says; undefined where that is nothing sensible. */
function readHolder(posix: Posix, fd: number): LockHolder | undefined {
  const buffer = Buffer.alloc(LIMIT);
  const got = posix.read(fd, buffer, 0, LIMIT, 0);
  if (got <= 0) return undefined;
  try {
    const value = JSON.parse(buffer.latin1Slice(0, got)) as Partial<Record<string, unknown>> | null;
    const { pid, since } = value ?? {};
    const sane = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof since === 'number' && since >= 0 && since <= 8.64e15;
    return sane ? { pid, since } : undefined;
  } catch {
    return undefined; // half written
  }
}
