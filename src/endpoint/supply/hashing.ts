/** Strong hashes of whole files (XXH3-128, holes as zeros), for -c. Other channels get their turn in between. */
import { Errno, nextData, type Extent, type Posix } from '../../fs/index.js';
import { WholeHash } from '../../hash/index.js';
import { StatTable, type ByteString } from '../../tree/index.js';
import type { KernelBox } from './kernel-box.js';
import { Wait, type Job } from './wait.js';

/** Bytes read at a time. */
const SLICE = 256 << 10;
/** Bytes hashed between two turns. */
const TURN = 4 << 20;
/** A file that takes so much less space than its size is searched for holes. */
const HOLES_WORTH = 32 << 10;
/** Bytes of a hole hashed between two turns. */
const ZEROS = 16 << 20;
const NO_HASH = Buffer.alloc(0);

/** What came of it: `errno` 0 and the hash, or why not. */
export interface Hashed { errno: number; hash: Buffer }

/** Whether a file takes clearly less space than its size. */
export function looksSparse(stat: StatTable, i: number): boolean {
  return stat.blocks(i) * 512 <= stat.size(i) - HOLES_WORTH;
}

/** Hashes a hole, with pauses in a large one. */
export function* hashZeros(hash: WholeHash, length: number): Job {
  for (let left = length; left > 0; left -= ZEROS) {
    hash.addZeros(Math.min(ZEROS, left));
    if (left > ZEROS) yield Wait.turn;
  }
}

/** Hashes files. */
export class Hashing {
  private readonly stat = new StatTable(1);

  constructor(private readonly posix: Posix, private readonly kernels: KernelBox) {}

  /** A file by its name. Where it does not hold `size` bytes any more (undefined: what its handle says), ESTALE. */
  *named(at: number, name: ByteString, follow: boolean, size: number | undefined): Job<Hashed> {
    const { posix, stat } = this;
    const fd = posix.open(at, name, { read: true, nonBlock: true, follow });
    if (fd < 0) return { errno: -fd, hash: NO_HASH };
    try {
      const error = posix.fstat(fd, stat, 0);
      if (error < 0) return { errno: -error, hash: NO_HASH };
      if (!stat.isFile(0)) return { errno: Errno.EINVAL, hash: NO_HASH };
      if (size !== undefined && stat.size(0) !== size) return { errno: Errno.ESTALE, hash: NO_HASH };
      return yield* this.opened(fd, stat.size(0), looksSparse(stat, 0));
    } finally {
      posix.close(fd);
    }
  }

  private *opened(fd: number, size: number, sparse: boolean): Job<Hashed> {
    const kernel = this.kernels.begin();
    try {
      const hash = new WholeHash(kernel);
      const room = kernel.reserve(SLICE);
      const extent: Extent = { start: 0, end: size };
      let turn = TURN;
      for (let at = 0; at < size;) {
        if (sparse && !nextData(this.posix, fd, at, size, extent)) extent.start = extent.end = size;
        if (extent.start > at) {
          yield* hashZeros(hash, extent.start - at);
          at = extent.start;
        }
        while (at < extent.end) {
          const got = this.posix.read(fd, kernel.bytes, room, Math.min(SLICE, extent.end - at), at);
          if (got < 0) return { errno: -got, hash: NO_HASH };
          if (got === 0) return { errno: Errno.ESTALE, hash: NO_HASH };
          hash.addAt(room, got);
          at += got;
          if ((turn -= got) <= 0) {
            turn = TURN;
            yield Wait.turn;
          }
        }
      }
      return { errno: 0, hash: hash.digest() };
    } finally {
      this.kernels.end();
    }
  }
}
