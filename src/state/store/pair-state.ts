/**
 * PairState: all that is kept for one pair of roots, in one folder below the state folder: an index of both trees, sums of large files and the history
 * of runs in one store, the dirty set in another. One process holds it at a time. The index is a cache: damaged, it is set aside and begun anew.
 * The dirty set is not: damaged, everything is dirty.
 */
import { errnoText, makeFolders, type Posix } from '../../fs/index.js';
import { displayName, StatTable, TwintreeError, type ByteString } from '../../tree/index.js';
import { pairName } from '../place.js';
import { DirtyReason, DirtySet } from './dirty-set.js';
import { EntryIndex } from './entry-index.js';
import { checkFormat, writeFormat, type PairName } from './format.js';
import { openEnvironment, storeIsMissing, type Environment } from './lmdb.js';
import { PairLock } from './pair-lock.js';
import { PlaceTable } from './places.js';
import { RunHistory } from './run-history.js';
import { SumTable } from './sum-table.js';
import { markClosed, mayOpen, setAside } from './sound.js';

/** What is to be opened. */
export interface PairRequest {
  /** For the program's own files: `loadOwnPosix()`. */
  posix: Posix;
  /** `stateFolder()`. */
  folder: ByteString;
  /** Absolute paths or `host:path`, as they name this pair in every run. */
  pair: PairName;
  /** Open handles of the roots on this host: the state may not lie inside them. */
  roots: readonly number[];
  /** Told where something was set aside. */
  notice(code: string, message: string): void;
  /** Milliseconds since 1970 (Date.now). */
  clock?: () => number;
}

/** Tables of the store. */
export interface StoreTables { index: EntryIndex; sums: SumTable; runs: RunHistory; places: PlaceTable }

export const INDEX_TABLES = ['entries', 'inodes', 'sums', 'sum-pages', 'runs', 'places'] as const;
export const DIRTY_TABLES = ['dirty', 'numbers'] as const;

/** The open state of a pair. */
export class PairState implements StoreTables {
  private dirtyStore: Environment | undefined;
  private dirtySet: DirtySet | undefined;

  private constructor(
    /** The pair's folder. */
    readonly folder: ByteString, private readonly request: PairRequest, private readonly lock: PairLock, private readonly handle: number,
    private readonly store: Environment, readonly index: EntryIndex, readonly sums: SumTable, readonly runs: RunHistory, readonly places: PlaceTable,
    private readonly dirtyIsDoubtful: boolean,
  ) {}

  /**
   * Opens the state of a pair, or makes it.
   * @throws TwintreeError LOCKED, STATE (a newer version, inside a tree, no store here) or IO.
   */
  static open(request: PairRequest): PairState {
    const { posix, pair } = request;
    const missing = storeIsMissing();
    if (missing !== undefined) throw new TwintreeError('STATE', `no state is kept here: ${missing}`, { advice: 'Install twintree on this host with its packages, or run without --state.' });
    keepOutside(request);
    const folder = pairFolder(request.folder, pair);
    const handle = makeFolders(posix, folder, 0o700);
    if (handle < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-handle)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    let lock: PairLock | undefined;
    try {
      lock = PairLock.take(posix, handle, folder, (request.clock ?? Date.now)());
      const found = checkFormat(folder);
      if (found === 'damaged') setAside(storeFolder(folder), 'its format file is damaged', request.notice);
      const store = openStore(request, storeFolder(folder));
      if (found !== 'current') writeFormat(folder, { source: displayName(pair.source), target: displayName(pair.target) });
      return new PairState(folder, request, lock, handle, store, ...tablesOf(store), found === 'damaged');
    } catch (error) {
      lock?.release();
      posix.close(handle);
      throw error;
    }
  }

  /** The dirty set, opened when it is first asked for. @throws TwintreeError STATE or IO. */
  get dirty(): DirtySet {
    if (this.dirtySet !== undefined) return this.dirtySet;
    const folder = dirtyFolder(this.folder);
    const sound = mayOpen(folder, DIRTY_TABLES);
    if (!sound) setAside(folder, 'it is damaged', this.request.notice);
    const { environment, set } = openDirty(folder, this.request.clock);
    this.dirtyStore = environment;
    if (!sound || this.dirtyIsDoubtful) set.everything(DirtyReason.Damaged);
    else if (!set.check()) this.request.notice('state-damaged', 'the set of paths that may differ was damaged: everything is compared');
    return (this.dirtySet = set);
  }

