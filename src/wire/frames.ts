/**
 * Frames: how a stream of bytes is cut into typed, numbered, checked pieces. Each direction begins with the magic and a Hello frame.
 * What a frame says is known to be allowed for its type, and its bytes undamaged, when it leaves the reader; what the payload
 * means is for others. No memory is taken for a payload before its length was checked.
 */
import { crc32 } from 'node:zlib';
import { WireError } from './error.js';
import { MAX_BANNER, MAX_HELLO, MAX_PAYLOAD } from './limits.js';

/** First bytes of each direction. High bit, line ends and ^Z show a stream that is not carried byte by byte. */
export const MAGIC = Buffer.from('895454570d0a1a0a', 'hex');
/** Bytes before a payload. */
export const FRAME_HEADER = 12;

export enum FrameType {
  Hello = 1,
  Control = 2,
  Requests = 3,
  Items = 4,
  Credit = 5,
  Ping = 6,
  Pong = 7,
  Bye = 8,
}

/** Bits of a frame's flags that say how its payload is compressed. */
export const COMPRESSION_MASK = 7;
export const COMPRESSION_NONE = 0;
export const COMPRESSION_BROTLI = 1;
export const COMPRESSION_ZSTD = 2;

/** One frame. The payload has an ArrayBuffer of its own, which may be transferred to another thread. */
export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly channel: number;
  readonly payload: Buffer;
}

/** Header and payload of a frame, to be written one after the other; the payload is not copied. @throws RangeError where no reader would take it. */
export function encodeFrame(type: FrameType, flags: number, channel: number, payload: Uint8Array): Buffer[] {
  const fault = frameFault(type, flags, channel, payload.length);
  if (fault !== undefined) throw new RangeError(fault.message);
  const header = Buffer.allocUnsafe(FRAME_HEADER);
  header[0] = type;
  header[1] = flags;
  header.writeUInt16LE(channel, 2);
  header.writeUInt32LE(payload.length, 4);
  const body = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  header.writeUInt32LE(crc32(body, crc32(header.subarray(0, 8))), 8);
  return body.length === 0 ? [header] : [header, body];
}

/** Why a frame cannot be so; undefined: it can. */
function frameFault(type: number, flags: number, channel: number, length: number): WireError | undefined {
  if (!(type >= FrameType.Hello && type <= FrameType.Bye)) return new WireError('frame', `there is no frame of type ${type}`);
  const compressible = type === FrameType.Requests || type === FrameType.Items;
  if (flags !== COMPRESSION_NONE && !(compressible && (flags === COMPRESSION_BROTLI || flags === COMPRESSION_ZSTD))) {
    return new WireError('frame', `a frame of type ${type} cannot have the flags ${flags}`);
  }
  const numbered = type === FrameType.Requests || type === FrameType.Items || type === FrameType.Credit;
  if (!(channel >= 0 && channel <= 0xffff) || numbered !== channel > 0) return new WireError('frame', `a frame of type ${type} cannot be on channel ${channel}`);
  switch (type as FrameType) {
    case FrameType.Credit:
      return length === 4 ? undefined : wrongLength(type, length);
    case FrameType.Ping:
    case FrameType.Pong:
      return length === 8 ? undefined : wrongLength(type, length);
    case FrameType.Hello:
    case FrameType.Bye:
      return length >= 2 && length <= MAX_HELLO ? undefined : wrongLength(type, length);
    case FrameType.Control:
    case FrameType.Requests:
    case FrameType.Items:
      return length >= 1 && length <= MAX_PAYLOAD ? undefined : wrongLength(type, length);
  }
}

function wrongLength(type: number, length: number): WireError {
  return new WireError('limit', `a frame of type ${type} cannot have ${length} bytes`);
}

/** Cuts one direction of a connection into frames, as its bytes arrive. */
export class FrameReader {
  #before: Buffer = Buffer.alloc(0); // bytes in which the magic has not been found; empty afterwards
  #open = false;
  #greeted = false;
  readonly #header = Buffer.alloc(FRAME_HEADER);
  #filled = 0; // bytes of the header that are there
  #payload: Buffer | undefined;
  #received = 0; // bytes of the payload that are there
  #failed: WireError | undefined;

  /** @param onBanner is told, once, what stood before the magic, where anything did */
  constructor(readonly onFrame: (frame: Frame) => void, readonly onBanner: (text: Buffer) => void = () => undefined) {}

