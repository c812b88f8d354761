/**
 * ByteReader: numbers and bytes taken from a buffer, each checked against its limit and against what is left, before memory is taken.
 * The form of a varint is unique: one with a needless last byte is refused. Throws only WireError.
 */
import type { ByteString } from '../tree/index.js';
import { WireError } from './error.js';

/** A view of bytes as a Buffer (a Buffer arrives from another thread as a plain Uint8Array). */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reverses `zigzag`. */
export function unzigzag(n: number): number {
  return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
}

/** Reads from `at` up to `end`. */
export class ByteReader {
  readonly bytes: Buffer;
  at = 0;
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = asBuffer(bytes);
    this.end = bytes.length;
  }

  get left(): number {
    return this.end - this.at;
  }

  u8(): number {
    if (this.at >= this.end) throw truncated();
    return this.bytes[this.at++] as number;
  }

  /** A whole number up to `most`; `what` names it in the message. */
  varint(most: number, what: string): number {
    let b = this.u8();
    if (b < 128) {
      if (b > most) throw outOfRange(what, b, most);
      return b;
    }
    let value = b & 127;
    let scale = 128;
    for (;;) {
      b = this.u8();
      value += (b & 127) * scale;
      if (b < 128) break;
      scale *= 128;
      if (scale > 2 ** 49) throw new WireError('range', `${what} has more than eight bytes`);
    }
    if (b === 0) throw new WireError('range', `${what} has a needless byte`);
    if (value > most) throw outOfRange(what, value, most);
    return value;
  }

  /** A count of things of which each takes at least `each` bytes of what is left. */
  count(most: number, each: number, what: string): number {
    const n = this.varint(Number.MAX_SAFE_INTEGER, what);
    if (n > most) throw new WireError('limit', `${n} ${what} are more than ${most}`);
    if (n * each > this.left) throw truncated();
    return n;
  }

  /** The next `length` bytes, as a view. */
  raw(length: number): Buffer {
    if (length > this.left) throw truncated();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** The next `length` bytes as a byte string. */
  text(length: number): ByteString {
    if (length > this.left) throw truncated();
    this.at += length;
    return this.bytes.latin1Slice(this.at - length, this.at) as ByteString;
  }

  /** A length up to `most`, checked against what is left. */
  length(most: number, what: string): number {
    const n = this.varint(Number.MAX_SAFE_INTEGER, what);
    if (n > most) throw new WireError('limit', `${what} of ${n} bytes is longer than ${most}`);
    if (n > this.left) throw truncated();
    return n;
  }

  /** A length and as many bytes, as a view. */
  sized(most: number, what: string): Buffer {
    return this.raw(this.length(most, what));
  }

  /** A length and a byte string without NUL. */
  sizedText(most: number, what: string): ByteString {
    const text = this.text(this.length(most, what));
    if (text.includes('\0')) throw new WireError('name', `${what} holds a NUL`);
    return text;
  }

  /** A byte of flags of which only those in `known` may be set. */
  flags(known: number, what: string): number {
    const flags = this.u8();
    if ((flags & ~known) !== 0) throw new WireError('range', `${what} has unknown flags`);
    return flags;
  }
}

export function truncated(): WireError {
  return new WireError('truncated', 'a message ends inside a number, name or value');
}

export function outOfRange(what: string, value: number, most: number): WireError {
  return new WireError('range', `${what} ${value} is above ${most}`);
}
