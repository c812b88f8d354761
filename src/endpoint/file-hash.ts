/** The strong hash of files of this host, to compare with what another host says of its own. */
import type { Posix } from '../fs/index.js';
import { createKernel, WholeHash, type Kernel } from '../hash/index.js';
import type { ByteString } from '../tree/index.js';

/** Bytes read at a time. */
const SLICE = 1 << 20;

/** Hashes one file after the other in a kernel of its own. */
export class FileHasher {
  private readonly kernel: Kernel = createKernel();
  private readonly hash = new WholeHash(this.kernel);
  private readonly window = this.kernel.reserve(SLICE);

  constructor(private readonly posix: Posix) {}

  /** Whether a file (no symlink) holds `size` bytes with the hash `wanted`; false where it cannot be read, or on an abort. */
  same(at: number, name: ByteString, size: number, wanted: Buffer, aborted: () => boolean): boolean {
    const fd = this.posix.open(at, name, { read: true, nonBlock: true });
    if (fd < 0) return false;
    const whole = this.digest(fd, size, aborted);
    this.posix.close(fd);
    return whole !== undefined && whole.equals(wanted);
  }

  /** Adds bytes to a hash of several pieces, begun by `begin` and taken by `end`: for who reads by itself. `bytes` must fit `SLICE`. */
  begin(): void {
    this.hash.reset();
  }
  add(bytes: Uint8Array): void {
    this.kernel.bytes.set(bytes, this.window);
    this.hash.addAt(this.window, bytes.length);
  }
  end(): Buffer {
    return this.hash.digest();
  }

  /** Hash of the first `size` bytes of an open file, read from its own place; undefined where there are fewer or more, or on an abort. */
  digest(fd: number, size: number, aborted: () => boolean): Buffer | undefined {
    this.hash.reset();
    const { window } = this;
    const slice = this.kernel.bytes.subarray(window, window + SLICE);
    for (let at = 0; ;) {
      if (aborted()) return undefined;
      const got = this.posix.read(fd, slice, 0, SLICE, -1);
      if (got < 0) return undefined;
      if (got === 0) return at === size ? this.hash.digest() : undefined;
      this.hash.addAt(window, got);
      at += got;
      if (at > size) return undefined;
    }
  }
}
