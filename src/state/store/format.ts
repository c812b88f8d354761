/** The version of a pair's state: looked at before anything else, migrated from every released version, refused where it is newer. */
import { errnoText, readWholeFile, writeWholeFile } from '../../fs/index.js';
import { TwintreeError, type ByteString } from '../../tree/index.js';

/** The version that is written. */
export const STATE_FORMAT = 1;

/** Version → what makes the next version of it in place, in a pair's folder. */
export type Migrations = ReadonlyMap<number, (folder: ByteString) => void>;

/** From every version that a release wrote. */
export const MIGRATIONS: Migrations = new Map();

const LIMIT = 1 << 18;
/** What it costs that a pair's state is made anew. */
const COSTS_TIME = 'costs time only';

/** What a folder of state is for. */
export interface PairName { source: ByteString; target: ByteString }

/** What was found. */
export type FormatFound = 'new' | 'current' | 'migrated' | 'damaged';

/** The version that a pair's folder was written with; `none`: it has no format file. */
export function storedFormat(folder: ByteString): number | 'none' | 'damaged' {
  const content = readWholeFile(formatFile(folder), LIMIT);
  if (typeof content === 'number') return content === -2 ? 'none' : 'damaged';
  return versionIn(content) ?? 'damaged';
}

/**
 * Looks at the format file and brings an older state up to the version of this program.
 * @throws TwintreeError STATE for a newer version, and for one that no migration leads from.
 */
export function checkFormat(folder: ByteString, migrations: Migrations = MIGRATIONS, current = STATE_FORMAT, loss = COSTS_TIME): FormatFound {
  const path = formatFile(folder);
  const content = readWholeFile(path, LIMIT);
  if (typeof content === 'number') {
    if (content === -2) return 'new';
    throw new TwintreeError('IO', `the format of the state cannot be read: ${errnoText(-content)}`, { path });
  }
  let version = versionIn(content);
  if (version === undefined) return 'damaged';
  if (version > current) {
    throw new TwintreeError('STATE', `this state was written by a newer twintree (format ${version}; this one reads up to ${current})`, { path: folder, advice: `Use that version, or delete the folder: it is made anew, which ${loss}.` });
  }
  const migrated = version < current;
  for (; version < current; version++) {
    const migrate = migrations.get(version);
    if (migrate === undefined) throw new TwintreeError('STATE', `no way leads from format ${version} of the state to ${current}`, { path: folder, advice: `Delete the folder: it is made anew, which ${loss}.` });
    migrate(folder);
  }
  return migrated ? 'migrated' : 'current';
}

/** Writes the format file: the last step of making or migrating a state. `about`: for people, whose it is. @throws TwintreeError IO. */
export function writeFormat(folder: ByteString, about: Readonly<Record<string, string>>, current = STATE_FORMAT): void {
  const text = JSON.stringify({ twintree: 'state', format: current, ...about }, undefined, 2);
  const error = writeWholeFile(formatFile(folder), `${text}\n`, 0o600);
  if (error < 0) throw new TwintreeError('IO', `the format of the state cannot be written: ${errnoText(-error)}`, { path: folder });
}

function formatFile(folder: ByteString): ByteString {
  return `${folder}/format.json` as ByteString;
}

function versionIn(content: Buffer): number | undefined {
  try {
    const value = JSON.parse(content.toString('utf8')) as Partial<Record<string, unknown>> | null;
    const version = value?.['format'];
    return value?.['twintree'] === 'state' && typeof version === 'number' && Number.isInteger(version) && version > 0 ? version : undefined;
  } catch {
    return undefined;
  }
}
