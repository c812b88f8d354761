/**
 * The delta file: header, tokens, end with size and hash (docs/delta-format.md). The writer is a sink of a search, the reader drives a
 * sink from bytes in pieces of any length. The reader takes nothing on trust: every length and place is checked before it is passed on.
 */
import { WHOLE_HASH_BYTES } from '../hash/index.js';
import { DeltaError } from './error.js';
import type { DeltaSink } from './search.js';
import { MAX_FILE } from './sizes.js';

/** First bytes of a delta file. */
export const DELTA_MAGIC = Buffer.from('895454444c540d0a', 'hex');
export const DELTA_VERSION = 1;
export const DELTA_HEADER_BYTES = 40;
/** Longest literal of one token. */
export const MAX_LITERAL = 1 << 24;

/** The basis a delta was made for. */
export interface BasisIdentity { readonly size: number; readonly hash: Buffer }

const enum Op { End = 0, Literal = 1, Copy = 2, Hole = 3 }

/** Encodes tokens. `write` gets views that are used again after the call. */
export class DeltaWriter implements DeltaSink {
  readonly #buffer = Buffer.allocUnsafe(16384);
  #used = 0;
  #next = 0; // where the last copy ended in the basis

  constructor(readonly write: (bytes: Buffer) => void, basis: BasisIdentity) {
    const header = Buffer.alloc(DELTA_HEADER_BYTES);
    DELTA_MAGIC.copy(header);
    header.writeUInt8(DELTA_VERSION, 8);
    header.writeBigUInt64LE(BigInt(basis.size), 16);
    basis.hash.copy(header, 24, 0, WHOLE_HASH_BYTES);
    write(header);
  }

  copy(offset: number, length: number): void {
    this.#token(Op.Copy);
    const by = offset - this.#next;
    this.#varint(by >= 0 ? by * 2 : -by * 2 - 1);
    this.#varint(length);
    this.#next = offset + length;
  }

  literal(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; done += MAX_LITERAL) {
      const part = bytes.subarray(done, done + MAX_LITERAL);
      this.#token(Op.Literal);
      this.#varint(part.length);
      if (part.length <= this.#buffer.length - this.#used) {
        part.copy(this.#buffer, this.#used);
        this.#used += part.length;
      } else {
        this.#flush();
        this.write(part);
      }
    }
  }

  hole(length: number): void {
    this.#token(Op.Hole);
    this.#varint(length);
  }

  /** Size and whole-file hash of the source. Nothing may follow. */
  finish(size: number, hash: Buffer): void {
    this.#token(Op.End);
    this.#buffer.writeBigUInt64LE(BigInt(size), this.#used);
    hash.copy(this.#buffer, this.#used + 8, 0, WHOLE_HASH_BYTES);
    this.#used += 8 + WHOLE_HASH_BYTES;
    this.#flush();
  }

  #token(op: Op): void {
    if (this.#buffer.length - this.#used < 64) this.#flush();
    this.#buffer[this.#used++] = op;
  }

  #varint(n: number): void {
    let left = n;
    while (left >= 128) {
      this.#buffer[this.#used++] = (left % 128) + 128;
      left = Math.floor(left / 128);
    }
    this.#buffer[this.#used++] = left;
  }

