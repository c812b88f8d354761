/** The strong hash of a seed archive: XXH3-128 of bytes, as 32 hexadecimal digits. It finds damage; who must fear forgery encrypts. */
import { CALL_BYTES, createKernel, WholeHash, type Kernel } from '../hash/index.js';

/** Hashes bytes that lie in its kernel's memory, or brings them there. */
export class ContentSum {
  readonly kernel: Kernel;
  private readonly hash: WholeHash;
  private readonly room: number;

  /** @param more bytes that are reserved in the kernel's memory for the caller, at `at` */
  constructor(more = 0) {
    this.kernel = createKernel({ simd: simdIsWanted() });
    this.hash = new WholeHash(this.kernel);
    this.hash.addZeros(0);
    this.room = this.kernel.reserve(CALL_BYTES);
    this.at = more > 0 ? this.kernel.reserve(more) : -1;
  }

  /** Address of the caller's bytes. */
  readonly at: number;

  begin(): void {
    this.hash.reset();
  }
  /** Adds bytes from anywhere. */
  add(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; done += CALL_BYTES) {
      const part = bytes.subarray(done, done + CALL_BYTES);
      this.kernel.bytes.set(part, this.room);
      this.hash.addAt(this.room, part.length);
    }
  }
  /** Adds bytes of the kernel's memory. */
  addAt(at: number, length: number): void {
    this.hash.addAt(at, length);
  }
  digest(): string {
    return this.hash.digest().toString('hex');
  }

  /** The hash of these bytes. */
  of(bytes: Uint8Array): string {
    this.begin();
    this.add(bytes);
    return this.digest();
  }
  /** The hash of bytes of the kernel's memory. */
  ofAt(at: number, length: number): string {
    this.begin();
    this.addAt(at, length);
    return this.digest();
  }
}

function simdIsWanted(): boolean {
  const off = process.env['TWINTREE_NO_SIMD'];
  return off === undefined || off === '' || off === '0';
}
