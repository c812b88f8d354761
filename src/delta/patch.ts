/**
 * The patch: tokens and basis in, the source's bytes out, with the whole-file hash computed on the way. Nothing that was written counts
 * before `finish` has agreed.
 */
import { CALL_BYTES, WholeHash, type Kernel } from '../hash/index.js';
import { DeltaError } from './error.js';
import type { DeltaSink } from './search.js';

/** Where a patch reads and writes. Both work synchronously and throw what stops them. */
export interface PatchFiles {
  readonly basisSize: number;
  /** The result may not grow past this; Infinity where nobody said how large the source is (a small delta can make much). */
  readonly mostSize: number;
  /** Reads basis bytes from `offset` into all of `into`; the number of bytes read (0: the basis ended). */
  readBasis(offset: number, into: Buffer): number;
  /** The next bytes of the result; a view that is used again. */
  write(bytes: Buffer): void;
  /** The next bytes of the result are zeros of a hole. */
  hole(length: number): void;
}

/** Rebuilds a source from its basis. Memory: 1 MiB, whatever the files. */
export class Patcher implements DeltaSink {
  readonly #hash: WholeHash;
  readonly #room: number;
  #size = 0;

  constructor(readonly kernel: Kernel, readonly files: PatchFiles) {
    this.#hash = new WholeHash(kernel);
    this.#room = kernel.reserve(CALL_BYTES);
  }

  /** @throws DeltaError where the copy leaves the basis, the basis ends early, or the result grows past its limit (as all tokens do). */
  copy(offset: number, length: number): void {
    if (!(offset >= 0 && length > 0 && offset + length <= this.files.basisSize)) throw new DeltaError('range', `a copy of ${length} bytes from ${offset} leaves the basis`);
    this.#grow(length);
    for (let done = 0; done < length;) {
      const room = this.kernel.bytes.subarray(this.#room, this.#room + Math.min(CALL_BYTES, length - done));
      const n = this.files.readBasis(offset + done, room);
      if (n <= 0) throw new DeltaError('basis', `the basis ended at ${offset + done}; it should have ${this.files.basisSize} bytes`);
      this.#write(n);
      done += n;
    }
  }

  literal(bytes: Buffer): void {
    this.#grow(bytes.length);
    for (let done = 0; done < bytes.length; done += CALL_BYTES) {
      const part = bytes.subarray(done, done + CALL_BYTES);
      this.kernel.bytes.set(part, this.#room);
      this.#write(part.length);
    }
  }

  hole(length: number): void {
    this.#grow(length);
    this.#hash.addZeros(length);
    this.files.hole(length);
  }

  /** Compares with what the source's end computed. @throws DeltaError 'mismatch'. */
  finish(size: number, hash: Buffer): void {
    if (size !== this.#size) throw new DeltaError('mismatch', `the result has ${this.#size} bytes, the source had ${size}`);
    if (!this.#hash.digest().equals(hash)) throw new DeltaError('mismatch', 'the result has another hash than the source');
  }

  #grow(by: number): void {
    this.#size += by;
    if (this.#size > this.files.mostSize) throw new DeltaError('limit', `the result grows past ${this.files.mostSize} bytes`);
  }

  #write(length: number): void {
    this.#hash.addAt(this.#room, length);
    this.files.write(this.kernel.bytes.subarray(this.#room, this.#room + length));
  }
}
