/**
 * Folder items: the entries of one folder, names front-coded against the one before, attributes in columns (`stat-block.ts`), what only some
 * entries have as sparse lists by index. The decoder fills real stat records straight into one buffer. Throws only WireError.
 */
import { WHOLE_HASH_BYTES } from '../hash/index.js';
import { EMPTY, MAX_NAME_BYTES, type ByteString, type RelPath } from '../tree/index.js';
import { WireError } from './error.js';
import { MAX_ERRNO, MAX_FOLDER_NAMES, MAX_FOLDER_XATTRS, MAX_LINK_TEXT, MAX_MOUNTS, MAX_RULE_FILES, MAX_RULE_PATH, MAX_SMALL_FILE } from './limits.js';
import type { FolderItem, WireName, WireXattr } from './messages.js';
import { Indices, readIdNames, readPath, readXattrs, writeIdNames, writePath, writeXattrs } from './pieces.js';
import { truncated, type ByteReader } from './reader.js';
import { sendable, STAT_BYTES, wordsOf, type RecordMemory } from './records.js';
import { readStatBlock, StatEncoder, type StatBase } from './stat-block.js';
import type { ByteWriter } from './writer.js';

const HAS_MORE = 1;
const HAS_SELF = 2;
const HAS_FAULT = 4;
const HAS_ERRORS = 8;
const HAS_FOLLOWED = 16;
const HAS_XATTRS = 32;
const HAS_HASHES = 64;
const HAS_EXTRAS = 128;

/** Words of one record. */
const WORDS = STAT_BYTES / 4;

/** Which times a writer tells beside mtime and ctime. */
export interface TimesTold { readonly atimes: boolean; readonly btimes: boolean }

// ---------------------------------------------------------------------------------------------------------------------- encoding

const encoder = new StatEncoder();

function sortedKeys(map: ReadonlyMap<number, unknown>): number[] {
  return [...map.keys()].sort((a, b) => a - b);
}

/** Writes the body of a Folder item. @throws WireError 'limit' where it holds more names or attributes than one item may. */
export function writeFolder(out: ByteWriter, item: FolderItem, told: TimesTold, before: RelPath, base: StatBase): void {
  const fault = item.openErrno !== 0 || item.listErrno !== 0;
  if (item.openErrno !== 0) {
    writeHead(out, HAS_FAULT, item, before);
    out.varint(item.openErrno);
    out.varint(0);
    return;
  }
  const { names, xattrs, hashes } = item;
  const count = names.length;
  if (count > MAX_FOLDER_NAMES) throw new WireError('limit', `${count} names do not go into one Folder item`);
  const words = wordsOf(item.stats);
  const errors = faults(item, words);
  const self = item.self === undefined ? undefined : wordsOf(item.self);
  const followed = item.followed === undefined ? undefined : [...item.followed].sort((a, b) => a[0] - b[0]).map(([index, to]) => followedRow(index, to));
  const extras = item.ruleFiles.size > 0 || item.users.length > 0 || item.groups.length > 0;
  writeHead(
    out,
    (item.more ? HAS_MORE : 0) | (self === undefined ? 0 : HAS_SELF) | (fault ? HAS_FAULT : 0) | (errors === undefined ? 0 : HAS_ERRORS) |
      (followed === undefined ? 0 : HAS_FOLLOWED) | (xattrs === undefined ? 0 : HAS_XATTRS) | (hashes === undefined ? 0 : HAS_HASHES) | (extras ? HAS_EXTRAS : 0),
    item, before,
  );
  if (fault) {
    out.varint(0);
    out.varint(item.listErrno);
  }
  writeNames(out, names);
  if (errors !== undefined) writeErrors(out, errors);
  if (followed !== undefined) writeFollowed(out, followed);

  encoder.begin(count + 1 + (followed?.length ?? 0), told.atimes, told.btimes);
  if (self !== undefined) encoder.add(self, 0);
  for (let i = 0; i < count; i++) if (errors === undefined || errors[i] === 0) encoder.add(words, i * WORDS);
  for (const row of followed ?? []) if (row.words !== undefined) encoder.add(row.words, 0);
  encoder.write(out, base);

  out.varint(item.links.size);
  let at = new Indices();
  for (const index of sortedKeys(item.links)) {
    at.write(out, index);
    out.sizedText(item.links.get(index) ?? EMPTY);
  }
  if (xattrs !== undefined) {
    out.varint(xattrs.size);
    at = new Indices();
    let total = 0;
    for (const index of sortedKeys(xattrs)) {
      const one = xattrs.get(index) ?? [];
      at.write(out, index + 1);
      writeXattrs(out, one);
      total += one.length;
    }
    if (total > MAX_FOLDER_XATTRS) throw new WireError('limit', `${total} attributes do not go into one Folder item`);
  }
  if (hashes !== undefined) {
    out.varint(hashes.size);
    at = new Indices();
    const keys = sortedKeys(hashes);
    for (const index of keys) at.write(out, index);
    for (const index of keys) out.raw(hashes.get(index) ?? Buffer.alloc(WHOLE_HASH_BYTES));
  }
  if (extras) writeExtras(out, item);
}

