/**
 * The dirty set: paths that may differ, kept durably until the target has durably taken them. It is no cache: in an environment of its own,
 * each record with a checksum, and whatever is in doubt makes more dirty, never less. A new set says that everything is dirty, and so does one
 * that was damaged, or that would grow past its limit.
 *
 * Every mark gets a number that only grows. Who has worked on what was dirty up to a number clears up to that number: a path that was marked
 * again meanwhile stays. What need not wait for the disk goes through a queue that is written in its order: marks, horizons (where the
 * numbers stood), and what is clear up to one.
 */
import { crc32 } from 'node:zlib';
import { EMPTY, isRelPath, TwintreeError, type RelPath } from '../../tree/index.js';
import { ByteReader, ByteWriter, WireError } from '../../wire/index.js';
import type { Environment, Table } from './lmdb.js';
import { PathMap, type Codec, type PathHash } from './path-map.js';

/** Why a path is dirty; bits. */
export enum DirtyReason {
  /** Seen to change. */
  Event = 1,
  /** Part of a storm that was promoted to its folder. */
  Storm = 2,
  /** Events were lost. */
  Overflow = 4,
  /** Nothing is known: a new set. */
  New = 8,
  /** The set was damaged. */
  Damaged = 16,
  /** More paths than the set holds. */
  Full = 32,
  /** A run could not finish with it. */
  Failed = 64,
  /** Kept changing while it was read, or was asked for by a person or a timetable. */
  Again = 128,
}
const ALL_REASONS = 255;

/** What is marked. */
export interface DirtyMark {
  path: RelPath;
  /** All below it too. */
  subtree: boolean;
  reasons: number; // DirtyReason bits
}

/** One dirty path. */
export interface DirtyRecord extends DirtyMark {
  /** Milliseconds since 1970 at which it was first marked since it was last clean. */
  since: number;
  /** Number of the latest mark. */
  sequence: number;
}

type Kept = Omit<DirtyRecord, 'path'>;

/** Most paths of a set: more are one mark of everything. */
export const MAX_DIRTY = 1_000_000;
const MAX_TIME = 8.64e15;
const COUNTER = Buffer.from('sequence');

export const dirtyCodec: Codec<Kept> = {
  write(w: ByteWriter, record: Kept): void {
    const from = w.at;
    w.u8(record.subtree ? 1 : 0);
    w.varint(record.reasons);
    w.varint(record.since);
    w.varint(record.sequence);
    const sum = Buffer.allocUnsafe(4);
    sum.writeUInt32LE(crc32(w.bytes.subarray(from, w.at)));
    w.raw(sum);
  },
  read(r: ByteReader): Kept {
    const from = r.at;
    const subtree = r.flags(1, 'a dirty path') === 1;
    const record = { subtree, reasons: r.varint(ALL_REASONS, 'reasons'), since: r.varint(MAX_TIME, 'a time'), sequence: r.varint(Number.MAX_SAFE_INTEGER, 'a number') };
    const body = r.bytes.subarray(from, r.at);
    if (r.raw(4).readUInt32LE(0) !== crc32(body)) throw new WireError('checksum', 'a dirty path has another checksum');
    return record;
  },
};

/** Where the numbers of the marks stood when it was taken; known once that was written. */
export interface Horizon {
  upTo: number | undefined;
}

type Queued =
  | { kind: 'mark'; mark: DirtyMark; at: number }
  | { kind: 'horizon'; horizon: Horizon }
  | { kind: 'clear'; horizon: Horizon; paths: () => Iterable<RelPath> };

export class DirtySet {
  private readonly paths: PathMap<Kept>;
  private readonly table: Table;
  private readonly numbers: Table;
  private queue: Queued[] = [];
  private pending: Promise<number> | undefined;
  private soonPending: Promise<number> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private begin = (): void => undefined;
  private readonly limit: number;
  private readonly clock: () => number;

