/**
 * lmdb: the embedded key-value store below the state, loaded when state is first used and never on import. Where the package is not there
 * (an agent that was sent to another host) that is an answer, not an error. One environment is one folder with one file; tables are named in it.
 *
 * The library maps its file into memory, so a damaged file can end the process. Whoever opens one looks first (`sound.ts`).
 */
import { createRequire } from 'node:module';
import { fromBytes, TwintreeError, type ByteString } from '../../tree/index.js';

/** A table: byte keys in byte order, byte values. */
export interface Table {
  /** The value; a copy. */
  get(key: Buffer): Buffer | undefined;
  /** In a transaction only. */
  put(key: Buffer, value: Buffer): void;
  /** In a transaction only. */
  remove(key: Buffer): void;
  /** Keys from `from` up to but without `to`, at most `limit` (default: all). Both are copies. */
  range(from: Buffer, to: Buffer | undefined, limit?: number): Iterable<{ key: Buffer; value: Buffer }>;
  /** How many there are. */
  readonly count: number;
  /** Empties it. */
  clear(): void;
}

/** An open environment. */
export interface Environment {
  table(name: string): Table;
  /** Runs `act` in one transaction; all of it is kept or nothing. Durable on return, where the environment was opened so. */
  write<T>(act: () => T): T;
  /** The same with the waiting for the disk in another thread. `act` runs later, once. */
  writeLater<T>(act: () => T): Promise<T>;
  close(): Promise<void>;
}

interface RawTable {
  getBinary(key: Buffer): Buffer | undefined;
  putSync(key: Buffer, value: Buffer): void;
  removeSync(key: Buffer): boolean;
  getRange(range: { start: Buffer; end?: Buffer; limit?: number; snapshot?: boolean }): Iterable<{ key: Buffer; value: Buffer }>;
  getStats(): { entryCount?: number };
  clearSync(): void;
}
interface RawEnvironment extends RawTable {
  openDB(name: string, options: object): RawTable;
  transactionSync<T>(act: () => T, flags: number): T;
  transaction<T>(act: () => T): Promise<T>;
  close(): Promise<void>;
}
interface Lmdb { open(options: object): RawEnvironment }

/** Tables of one environment at most. */
const MAX_TABLES = 16;
/** Threads and processes that read one environment at once, at most. */
const MAX_READERS = 256;
const ABORTABLE = 1;
const COMMIT = 2;
const NO_SYNC_FLUSH = 0x10000;

let loaded: Lmdb | undefined;
let failure: string | undefined;

/** Why there is no store here; undefined where there is one. Loads it. */
export function storeIsMissing(): string | undefined {
  load();
  return loaded === undefined ? failure : undefined;
}

/** Where the package stands, for a process that is to look at a store by itself. @throws TwintreeError STATE. */
export function storePackage(): string {
  if (load() === undefined) throw missing();
  return createRequire(import.meta.url).resolve('lmdb');
}

/** Opens or makes an environment. `durable`: a transaction is on the disk when it returns; else a little later. @throws TwintreeError STATE. */
export function openEnvironment(folder: ByteString, durable: boolean): Environment {
  const lmdb = load();
  if (lmdb === undefined) throw missing();
  const path = nativePath(folder);
  const encodings = { keyEncoding: 'binary', encoding: 'binary' };
  try {
    const raw = lmdb.open({ path, noSubdir: false, maxDbs: MAX_TABLES, maxReaders: MAX_READERS, ...encodings, ...(durable ? { overlappingSync: false } : {}) });
    return wrap(raw, encodings, ABORTABLE | COMMIT | (durable ? 0 : NO_SYNC_FLUSH));
  } catch (error) {
    throw new TwintreeError('STATE', 'the store of the state cannot be opened', { path: folder, cause: error });
  }
}

function wrap(raw: RawEnvironment, encodings: object, flags: number): Environment {
  return {
    table: (name) => wrapTable(raw.openDB(name, encodings)),
    write: (act) => raw.transactionSync(act, flags),
    writeLater: (act) => raw.transaction(act),
    close: () => raw.close(),
  };
}

function wrapTable(raw: RawTable): Table {
  return {
    get: (key) => raw.getBinary(key),
    put: (key, value) => raw.putSync(key, value),
    remove: (key) => { raw.removeSync(key); },
    range: (from, to, limit) => raw.getRange({ start: from, ...(to === undefined ? {} : { end: to }), ...(limit === undefined ? {} : { limit }) }),
    get count() { return raw.getStats().entryCount ?? 0; },
    clear: () => raw.clearSync(),
  };
}

function load(): Lmdb | undefined {
  if (loaded !== undefined || failure !== undefined) return loaded;
  try {
    loaded = createRequire(import.meta.url)('lmdb') as Lmdb;
  } catch (error) {
    failure = error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND' ? 'the package lmdb is not installed here' : `the package lmdb does not load: ${String(error)}`;
  }
  return loaded;
}

function missing(): TwintreeError {
  return new TwintreeError('STATE', `no state is kept here: ${failure ?? ''}`, { advice: 'Install twintree on this host with its packages, or run without --state.' });
}

/** The library takes text: a state folder whose name is not UTF-8 cannot be. */
function nativePath(folder: ByteString): string {
  const text = Buffer.from(folder, 'latin1').toString('utf8');
  if (fromBytes(Buffer.from(text, 'utf8')) !== folder) throw new TwintreeError('STATE', 'the path of the state folder is not UTF-8', { path: folder, advice: 'Set TWINTREE_STATE_DIR to another folder.' });
  return text;
}
