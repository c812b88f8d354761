/**
 * NoteLock: a lock of the kernel on a file, which goes with its holder however that ends, and in the file a note of who holds it. The note says
 * nothing about whether the lock is held: only the kernel does.
 */
import { Errno, sleepFor, type Posix } from '../fs/index.js';
import type { ByteString } from '../tree/index.js';

const LIMIT = 1024;
/** Waiting for who only looks: so many times, so many milliseconds. */
const LOOKS = 500;
const LOOK_MS = 2;

export class NoteLock {
  private constructor(private readonly posix: Posix, private fd: number) {}

  /**
   * Takes the lock on the file `name` in an open folder, without waiting for who holds it. 'held': somebody else does. A negated errno: the file cannot be opened.
   * Where the system has no such locks (`Posix.lacks`), nobody is kept out. That the note cannot be written keeps nobody from working.
   */
  static take(posix: Posix, folder: number, name: ByteString, note: string): NoteLock | 'held' | number {
    const fd = posix.open(folder, name, { read: true, write: true, create: true, nonBlock: true }, 0o600);
    if (fd < 0) return fd;
    for (let looked = 0; posix.flock(fd, 'exclusive') === -Errno.EWOULDBLOCK; looked++) {
      // Who only looks (`holder`) has it for a moment, as one of several may.
      if (looked === LOOKS || posix.flock(fd, 'shared') === -Errno.EWOULDBLOCK) {
        posix.close(fd);
        return 'held';
      }
      posix.flock(fd, 'unlock');
      sleepFor(LOOK_MS);
    }
    const lock = new NoteLock(posix, fd);
    lock.note(note);
    return lock;
  }

  /** Writes another note. */
  note(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.posix.truncate(this.fd, 0);
    this.posix.write(this.fd, bytes, 0, bytes.length, 0);
  }

  /** Gives it back. */
  release(): void {
    if (this.fd < 0) return;
    this.posix.truncate(this.fd, 0);
    this.posix.close(this.fd);
    this.fd = -1;
  }

  /** What stands in the file; undefined where there is none, or nothing in it. */
  static read(posix: Posix, folder: number, name: ByteString): string | undefined {
    return look(posix, folder, name, (text) => text);
  }

  /**
   * The note of who holds the lock now; undefined where nobody does. Takes nothing from who is about to take it, but for a moment. Who ended in
   * good order has left nothing in it; else only the kernel knows, where it has such locks.
   */
  static holder(posix: Posix, folder: number, name: ByteString): string | undefined {
    return look(posix, folder, name, (text, fd) => (posix.lacks.has('flock') || posix.flock(fd, 'shared') === -Errno.EWOULDBLOCK ? text : undefined));
  }
}

function look(posix: Posix, folder: number, name: ByteString, then: (text: string, fd: number) => string | undefined): string | undefined {
  const fd = posix.open(folder, name, { read: true, nonBlock: true }, 0);
  if (fd < 0) return undefined;
  try {
    const buffer = Buffer.alloc(LIMIT);
    const got = posix.read(fd, buffer, 0, LIMIT, 0);
    return got > 0 ? then(buffer.latin1Slice(0, got), fd) : undefined;
  } finally {
    posix.close(fd);
  }
}