function writeHead(out: ByteWriter, flags: number, item: FolderItem, before: RelPath): void {
  out.u8(flags);
  out.varint(item.mount);
  writePath(out, item.path, before);
}

/** The errors of the names, with those of records that cannot travel; undefined: none. */
function faults({ errors, names }: FolderItem, words: Uint32Array): Int32Array | undefined {
  let more: Int32Array | undefined;
  for (let i = 0; i < names.length; i++) {
    if (errors !== undefined && errors[i] !== 0) continue;
    const errno = sendable(words, i * WORDS);
    if (errno === 0) continue;
    more ??= errors === undefined ? new Int32Array(names.length) : Int32Array.from(errors);
    more[i] = errno;
  }
  const all = more ?? errors;
  return all?.some((errno) => errno !== 0) === true ? all : undefined;
}

interface FollowedRow { readonly index: number; readonly errno: number; readonly words: Uint32Array | undefined }

function followedRow(index: number, to: Buffer | number): FollowedRow {
  if (typeof to === 'number') return { index, errno: Math.abs(to), words: undefined };
  const words = wordsOf(to);
  const errno = sendable(words, 0);
  return { index, errno, words: errno === 0 ? words : undefined };
}

function writeFollowed(out: ByteWriter, rows: readonly FollowedRow[]): void {
  out.varint(rows.length);
  const at = new Indices();
  for (const { index, errno } of rows) {
    at.write(out, index);
    out.varint(errno);
  }
}

function writeErrors(out: ByteWriter, errors: Int32Array): void {
  let count = 0;
  for (const errno of errors) if (errno !== 0) count++;
  out.varint(count);
  const at = new Indices();
  for (let i = 0; i < errors.length; i++) {
    const errno = errors[i] as number;
    if (errno === 0) continue;
    at.write(out, i);
    out.varint(errno);
  }
}

/**
 * Each name: a byte whose upper half says how many bytes it shares with the one before and whose lower half how many follow (15: a byte
 * more says by how much it is more), then those that follow.
 */
function writeNames(out: ByteWriter, names: readonly ByteString[]): void {
  out.varint(names.length);
  let before: string = '';
  for (const name of names) {
    const most = Math.min(before.length, name.length);
    let shared = 0;
    while (shared < most && before.charCodeAt(shared) === name.charCodeAt(shared)) shared++;
    const more = name.length - shared;
    out.u8((Math.min(shared, 15) << 4) | Math.min(more, 15));
    if (shared >= 15) out.u8(shared - 15);
    if (more >= 15) out.u8(more - 15);
    out.text(name, shared);
    before = name;
  }
}

function writeExtras(out: ByteWriter, item: FolderItem): void {
  out.varint(item.ruleFiles.size);
  for (const [name, content] of item.ruleFiles) {
    out.sizedText(name);
    out.varint(content === undefined ? 0 : content.length + 1);
    if (content !== undefined) out.raw(content);
  }
  writeIdNames(out, item.users);
  writeIdNames(out, item.groups);
}

// ---------------------------------------------------------------------------------------------------------------------- decoding

// Shared by all folders without; the types forbid to change them.
const NO_RECORDS = Buffer.alloc(0);
const NO_LINKS: ReadonlyMap<number, ByteString> = new Map();
const NO_RULE_FILES: ReadonlyMap<ByteString, Buffer | undefined> = new Map();
const NO_NAMES: readonly WireName[] = [];