  constructor(private readonly environment: Environment, more: { limit?: number; hash?: PathHash; clock?: () => number } = {}) {
    this.limit = more.limit ?? MAX_DIRTY;
    this.clock = more.clock ?? Date.now;
    this.table = environment.table('dirty');
    this.numbers = environment.table('numbers');
    this.paths = new PathMap(this.table, dirtyCodec, 0, more.hash);
  }

  /**
   * Looks at all that is kept. Where anything is damaged everything is dirty from now on, and false is returned; a set that was never used
   * says so too, with true.
   */
  check(): boolean {
    const counter = this.numbers.get(COUNTER);
    if (counter === undefined && this.table.count === 0) {
      this.everything(DirtyReason.New);
      return true;
    }
    const last = this.sequence;
    const records = this.paths.list();
    const sound = counter !== undefined && counter.length === 8 && records.length >= this.table.count && records.every(({ record }) => record.sequence <= last);
    if (!sound) this.everything(DirtyReason.Damaged);
    return sound;
  }

  /** Number of the latest mark that is kept. */
  get sequence(): number {
    const bytes = this.numbers.get(COUNTER);
    return bytes?.length === 8 ? Number(bytes.readBigUInt64BE()) : 0;
  }

  /** How many paths are kept. */
  get size(): number {
    return this.table.count;
  }

  /** The mark of the whole tree, where there is one: then the other records tell nothing more. */
  get whole(): DirtyRecord | undefined {
    const record = this.get(EMPTY);
    return record?.subtree === true ? record : undefined;
  }

  get(path: RelPath): DirtyRecord | undefined {
    const record = this.paths.get(path);
    return record === undefined ? undefined : { path, ...record };
  }

  /** Records of a folder and all below it, in byte order, behind `after`. */
  list(what?: { folder?: RelPath; after?: RelPath; limit?: number }): DirtyRecord[] {
    return this.paths.list(what).map(({ path, record: { subtree, reasons, since, sequence } }) => ({ path, subtree, reasons, since, sequence }));
  }

  /** Marks, durably on return. Returns the number of the latest mark. @throws TwintreeError IO; then the marks wait for the next call. */
  add(marks: Iterable<DirtyMark>): number {
    this.addMany(marks);
    return this.flush();
  }

  /** Takes marks in; they are durable after the next `flush` or `durable`. */
  addMany(marks: Iterable<DirtyMark>): void {
    const at = this.clock();
    for (const mark of marks) {
      if (!isRelPath(mark.path)) throw new Error('no path below a root');
      this.queue.push({ kind: 'mark', mark: { ...mark, reasons: mark.reasons & ALL_REASONS }, at });
    }
  }

  /** How much was taken in and is not written yet. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Takes note of where the numbers stand behind all that was taken in. Written as marks are. */
  horizon(): Horizon {
    const horizon: Horizon = { upTo: undefined };
    this.queue.push({ kind: 'horizon', horizon });
    return horizon;
  }

  /** As `clear`, in its turn and without waiting for the disk: `paths` is asked then. Written as marks are. */
  clearLater(horizon: Horizon, paths: () => Iterable<RelPath>): void {
    this.queue.push({ kind: 'clear', horizon, paths });
  }

  /** Writes what was taken in, durably. Returns the number of the latest mark. @throws TwintreeError IO. */
  flush(): number {
    const taken = this.queue;
    if (taken.length === 0) return this.sequence;
    const last = this.guarded(() => this.environment.write(() => this.apply(taken)));
    this.queue = [];
    return last;
  }

  /** The same without blocking: calls that come while one waits for the disk share the next. */
  durable(): Promise<number> {
    this.pending ??= new Promise((resolve) => { setImmediate(resolve); }).then(() => {
      this.pending = undefined;
      return this.flushLater();
    });
    return this.pending;
  }

  /** The same, begun after `ms` at the latest: calls until then share it. */
  soon(ms: number): Promise<number> {
    this.soonPending ??= new Promise<void>((resolve) => {
      this.begin = resolve;
      this.timer = setTimeout(resolve, ms);
    }).then(() => {
      this.soonPending = undefined;
      return this.durable();
    });
    return this.soonPending;
  }

