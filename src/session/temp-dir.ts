/**
 * --temp-dir outside of the target: what a killed run left there goes with the next run that uses the folder. A session holds a lock file of its own
 * in it, which the kernel frees whatever happens; files whose session's lock is free belong to nobody any more. Only files of this user, with
 * names that sessions give, are touched, and none whose lock file is missing.
 */
import { Errno, type NameList, type Posix } from '../fs/index.js';
import { isTempName, tempTag } from '../endpoint/index.js';
import { StatTable, type ByteString } from '../tree/index.js';

/** Hexadecimal digits of a session's tag; its threads add two. */
const TAG = 12;

function lockName(tag: string): ByteString {
  return `.~twintree-${tag}-lock` as ByteString;
}

/** One session's claim on a folder for temporary files. */
export class TempDirClaim {
  private lock = -1;

  /** @param at handle of the folder, which stays the caller's. @param tag the session's. */
  constructor(private readonly posix: Posix, private readonly at: number, private readonly tag: string) {}

  /** Takes the lock and removes what dead sessions left. Where locks or such files cannot be had nothing is removed: it only would have been tidy. */
  take(): void {
    const { posix, at } = this;
    if (posix.lacks.has('flock')) return;
    const stat = new StatTable(2);
    // RACE: between making the file and locking it, another session may take it for a dead one's and remove it; then it is made again.
    for (let tries = 0; tries < 5 && this.lock < 0; tries++) {
      const fd = posix.open(at, lockName(this.tag), { write: true, create: true }, 0o600);
      if (fd < 0) return;
      const mine = posix.flock(fd, 'exclusive') === 0 && posix.fstat(fd, stat, 0) === 0 && posix.stat(at, lockName(this.tag), stat, 1) === 0 && stat.sameInode(0, stat, 1);
      if (mine) this.lock = fd;
      else posix.close(fd);
    }
    if (this.lock >= 0) this.tidy(stat);
  }

  /** Gives it back. */
  close(): void {
    if (this.lock < 0) return;
    this.posix.unlink(this.at, lockName(this.tag));
    this.posix.close(this.lock);
    this.lock = -1;
  }

  private tidy(stat: StatTable): void {
    const { posix, at } = this;
    const raw: NameList = { names: [], types: [] };
    if (posix.list(at, raw) < 0) return;
    const sessions = new Map<string, ByteString[]>();
    for (const name of raw.names) {
      const tag = isTempName(name) ? tempTag(name) : undefined;
      if (tag === undefined || (tag.length !== TAG && tag.length !== TAG + 2) || tag.startsWith(this.tag)) continue;
      const files = sessions.get(tag.slice(0, TAG));
      if (files === undefined) sessions.set(tag.slice(0, TAG), [name]);
      else files.push(name);
    }
    const isMine = (name: ByteString): boolean => posix.stat(at, name, stat, 0) === 0 && stat.isFile(0) && stat.uid(0) === posix.euid;
    for (const [tag, files] of sessions) {
      const lock = lockName(tag);
      const fd = files.includes(lock) && isMine(lock) ? posix.open(at, lock, { write: true }) : -Errno.ENOENT;
      if (fd < 0) continue;
      if (posix.flock(fd, 'exclusive') === 0) { // its session is dead; the lock file goes last, so that what remains is found again
        for (const name of files) if (name !== lock && isMine(name)) posix.unlink(at, name);
        posix.unlink(at, lock);
      }
      posix.close(fd);
    }
  }
}
