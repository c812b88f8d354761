/**
 * ByteWriter: bytes and numbers appended to one growing buffer. Numbers are varints: seven bits a byte, the lowest first, the top bit set
 * in all but the last. Whoever writes keeps to the ranges; the reader is the one who checks.
 */
import type { ByteString } from '../tree/index.js';

const LEAST_ROOM = 4096;
const TWO31 = 2 ** 31;

/** Zigzag: signed → unsigned, small numbers of both signs small. |n| below 2^52. */
export function zigzag(n: number): number {
  return n >= 0 ? 2 * n : -2 * n - 1;
}

/** Bytes of a number as a varint. */
export function varintLength(n: number): number {
  if (n < 128) return 1;
  if (n < 16384) return 2;
  if (n < 2097152) return 3;
  if (n < 268435456) return 4;
  let bytes = 5;
  for (let left = Math.floor(n / 34359738368); left > 0; left = Math.floor(left / 128)) bytes++;
  return bytes;
}

/** Appends to a buffer that doubles as needed. */
export class ByteWriter {
  /** The buffer; what lies behind `at` means nothing. A reserve may exchange it. */
  bytes: Buffer = Buffer.alloc(0);
  /** Bytes written. */
  at = 0;

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    const need = this.at + more;
    if (need <= this.bytes.length) return;
    const next = Buffer.allocUnsafeSlow(Math.max(LEAST_ROOM, need, 2 * this.bytes.length));
    this.bytes.copy(next, 0, 0, this.at);
    this.bytes = next;
  }

  u8(n: number): void {
    this.reserve(1);
    this.bytes[this.at++] = n;
  }

  /** A whole number, 0 to 2^53 - 1. */
  varint(n: number): void {
    this.reserve(8);
    const bytes = this.bytes;
    let at = this.at;
    let left = n;
    while (left >= TWO31) {
      bytes[at++] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    while (left >= 128) {
      bytes[at++] = (left & 127) | 128;
      left >>>= 7;
    }
    bytes[at++] = left;
    this.at = at;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Units of a byte string, without a length. */
  text(text: ByteString, from = 0): void {
    const length = text.length - from;
    this.reserve(length);
    if (length < 48) {
      for (let i = from; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
    } else {
      this.at += this.bytes.latin1Write(from === 0 ? text : text.slice(from), this.at, length);
    }
  }

  /** A length and as many bytes. */
  sized(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A length and the units of a byte string. */
  sizedText(text: ByteString): void {
    this.varint(text.length);
    this.text(text);
  }

  /** Puts the length of what was written since `from` before it: a message's body gets its head so. */
  prefixLength(from: number): void {
    const length = this.at - from;
    const bytes = varintLength(length);
    this.reserve(bytes);
    this.bytes.copyWithin(from + bytes, from, this.at);
    this.at = from;
    this.varint(length);
    this.at += length;
  }

  /**
   * All that was written, in a buffer that has its memory to itself (its ArrayBuffer may be transferred); the writer is empty then.
   * Mostly full memory is given away, mostly empty memory is kept for what comes next.
   */
  take(): Buffer {
    const { bytes, at } = this;
    this.at = 0;
    if (at * 2 >= bytes.length) {
      this.bytes = Buffer.alloc(0);
      return bytes.subarray(0, at);
    }
    const out = Buffer.allocUnsafeSlow(at);
    bytes.copy(out, 0, 0, at);
    return out;
  }
}