  /** Writes what waits; nothing is written behind it. Where that cannot be it is lost. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.begin();
    await this.soonPending?.catch(() => undefined); // its callers hear of it
    await this.durable().catch(() => undefined);
  }

  private writing: Promise<number> | undefined;

  private async flushLater(): Promise<number> {
    while (this.writing !== undefined) await this.writing.catch(() => undefined); // its own caller hears of it
    const taken = this.queue;
    if (taken.length === 0) return this.sequence;
    this.queue = [];
    this.writing = this.environment.writeLater(() => this.apply(taken));
    try {
      return await this.writing;
    } catch (error) {
      this.queue = [...taken, ...this.queue]; // not kept: they wait for the next call
      throw failed(error);
    } finally {
      this.writing = undefined;
    }
  }

  /** Removes paths (not what is below them) whose latest mark is at most `upTo`. Returns how many; durable on return. */
  clear(upTo: number, paths: Iterable<RelPath>): number {
    return this.guarded(() => this.environment.write(() => {
      let cleared = 0;
      for (const path of paths) cleared += this.clearOne(path, this.paths.get(path), upTo);
      return cleared;
    }));
  }

  /** Removes a folder and all below it as far as their latest marks are at most `upTo`. Returns how many; durable on return. */
  clearTree(upTo: number, folder: RelPath = EMPTY): number {
    return this.guarded(() => this.environment.write(() => this.paths.list({ folder }).reduce((sum, { path, record }) => sum + this.clearOne(path, record, upTo), 0)));
  }

  /** Says that everything is dirty, in place of all that is kept. Durable on return. */
  everything(reason: DirtyReason): number {
    return this.guarded(() => this.environment.write(() => this.collapse(reason, this.sequence, this.clock())));
  }

  private clearOne(path: RelPath, record: Kept | undefined, upTo: number): number {
    if (record === undefined || record.sequence > upTo) return 0;
    this.paths.remove(path);
    return 1;
  }

  /** In a transaction. */
  private apply(taken: readonly Queued[]): number {
    let sequence = this.sequence;
    let room = this.limit - this.table.count;
    let full = false;
    for (const each of taken) {
      if (each.kind === 'horizon') {
        each.horizon.upTo = sequence;
        continue;
      }
      if (each.kind === 'clear') {
        for (const path of each.paths()) room += this.clearOne(path, this.paths.get(path), each.horizon.upTo ?? 0);
        continue;
      }
      if (full) continue; // everything covers it
      const { mark, at } = each;
      const before = this.paths.get(mark.path);
      if (before === undefined && --room < 0) {
        sequence = this.collapse(DirtyReason.Full, sequence, at);
        full = true;
        continue;
      }
      this.paths.put(mark.path, {
        subtree: mark.subtree || before?.subtree === true, reasons: mark.reasons | (before?.reasons ?? 0), since: before?.since ?? at, sequence: ++sequence,
      });
    }
    this.count(sequence);
    return sequence;
  }

  /** In a transaction: one record instead of all. It is as old as the oldest of them. */
  private collapse(reason: DirtyReason, last: number, at: number): number {
    // A set that is made anew goes on above the numbers of the old one: who still holds one of those clears nothing.
    const sequence = last > 0 ? last : at * 1000;
    let since = at;
    let reasons: number = reason;
    for (const { record } of this.paths.list()) {
      since = Math.min(since, record.since);
      reasons |= record.reasons;
    }
    this.table.clear();
    this.paths.put(EMPTY, { subtree: true, reasons, since, sequence: sequence + 1 });
    this.count(sequence + 1);
    return sequence + 1;
  }

  private count(sequence: number): void {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigUInt64BE(BigInt(sequence));
    this.numbers.put(COUNTER, bytes);
  }

  private guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw failed(error);
    }
  }
}

function failed(error: unknown): unknown {
  if (error instanceof TwintreeError || error instanceof TypeError || error instanceof RangeError) return error;
  return new TwintreeError('IO', 'the set of paths that may differ cannot be written', { advice: 'Make room below the state folder.', cause: error });
}
