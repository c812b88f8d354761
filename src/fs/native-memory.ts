/**
 * native-memory: where native calls find their arguments: a scratch buffer whose address is known, and the
 * addresses of the caller's tables and buffers. Ranges and names are checked here, so that no call is ever given
 * memory that is not its own, or a name that C would read as another. One for each thread.
 */
import { STAT_WORDS, type ByteString, type StatTable } from '../tree/index.js';
import { Errno } from './errno.js';

/** Bytes of one record of a StatTable. */
export const RECORD = STAT_WORDS * 4;

// The scratch buffer's parts: two names or paths, small structures, and what the kernel lists.
const PATH_MAX = 4096;
export const FIRST = 0;
export const SECOND = PATH_MAX;
export const SMALL = 2 * PATH_MAX;
export const BULK = SMALL + 256;
export const BULK_BYTES = 128 * 1024;

const TWO32 = 4294967296;

export class NativeMemory {
  readonly scratch: Buffer;
  /** Address of the scratch buffer. */
  readonly base: number;
  private readonly words: Int32Array; // the same memory
  private readonly addresses = new WeakMap<ArrayBufferLike, number>();
  private lastMemory: ArrayBufferLike | undefined;
  private lastAddress = 0;

  constructor(private readonly addressOf: (memory: ArrayBufferLike) => number) {
    const memory = new ArrayBuffer(BULK + BULK_BYTES);
    this.scratch = Buffer.from(memory);
    this.words = new Int32Array(memory);
    this.base = addressOf(memory);
  }

  /** Address of the first byte of some memory; remembered, since an ArrayBuffer's memory does not move. */
  address(memory: ArrayBufferLike): number {
    if (memory === this.lastMemory) return this.lastAddress;
    let address = this.addresses.get(memory);
    if (address === undefined) this.addresses.set(memory, (address = this.addressOf(memory)));
    this.lastMemory = memory;
    this.lastAddress = address;
    return address;
  }

  /** Address of a table's record. Throws a RangeError where there is none. */
  record(table: StatTable, i: number): number {
    if (!(i >= 0 && i < table.capacity)) throw new RangeError(`record ${i} of ${table.capacity}`);
    return this.address(table.words.buffer) + i * RECORD;
  }

  /** Address of a part of a buffer. Throws a RangeError where it is not all inside. */
  range(buffer: Buffer, offset: number, length: number): number {
    if (!(offset >= 0 && length >= 0 && offset + length <= buffer.length)) throw new RangeError(`bytes ${offset}+${length} of ${buffer.length}`);
    return length === 0 ? this.base : this.address(buffer.buffer) + buffer.byteOffset + offset;
  }

  /** Writes text NUL-ended at FIRST or SECOND. 0 or a negated errno. */
  putText(text: ByteString, at: number): number {
    if (text.length >= PATH_MAX) return -Errno.ENAMETOOLONG;
    if (text.includes('\0')) return -Errno.EINVAL;
    this.scratch.latin1Write(text, at, text.length);
    this.scratch[at + text.length] = 0;
    return 0;
  }

  /** The same for one name, which a slash would make a path. */
  putName(name: ByteString, at = FIRST): number {
    return name.includes('/') ? -Errno.EINVAL : this.putText(name, at);
  }

  /** Two names, at FIRST and SECOND. */
  putNames(first: ByteString, second: ByteString): number {
    const bad = this.putName(first, FIRST);
    return bad !== 0 ? bad : this.putName(second, SECOND);
  }

  /** A 64-bit word of a small structure, by its index. Exact below 2^53; negative numbers in two's complement. */
  putWord(i: number, value: number): void {
    this.words[SMALL / 4 + 2 * i] = value;
    this.words[SMALL / 4 + 2 * i + 1] = Math.floor(value / TWO32);
  }

  /** An unsigned 64-bit word of a small structure. */
  word(i: number): number {
    return this.lowWord(i) + ((this.words[SMALL / 4 + 2 * i + 1] as number) >>> 0) * TWO32;
  }

  /** The low half of a word. */
  lowWord(i: number): number {
    return (this.words[SMALL / 4 + 2 * i] as number) >>> 0;
  }
}
