/**
 * Records of a pax extended header (POSIX.1-2017, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`, LENGTH counting the whole record.
 * Keys and values are bytes; POSIX wants UTF-8, but names of files are what they are, and GNU tar, star and libarchive write them so too.
 * Pure.
 */
import type { ByteString } from '../tree/index.js';

/** Key and value of one record. */
export type PaxRecord = readonly [key: string, value: string];

/** Bytes of a record, its length's own digits among them. */
export function recordLength(key: string, value: string): number {
  const rest = key.length + value.length + 3; // space, =, newline
  let digits = 1;
  while (10 ** digits <= rest + digits) digits++;
  return rest + digits;
}

/** Records as they stand in the header's content. */
export function encodeRecords(records: Iterable<PaxRecord>): Buffer {
  let text = '';
  for (const [key, value] of records) text += `${recordLength(key, value)} ${key}=${value}\n`;
  return Buffer.from(text, 'latin1');
}

/**
 * Reads records one after the other. Undefined where they are none: a length that does not fit, no `=`, no newline at the end. A later
 * record of the same key wins, an empty value takes an earlier one back; `each` is told all of them in order.
 */
export function decodeRecords(bytes: Buffer, each: (key: ByteString, value: ByteString) => void): boolean {
  let at = 0;
  while (at < bytes.length) {
    let length = 0;
    let digit = at;
    for (; digit < bytes.length && digit - at < 10; digit++) {
      const c = bytes[digit] as number;
      if (c < 48 || c > 57) break;
      length = length * 10 + c - 48;
    }
    if (digit === at || bytes[digit] !== 32 || length <= digit - at + 2 || at + length > bytes.length || bytes[at + length - 1] !== 10) return false;
    const equals = bytes.indexOf(61, digit + 1);
    if (equals < 0 || equals >= at + length - 1 || equals === digit + 1) return false;
    each(bytes.latin1Slice(digit + 1, equals) as ByteString, bytes.latin1Slice(equals + 1, at + length - 1) as ByteString);
    at += length;
  }
  return true;
}

/** A time as pax writes it: seconds with the fraction they need, a minus before times before 1970. */
export function timeText(sec: number, nsec: number): string {
  const negative = sec < 0;
  const [whole, rest] = negative && nsec > 0 ? [-(sec + 1), 1e9 - nsec] : [Math.abs(sec), nsec];
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
  return `${negative ? '-' : ''}${whole}${fraction}`;
}

/** The time that a value says: digits beyond nanoseconds are dropped, downwards. Undefined where it is none that a file can have. */
export function parseTime(text: string): { sec: number; nsec: number } | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const whole = Number(match[2]);
  const digits = match[3] ?? '';
  const nsec = Number(digits.slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { sec: whole, nsec };
  const below = nsec + (/[1-9]/.test(digits.slice(9)) ? 1 : 0);
  if (below === 0) return { sec: whole === 0 ? 0 : -whole, nsec: 0 };
  return { sec: -whole - 1, nsec: 1e9 - below };
}

/** A whole number from 0, as pax writes sizes and ids; undefined where it is none that can be counted with. */
export function parseCount(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Name of an extended attribute in a record's key: `=` would end the key (as GNU tar and star). */
export function attributeKey(name: ByteString): string {
  return `SCHILY.xattr.${name.replaceAll('%', '%25').replaceAll('=', '%3D')}`;
}

/** The attribute's name in what follows `SCHILY.xattr.`. */
export function attributeName(coded: ByteString): ByteString {
  return coded.replaceAll('%3D', '=').replaceAll('%25', '%') as ByteString;
}