  #flush(): void {
    if (this.#used > 0) this.write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}

/** What the end of a delta says of the source. */
export interface DeltaEnd { readonly size: number; readonly hash: Buffer }

/** Decodes a delta that arrives in pieces. */
export class DeltaReader {
  #held: Buffer = Buffer.alloc(0); // the start of a token that is not whole yet: never more than a header
  #basis: BasisIdentity | undefined;
  #end: DeltaEnd | undefined;
  #literal = 0; // bytes of a literal still to come
  #next = 0;
  #size = 0;

  /**
   * @param sink gets the tokens, each checked against the basis' size and the limits
   * @param onHeader is told the basis before the first token; it may throw
   */
  constructor(readonly sink: DeltaSink, readonly onHeader: (basis: BasisIdentity) => void = () => undefined) {}

  /** Takes the next bytes. @throws DeltaError. */
  push(bytes: Buffer): void {
    const data = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    let at = 0;
    for (;;) {
      const used = this.#step(data, at);
      if (used === 0) break;
      at += used;
    }
    this.#held = Buffer.from(data.subarray(at));
  }

  /** The delta has ended. @throws DeltaError where it is not whole. */
  finish(): DeltaEnd {
    if (this.#end === undefined) throw new DeltaError('truncated', 'the delta ends in the middle');
    return this.#end;
  }

  /** Takes one header, token or part of a literal; 0 where more bytes are needed. */
  #step(data: Buffer, at: number): number {
    const left = data.length - at;
    if (this.#basis === undefined) return this.#header(data, at, left);
    if (left === 0) return 0;
    if (this.#end !== undefined) throw new DeltaError('range', 'something follows the end of the delta');
    if (this.#literal > 0) {
      const n = Math.min(left, this.#literal);
      this.sink.literal(data.subarray(at, at + n));
      this.#literal -= n;
      return n;
    }
    const op = data[at] ?? 0;
    switch (op) {
      case Op.End: return this.#ending(data, at, left);
      case Op.Literal: {
        const length = varint(data, at + 1);
        if (length === undefined) return 0;
        if (length.value === 0 || length.value > MAX_LITERAL) throw new DeltaError('limit', `a literal of ${length.value} bytes is not between 1 and ${MAX_LITERAL}`);
        this.#grow(length.value);
        this.#literal = length.value;
        return length.end - at;
      }
      case Op.Copy: return this.#copying(data, at);
      case Op.Hole: {
        const length = varint(data, at + 1);
        if (length === undefined) return 0;
        if (length.value === 0) throw new DeltaError('limit', 'a hole of no length');
        this.#grow(length.value);
        this.sink.hole(length.value);
        return length.end - at;
      }
      default: throw new DeltaError('range', `token ${op} is unknown`);
    }
  }

  #header(data: Buffer, at: number, left: number): number {
    const known = Math.min(left, DELTA_MAGIC.length);
    if (data.compare(DELTA_MAGIC, 0, known, at, at + known) !== 0) throw new DeltaError('magic', 'this is not a twintree delta');
    if (left < DELTA_HEADER_BYTES) return 0;
    const version = data.readUInt8(at + 8);
    if (version !== DELTA_VERSION) throw new DeltaError('version', `version ${version} of the delta format is not known here (${DELTA_VERSION} is)`);
    if (data.readUIntLE(at + 9, 6) !== 0 || data.readUInt8(at + 15) !== 0) throw new DeltaError('version', 'the delta uses features that are not known here');
    this.#basis = { size: size64(data, at + 16), hash: Buffer.from(data.subarray(at + 24, at + 24 + WHOLE_HASH_BYTES)) };
    this.onHeader(this.#basis);
    return DELTA_HEADER_BYTES;
  }

  #copying(data: Buffer, at: number): number {
    const by = varint(data, at + 1);
    const length = by === undefined ? undefined : varint(data, by.end);
    if (by === undefined || length === undefined) return 0;
    const offset = this.#next + (by.value % 2 === 0 ? by.value / 2 : -(by.value + 1) / 2);
    if (length.value === 0 || offset < 0 || offset + length.value > (this.#basis?.size ?? 0)) throw new DeltaError('range', `a copy of ${length.value} bytes from ${offset} leaves the basis`);
    this.#grow(length.value);
    this.#next = offset + length.value;
    this.sink.copy(offset, length.value);
    return length.end - at;
  }

  #ending(data: Buffer, at: number, left: number): number {
    if (left < 9 + WHOLE_HASH_BYTES) return 0;
    const size = size64(data, at + 1);
    if (size !== this.#size) throw new DeltaError('range', `the delta says ${size} bytes and makes ${this.#size}`);
    this.#end = { size, hash: Buffer.from(data.subarray(at + 9, at + 9 + WHOLE_HASH_BYTES)) };
    return 9 + WHOLE_HASH_BYTES;
  }

  #grow(by: number): void {
    this.#size += by;
    if (this.#size > MAX_FILE) throw new DeltaError('limit', `the delta makes more than ${MAX_FILE} bytes`);
  }
}

/** A size in 8 bytes. @throws DeltaError past MAX_FILE. */
export function size64(data: Buffer, at: number): number {
  const size = data.readUInt32LE(at) + data.readUInt32LE(at + 4) * 2 ** 32;
  if (size > MAX_FILE) throw new DeltaError('limit', `a size of ${size} bytes is past the limit of ${MAX_FILE}`);
  return size;
}

/** A number of 7 bits a byte, least first, in its shortest form, below 2^49; undefined where the data ends in it. */
function varint(data: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0;
  let unit = 1;
  for (let i = 0; i < 7; i++) {
    const byte = data[at + i];
    if (byte === undefined) return undefined;
    value += (byte % 128) * unit;
    if (byte < 128) {
      if (byte === 0 && i > 0) throw new DeltaError('range', 'a number is not in its shortest form');
      return { value, end: at + i + 1 };
    }
    unit *= 128;
  }
  throw new DeltaError('limit', 'a number is too long');
}