  /** Runs `act` in one transaction of the store: changes to index, sums and history belong in one. */
  write<T>(act: () => T): T {
    try {
      return this.store.write(act);
    } catch (error) {
      if (error instanceof TwintreeError || error instanceof TypeError || error instanceof RangeError) throw error;
      throw new TwintreeError('IO', 'the state cannot be written', { path: this.folder, cause: error, advice: 'Make room below the state folder, or run without --state.' });
    }
  }

  /** Closes all and gives the lock back. */
  async close(): Promise<void> {
    await this.store.close();
    markClosed(storeFolder(this.folder));
    if (this.dirtyStore !== undefined) {
      await this.dirtySet?.close();
      await this.dirtyStore.close();
      markClosed(dirtyFolder(this.folder));
    }
    this.lock.release();
    this.request.posix.close(this.handle);
  }
}

/** The folder of a pair's state. */
export function pairFolder(stateFolder: ByteString, pair: PairName): ByteString {
  return `${stateFolder}/pairs/${pairName([pair.source, pair.target])}` as ByteString;
}

/** The tables of a pair whose state this process holds, for another of its threads. The caller closes it. */
export function openTables(folder: ByteString): StoreTables & { write<T>(act: () => T): T; close(): Promise<void> } {
  const store = openEnvironment(storeFolder(folder), false);
  const [index, sums, runs, places] = tablesOf(store);
  return { index, sums, runs, places, write: (act) => store.write(act), close: () => store.close() };
}

/** The dirty set of a pair whose state this process holds, and whose `dirty` was opened there, for another of its threads. */
export function openDirtySet(folder: ByteString): { set: DirtySet; close(): Promise<void> } {
  const { environment, set } = openDirty(dirtyFolder(folder));
  return { set, close: () => environment.close() };
}

function openDirty(folder: ByteString, clock?: () => number): { environment: Environment; set: DirtySet } {
  const environment = openEnvironment(folder, true);
  return { environment, set: new DirtySet(environment, clock === undefined ? {} : { clock }) };
}

export function storeFolder(folder: ByteString): ByteString {
  return `${folder}/store` as ByteString;
}

export function dirtyFolder(folder: ByteString): ByteString {
  return `${folder}/dirty` as ByteString;
}

function openStore(request: PairRequest, folder: ByteString): Environment {
  if (!mayOpen(folder, INDEX_TABLES)) setAside(folder, 'it is damaged', request.notice);
  return openEnvironment(folder, false);
}

function tablesOf(store: Environment): [EntryIndex, SumTable, RunHistory, PlaceTable] {
  return [new EntryIndex(store.table('entries'), store.table('inodes')), new SumTable(store.table('sums'), store.table('sum-pages')), new RunHistory(store.table('runs')), new PlaceTable(store.table('places'))];
}

/** @throws TwintreeError STATE where the state folder is or would be inside one of the roots. */
function keepOutside({ posix, folder, roots }: PairRequest): void {
  if (liesInside(posix, folder, roots)) throw new TwintreeError('STATE', 'the state folder lies inside a tree', { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder outside of both trees.' });
}

/** Whether a folder, which need not be there yet, is or would be inside one of the open roots. Its path is absolute. */
export function liesInside(posix: Posix, folder: ByteString, roots: readonly number[]): boolean {
  const table = new StatTable(1);
  const identities = new Set(roots.flatMap((fd) => (posix.fstat(fd, table, 0) === 0 ? [table.identity(0)] : [])));
  let path: string = folder;
  let last = '';
  for (;;) {
    const fd = posix.openRoot(path as ByteString);
    if (fd >= 0) {
      posix.fstat(fd, table, 0);
      posix.close(fd);
      const identity = table.identity(0);
      if (identities.has(identity)) return true;
      if (identity === last) return false; // `..` of the root is the root
      last = identity;
      path = `${path}/..`;
    } else {
      const up = path.lastIndexOf('/');
      if (up <= 0) return false;
      path = path.slice(0, up);
    }
  }
}
