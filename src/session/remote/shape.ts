/**
 * Reading untrusted JSON: each function takes a value, says what it must be, and returns it typed or throws WIRE. `where` names the
 * place for the message. Text is bytes, one unit a byte, unless said otherwise.
 */
import { isRelPath, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';

/** A JSON object of unknown members. */
export type Members = Readonly<Record<string, unknown>>;

/** Longest path or text taken from a message, bytes. */
const MOST_TEXT = 1 << 20;

export function broken(where: string, what: string): TwintreeError {
  return new TwintreeError('WIRE', `the other end sent a message that breaks the protocol: ${where} ${what}`, { advice: 'Use the same version of twintree on both hosts.' });
}

export function members(value: unknown, where: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw broken(where, 'is no object');
  return value as Members;
}

export function list<T>(value: unknown, where: string, most: number, each: (item: unknown, where: string) => T): T[] {
  if (!Array.isArray(value) || value.length > most) throw broken(where, 'is no list, or too long a one');
  return value.map((item) => each(item, where));
}

/** A whole number from `least` to `most` (2^53 − 1 without). */
export function whole(value: unknown, where: string, most = Number.MAX_SAFE_INTEGER, least = 0): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) throw broken(where, `is no whole number from ${least} to ${most}`);
  return value;
}

/** Any finite number from 0. */
export function amount(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw broken(where, 'is no number from 0');
  return value;
}

export function truth(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') throw broken(where, 'is neither true nor false');
  return value;
}

/** Bytes as text, without NUL. */
export function bytes(value: unknown, where: string, most = MOST_TEXT): ByteString {
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  if (typeof value !== 'string' || value.length > most || !/^[\u0001-\u00ff]*$/.test(value)) throw broken(where, 'is no text of bytes');
  return value as ByteString;
}

/** Bytes in base64, as it is written: no other text stands for the same bytes. */
export function base64(value: unknown, where: string, most: number): Buffer {
  if (typeof value !== 'string' || value.length > Math.ceil(most / 3) * 4) throw broken(where, 'is no base64, or too long');
  const content = Buffer.from(value, 'base64');
  if (content.length > most || content.toString('base64') !== value) throw broken(where, 'is no base64, or too long');
  return content;
}

/** A sentence for people: any characters; what shows it makes it harmless. */
export function sentence(value: unknown, where: string): string {
  if (typeof value !== 'string' || value.length > MOST_TEXT) throw broken(where, 'is no text');
  return value;
}

export function relPath(value: unknown, where: string): RelPath {
  const path = bytes(value, where);
  if (!isRelPath(path)) throw broken(where, 'is no path below a root');
  return path as RelPath;
}

export function oneOf<T extends string>(value: unknown, where: string, allowed: readonly T[]): T {
  if (typeof value !== 'string' || !(allowed as readonly string[]).includes(value)) throw broken(where, `is none of ${allowed.join(', ')}`);
  return value as T;
}

/** The value, or undefined where it is missing or null. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}
