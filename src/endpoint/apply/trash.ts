/**
 * Trash: backups in a folder for each day (UTC) below --backup-dir, of which old ones go. Only folders whose name is a day are looked at, by handles,
 * never through a symlink and never onto another file system; how much goes in one session is bounded. A removal that was broken off is gone on with.
 */
import { Errno, type NameList, type Posix } from '../../fs/index.js';
import { StatTable, type ByteString } from '../../tree/index.js';

/** What is kept; undefined: no limit. */
export interface BackupKeep {
  /** Milliseconds that each backup is kept at least. */
  ageMs: number | undefined;
  /** Bytes of all days; the oldest go first, today's never. */
  bytes: number | undefined;
}

const DAY = 86_400_000;
/** Entries that are looked at or removed in one session. */
const MOST_ENTRIES = 200_000;
/** Folders below one another; deeper ones are left. */
const MOST_DEPTH = 4096;

/** The name of a moment's folder. */
export function dayName(now: number): ByteString {
  return new Date(now).toISOString().slice(0, 10) as ByteString;
}

/** The first moment behind the day of a name, ms since 1970; undefined: it is no day. */
function endOfDay(name: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(name)) return undefined;
  const start = Date.parse(`${name}T00:00:00Z`);
  return Number.isNaN(start) || dayName(start) !== name ? undefined : start + DAY;
}

/** Opens (and makes) the folder of today. Below zero where that fails. */
export function openDay(posix: Posix, trash: number, now: number, umask: number): number {
  const name = dayName(now);
  const made = posix.mkdir(trash, name, 0o777 & ~umask);
  return made < 0 && made !== -Errno.EEXIST ? made : posix.openDir(trash, name);
}

/** What became of a tidying. */
export interface Tidied {
  /** Days that went as a whole. */
  removed: string[];
  /** More is to be done, in the next session. */
  unfinished: boolean;
  /** Days of which something could not be removed, with the errno. */
  failed: { day: string; errno: number }[];
}

/**
 * Removes what is not to be kept any more.
 * @param trash handle of --backup-dir. @param sizes whether the limit of bytes is looked at: that walks through all days.
 */
export function tidyTrash(posix: Posix, trash: number, keep: BackupKeep, now: number, sizes: boolean, most = MOST_ENTRIES): Tidied {
  const work = new Work(posix, most);
  const result: Tidied = { removed: [], unfinished: false, failed: [] };
  const table = new StatTable(1);
  const list: NameList = { names: [], types: [] };
  if (posix.fstat(trash, table, 0) < 0 || posix.list(trash, list) < 0) return result;
  work.device = deviceOf(table);
  const today = dayName(now);
  let days = list.names.filter((name) => name < today && endOfDay(name) !== undefined && isFolder(posix, trash, name, table)).sort();
  const remove = (day: ByteString): void => {
    const error = work.remove(trash, day, 0);
    if (error === 0) result.removed.push(day);
    else if (error === UNFINISHED) result.unfinished = true;
    else result.failed.push({ day, errno: -error });
  };
  const { ageMs, bytes } = keep;
  const old = ageMs === undefined ? [] : days.filter((day) => (endOfDay(day) as number) + ageMs <= now);
  for (const day of old) if (!result.unfinished) remove(day);
  if (bytes === undefined || !sizes || result.unfinished) return result;
  days = days.slice(old.length);
  const measured = [...days, today].map((day) => ({ day, size: work.measure(trash, day, 0) }));
  let total = measured.reduce((sum, { size }) => sum + size, 0);
  if (work.left <= 0) { // too many to be counted: what was counted is less than there is
    result.unfinished = true;
    work.left = most;
  }
  for (const { day, size } of measured) {
    if (total <= bytes || day === today) break;
    remove(day as ByteString);
    if (result.unfinished && work.left <= 0) break;
    total -= size;
  }
  return result;
}

const UNFINISHED = -0x1000;

class Work {
  device = '';
  private readonly table = new StatTable(1);

  /** @param left entries that may still be looked at. */
  constructor(private readonly posix: Posix, public left: number) {}

  /** Removes a name with all below it: 0, UNFINISHED, or the first -errno. */
  remove(at: number, name: ByteString, depth: number): number {
    const { posix } = this;
    if (--this.left < 0) return UNFINISHED;
    const error = posix.unlink(at, name);
    if (error === 0 || error === -Errno.ENOENT) return 0;
    if (error !== -Errno.EISDIR && error !== -Errno.EPERM) return error;
    const fd = this.enter(at, name, depth);
    if (fd < 0) return fd;
    const list: NameList = { names: [], types: [] };
    let first = posix.list(fd, list);
    for (const child of list.names) {
      const result = this.remove(fd, child, depth + 1);
      if (result < 0 && (first === 0 || result === UNFINISHED)) first = result;
      if (result === UNFINISHED) break;
    }
    posix.close(fd);
    if (first < 0) return first;
    return posix.rmdir(at, name);
  }

  /** Bytes of the files at a name and below it. */
  measure(at: number, name: ByteString, depth: number): number {
    const { posix, table } = this;
    if (--this.left < 0 || posix.stat(at, name, table, 0) < 0) return 0;
    if (!table.isDir(0)) return table.isFile(0) ? table.size(0) : 0;
    const fd = this.enter(at, name, depth);
    if (fd < 0) return 0;
    const list: NameList = { names: [], types: [] };
    posix.list(fd, list);
    let sum = 0;
    for (const child of list.names) sum += this.measure(fd, child, depth + 1);
    posix.close(fd);
    return sum;
  }

  /** Opens a folder of the same file system. */
  private enter(at: number, name: ByteString, depth: number): number {
    const { posix, table } = this;
    if (depth >= MOST_DEPTH) return -Errno.ELOOP;
    const fd = posix.openDir(at, name);
    if (fd < 0) return fd;
    if (posix.fstat(fd, table, 0) === 0 && deviceOf(table) === this.device) return fd;
    posix.close(fd);
    return -Errno.EXDEV;
  }
}

function isFolder(posix: Posix, at: number, name: ByteString, table: StatTable): boolean {
  return posix.stat(at, name, table, 0) === 0 && table.isDir(0);
}

function deviceOf(table: StatTable): string {
  return `${table.devMajor(0)}:${table.devMinor(0)}`;
}
