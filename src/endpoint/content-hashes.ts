/**
 * ContentHashes: the strong hashes of files that were read in earlier runs, so that a file which was not touched since is not read again. A
 * hash is believed only for the very fingerprint it was noted with, on a file system whose ctime no program can set, and where the file was
 * clearly older than the reading. One for each thread; what is noted is written in batches.
 */
import { fingerprintOf, hasFingerprint, isSettled, RACY_MS, sameFingerprint, type Fingerprint, type IndexRecord, type Seen, type Side } from '../state/index.js';
import type { ByteString, RelPath, StatTable } from '../tree/index.js';
import { KeptTables } from './kept-tables.js';

/** What a thread must know to use the hashes: plain data. */
export interface HashStore {
  /** Folder of the pair's state, which this process holds. */
  folder: ByteString;
  /** `major:minor` of the file systems that are believed. */
  devices: Record<Side, string[]>;
}

/** Records that wait to be written, at most. */
const BATCH = 1000;

type Noted = Partial<Record<Side, Seen>>;

export class ContentHashes {
  private readonly devices: Record<Side, ReadonlySet<string>>;
  private readonly tables: KeptTables;
  private readonly waiting = new Map<RelPath, Noted>();

  /** @param failed is told once why nothing is kept any more */
  constructor(store: HashStore, failed: (message: string) => void, private readonly clock: () => number = Date.now) {
    this.tables = new KeptTables(store.folder, failed);
    this.devices = { source: new Set(store.devices.source), target: new Set(store.devices.target) };
  }

  /** The clock by which readings are dated, milliseconds since 1970. */
  now(): number {
    return this.clock();
  }

  /** The hash of the file in record i, where it is known. */
  known(side: Side, path: RelPath, table: StatTable, i: number): Buffer | undefined {
    if (!this.believes(side, table.devMajor(i), table.devMinor(i))) return undefined;
    const seen = this.waiting.get(path)?.[side] ?? this.tables.open()?.index.get(path)?.[side];
    return seen?.hash !== undefined && hasFingerprint(seen.fingerprint, table, i) && isSettled(seen.fingerprint, seen.moment) ? seen.hash : undefined;
  }

  /**
   * Notes what was read: the file had this fingerprint before and after, and the reading began at `moment` (see `now`). What could not be
   * believed later is not kept.
   */
  note(side: Side, path: RelPath, fingerprint: Fingerprint, hash: Buffer, moment: number): void {
    if (this.tables.broken || !this.believes(side, fingerprint.devMajor, fingerprint.devMinor) || !isSettled(fingerprint, moment)) return;
    const noted = this.waiting.get(path) ?? {};
    noted[side] = { fingerprint, hash, moment };
    this.waiting.set(path, noted);
    if (this.waiting.size >= BATCH) this.flush();
  }

  /**
   * Notes a file that was just put in place with content of this hash. It is believed at once where its mtime was set to an older time: who
   * changes it within the same tick of the clock leaves another mtime.
   */
  noteWritten(path: RelPath, fingerprint: Fingerprint, hash: Buffer): void {
    const { ctimeSec, ctimeNsec, mtimeSec, mtimeNsec } = fingerprint;
    const put = ctimeSec * 1000 + ctimeNsec / 1e6;
    if (mtimeSec * 1000 + mtimeNsec / 1e6 + RACY_MS < put) this.note('target', path, fingerprint, hash, Math.ceil(put + RACY_MS));
  }

  /** Writes what waits. */
  flush(): void {
    const tables = this.waiting.size === 0 ? undefined : this.tables.open();
    if (tables === undefined) return;
    try {
      tables.write(() => {
        for (const [path, noted] of this.waiting) tables.index.put(path, merged(tables.index.get(path), noted));
      });
    } catch (error) {
      this.tables.fail(error);
    }
    this.waiting.clear();
  }

  /** Writes what waits and lets the store go. */
  close(): void {
    this.flush();
    this.tables.close();
  }

  private believes(side: Side, major: number, minor: number): boolean {
    return this.devices[side].has(`${major}:${minor}`);
  }
}

/** What was known of a path with what was noted of it: a hash of another version goes. */
function merged(before: IndexRecord | undefined, noted: Noted): IndexRecord {
  return { source: noted.source ?? before?.source, target: noted.target ?? before?.target, leader: before?.leader ?? false };
}

/** One file that is being read for its hash: its fingerprint when it was opened. */
export class Reading {
  readonly fingerprint: Fingerprint;

  /** @param table record i of it is the open file's */
  constructor(table: StatTable, i: number, readonly moment: number) {
    this.fingerprint = fingerprintOf(table, i);
  }

  /** Whether record i of `table`, taken after the reading, says that it was not touched meanwhile. */
  isUntouched(table: StatTable, i: number): boolean {
    return sameFingerprint(this.fingerprint, fingerprintOf(table, i));
  }
}