/** Reads the body of a Folder item. */
export function readFolder(input: ByteReader, before: RelPath, base: StatBase, memory: RecordMemory): FolderItem {
  const flags = input.u8();
  const mount = input.varint(MAX_MOUNTS - 1, 'mount');
  const path = readPath(input, before);
  let openErrno = 0;
  let listErrno = 0;
  if ((flags & HAS_FAULT) !== 0) {
    openErrno = input.varint(MAX_ERRNO, 'errno');
    listErrno = input.varint(MAX_ERRNO, 'errno');
    if ((openErrno === 0) === (listErrno === 0)) throw new WireError('range', 'a fault of a folder is one error');
  }
  if (openErrno !== 0) {
    if (flags !== HAS_FAULT) throw new WireError('range', 'a folder that could not be opened has nothing else');
    return {
      kind: 'folder', mount, path, more: false, openErrno, listErrno, self: undefined, names: [], stats: NO_RECORDS, errors: undefined, links: NO_LINKS, followed: undefined,
      xattrs: undefined, hashes: undefined, ruleFiles: NO_RULE_FILES, users: NO_NAMES, groups: NO_NAMES,
    };
  }
  const names = readNames(input);
  const count = names.length;
  const errors = (flags & HAS_ERRORS) === 0 ? undefined : readErrors(input, count);
  const targets = (flags & HAS_FOLLOWED) === 0 ? undefined : readTargets(input, count);
  const { stats, self, followed } = readRecords(input, count, errors, (flags & HAS_SELF) !== 0, targets, base, memory);
  const links = readLinks(input, count);
  const xattrs = (flags & HAS_XATTRS) === 0 ? undefined : readXattrMap(input, count);
  const hashes = (flags & HAS_HASHES) === 0 ? undefined : readHashes(input, count);
  const extras = (flags & HAS_EXTRAS) !== 0;
  const ruleFiles = extras ? readRuleFiles(input) : NO_RULE_FILES;
  const users = extras ? readIdNames(input) : NO_NAMES;
  const groups = extras ? readIdNames(input) : NO_NAMES;
  return { kind: 'folder', mount, path, more: (flags & HAS_MORE) !== 0, openErrno, listErrno, self, names, stats, errors, links, followed, xattrs, hashes, ruleFiles, users, groups };
}

const scratch = Buffer.alloc(256);

function readNames(input: ByteReader): ByteString[] {
  const count = input.count(MAX_FOLDER_NAMES, 2, 'names of a folder');
  const names: ByteString[] = [];
  const { bytes, end } = input;
  let at = input.at;
  let length = 0; // of the name before, which lies in `scratch`
  for (let i = 0; i < count; i++) {
    if (at >= end) throw truncated();
    const token = bytes[at++] as number;
    let shared = token >> 4;
    let more = token & 15;
    if (shared === 15 && at < end) shared += bytes[at++] as number;
    if (more === 15 && at < end) more += bytes[at++] as number;
    if (more > end - at) throw truncated();
    if (shared > length || more === 0 || shared + more > MAX_NAME_BYTES) throw new WireError('name', 'a name is empty, too long, or shares more than there is');
    // The first byte of its own decides the order: what is shared is shared whole.
    if (shared < length && (bytes[at] as number) <= (scratch[shared] as number)) throw new WireError('name', 'the names of a folder do not rise');
    length = shared + more;
    for (let k = shared; k < length; k++) {
      const c = bytes[at++] as number;
      if (c === 0 || c === 47) throw new WireError('name', 'a name holds a slash or a NUL');
      scratch[k] = c;
    }
    if (length <= 2 && scratch[0] === 46 && (length === 1 || scratch[1] === 46)) throw new WireError('name', 'a name is "." or ".."');
    names.push(scratch.latin1Slice(0, length) as ByteString);
  }
  input.at = at;
  return names;
}

function readErrors(input: ByteReader, count: number): Int32Array {
  const n = input.count(count, 2, 'errors');
  if (n === 0) throw new WireError('range', 'a list of no errors');
  const errors = new Int32Array(count);
  const at = new Indices();
  for (let i = 0; i < n; i++) {
    const errno = (errors[at.read(input, count)] = input.varint(MAX_ERRNO, 'errno'));
    if (errno === 0) throw new WireError('range', 'an error of 0');
  }
  return errors;
}