  /** Whether the magic has been seen. */
  get opened(): boolean {
    return this.#open;
  }

  /** What has arrived without the magic having been seen: another program's words. */
  get unrecognized(): Buffer {
    return this.#before;
  }

  /** Whether all that arrived was whole frames: where a connection may end. */
  get between(): boolean {
    return this.#open && this.#filled === 0;
  }

  /** Takes the next bytes; they are copied. @throws WireError, and from then on always the same one. */
  push(bytes: Uint8Array): void {
    if (this.#failed !== undefined) throw this.#failed;
    const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      if (this.#open) this.#frames(input, 0);
      else this.#seekMagic(input);
    } catch (error) {
      if (error instanceof WireError) this.#failed = error;
      throw error;
    }
  }

  #seekMagic(input: Buffer): void {
    const room = MAX_BANNER + MAGIC.length - this.#before.length;
    const seen = this.#before.length === 0 ? input.subarray(0, room) : Buffer.concat([this.#before, input.subarray(0, room)]);
    const at = seen.indexOf(MAGIC);
    if (at < 0) {
      this.#before = Buffer.from(seen);
      if (seen.length >= MAX_BANNER + MAGIC.length) throw new WireError('magic', 'what the other end sends is not this protocol');
      return;
    }
    const banner = Buffer.from(seen.subarray(0, at));
    const used = at + MAGIC.length - this.#before.length; // of the input
    this.#before = Buffer.alloc(0);
    this.#open = true;
    if (banner.length > 0) this.onBanner(banner);
    this.#frames(input, used);
  }

  #frames(input: Buffer, from: number): void {
    let at = from;
    while (at < input.length) { // no frame is without a payload
      if (this.#payload === undefined) {
        const n = Math.min(FRAME_HEADER - this.#filled, input.length - at);
        input.copy(this.#header, this.#filled, at, at + n);
        this.#filled += n;
        at += n;
        if (this.#filled === FRAME_HEADER) this.#begin();
      }
      const payload = this.#payload;
      if (payload === undefined) continue;
      const n = Math.min(payload.length - this.#received, input.length - at);
      input.copy(payload, this.#received, at, at + n);
      this.#received += n;
      at += n;
      if (this.#received === payload.length) this.#finish(payload);
    }
  }

  /** The header is whole. */
  #begin(): void {
    const type = this.#header.readUInt8(0);
    const length = this.#header.readUInt32LE(4);
    const fault = frameFault(type, this.#header.readUInt8(1), this.#header.readUInt16LE(2), length);
    if (fault !== undefined) throw fault;
    if ((type === FrameType.Hello) === this.#greeted) throw new WireError('frame', this.#greeted ? 'a second Hello' : 'the first frame is not a Hello');
    this.#payload = Buffer.allocUnsafeSlow(length);
    this.#received = 0;
  }

  #finish(payload: Buffer): void {
    const header = this.#header;
    if (crc32(payload, crc32(header.subarray(0, 8))) !== header.readUInt32LE(8)) throw new WireError('checksum', 'a frame arrived damaged');
    this.#greeted = true;
    this.#payload = undefined;
    this.#filled = 0;
    this.onFrame({ type: header.readUInt8(0) as FrameType, flags: header.readUInt8(1), channel: header.readUInt16LE(2), payload });
  }
}

/** Payload of a Credit frame: how many bytes more may be sent on its channel, 1 to 2^32 - 1. */
export function encodeCredit(bytes: number): Buffer {
  const payload = Buffer.allocUnsafeSlow(4);
  payload.writeUInt32LE(bytes, 0);
  return payload;
}

/** @throws WireError */
export function parseCredit(payload: Buffer): number {
  const bytes = payload.length === 4 ? payload.readUInt32LE(0) : 0;
  if (bytes === 0) throw new WireError('range', 'a credit of nothing');
  return bytes;
}

/** Payload of a Ping: a token below 2^53 that the Pong brings back. */
export function encodeToken(token: number): Buffer {
  const payload = Buffer.allocUnsafeSlow(8);
  payload.writeBigUInt64LE(BigInt(token), 0);
  return payload;
}

/** @throws WireError */
export function parseToken(payload: Buffer): number {
  const token = payload.length === 8 ? payload.readBigUInt64LE(0) : -1n;
  if (token < 0n || token > BigInt(Number.MAX_SAFE_INTEGER)) throw new WireError('range', 'a token is out of range');
  return Number(token);
}
