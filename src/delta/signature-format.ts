/**
 * Signatures as bytes: the signature file (docs/delta-format.md) and the compact form of one round between two ends. Readers check
 * every count, length and offset before they use it and hold no more than MAX_BLOCKS blocks.
 */
import { STREAM_STATE, type Kernel, type Seed } from '../hash/index.js';
import { DeltaError } from './error.js';
import { size64 } from './format.js';
import { blocksOf, Signature, SumCollector, checkBlockLength, type SignedBasis, type Stretch, type SumBatch } from './signature.js';
import { MAX_BLOCKS } from './sizes.js';

/** First bytes of a signature file. */
export const SIGNATURE_MAGIC = Buffer.from('8954545349470d0a', 'hex');
export const SIGNATURE_VERSION = 1;
const HEADER_BYTES = 24;
const TRAILER_BYTES = 32; // size 8, hash 16, checksum 8
/** Most blocks of one batch in a file. */
const MAX_BATCH = 65536;
/** Bytes of a block in a file. */
const RECORD = 20;

/** Writes a signature file; `batch` fits `SignatureBuilder` as its sink. */
export class SignatureWriter {
  readonly #check: Checksum;

  constructor(kernel: Kernel, readonly write: (bytes: Buffer) => void, blockLength: number, seed: Seed) {
    this.#check = new Checksum(kernel);
    const header = Buffer.alloc(HEADER_BYTES);
    SIGNATURE_MAGIC.copy(header);
    header.writeUInt8(SIGNATURE_VERSION, 8);
    header.writeUInt32LE(blockLength, 12);
    header.writeUInt32LE(seed.low >>> 0, 16);
    header.writeUInt32LE(seed.high >>> 0, 20);
    this.#put(header);
  }

  readonly batch = (batch: SumBatch): void => {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(batch.count);
    this.#put(Buffer.concat([count, batch.weaks, batch.strongs, batch.mixes, batch.offsets]));
  };

  finish(basis: SignedBasis): void {
    const trailer = Buffer.alloc(4 + 8 + 16);
    trailer.writeBigUInt64LE(BigInt(basis.size), 4);
    basis.hash.copy(trailer, 12);
    this.#put(trailer);
    this.write(this.#check.digest());
  }

  #put(bytes: Buffer): void {
    this.#check.add(bytes);
    this.write(bytes);
  }
}

/** A signature read from a file, with the basis it is of. */
export interface ReadSignature { readonly signature: Signature; readonly basis: SignedBasis }

/** Reads a signature file that arrives in pieces. */
export class SignatureReader {
  readonly #check: Checksum;
  readonly #sums = new SumCollector();
  #held: Buffer = Buffer.alloc(0);
  #blockLength = 0;
  #seed: Seed = { low: 0, high: 0 };
  #blocks = 0;
  #result: ReadSignature | undefined;

  constructor(kernel: Kernel) {
    this.#check = new Checksum(kernel);
  }

  /** Takes the next bytes. @throws DeltaError. */
  push(bytes: Buffer): void {
    const data = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    let at = 0;
    for (let used = -1; used !== 0; at += used) used = this.#step(data, at);
    this.#held = Buffer.from(data.subarray(at));
  }