/** Index and errno of what symlinks lead to; 0: a record follows. */
function readTargets(input: ByteReader, count: number): Array<[number, number]> {
  const n = input.count(count, 2, 'followed symlinks');
  const at = new Indices();
  const targets: Array<[number, number]> = [];
  for (let i = 0; i < n; i++) targets.push([at.read(input, count), input.varint(MAX_ERRNO, 'errno')]);
  return targets;
}

interface Records { stats: Buffer; self: Buffer | undefined; followed: Map<number, Buffer | number> | undefined }

let places = new Int32Array(256);

/** Memory for all records of the item, the names' first, then filled by the stat block. */
function readRecords(
  input: ByteReader, count: number, errors: Int32Array | undefined, hasSelf: boolean, targets: Array<[number, number]> | undefined, base: StatBase, memory: RecordMemory,
): Records {
  const records = count + (hasSelf ? 1 : 0) + (targets?.length ?? 0);
  if (records > places.length) places = new Int32Array(2 * records);
  const first = memory.take(records, input.bytes.length / LIKELY_ENTRY);
  let rows = 0;
  let next = first + count * WORDS;
  const self = hasSelf ? memory.records(next, 1) : undefined;
  if (hasSelf) {
    places[rows++] = next;
    next += WORDS;
  }
  for (let i = 0; i < count; i++) if (errors === undefined || errors[i] === 0) places[rows++] = first + i * WORDS;
  const followed = targets === undefined ? undefined : new Map<number, Buffer | number>();
  for (const [index, errno] of targets ?? []) {
    followed?.set(index, errno === 0 ? memory.records(next, 1) : errno);
    if (errno !== 0) continue;
    places[rows++] = next;
    next += WORDS;
  }
  if (rows > 0) readStatBlock(input, rows, memory.words, places, base);
  return { stats: count === 0 ? NO_RECORDS : memory.records(first, count), self, followed };
}

/** Bytes that an entry takes at least, as a rule: tells how many records a payload will need. */
const LIKELY_ENTRY = 12;

function readLinks(input: ByteReader, count: number): ReadonlyMap<number, ByteString> {
  const n = input.count(count, 2, 'symlinks');
  if (n === 0) return NO_LINKS;
  const at = new Indices();
  const links = new Map<number, ByteString>();
  for (let i = 0; i < n; i++) links.set(at.read(input, count), input.sizedText(MAX_LINK_TEXT, 'text of a symlink'));
  return links;
}

function readXattrMap(input: ByteReader, count: number): Map<number, WireXattr[]> {
  const n = input.count(count + 1, 2, 'entries with attributes');
  const at = new Indices();
  const xattrs = new Map<number, WireXattr[]>();
  let total = 0;
  for (let i = 0; i < n; i++) {
    const index = at.read(input, count + 1) - 1;
    const one = readXattrs(input);
    total += one.length;
    if (total > MAX_FOLDER_XATTRS) throw new WireError('limit', `a Folder item holds more than ${MAX_FOLDER_XATTRS} attributes`);
    xattrs.set(index, one);
  }
  return xattrs;
}

function readHashes(input: ByteReader, count: number): Map<number, Buffer> {
  const n = input.count(count, 1 + WHOLE_HASH_BYTES, 'hashes');
  const at = new Indices();
  const indices: number[] = [];
  for (let i = 0; i < n; i++) indices.push(at.read(input, count));
  return new Map(indices.map((index) => [index, Buffer.from(input.raw(WHOLE_HASH_BYTES))]));
}

function readRuleFiles(input: ByteReader): Map<ByteString, Buffer | undefined> {
  const count = input.count(MAX_RULE_FILES, 2, 'rule files');
  const files = new Map<ByteString, Buffer | undefined>();
  for (let i = 0; i < count; i++) {
    const name = input.sizedText(MAX_RULE_PATH, 'name of a rule file');
    if (files.has(name)) throw new WireError('name', 'a rule file is told twice');
    const length = input.varint(MAX_SMALL_FILE + 1, 'length of a rule file');
    files.set(name, length === 0 ? undefined : Buffer.from(input.raw(length - 1)));
  }
  return files;
}
