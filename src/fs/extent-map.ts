/**
 * ExtentMap: a window on where a file's data lies on its device, as FIEMAP tells it: the memory that the kernel fills, and its reading. See
 * Documentation/filesystems/fiemap.rst of the Linux kernel.
 */

/** Offsets in `struct fiemap` and `struct fiemap_extent`, bytes. */
const START = 0;
const LENGTH = 8;
const FLAGS = 16;
const MAPPED = 20;
const COUNT = 24;
const HEAD = 32;
const EXTENT = 56;
/** Dirty pages are written back first. */
const FLAG_SYNC = 1;

const LAST = 0x1;
const UNWRITTEN = 0x800;
/** Unknown place, not written yet, compressed or encrypted, not aligned, inside of metadata or packed with others: the address says nothing of the content. */
const UNTOLD = 0x2 | 0x4 | 0x8 | 0x80 | 0x100 | 0x200 | 0x400;

/** What an extent says of the bytes in it. */
export type ExtentKind = 'data' | 'zeros' | 'untold';

export class ExtentMap {
  readonly buffer: Buffer;

  /** @param most extents of a window */
  constructor(readonly most = 2048) {
    this.buffer = Buffer.alloc(HEAD + most * EXTENT);
  }

  /** Makes it a question: all from `from` on. */
  ask(from: number): void {
    const { buffer } = this;
    putWord(buffer, START, from);
    buffer.writeUInt32LE(0xffffffff, LENGTH);
    buffer.writeUInt32LE(0x7fffffff, LENGTH + 4);
    buffer.writeUInt32LE(FLAG_SYNC, FLAGS);
    buffer.writeUInt32LE(0, MAPPED);
    buffer.writeUInt32LE(this.most, COUNT);
    buffer.writeUInt32LE(0, COUNT + 4);
  }

  /** Extents that were told. */
  get count(): number {
    return Math.min(this.most, this.buffer.readUInt32LE(MAPPED));
  }

  /** Whether all to the end of the file was told. */
  get whole(): boolean {
    const { count } = this;
    return count < this.most || (this.flags(count - 1) & LAST) !== 0;
  }

  /** Where the extent begins in the file, and where it ends, bytes. */
  start(i: number): number {
    return word(this.buffer, HEAD + i * EXTENT);
  }
  end(i: number): number {
    return this.start(i) + word(this.buffer, HEAD + i * EXTENT + 16);
  }

  /** Where it begins on the device, bytes; only of `data`. */
  place(i: number): number {
    return word(this.buffer, HEAD + i * EXTENT + 8);
  }

  kind(i: number): ExtentKind {
    const flags = this.flags(i);
    if ((flags & UNTOLD) !== 0 || !Number.isSafeInteger(this.place(i))) return 'untold';
    return (flags & UNWRITTEN) !== 0 ? 'zeros' : 'data';
  }

  /** Whether another window tells the same. */
  equals(other: ExtentMap): boolean {
    const length = HEAD + this.count * EXTENT;
    return this.count === other.count && this.buffer.compare(other.buffer, HEAD, length, HEAD, length) === 0;
  }

  private flags(i: number): number {
    return this.buffer.readUInt32LE(HEAD + i * EXTENT + 40);
  }
}

function word(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32;
}

function putWord(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt32LE(value % 2 ** 32, at);
  buffer.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}