  /** The file has ended. @throws DeltaError where it is not whole. */
  finish(): ReadSignature {
    if (this.#result === undefined) throw new DeltaError('truncated', 'the signature ends in the middle');
    return this.#result;
  }

  #step(data: Buffer, at: number): number {
    const left = data.length - at;
    if (this.#blockLength === 0) return this.#header(data, at, left);
    if (this.#result !== undefined) {
      if (left > 0) throw new DeltaError('range', 'something follows the end of the signature');
      return 0;
    }
    if (left < 4) return 0;
    const count = data.readUInt32LE(at);
    if (count === 0) return this.#trailer(data, at, left);
    if (count > MAX_BATCH || this.#blocks + count > MAX_BLOCKS) throw new DeltaError('limit', `a batch of ${count} blocks is past the limit`);
    const length = 4 + count * RECORD;
    if (left < length) return 0;
    this.#check.add(data.subarray(at, at + length));
    let from = at + 4;
    const column = (width: number): Buffer => data.subarray(from, (from += count * width));
    const batch = { count, weaks: column(4), strongs: column(8), mixes: column(4), offsets: column(4) };
    checkAnchors(batch, this.#blockLength);
    this.#blocks += count;
    this.#sums.add(batch);
    return length;
  }

  #header(data: Buffer, at: number, left: number): number {
    const known = Math.min(left, SIGNATURE_MAGIC.length);
    if (data.compare(SIGNATURE_MAGIC, 0, known, at, at + known) !== 0) throw new DeltaError('magic', 'this is not a twintree signature');
    if (left < HEADER_BYTES) return 0;
    const version = data.readUInt8(at + 8);
    if (version !== SIGNATURE_VERSION) throw new DeltaError('version', `version ${version} of the signature format is not known here (${SIGNATURE_VERSION} is)`);
    if (data.readUIntLE(at + 9, 3) !== 0) throw new DeltaError('version', 'the signature uses features that are not known here');
    const blockLength = data.readUInt32LE(at + 12);
    checkBlockLength(blockLength);
    this.#blockLength = blockLength;
    this.#seed = { low: data.readUInt32LE(at + 16), high: data.readUInt32LE(at + 20) };
    this.#check.add(data.subarray(at, at + HEADER_BYTES));
    return HEADER_BYTES;
  }

  #trailer(data: Buffer, at: number, left: number): number {
    if (left < 4 + TRAILER_BYTES) return 0;
    this.#check.add(data.subarray(at, at + 28));
    if (data.compare(this.#check.digest(), 0, 8, at + 28, at + 36) !== 0) throw new DeltaError('checksum', 'the signature is damaged');
    const size = size64(data, at + 4);
    const stretches = size === 0 ? [] : [{ start: 0, length: size }];
    if (Math.ceil(size / this.#blockLength) !== this.#blocks) throw new DeltaError('range', `a signature of ${size} bytes cannot have ${this.#blocks} blocks`);
    const signature = new Signature(this.#blockLength, size, this.#seed, stretches, this.#sums.columns());
    this.#result = { signature, basis: { size, blocks: this.#blocks, hash: Buffer.from(data.subarray(at + 12, at + 28)) } };
    return 4 + TRAILER_BYTES;
  }
}

function checkAnchors(batch: SumBatch, blockLength: number): void {
  for (let i = 0; i < batch.count; i++) {
    const offset = batch.offsets.readUInt32LE(4 * i);
    if (offset !== 0 && (offset < 32 || offset > blockLength)) throw new DeltaError('range', 'an anchor lies outside its block');
  }
}

/** Streaming XXH3-64 over small pieces. */
class Checksum {
  readonly #state: number;
  readonly #room: number;

  constructor(readonly kernel: Kernel) {
    this.#state = kernel.reserve(STREAM_STATE);
    this.#room = kernel.reserve(65536);
    kernel.call.streamBegin(this.#state, 0, 0);
  }

  add(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; done += 65536) {
      const part = bytes.subarray(done, done + 65536);
      this.kernel.bytes.set(part, this.#room);
      this.kernel.call.streamUpdate(this.#state, this.#room, part.length);
    }
  }

  digest(): Buffer {
    this.kernel.call.streamEnd(this.#state, 0, this.#room);
    return Buffer.from(this.kernel.bytes.subarray(this.#room, this.#room + 8));
  }
}

/** Strong bytes of a round: a wrong match has a chance of 2^-40 a look and is caught by the whole-file hash. */
const ROUND_STRONG = 5;
/** Anchor offsets have three bytes in a round. */
const ROUND_OFFSET_MOST = 0xffffff;

/**
 * The compact form of one round's sums; both ends know block length, seed and stretches. One byte says which: 0, strong sums (5 bytes a block),
 * anchor mixes (4), anchor offsets (3); or 1, strong sums and weak sums (4), where anchors are missing.
 */
export function encodeRound(signature: Signature): Buffer {
  const { count, columns } = signature;
  const weak = signature.anchorless * 100 > count - signature.shorts.length;
  const out = Buffer.alloc(1 + count * (weak ? ROUND_STRONG + 4 : ROUND_STRONG + 7));
  out.writeUInt8(weak ? 1 : 0, 0);
  const second = 1 + ROUND_STRONG * count;
  for (let i = 0; i < count; i++) {
    columns.strongs.copy(out, 1 + ROUND_STRONG * i, 8 * i, 8 * i + ROUND_STRONG);
    if (weak) continue;
    const offset = columns.offsets.readUInt32LE(4 * i);
    out.writeUIntLE(offset > ROUND_OFFSET_MOST ? 0 : offset, second + 4 * count + 3 * i, 3);
  }
  (weak ? columns.weaks : columns.mixes).copy(out, second);
  return out;
}

/** The reverse of `encodeRound`. @throws DeltaError where the bytes do not fit. */
export function decodeRound(bytes: Buffer, blockLength: number, basisSize: number, seed: Seed, stretches: readonly Stretch[]): Signature {
  checkBlockLength(blockLength);
  const count = blocksOf(stretches, blockLength);
  if (!(count <= MAX_BLOCKS)) throw new DeltaError('limit', `${count} blocks are more than ${MAX_BLOCKS}`);
  const how = bytes[0];
  if (how !== 0 && how !== 1) throw new DeltaError(bytes.length === 0 ? 'truncated' : 'version', 'the form of the round is unknown');
  if (bytes.length !== 1 + count * (ROUND_STRONG + (how === 1 ? 4 : 7))) throw new DeltaError('range', `a round of ${count} blocks cannot have ${bytes.length} bytes`);
  const strongs = Buffer.alloc(8 * count);
  const offsets = Buffer.alloc(4 * count);
  const second = 1 + ROUND_STRONG * count;
  for (let i = 0; i < count; i++) {
    bytes.copy(strongs, 8 * i, 1 + ROUND_STRONG * i, 1 + ROUND_STRONG * (i + 1));
    if (how === 0) offsets.writeUInt32LE(bytes.readUIntLE(second + 4 * count + 3 * i, 3), 4 * i);
  }
  const keys = Buffer.from(bytes.subarray(second, second + 4 * count));
  const batch = { count, weaks: how === 1 ? keys : Buffer.alloc(4 * count), strongs, mixes: how === 0 ? keys : Buffer.alloc(4 * count), offsets };
  checkAnchors(batch, blockLength);
  return new Signature(blockLength, basisSize, seed, stretches, batch, ROUND_STRONG);
}
