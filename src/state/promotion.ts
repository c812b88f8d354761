/**
 * Promotion: a tree that was a mirror's target is the source now. The note of it is a fence: no session may write into that root, or below it, until it is lifted. It
 * belongs to the host of the tree, and is set and lifted there alone (`twintree promote`); no client can.
 *
 * Notes stand beside the state folder, where sessions of other users can read them: a mirror may come in as another user than the one who promotes.
 */
import { errnoText, makeFolders, namesIn, readWholeFile, removeFolder, writeWholeFile, type Posix } from '../fs/index.js';
import { isCount, parsedObject, StatTable, TwintreeError, type ByteString } from '../tree/index.js';
import { stateFolder } from './place.js';
import { isStandbyNote, type StandbyNote } from './standby.js';

export interface Promotion {
  /** When, by this host's clock, ms since 1970; 0: not known, since the note is damaged. */
  readonly at: number;
  /** Path of the root then. */
  readonly path: ByteString;
  /** What was known of the mirror then; null: nothing. */
  readonly standby: StandbyNote | null;
}

const VERSION = 1;
const LIMIT = 8 << 20;
/** Root's notes are for every user of the host. */
const SYSTEM = '/var/lib/twintree-promoted' as ByteString;

/** Where notes may stand for this process: the first is its own. A serving process that has become another user looks where root's are, too. */
export function promotionFolders(env: NodeJS.ProcessEnv, euid: number): readonly ByteString[] {
  const own = `${stateFolder(env, euid).replace(/-accounts\/\d+\/*$/, '').replace(/(?<=.)\/+$/, '')}-promoted` as ByteString;
  return own === SYSTEM ? [own] : [own, SYSTEM];
}

/**
 * The promotion of a root, or of a folder that it lies in. Costs a call for each folder of notes where there are none.
 * @param chain the root and the folders above it, as `upwards` tells them
 */
export function promotionOf(posix: Posix, folders: readonly ByteString[], chain: () => Iterable<string>): Promotion | undefined {
  for (const folder of folders) {
    const at = posix.openRoot(folder);
    if (at < 0) continue; // as a rule: nothing was ever promoted here
    posix.close(at);
    const names = namesIn(folder);
    if (typeof names === 'number' || names.length === 0) continue; // no note, or none that this user may see
    const there = new Set<string>(names);
    for (const identity of chain()) {
      const name = fileOf(identity);
      if (there.has(name)) return readPromotion(`${folder}/${name}` as ByteString);
    }
  }
  return undefined;
}

/** What cannot be read is a promotion too: somebody has once said so. */
function readPromotion(file: ByteString): Promotion {
  const content = readWholeFile(file, LIMIT);
  const value = typeof content === 'number' ? undefined : parsedObject(content.toString('utf8'));
  const { at, path, standby } = value ?? {};
  if (value?.['version'] !== VERSION || !isCount(at) || at > 8.64e15 || typeof path !== 'string' || path.length > 65_536 || (standby !== null && !isStandbyNote(standby))) return { at: 0, path: '' as ByteString, standby: null };
  return { at, path: path as ByteString, standby };
}

/** Keeps it durably. @throws TwintreeError IO. */
export function writePromotion(posix: Posix, folder: ByteString, identity: string, promotion: Promotion): void {
  const fd = makeFolders(posix, folder, 0o755);
  if (fd < 0) throw new TwintreeError('IO', `the folder of promotions cannot be made: ${errnoText(-fd)}`, { path: folder });
  try {
    if (posix.fchmod(fd, 0o755) < 0) throw new TwintreeError('IO', 'the folder of promotions cannot be opened to other users', { path: folder });
    const error = writeWholeFile(`${folder}/${fileOf(identity)}` as ByteString, `${JSON.stringify({ version: VERSION, ...promotion, standby: promotion.standby === null ? null : { version: VERSION, ...promotion.standby } })}\n`, 0o644);
    const synced = error < 0 ? error : posix.fsync(fd);
    if (synced < 0) throw new TwintreeError('IO', `the promotion cannot be kept: ${errnoText(-synced)}`, { path: folder });
  } finally {
    posix.close(fd);
  }
}

/** Lifts it, durably. False where there was none. @throws TwintreeError IO. */
export function dropPromotion(posix: Posix, folder: ByteString, identity: string): boolean {
  const names = namesIn(folder);
  if (typeof names === 'number' || !(names as readonly string[]).includes(fileOf(identity))) return false;
  const error = removeFolder(`${folder}/${fileOf(identity)}` as ByteString);
  const fd = error < 0 ? error : posix.openRoot(folder);
  if (fd < 0) throw new TwintreeError('IO', `the promotion cannot be lifted: ${errnoText(-fd)}`, { path: folder });
  posix.fsync(fd);
  posix.close(fd);
  return true;
}

function fileOf(identity: string): string {
  return `${identity.replaceAll(':', '_')}.json`;
}

/** Most folders above one that are looked at. */
const DEEPEST = 4096;

/** Which folders an open folder is and lies in, from itself up. @param posix not one that is confined to a root. */
export function* upwards(posix: Posix, fd: number): Generator<string> {
  const table = new StatTable(2);
  let at = fd;
  let which = 0;
  if (posix.fstat(fd, table, which) < 0) return;
  try {
    for (let k = 0; k < DEEPEST; k++) {
      yield table.lastingIdentity(which);
      const up = posix.openDir(at, '..' as ByteString);
      if (at !== fd) posix.close(at);
      at = fd;
      if (up < 0) return;
      at = up;
      if (posix.fstat(up, table, 1 - which) < 0 || table.sameInode(which, table, 1 - which)) return; // the root's parent is itself
      which = 1 - which;
    }
  } finally {
    if (at !== fd) posix.close(at);
  }
}
