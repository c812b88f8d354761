/**
 * SharedStore: a small durable store that several processes use for a moment each: it is opened, read or written, and closed under a lock of the
 * kernel. So it stands closed nearly always: a process that is killed leaves it sound, and who comes next need not look through it. What is
 * damaged is set aside and begun anew, which is told.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Errno, errnoText, makeFolders, type Posix } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { checkFormat, writeFormat, type Migrations } from './format.js';
import { openEnvironment, storeIsMissing, type Table } from './lmdb.js';
import { markClosed, mayOpen, setAside } from './sound.js';

export interface SharedStoreRequest {
  /** For the program's own files: `loadOwnPosix()`. */
  readonly posix: Posix;
  /** The folder of the store; its lock and its format stand in it. */
  readonly folder: ByteString;
  readonly tables: readonly string[];
  /** The version that is written, and what leads to it from older ones. */
  readonly format: { readonly current: number; readonly migrations: Migrations; readonly about: Readonly<Record<string, string>>; readonly loss: string };
  /** Told where something was set aside. */
  notice(code: string, message: string): void;
}

/** What a use of the store gets. */
export interface StoreUse {
  table(name: string): Table;
  /** All of it is kept or nothing; on the disk when it returns. */
  write<T>(act: () => T): T;
}

/** Milliseconds between two looks at the lock, the first and the longest. */
const FIRST_LOOK = 2;
const LONGEST_LOOK = 50;
/** Milliseconds that the others have to be done in: each holds it for some milliseconds. */
const PATIENCE = 30_000;
const LOCK = 'lock' as ByteString;

export class SharedStore {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly request: SharedStoreRequest) {}

  /** Opens it, or makes it, for one use. @throws TwintreeError STATE, IO, NO_SPACE; LOCKED where others do not let go of it. */
  use<T>(act: (store: StoreUse) => T): Promise<T> {
    return this.inTurn(() => this.opened(true, act)) as Promise<T>;
  }

  /** The same for reading; undefined, and nothing is made, where there is no store yet. */
  read<T>(act: (store: StoreUse) => T): Promise<T | undefined> {
    return this.inTurn(() => this.opened(false, act));
  }

  /** Uses of this process wait for each other here, and not at the lock. */
  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = this.last.then(act);
    this.last = next.catch(() => undefined); // whoever asked is told
    return next;
  }

  private async opened<T>(make: boolean, act: (store: StoreUse) => T): Promise<T | undefined> {
    const { posix, folder, tables, format, notice } = this.request;
    const missing = storeIsMissing();
    if (missing !== undefined) throw new TwintreeError('STATE', `no state is kept here: ${missing}`, { advice: 'Install twintree on this host with its packages.' });
    const at = make ? makeFolders(posix, folder, 0o700) : posix.openRoot(folder);
    if (at < 0) {
      if (!make && at === -Errno.ENOENT) return undefined;
      throw new TwintreeError(at === -Errno.ENOSPC ? 'NO_SPACE' : 'IO', `the state folder cannot be ${make ? 'made' : 'opened'}: ${errnoText(-at)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    }
    let lock = -1;
    try {
      lock = await this.lock(at);
      const found = checkFormat(folder, format.migrations, format.current, format.loss);
      if (found === 'new' && !make) return undefined;
      const store = `${folder}/store` as ByteString;
      if (found === 'damaged') setAside(store, 'its format file is damaged', notice);
      if (!mayOpen(store, tables)) setAside(store, 'it is damaged', notice);
      const environment = openEnvironment(store, true);
      try {
        if (found !== 'current') writeFormat(folder, format.about, format.current);
        return act({ table: (name) => environment.table(name), write: (change) => this.written(() => environment.write(change)) });
      } finally {
        await environment.close();
        markClosed(store);
      }
    } finally {
      if (lock >= 0) posix.close(lock);
      posix.close(at);
    }
  }

  private written<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof TwintreeError || error instanceof TypeError || error instanceof RangeError) throw error;
      throw new TwintreeError('IO', 'the state cannot be written', { path: this.request.folder, cause: error, advice: 'Make room below the state folder.' });
    }
  }

  /** Its handle; the lock goes with it. */
  private async lock(at: number): Promise<number> {
    const { posix, folder } = this.request;
    const fd = posix.open(at, LOCK, { read: true, write: true, create: true, nonBlock: true }, 0o600);
    if (fd < 0) throw new TwintreeError(fd === -Errno.ENOSPC ? 'NO_SPACE' : 'IO', `the lock of the state cannot be opened: ${errnoText(-fd)}`, { path: folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    const until = performance.now() + PATIENCE;
    for (let wait = FIRST_LOOK; posix.flock(fd, 'exclusive') === -Errno.EWOULDBLOCK; wait = Math.min(2 * wait, LONGEST_LOOK)) {
      if (performance.now() > until) {
        posix.close(fd);
        throw new TwintreeError('LOCKED', 'other processes do not let go of the state', { path: folder });
      }
      await pause(wait);
    }
    return fd;
  }
}
