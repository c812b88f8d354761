/**
 * Retired: what the host of an old source keeps when a target has said that it was promoted: this tree is no longer the source of that target. It is told again
 * where the target cannot be reached. It decides nothing: where the target takes a session again, it goes.
 */
import { errnoText, makeFolders, namesIn, readWholeFile, removeFolder, writeWholeFile, type Posix } from '../fs/index.js';
import { isCount, isText, parsedObject, TwintreeError, type ByteString } from '../tree/index.js';
import { pairName } from './place.js';

export interface Retired {
  /** How source and target were named. */
  readonly source: ByteString;
  readonly target: ByteString;
  /** When this host heard of it last, ms since 1970. */
  readonly at: number;
  /** What the target said. */
  readonly message: string;
}

const VERSION = 1;
const LIMIT = 1 << 20;
const LONGEST = 65_536;

/** What is known of a pair; undefined: nothing. A note that is damaged counts. */
export function readRetired(state: ByteString, source: ByteString, target: ByteString): Retired | undefined {
  const content = readWholeFile(fileOf(state, source, target), LIMIT);
  return typeof content === 'number' ? undefined : (parse(content) ?? { source, target, at: 0, message: 'the target was promoted' });
}

/** All that are known, in the order of their files. */
export function allRetired(state: ByteString): Retired[] {
  const folder = `${state}/retired` as ByteString;
  const names = namesIn(folder);
  if (typeof names === 'number') return [];
  return names.filter((name) => name.endsWith('.json')).flatMap((name) => {
    const content = readWholeFile(`${folder}/${name}` as ByteString, LIMIT);
    return (typeof content === 'number' ? undefined : parse(content)) ?? [];
  });
}

/** Keeps it durably. @throws TwintreeError IO. */
export function writeRetired(posix: Posix, state: ByteString, retired: Retired): void {
  const fd = makeFolders(posix, `${state}/retired` as ByteString, 0o700);
  if (fd < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-fd)}`, { path: state, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
  posix.close(fd);
  const file = fileOf(state, retired.source, retired.target);
  const error = writeWholeFile(file, `${JSON.stringify({ version: VERSION, ...retired })}\n`, 0o600);
  if (error < 0) throw new TwintreeError('IO', `the note that the target was promoted cannot be written: ${errnoText(-error)}`, { path: file });
}

/** The target takes sessions again. */
export function dropRetired(state: ByteString, source: ByteString, target: ByteString): void {
  removeFolder(fileOf(state, source, target));
}

function fileOf(state: ByteString, source: ByteString, target: ByteString): ByteString {
  return `${state}/retired/${pairName([source, target])}.json` as ByteString;
}

function parse(content: Buffer): Retired | undefined {
  const { version, source, target, at, message } = parsedObject(content.toString('utf8')) ?? {};
  if (version !== VERSION || !isText(source, LONGEST) || !isText(target, LONGEST) || !isCount(at) || !isText(message, LONGEST)) return undefined;
  return { source: source as ByteString, target: target as ByteString, at, message };
}
