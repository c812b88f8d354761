/**
 * Whether a store may be opened. It is mapped into memory, and a file that was cut off or overwritten would end the process. A store that was
 * closed in good order carries a stamp of its file and is believed while the stamp fits. One that was not (a crash, a foreign hand) is first
 * gone through by another process, which may die of it.
 */
import { AppendFile, errnoText, moveFile, readWholeFile, removeFolder, runScript, stampOf, type FileStamp } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import { storePackage } from './lmdb.js';

/** Milliseconds that looking at a store may take: some gigabytes from a slow disk. */
const PATIENCE = 600_000;
const LIMIT = 4096;

/** Reads every key and value of every table. */
const WALK = `
  const { open } = require(process.argv[1]);
  const options = { keyEncoding: 'binary', encoding: 'binary' };
  const store = open({ path: process.argv[2], noSubdir: false, maxDbs: 16, readOnly: true, ...options });
  let sum = 0;
  for (const name of JSON.parse(process.argv[3])) {
    let table;
    try { table = store.openDB(name, options); } catch { continue; }
    if (table === undefined || table === null) continue;
    for (const { key, value } of table.getRange({ start: Buffer.from([0]) })) sum += key.length + value.length;
  }
  process.exit(sum < 0 ? 1 : 0);
`;

/** True where the store in `folder` may be opened (or is not there yet). From now on it counts as open. */
export function mayOpen(folder: ByteString, tables: readonly string[]): boolean {
  const stamp = stampOf(dataFile(folder));
  const closed = readWholeFile(closedFile(folder), LIMIT);
  removeFolder(closedFile(folder));
  return judge(folder, tables, stamp, closed);
}

/** The same, and nothing is changed: for who only looks. No process may hold it. */
export function looksSound(folder: ByteString, tables: readonly string[]): boolean {
  return judge(folder, tables, stampOf(dataFile(folder)), readWholeFile(closedFile(folder), LIMIT));
}

function judge(folder: ByteString, tables: readonly string[], stamp: FileStamp | number, closed: Buffer | number): boolean {
  if (typeof stamp === 'number') return true;
  if (stamp.size === 0) return false;
  if (typeof closed !== 'number' && closed.toString('latin1') === JSON.stringify(stamp)) return true;
  return runScript(WALK, [storePackage(), Buffer.from(folder, 'latin1').toString('utf8'), JSON.stringify(tables)], PATIENCE);
}

/** Says that the store is closed and complete. Where that cannot be written, or is lost, the store is looked at when it is opened next. */
export function markClosed(folder: ByteString): void {
  const stamp = stampOf(dataFile(folder));
  if (typeof stamp === 'number') return;
  const file = AppendFile.open(closedFile(folder), 0o600);
  if (typeof file === 'number') return;
  file.append(JSON.stringify(stamp));
  file.close();
}

/** What is damaged gets another name, the one that stood under it goes. Where that cannot be done it is removed. Told by `notice`. @throws TwintreeError IO. */
export function setAside(folder: ByteString, why: string, notice: (code: string, message: string) => void): void {
  const aside = `${folder}.damaged` as ByteString;
  removeFolder(aside);
  const moved = moveFile(folder, aside);
  if (moved === -2) return;
  const error = moved < 0 ? removeFolder(folder) : 0;
  if (error < 0) throw new TwintreeError('IO', `a damaged part of the state cannot be set aside: ${errnoText(-error)}`, { path: folder });
  notice('state-damaged', `a part of the state cannot be used (${why}): it was set aside and is begun anew`);
}

function dataFile(folder: ByteString): ByteString {
  return `${folder}/data.mdb` as ByteString;
}

function closedFile(folder: ByteString): ByteString {
  return `${folder}.closed` as ByteString;
}
