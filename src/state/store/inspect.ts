/** What a pair's state looks like from outside: nothing is opened for writing, made or set aside. */
import { stampOf, type Posix } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import { STATE_FORMAT, storedFormat } from './format.js';
import { storeIsMissing } from './lmdb.js';
import { lockHolder, type LockHolder } from './pair-lock.js';
import { DIRTY_TABLES, dirtyFolder, INDEX_TABLES, storeFolder } from './pair-state.js';
import { looksSound } from './sound.js';

export interface PairCondition {
  /** There is a folder for it. */
  readonly exists: boolean;
  /** Who works with it; its stores are not looked at then. */
  readonly holder: LockHolder | undefined;
  readonly format: 'none' | 'older' | 'current' | 'newer' | 'damaged';
  /** Parts that cannot be used: they are set aside by who opens the state next. */
  readonly damaged: readonly ('index' | 'dirty set')[];
  /** A part that was damaged before lies aside. */
  readonly setAside: boolean;
}

/** @param folder `pairFolder()` */
export function inspectPair(posix: Posix, folder: ByteString): PairCondition {
  const exists = there(folder);
  const holder = exists ? lockHolder(posix, folder) : undefined;
  const version = storedFormat(folder);
  const format = typeof version !== 'number' ? version : version < STATE_FORMAT ? 'older' : version > STATE_FORMAT ? 'newer' : 'current';
  const stores = [['index', storeFolder(folder), INDEX_TABLES], ['dirty set', dirtyFolder(folder), DIRTY_TABLES]] as const;
  const mayLook = holder === undefined && storeIsMissing() === undefined;
  const damaged = mayLook ? stores.filter(([, store, tables]) => !looksSound(store, tables)).map(([name]) => name) : [];
  return { exists, holder, format, damaged, setAside: stores.some(([, store]) => there(`${store}.damaged` as ByteString)) };
}

function there(path: ByteString): boolean {
  return typeof stampOf(path) !== 'number';
}
