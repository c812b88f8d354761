/**
 * What a run that was killed while it patched a file in place has left: the file half new and its undo journal beside it. Here the old
 * content is put back (or, where only cutting the file was still to be done, that is done), and the journal goes.
 *
 * A journal is believed only if it is a plain file of this user with one name, its header and records are whole, and the file it
 * names is still the inode it was made of, last written after the journal was begun: any other time means that somebody has finished
 * the file, or put another's time on it, since.
 *
 * A journal that somebody holds a lock on is in use: that of a patch under way.
 *
 * RACE: a program that has written into the half new file since the crash is not told from our own writing, and what it wrote where
 * the journal has old bytes is lost. The next run brings the file up to date from the source all the same.
 */
import { StatTable, type ByteString } from '../../tree/index.js';
import { Errno, UTIME_OMIT, type OpenFlags, type Posix } from '../../fs/index.js';
import { undoName, undoNames } from './temp-name.js';
import { decodeHead, decodeHeader, HEADER_MOST, isSealed, RECORD_HEAD, RECORD_MOST, type UndoHeader } from './undo-format.js';

const READ: OpenFlags = { read: true, nonBlock: true };
const UPDATE: OpenFlags = { read: true, write: true, nonBlock: true };
/** What a file system may round times to, seconds. */
const COARSE = 2;

/**
 * Undoes every patch that an earlier run was killed over in the folder behind `at`, whose names are `names`, in byte order. Only to be called where no
 * other session can be at work there (the lock says so), before the files are compared. True where something was changed: names
 * and attributes are to be read again.
 */
export function recoverFolder(posix: Posix, at: number, names: readonly ByteString[]): boolean {
  let changed = false;
  for (const name of undoNames(names)) if (recoverFile(posix, at, name) >= 0) changed = true;
  return changed;
}

/** Deals with the journal, if there is one, of the file with that inode. 0 where there is none, 1 where it is dealt with, -errno where it stays. */
export function recoverInode(posix: Posix, at: number, inoHigh: number, inoLow: number): number {
  const name = undoName(inoHigh, inoLow);
  if (posix.stat(at, name, new StatTable(1), 0) < 0) return 0;
  const result = recoverFile(posix, at, name);
  return result < 0 ? result : 1;
}

/** Undoes (or finishes) what the journal `name` is about and removes it. -errno where it could not be (-EBUSY: it is in use): then it stays. */
export function recoverFile(posix: Posix, at: number, name: ByteString): number {
  const fd = posix.open(at, name, READ);
  if (fd < 0) return fd === -Errno.ENOENT ? 0 : fd;
  const locked = posix.flock(fd, 'exclusive'); // where there are no locks the session's own has to do
  const result = locked === -Errno.EAGAIN ? -Errno.EBUSY : recoverOpen(posix, at, name, fd);
  const removed = result < 0 ? result : posix.unlink(at, name);
  posix.close(fd);
  return removed;
}

/** 0: the journal may go. */
function recoverOpen(posix: Posix, at: number, journalName: ByteString, journal: number): number {
  const table = new StatTable(2);
  const stated = posix.fstat(journal, table, 0);
  if (stated < 0) return stated;
  if (!table.isFile(0) || table.nlink(0) !== 1 || table.uid(0) !== posix.euid) return 0; // not ours: not believed, and in the way
  const head = Buffer.alloc(HEADER_MOST);
  const got = readAt(posix, journal, head, 0, head.length, 0);
  if (got < 0) return got;
  const found = decodeHeader(head.subarray(0, got));
  if (found === undefined) return 0; // it was never whole, so nothing was overwritten
  const { header, length } = found;
  if (undoName(header.inoHigh, header.inoLow) !== journalName) return 0;
  let fd = posix.open(at, header.name, UPDATE);
  if (fd === -Errno.EACCES && posix.stat(at, header.name, table, 1) === 0 && belongs(table, 1, header) && posix.chmod(at, header.name, table.perms(1) | 0o600) === 0) {
    fd = posix.open(at, header.name, UPDATE); // a read-only file of our own
  }
  if (fd === -Errno.ENOENT || fd === -Errno.ELOOP || fd === -Errno.EISDIR || fd === -Errno.ENXIO) return 0; // it was exchanged for something else
  if (fd < 0) return fd;
  const fits = posix.fstat(fd, table, 1) === 0 && table.isFile(1) && belongs(table, 1, header);
  const result = fits ? restore(posix, journal, length, fd, header) : 0;
  posix.close(fd);
  return result;
}

/** Whether record i is the file of the header, as nobody but a killed run has left it. */
function belongs(table: StatTable, i: number, h: UndoHeader): boolean {
  return (
    table.inoLow(i) === h.inoLow && table.inoHigh(i) === h.inoHigh && table.devMajor(i) === h.devMajor && table.devMinor(i) === h.devMinor &&
    table.mtimeSec(i) >= h.begunSec - COARSE
  );
}

/**
 * Brings the file back to what the journal says it was: content, size, mtime; or, after an end record, to its new size. `from` is where the
 * records begin. 0 or -errno. Doing it twice, or going on after having been killed in it, does no harm.
 */
export function restore(posix: Posix, journal: number, from: number, fd: number, header: UndoHeader): number {
  const end = walk(posix, journal, from, undefined);
  if (end < -1) return end;
  if (end >= 0) {
    const cut = posix.truncate(fd, end);
    return cut < 0 ? cut : posix.fsync(fd);
  }
  const written = walk(posix, journal, from, (bytes, position) => writeAt(posix, fd, bytes, position));
  if (written < -1) return written;
  const cut = posix.truncate(fd, header.size);
  if (cut < 0) return cut;
  const synced = posix.fsync(fd);
  if (synced < 0) return synced;
  return posix.futimes(fd, 0, UTIME_OMIT, header.mtimeSec, header.mtimeNsec);
}

/** Goes through the whole records. The final size where an end record stands, -1 without one, else -errno (never -1, which no call here answers for a file of ours). */
function walk(posix: Posix, journal: number, from: number, put: ((bytes: Buffer, position: number) => number) | undefined): number {
  const room = Buffer.allocUnsafe(RECORD_HEAD + RECORD_MOST);
  for (let at = from; ;) {
    const got = readAt(posix, journal, room, 0, RECORD_HEAD, at);
    if (got < 0) return fatal(got);
    const head = decodeHead(room.subarray(0, got), 0);
    if (head === undefined) return -1;
    if (head.end) return head.position;
    const more = readAt(posix, journal, room, RECORD_HEAD, head.length, at + RECORD_HEAD);
    if (more < 0) return fatal(more);
    if (more < head.length || !isSealed(room, 0, head.length)) return -1;
    const error = put?.(room.subarray(RECORD_HEAD, RECORD_HEAD + head.length), head.position) ?? 0;
    if (error < 0) return fatal(error);
    at += RECORD_HEAD + head.length;
  }
}

function fatal(errno: number): number {
  return errno === -1 ? -Errno.EIO : errno;
}

function readAt(posix: Posix, fd: number, into: Buffer, offset: number, length: number, position: number): number {
  let got = 0;
  while (got < length) {
    const n = posix.read(fd, into, offset + got, length - got, position + got);
    if (n < 0) return n;
    if (n === 0) break;
    got += n;
  }
  return got;
}

function writeAt(posix: Posix, fd: number, bytes: Buffer, position: number): number {
  for (let done = 0; done < bytes.length;) {
    const n = posix.write(fd, bytes, done, bytes.length - done, position + done);
    if (n <= 0) return n === 0 ? -Errno.EIO : n;
    done += n;
  }
  return 0;
}
