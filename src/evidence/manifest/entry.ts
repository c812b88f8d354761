/**
 * One entry of a manifest, and the one line of text that stands for it. The line is canonical: there is exactly one for each entry, and what reads one
 * writes it again and compares. It is what the leaf digest is of. Text is ASCII; in names and link texts one unit (U+0000–U+00FF) is one byte.
 */
import { isName, isObject, isRelPath, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, type ByteString, type RelPath } from '../../tree/index.js';
import { parseAcl } from '../../plan/index.js';

/** Bytes of a digest. */
export const DIGEST_BYTES = 32;
/** Longest line of a manifest, bytes: an entry may have many extended attributes. */
export const MAX_LINE = 4 << 20;
/** Values of extended attributes up to this length stand in the line, longer ones as their SHA-256; bytes. */
export const INLINE_VALUE = 64;
const MAX_ATTRIBUTES = 1 << 14;
/** Bytes of an attribute's name and value, and of a symlink's text, on Linux. */
const MAX_ATTRIBUTE_NAME = 255;
const MAX_ATTRIBUTE_VALUE = 1 << 26;
const MAX_LINK = 1 << 16;
const MAX_SECONDS = 2 ** 52;
const U32 = 2 ** 32 - 1;

/** Why an entry is not, or only in part, what the manifest says: it could not be read. Never to be taken for absence. */
export type EntryFault =
  | 'unreadable' // its attributes, its content or (a folder) its names could not be read
  | 'changed' // it changed each time while it was read
  | 'vanished' // it was listed, then gone
  | 'differs'; // a sample: the index said another content than is there, though nothing tells of a change

export const ENTRY_FAULTS: readonly EntryFault[] = ['unreadable', 'changed', 'vanished', 'differs'];

/** An extended attribute: its value in base64, or for a long one its size and SHA-256 (hex). */
export interface XattrDigest { readonly name: ByteString; readonly value: string | { readonly size: number; readonly sha256: string } }

/** A name that an access list's id has on its host. */
export interface AclName { readonly kind: 'user' | 'group'; readonly id: number; readonly name: ByteString }

/** One entry. What does not exist for its type, or was not asked for, is left out. */
export interface Entry {
  /** Its name in its folder; empty: the root. */
  name: ByteString;
  /** One of the S_IF values; 0: not even that could be read. */
  type: number;
  /** Permission bits with setuid, setgid and sticky. */
  perms: number;
  uid: number;
  gid: number;
  /** Their names on this host; undefined: they have none. */
  user: ByteString | undefined;
  group: ByteString | undefined;
  /** Bytes, of a regular file. */
  size: number;
  mtimeSec: number;
  mtimeNsec: number;
  atime: { sec: number; nsec: number } | undefined;
  device: { major: number; minor: number } | undefined;
  link: ByteString | undefined;
  /** Its inode has several names; this is the path of the first one in the manifest's order, which may be its own. */
  leader: RelPath | undefined;
  /** Access lists in the kernel's form, base64; with names of the ids in them. */
  acl: string | undefined;
  defaultAcl: string | undefined;
  aclNames: readonly AclName[];
  /** By name, in byte order. */
  xattrs: readonly XattrDigest[];
  /** SHA-256 of a regular file's content, hex. */
  hash: string | undefined;
  /** Target: the rules protect it from deletion, so that it may stand here without the source having it. */
  isProtected: boolean;
  /** A folder that the options say not to look into (another file system). */
  isClosed: boolean;
  fault: { code: EntryFault; errno: number } | undefined;
}

/** A line that is no entry's, or breaks an order or a bound. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

const LETTERS = new Map<number, string>([[S_IFREG, 'f'], [S_IFDIR, 'd'], [S_IFLNK, 'l'], [S_IFBLK, 'b'], [S_IFCHR, 'c'], [S_IFIFO, 'p'], [S_IFSOCK, 's'], [0, '?']]);
const TYPES = new Map<string, number>([...LETTERS].map(([type, letter]) => [letter, type]));

/** An entry of which nothing is known but its name. */
export function bareEntry(name: ByteString): Entry {
  return {
    name, type: 0, perms: 0, uid: 0, gid: 0, user: undefined, group: undefined, size: 0, mtimeSec: 0, mtimeNsec: 0, atime: undefined, device: undefined, link: undefined, leader: undefined,
    acl: undefined, defaultAcl: undefined, aclNames: [], xattrs: [], hash: undefined, isProtected: false, isClosed: false, fault: undefined,
  };
}

