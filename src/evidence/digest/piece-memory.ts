/**
 * Piece memory: what SHA-256 the pieces of one large file had, each under a fast keyed sum (XXH3, 128 bits) of its bytes. A piece that is read again and has the sum
 * that is remembered at its place need not be hashed again. It binds sums to digests and says nothing of when: it holds whatever became of the file. The key
 * is secret and the file's own, so that nobody can make a piece that would pass for another one. A cache: what is not sound is not read.
 */
import { hash, randomBytes } from 'node:crypto';
import { readWholeFile, replaceFile } from '../../fs/index.js';
import type { Seed } from '../../hash/index.js';
import type { ByteString } from '../../tree/index.js';
import { DIGEST_BYTES } from '../manifest/entry.js';
import { MOST_PIECES } from '../manifest/content-pieces.js';

/** Bytes of a sum. */
export const SUM_BYTES = 16;
const MAGIC = Buffer.from('TWPIECE1', 'latin1');
const HEAD = MAGIC.length + 16;
const EACH = SUM_BYTES + DIGEST_BYTES;
const LIMIT = HEAD + MOST_PIECES * EACH + DIGEST_BYTES;

export class PieceMemory {
  /** @param bytes head, sums, digests, and the SHA-256 of all these, which tells damage */
  private constructor(private readonly bytes: Buffer, readonly count: number, readonly seed: Seed) {}

  /** For a file that is hashed now. `before`: whose key it has, too; a new one where there is none. Undefined: a file with so many pieces is not remembered. */
  static begin(pieceLength: number, count: number, before?: PieceMemory): PieceMemory | undefined {
    if (count > MOST_PIECES) return undefined;
    const bytes = Buffer.alloc(HEAD + count * EACH + DIGEST_BYTES);
    bytes.set(MAGIC);
    bytes.writeUInt32LE(pieceLength, MAGIC.length);
    bytes.writeUInt32LE(count, MAGIC.length + 4);
    bytes.set(before === undefined ? randomBytes(8) : before.bytes.subarray(HEAD - 8, HEAD), HEAD - 8);
    return new PieceMemory(bytes, count, seedOf(bytes));
  }

  /** What was kept, for pieces of this length; undefined where nothing was, or it is not sound. */
  static read(file: ByteString, pieceLength: number): PieceMemory | undefined {
    const bytes = readWholeFile(file, LIMIT);
    if (typeof bytes === 'number' || bytes.length < HEAD + DIGEST_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
    const count = bytes.readUInt32LE(MAGIC.length + 4);
    if (bytes.readUInt32LE(MAGIC.length) !== pieceLength || bytes.length !== HEAD + count * EACH + DIGEST_BYTES) return undefined;
    return checkOf(bytes).equals(bytes.subarray(-DIGEST_BYTES)) ? new PieceMemory(bytes, count, seedOf(bytes)) : undefined;
  }

  /**
   * Takes the sums of `count` pieces from place `first` on, which stand in `from` at `at`, and the digests of those that `before` has under the same sums. Returns the others,
   * counted from `first`: their digests are to be set in `digests(first, count)`.
   */
  carry(before: PieceMemory | undefined, first: number, count: number, from: Buffer, at: number): number[] {
    const sums = HEAD + first * SUM_BYTES;
    from.copy(this.bytes, sums, at, at + count * SUM_BYTES);
    const had = before === undefined ? 0 : Math.max(0, Math.min(count, before.count - first));
    const missing: number[] = [];
    if (before !== undefined && had > 0) {
      this.bytes.set(before.digests(first, had), this.digestAt(first));
      for (let k = 0, sum = sums; k < had; k++, sum += SUM_BYTES) { // the sums stand at the same place in both
        if (this.bytes.compare(before.bytes, sum, sum + SUM_BYTES, sum, sum + SUM_BYTES) !== 0) missing.push(k);
      }
    }
    for (let k = had; k < count; k++) missing.push(k);
    return missing;
  }

  /** The digests of `count` pieces from place `first` on; no copy. */
  digests(first: number, count: number): Buffer {
    return this.bytes.subarray(this.digestAt(first), this.digestAt(first + count));
  }

  /** Keeps it. Where that cannot be, the pieces are hashed again another time. */
  write(file: ByteString): void {
    this.bytes.set(checkOf(this.bytes), this.bytes.length - DIGEST_BYTES);
    replaceFile(file, this.bytes);
  }

  private digestAt(i: number): number {
    return HEAD + this.count * SUM_BYTES + i * DIGEST_BYTES;
  }
}

function seedOf(bytes: Buffer): Seed {
  return { low: bytes.readUInt32LE(HEAD - 8), high: bytes.readUInt32LE(HEAD - 4) };
}

function checkOf(bytes: Buffer): Buffer {
  return hash('sha256', bytes.subarray(0, -DIGEST_BYTES), 'buffer');
}
