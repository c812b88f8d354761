/**
 * The undo journal of a file that is patched in place, as bytes: a header that says which file it belongs to, then records of old content,
 * each with its checksum. A record counts only whole, and only up to the first one that is not: what follows was never promised.
 * Nothing in a journal is believed before it was checked; whose file the journal is, is for the caller (recover.ts) to check.
 *
 *     header  magic 8 · version 4 · CRC-32 of the rest 4 · dev 4+4 · ino 4+4 · size 8 · mtime 8+4 · begun 8+4 · name length 4 · name
 *     record  position 8 · length 4 · CRC-32 4 (of position, length and bytes) · bytes
 *     end     position: the final size · length 0xffffffff · CRC-32 4: the patch is whole but for cutting the file to that size
 *
 * All numbers are little-endian.
 */
import { crc32 } from 'node:zlib';
import { isName, type ByteString } from '../../tree/index.js';

const MAGIC = Buffer.from('895454554e440d0a', 'hex');
const VERSION = 1;
const FIXED = 72;
const NAME_MOST = 4096;
/** Bytes of a journal that are surely enough for its header. */
export const HEADER_MOST = FIXED + NAME_MOST;
/** Bytes before a record's content. */
export const RECORD_HEAD = 16;
/** Most content of one record. */
export const RECORD_MOST = 1 << 20;
const END = 0xffffffff;
/** Past this no position is taken: 2^52 bytes. */
const POSITION_MOST = 2 ** 52;

/** The file a journal belongs to, as it was before the first byte was overwritten. */
export interface UndoHeader {
  readonly devMajor: number; readonly devMinor: number;
  readonly inoLow: number; readonly inoHigh: number;
  readonly size: number;
  readonly mtimeSec: number; readonly mtimeNsec: number;
  /** When the journal was begun, by the clock of its file system: a file whose time lies before that has been finished by someone since. */
  readonly begunSec: number; readonly begunNsec: number;
  /** Its name in the folder of the journal. */
  readonly name: ByteString;
}

export function encodeHeader(h: UndoHeader): Buffer {
  const name = Buffer.from(h.name, 'latin1');
  const out = Buffer.alloc(FIXED + name.length);
  MAGIC.copy(out);
  out.writeUInt32LE(VERSION, 8);
  out.writeUInt32LE(h.devMajor, 16);
  out.writeUInt32LE(h.devMinor, 20);
  out.writeUInt32LE(h.inoLow, 24);
  out.writeUInt32LE(h.inoHigh, 28);
  out.writeBigUInt64LE(BigInt(h.size), 32);
  out.writeBigInt64LE(BigInt(h.mtimeSec), 40);
  out.writeUInt32LE(h.mtimeNsec, 48);
  out.writeBigInt64LE(BigInt(h.begunSec), 52);
  out.writeUInt32LE(h.begunNsec, 60);
  out.writeUInt32LE(0, 64); // kept free
  out.writeUInt32LE(name.length, 68);
  name.copy(out, FIXED);
  out.writeUInt32LE(crc32(out.subarray(16)) >>> 0, 12);
  return out;
}

/** The header at the start of `data` and the bytes it takes; undefined where it is not whole and right. */
export function decodeHeader(data: Buffer): { header: UndoHeader; length: number } | undefined {
  if (data.length < FIXED || data.compare(MAGIC, 0, 8, 0, 8) !== 0 || data.readUInt32LE(8) !== VERSION) return undefined;
  const nameLength = data.readUInt32LE(68);
  const length = FIXED + nameLength;
  if (nameLength === 0 || nameLength > NAME_MOST || data.length < length || crc32(data.subarray(16, length)) >>> 0 !== data.readUInt32LE(12)) return undefined;
  const name = data.toString('latin1', FIXED, length) as ByteString;
  const size = Number(data.readBigUInt64LE(32));
  if (!isName(name) || size > POSITION_MOST) return undefined;
  return {
    header: {
      devMajor: data.readUInt32LE(16), devMinor: data.readUInt32LE(20), inoLow: data.readUInt32LE(24), inoHigh: data.readUInt32LE(28), size,
      mtimeSec: Number(data.readBigInt64LE(40)), mtimeNsec: data.readUInt32LE(48), begunSec: Number(data.readBigInt64LE(52)), begunNsec: data.readUInt32LE(60), name,
    },
    length,
  };
}

/** Completes the record at `at` of `out`, whose `length` bytes of content stand behind its head already. */
export function sealRecord(out: Buffer, at: number, position: number, length: number): void {
  writePosition(out, at, position);
  out.writeUInt32LE(length, at + 8);
  out.writeUInt32LE(crc32(out.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length), crc32(out.subarray(at, at + 12))) >>> 0, at + 12);
}

/** The record that says that all is written and the file is to have `size` bytes. */
export function encodeEnd(size: number): Buffer {
  const out = Buffer.alloc(RECORD_HEAD);
  writePosition(out, 0, size);
  out.writeUInt32LE(END, 8);
  out.writeUInt32LE(crc32(out.subarray(0, 12)) >>> 0, 12);
  return out;
}

/** A record's head: `end` where it is the last one and `position` the final size. Undefined where it cannot be one. */
export function decodeHead(data: Buffer, at: number): { position: number; length: number; end: boolean } | undefined {
  if (data.length - at < RECORD_HEAD) return undefined;
  const position = data.readUInt32LE(at) + data.readUInt32LE(at + 4) * 2 ** 32;
  const length = data.readUInt32LE(at + 8);
  if (position > POSITION_MOST) return undefined;
  if (length === END) return crc32(data.subarray(at, at + 12)) >>> 0 === data.readUInt32LE(at + 12) ? { position, length: 0, end: true } : undefined;
  return length === 0 || length > RECORD_MOST ? undefined : { position, length, end: false };
}

/** Whether the record at `at`, whose head was decoded, has the checksum it says. */
export function isSealed(data: Buffer, at: number, length: number): boolean {
  return crc32(data.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length), crc32(data.subarray(at, at + 12))) >>> 0 === data.readUInt32LE(at + 12);
}

function writePosition(out: Buffer, at: number, position: number): void {
  out.writeUInt32LE(position % 2 ** 32, at);
  out.writeUInt32LE(Math.floor(position / 2 ** 32), at + 4);
}
