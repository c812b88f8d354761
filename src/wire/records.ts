/** Stat records as memory: their words, which of them can travel, and slabs from which the decoder hands them out. */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, STAT_WORDS } from '../tree/index.js';

/** Bytes of one record. */
export const STAT_BYTES = STAT_WORDS * 4;

/** Errors that stand in the place of a record. */
const EIO = 5;
const EOVERFLOW = 75;

/** Words of records, 4-byte aligned. */
export function wordsOf(records: Buffer): Uint32Array {
  const aligned = records.byteOffset % 4 === 0 ? records : Buffer.from(new Uint8Array(records).buffer);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / 4));
}

/** 0, or the errno that stands for a record that cannot travel: a size of 2^53 or more, or a type that there is not. */
export function sendable(words: Uint32Array, base: number): number {
  if ((words[base + 11] as number) >= 0x200000) return EOVERFLOW;
  return isType(words[base + 7] as number) ? 0 : EIO;
}

/** Whether the type bits of a mode are one of the seven types. */
export function isType(mode: number): boolean {
  switch (mode & S_IFMT) {
    case S_IFREG: case S_IFDIR: case S_IFLNK: case S_IFBLK: case S_IFCHR: case S_IFIFO: case S_IFSOCK:
      return true;
    default:
      return false;
  }
}

/** Memory of records, zeros at first, handed out from slabs: many small folders share one. */
export class RecordMemory {
  words = new Uint32Array(0);
  #used = 0; // bytes

  /** Room for `records` records; `likely` is how many more will be asked for. Returns the first word. The words may be others than before. */
  take(records: number, likely: number): number {
    const bytes = records * STAT_BYTES;
    if (this.#used + bytes > this.words.byteLength) {
      this.words = new Uint32Array(Math.max(bytes, Math.min(SLAB, likely * STAT_BYTES)) / 4);
      this.#used = 0;
    }
    this.#used += bytes;
    return (this.#used - bytes) / 4;
  }

  /** The records from word `from` on. */
  records(from: number, count: number): Buffer {
    return Buffer.from(this.words.buffer, from * 4, count * STAT_BYTES);
  }
}

/** Bytes of a slab: what a record that is kept can keep from being freed. */
const SLAB = 128 << 10;
