/**
 * Calls of the C library on an open file: bytes, size, holes, clones, locks, facts of its file system. No names: those are
 * `native.ts`, which stands on this. A call writes its arguments into the shared scratch memory and allocates nothing.
 */
import type { ExtentMap } from './extent-map.js';
import type { Libc } from './libc.js';
import { NativeMemory, SMALL } from './native-memory.js';
import type { FsInfo } from './posix.js';

const SEEK_END = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FS_IOC_GETFLAGS = 0x80086601;
const FICLONE = 0x40049409;
const FS_IOC_FIEMAP = 0xc020660b;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const ST_RDONLY = 1;

/** The part of `Posix` that needs a handle only. Answers are those of `Posix`: a count or 0, or minus the error's number. */
export abstract class NativeFiles {
  protected readonly c: Libc['calls'];
  protected readonly m: NativeMemory;
  protected readonly base: number;

  constructor(libc: Libc) {
    this.c = libc.calls;
    this.m = new NativeMemory(libc.addressOf);
    this.base = this.m.base;
  }

  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    const p = this.m.range(buffer, offset, length);
    return position < 0 ? this.c.read(fd, p, length) : this.c.pread(fd, p, length, position);
  }

  write(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    const p = this.m.range(buffer, offset, length);
    return position < 0 ? this.c.write(fd, p, length) : this.c.pwrite(fd, p, length, position);
  }

  truncate(fd: number, size: number): number {
    return this.c.ftruncate(fd, size);
  }

  allocate(fd: number, offset: number, length: number): number {
    return this.c.fallocate(fd, 0, offset, length); // not posix_fallocate, which writes zeros where the file system cannot
  }

  copyRange(fromFd: number, fromOffset: number, toFd: number, toOffset: number, length: number): number {
    this.m.putWord(0, fromOffset);
    this.m.putWord(1, toOffset);
    return this.c.copy_file_range(fromFd, this.base + SMALL, toFd, this.base + SMALL + 8, length, 0);
  }

  clone(fromFd: number, toFd: number): number {
    return this.c.ioctl(toFd, FICLONE, fromFd);
  }

  extents(fd: number, from: number, into: ExtentMap): number {
    const { buffer } = into;
    into.ask(from);
    return this.c.ioctl(fd, FS_IOC_FIEMAP, this.m.range(buffer, 0, buffer.length));
  }

  seekData(fd: number, offset: number): number {
    return this.c.lseek(fd, offset, SEEK_DATA);
  }

  seekHole(fd: number, offset: number): number {
    return this.c.lseek(fd, offset, SEEK_HOLE);
  }

  seekEnd(fd: number): number {
    return this.c.lseek(fd, 0, SEEK_END);
  }

  punchHole(fd: number, offset: number, length: number): number {
    return this.c.fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length);
  }

  syncfs(fd: number): number {
    return this.c.syncfs(fd);
  }

  flock(fd: number, how: 'exclusive' | 'shared' | 'unlock'): number {
    switch (how) {
      case 'exclusive': return this.c.flock(fd, LOCK_EX | LOCK_NB);
      case 'shared': return this.c.flock(fd, LOCK_SH | LOCK_NB);
      case 'unlock': return this.c.flock(fd, LOCK_UN);
    }
  }

  inodeFlags(fd: number): number {
    const r = this.c.ioctl(fd, FS_IOC_GETFLAGS, this.base + SMALL);
    return r < 0 ? r : this.m.lowWord(0);
  }

  statfs(fd: number): FsInfo | number {
    const r = this.c.fstatfs(fd, this.base + SMALL);
    if (r < 0) return r;
    // struct statfs on 64-bit Linux: eleven words (the seventh is the id) from f_type to f_flags.
    const { m } = this;
    return {
      type: m.lowWord(0),
      blockSize: m.word(9) || m.word(1), // f_frsize is the unit of the counts; old file systems leave it 0
      blocks: m.word(2), freeBlocks: m.word(3), availableBlocks: m.word(4), files: m.word(5), freeFiles: m.word(6),
      nameMax: m.word(8), readOnly: (m.word(10) & ST_RDONLY) !== 0,
    };
  }
}
