/**
 * Header blocks of tar archives as they come: ustar, pax, GNU tar's own format and the old one before them. Everything in them is somebody
 * else's word: a field that is no number makes the header no header. Pure.
 */
import { EMPTY, type ByteString } from '../tree/index.js';
import { BLOCK } from './tar-pack.js';

/** A header's fields. Names and links are as they stand there. */
export interface TarHeader {
  /** The letter of the type; `0` for the old zero byte. */
  type: string;
  name: ByteString;
  link: ByteString;
  mode: number;
  uid: number; gid: number;
  size: number;
  mtimeSec: number;
  uname: ByteString; gname: ByteString;
  major: number; minor: number;
  /** GNU tar's own format: the fields behind the names are its own. */
  gnu: boolean;
}

/** A block of zeros, a header, or neither. */
export type HeaderBlock = TarHeader | 'zeros' | 'damaged';

/** Types of headers that say something about others: it is in their content, their own names mean nothing. */
const EXTENDED = new Set(['g', 'x', 'X', 'L', 'K']);

export function isExtended(type: string): boolean {
  return EXTENDED.has(type);
}

/** Reads the block at `at`, which must be there whole. Of headers that only say something about others, name and link are left empty. */
export function readHeader(bytes: Buffer, at: number): HeaderBlock {
  const sum = sumOf(bytes, at);
  if (sum === 0) return 'zeros';
  const said = octal(bytes, at + 148, 8);
  let own = 0;
  for (let i = at + 148; i < at + 156; i++) own += bytes[i] as number;
  if (said === undefined || (said !== sum - own + 256 && !oldSum(bytes, at, said))) return 'damaged';
  const mode = octal(bytes, at + 100, 8);
  const uid = octal(bytes, at + 108, 8);
  const gid = octal(bytes, at + 116, 8);
  const size = number(bytes, at + 124, 12);
  const mtimeSec = number(bytes, at + 136, 12);
  const wideUid = uid ?? number(bytes, at + 108, 8);
  const wideGid = gid ?? number(bytes, at + 116, 8);
  if (mode === undefined || wideUid === undefined || wideGid === undefined || size === undefined || mtimeSec === undefined || size < 0) return 'damaged';
  const magic = bytes.latin1Slice(at + 257, at + 265);
  const gnu = magic === 'ustar  \0';
  const known = gnu || magic.startsWith('ustar');
  const typeByte = bytes[at + 156] as number;
  const type = typeByte === 0 ? '0' : String.fromCharCode(typeByte);
  if (isExtended(type)) {
    return { type, name: EMPTY, link: EMPTY, mode: mode & 0o7777, uid: idOf(wideUid), gid: idOf(wideGid), size, mtimeSec, uname: EMPTY, gname: EMPTY, major: 0, minor: 0, gnu };
  }
  const plainName = text(bytes, at, 100);
  const prefix = known && !gnu ? text(bytes, at + 345, 155) : EMPTY;
  return {
    type,
    name: (prefix === '' ? plainName : `${prefix}/${plainName}`) as ByteString, link: text(bytes, at + 157, 100), mode: mode & 0o7777, uid: idOf(wideUid), gid: idOf(wideGid), size, mtimeSec,
    uname: known ? text(bytes, at + 265, 32) : EMPTY, gname: known ? text(bytes, at + 297, 32) : EMPTY,
    major: known ? (octal(bytes, at + 329, 8) ?? 0) : 0, minor: known ? (octal(bytes, at + 337, 8) ?? 0) : 0, gnu,
  };
}

/** Memory of blocks, by the word. */
const WORDS = new WeakMap<ArrayBufferLike, Uint32Array>();

/** Sum of a block's bytes: four at a time where it is aligned, for half of an import's headers are read for that alone. */
function sumOf(bytes: Buffer, at: number): number {
  const from = bytes.byteOffset + at;
  if (from % 4 !== 0) {
    let sum = 0;
    for (let i = at; i < at + BLOCK; i++) sum += bytes[i] as number;
    return sum;
  }
  let words = WORDS.get(bytes.buffer);
  if (words === undefined) WORDS.set(bytes.buffer, words = new Uint32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2));
  let even = 0; // two sums of 128 bytes each, which fit in 16 bits
  let odd = 0;
  for (let i = from >>> 2, end = i + BLOCK / 4; i < end; i++) {
    const word = words[i] as number;
    even += word & 0xff00ff;
    odd += (word >>> 8) & 0xff00ff;
  }
  return (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16);
}

/** Whether the block at `at` looks like a header of today: what a search behind damage stops at. */
export function isHeader(bytes: Buffer, at: number): boolean {
  return bytes.latin1Slice(at + 257, at + 262) === 'ustar' && typeof readHeader(bytes, at) === 'object';
}

/** Old GNU sparse fields: pairs of 12 digits at `at`, an empty one ends them. */
export function oldSparse(bytes: Buffer, at: number, count: number): number[] | undefined {
  const numbers: number[] = [];
  for (let k = 0; k < count; k++) {
    const from = at + k * 24;
    if (bytes[from] === 0 && bytes[from + 12] === 0) break;
    const offset = number(bytes, from, 12);
    const length = number(bytes, from + 12, 12);
    if (offset === undefined || length === undefined || offset < 0 || length < 0) return undefined;
    numbers.push(offset, length);
  }
  return numbers;
}

/** A field of digits, or of base 256; undefined where it is neither. */
export function number(bytes: Buffer, at: number, length: number): number | undefined {
  const first = bytes[at] as number;
  if (first < 0x80) return octal(bytes, at, length);
  const negative = (first & 0x40) !== 0;
  let value = negative ? (first & 0x3f) - 0x40 : first & 0x3f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (bytes[i] as number);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Digits after spaces, ended by a space, a zero or the field's end. An empty field is 0. */
function octal(bytes: Buffer, at: number, length: number): number | undefined {
  const end = at + length;
  let i = at;
  while (i < end && bytes[i] === 32) i++;
  let value = 0;
  for (; i < end; i++) {
    const c = bytes[i] as number;
    if (c === 32 || c === 0) return value;
    if (c < 48 || c > 55) return undefined;
    value = value * 8 + c - 48;
  }
  return value;
}

/** Some old tars summed signed bytes. */
function oldSum(bytes: Buffer, at: number, said: number): boolean {
  let sum = 8 * 32;
  for (let i = at; i < at + BLOCK; i++) if (i < at + 148 || i >= at + 156) sum += ((bytes[i] as number) << 24) >> 24;
  return sum === said;
}

function text(bytes: Buffer, at: number, length: number): ByteString {
  const zero = bytes.indexOf(0, at);
  return bytes.latin1Slice(at, zero < 0 || zero > at + length ? at + length : zero) as ByteString;
}

function idOf(value: number): number {
  return value < 0 || value > 0xfffffffe ? 0xffffffff : value; // nobody: no id is set
}