/** A byte string as a JSON string of ASCII. */
export function quoted(text: ByteString): string {
  if (PLAIN.test(text)) return `"${text}"`;
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 34 || c === 92) out += `\\${text[i]}`;
    else if (c >= 32 && c < 127) out += text[i];
    else out += `\\u00${c.toString(16).padStart(2, '0')}`;
  }
  return `${out}"`;
}
const PLAIN = /^[ !#-[\]-~]*$/;

/** Any JSON in ASCII, on one line. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The entry's line, without its end. */
export function encodeEntry(e: Entry): string {
  let line = `{"n":${quoted(e.name)},"t":"${LETTERS.get(e.type) ?? '?'}"`;
  if (e.type !== 0) {
    line += `,"m":"${e.perms.toString(8).padStart(4, '0')}","u":${e.uid}`;
    if (e.user !== undefined) line += `,"un":${quoted(e.user)}`;
    line += `,"g":${e.gid}`;
    if (e.group !== undefined) line += `,"gn":${quoted(e.group)}`;
    if (e.type === S_IFREG) line += `,"s":${e.size}`;
    line += `,"mt":[${e.mtimeSec},${e.mtimeNsec}]`;
    if (e.atime !== undefined) line += `,"at":[${e.atime.sec},${e.atime.nsec}]`;
    if (e.device !== undefined) line += `,"r":[${e.device.major},${e.device.minor}]`;
    if (e.link !== undefined) line += `,"l":${quoted(e.link)}`;
    if (e.leader !== undefined) line += `,"k":${quoted(e.leader)}`;
    if (e.acl !== undefined) line += `,"a":"${e.acl}"`;
    if (e.defaultAcl !== undefined) line += `,"ad":"${e.defaultAcl}"`;
    if (e.aclNames.length > 0) line += `,"an":[${e.aclNames.map(({ kind, id, name }) => `["${kind === 'user' ? 'u' : 'g'}",${id},${quoted(name)}]`).join(',')}]`;
    if (e.xattrs.length > 0) line += `,"x":[${e.xattrs.map(({ name, value }) => (typeof value === 'string' ? `[${quoted(name)},"${value}"]` : `[${quoted(name)},${value.size},"${value.sha256}"]`)).join(',')}]`;
    if (e.hash !== undefined) line += `,"h":"${e.hash}"`;
  }
  if (e.isProtected) line += ',"p":true';
  if (e.isClosed) line += ',"c":true';
  if (e.fault !== undefined) line += `,"e":["${e.fault.code}",${e.fault.errno}]`;
  return `${line}}`;
}

/** The object of a line. @throws ManifestError for any other text. */
export function parsedLine(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ManifestError('a line is no JSON');
  }
  if (!isObject(value)) throw new ManifestError('a line is no object');
  return value;
}

/** Reads what `encodeEntry` wrote. @throws ManifestError for any other text. */
export function decodeEntry(line: string): Entry {
  const value = parsedLine(line);
  const entry = bareEntry(entryName(value['n']));
  const type = typeof value['t'] === 'string' ? TYPES.get(value['t']) : undefined;
  if (type === undefined) throw new ManifestError('an entry has no type');
  entry.type = type;
  if (type !== 0) readAttributes(entry, value);
  entry.isProtected = value['p'] === true;
  entry.isClosed = value['c'] === true;
  if (value['e'] !== undefined) entry.fault = fault(value['e']);
  // A content that is not there, or is there twice, would let a comparison pass for lack of anything to compare.
  if (type === 0 && entry.fault === undefined) throw new ManifestError('an entry without attributes says no reason');
  if (type === S_IFREG && entry.hash === undefined && entry.fault === undefined) throw new ManifestError('a file without a digest says no reason');
  if (encodeEntry(entry) !== line) throw new ManifestError('a line is not written as it has to be');
  return entry;
}

function readAttributes(e: Entry, value: Record<string, unknown>): void {
  if (typeof value['m'] !== 'string' || !/^[0-7]{4}$/.test(value['m'])) throw new ManifestError('a mode is none');
  e.perms = Number.parseInt(value['m'], 8);
  e.uid = whole(value['u'], U32, 'a user');
  e.gid = whole(value['g'], U32, 'a group');
  if (value['un'] !== undefined) e.user = bytes(value['un'], MAX_ATTRIBUTE_NAME, 'a user');
  if (value['gn'] !== undefined) e.group = bytes(value['gn'], MAX_ATTRIBUTE_NAME, 'a group');
  if (e.type === S_IFREG) e.size = whole(value['s'], Number.MAX_SAFE_INTEGER, 'a size');
  const { sec, nsec } = time(value['mt']);
  e.mtimeSec = sec;
  e.mtimeNsec = nsec;
  if (value['at'] !== undefined) e.atime = time(value['at']);
  if (e.type === S_IFBLK || e.type === S_IFCHR) {
    const [major, minor] = list(value['r'], 2, 'a device');
    e.device = { major: whole(major, U32, 'a device'), minor: whole(minor, U32, 'a device') };
  }
  if (e.type === S_IFLNK && value['l'] !== undefined) e.link = bytes(value['l'], MAX_LINK, 'a link');
  if (e.type === S_IFLNK && e.link === undefined && value['e'] === undefined) throw new ManifestError('a link without a text says no reason');
  if (e.type !== S_IFDIR && value['k'] !== undefined) e.leader = path(value['k']);
  if (value['a'] !== undefined) e.acl = acl(value['a']);
  if (value['ad'] !== undefined) e.defaultAcl = acl(value['ad']);
  if (value['an'] !== undefined) e.aclNames = many(value['an'], 'names of an access list').map(aclName);
  if (value['x'] !== undefined) e.xattrs = attributes(many(value['x'], 'attributes'));
  if (e.type === S_IFREG && value['h'] !== undefined) e.hash = digestText(value['h']);
}

function attributes(items: readonly unknown[]): XattrDigest[] {
  const read = items.map((item): XattrDigest => {
    if (!Array.isArray(item) || (item.length !== 2 && item.length !== 3)) throw new ManifestError('an attribute is none');
    const of = bytes(item[0], MAX_ATTRIBUTE_NAME, 'an attribute');
    if (item.length === 2) return { name: of, value: base64(item[1], INLINE_VALUE) };
    return { name: of, value: { size: whole(item[1], MAX_ATTRIBUTE_VALUE, 'an attribute'), sha256: digestText(item[2]) } };
  });
  for (let i = 1; i < read.length; i++) if ((read[i - 1] as XattrDigest).name >= (read[i] as XattrDigest).name) throw new ManifestError('attributes are not in order');
  return read;
}

function aclName(item: unknown): AclName {
  const [kind, id, of] = list(item, 3, 'a name of an access list');
  if (kind !== 'u' && kind !== 'g') throw new ManifestError('a name of an access list is none');
  return { kind: kind === 'u' ? 'user' : 'group', id: whole(id, U32, 'an id'), name: bytes(of, MAX_ATTRIBUTE_NAME, 'a name') };
}

function fault(value: unknown): { code: EntryFault; errno: number } {
  const [code, errno] = list(value, 2, 'a fault');
  const known = ENTRY_FAULTS.find((one) => one === code);
  if (known === undefined) throw new ManifestError('a fault is none');
  return { code: known, errno: whole(errno, 4095, 'an errno') };
}

function entryName(value: unknown): ByteString {
  const text = bytes(value, MAX_ATTRIBUTE_NAME, 'a name');
  if (text !== '' && !isName(text)) throw new ManifestError('a name is none');
  return text;
}

function path(value: unknown): RelPath {
  const text = bytes(value, 1 << 16, 'a path');
  if (text === '' || !isRelPath(text)) throw new ManifestError('a path is none');
  return text;
}

function bytes(value: unknown, most: number, what: string): ByteString {
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  if (typeof value !== 'string' || value.length > most || !/^[\u0001-\u00ff]*$/.test(value)) throw new ManifestError(`${what} is no text of bytes`);
  return value as ByteString;
}

function whole(value: unknown, most: number, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) throw new ManifestError(`${what} is out of range`);
  return value;
}

function time(value: unknown): { sec: number; nsec: number } {
  const [sec, nsec] = list(value, 2, 'a time');
  if (typeof sec !== 'number' || !Number.isSafeInteger(sec) || Math.abs(sec) > MAX_SECONDS) throw new ManifestError('a time is out of range');
  return { sec, nsec: whole(nsec, 999_999_999, 'a time') };
}

function list(value: unknown, length: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) throw new ManifestError(`${what} is none`);
  return value;
}

function many(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > MAX_ATTRIBUTES) throw new ManifestError(`${what} are too many`);
  return value;
}

function base64(value: unknown, most: number): string {
  if (typeof value !== 'string' || value.length > Math.ceil(most / 3) * 4 || Buffer.from(value, 'base64').toString('base64') !== value) throw new ManifestError('a value is no base64');
  return value;
}

function acl(value: unknown): string {
  const text = base64(value, 1 << 17);
  if (parseAcl(Buffer.from(text, 'base64')) === undefined) throw new ManifestError('an access list is none');
  return text;
}

/** A digest in hex. @throws ManifestError. */
export function digestText(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw new ManifestError('a digest is none');
  return value;
}
