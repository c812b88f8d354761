/**
 * A signature laid out in the kernel's memory for a search: its columns and one table, by anchors or by weak sums. Costs about
 * 40 bytes a block.
 */
import { CALL_BYTES, STREAM_STATE, multiplierOf, type Kernel } from '../hash/index.js';
import type { Signature } from './signature.js';
import { anchorThreshold } from './sizes.js';

/** One search's view of a signature. */
export class BlockTable {
  /** Where blocks are looked up: 'anchors', or 'weak' where more than 1 % of the full blocks lack an anchor. */
  readonly by: 'anchors' | 'weak';
  readonly table: number;
  readonly keys: number;
  readonly m: number;
  readonly mLength: number;
  readonly threshold: number;
  /** Scratch of the scans: the block that was found, the rolling sum. */
  readonly out: number;
  readonly #offsets: number;
  readonly #strongs: number;
  readonly #stream: number;
  readonly #digest: number;
  readonly #drop: number;

  constructor(readonly kernel: Kernel, readonly signature: Signature) {
    const { count, columns, blockLength, seed } = signature;
    this.by = signature.anchorless * 100 > count - signature.shorts.length ? 'weak' : 'anchors';
    this.m = multiplierOf(seed);
    this.mLength = kernel.call.power(this.m, blockLength);
    this.threshold = anchorThreshold(blockLength);
    this.#drop = 64 - 8 * signature.strongBytes;
    const bits = Math.max(10, Math.ceil(Math.log2(Math.max(1, count))));
    this.out = kernel.reserve(16);
    this.table = kernel.reserve(32);
    this.#digest = kernel.reserve(16);
    this.#stream = kernel.reserve(STREAM_STATE);
    this.keys = kernel.reserve(4 * count);
    this.#offsets = kernel.reserve(4 * count);
    this.#strongs = kernel.reserve(8 * count);
    const bitmap = kernel.reserve(2 ** (bits + 1)); // 16 bits or more a key
    const heads = kernel.reserve(4 * 2 ** bits);
    const next = kernel.reserve(4 * count);
    const { bytes } = kernel;
    bytes.fill(0, bitmap, next + 4 * count);
    bytes.set(this.by === 'weak' ? columns.weaks : columns.mixes, this.keys);
    bytes.set(columns.offsets, this.#offsets);
    bytes.set(columns.strongs, this.#strongs);
    [bitmap, 32 - (bits + 4), heads, 32 - bits, next].forEach((word, i) => bytes.writeUInt32LE(word, this.table + 4 * i));
    kernel.call.fillTable(this.table, this.keys, this.#strongs, this.by === 'weak' ? 0 : this.#offsets, count);
  }

  /** How many blocks from number `first` on lie end to end at `at`, of those that fit before `end`. */
  run(at: number, end: number, first: number): number {
    const { signature, kernel } = this;
    const { blockLength, shorts } = signature;
    let block = first;
    while (block < signature.count) {
      const short = shorts[firstFrom(shorts, block)] ?? signature.count;
      if (block === short) {
        const length = signature.lengthOf(block);
        if (at + length > end || !this.#same(at, length, block)) break;
        at += length;
        block++;
        continue;
      }
      const fit = Math.min(short - block, Math.floor((end - at) / blockLength));
      if (fit === 0) break;
      if (blockLength > CALL_BYTES) {
        if (!this.#same(at, blockLength, block)) break;
        at += blockLength;
        block++;
        continue;
      }
      const count = Math.min(fit, Math.max(1, Math.floor(CALL_BYTES / blockLength)));
      const matched = kernel.call.matchRun(at, count, blockLength, signature.seed.low, signature.seed.high, this.#strongs + 8 * block, this.#drop);
      at += matched * blockLength;
      block += matched;
      if (matched < count) break;
    }
    return block - first;
  }

  /** True where block `block` lies at `at`; its bytes must be readable. */
  isAt(at: number, block: number): boolean {
    return this.#same(at, this.signature.lengthOf(block), block);
  }

  /** Where in its block the anchor stands. */
  anchorOffset(block: number): number {
    return this.kernel.bytes.readUInt32LE(this.#offsets + 4 * block);
  }

  #same(at: number, length: number, block: number): boolean {
    const { call } = this.kernel;
    const { low, high } = this.signature.seed;
    if (length <= CALL_BYTES) return call.matchRun(at, 1, length, low, high, this.#strongs + 8 * block, this.#drop) === 1;
    call.streamBegin(this.#stream, low, high);
    for (let done = 0; done < length; done += CALL_BYTES) call.streamUpdate(this.#stream, at + done, Math.min(CALL_BYTES, length - done));
    call.streamEnd(this.#stream, 0, this.#digest);
    const { bytes } = this.kernel;
    const width = this.signature.strongBytes;
    return bytes.compare(bytes, this.#strongs + 8 * block, this.#strongs + 8 * block + width, this.#digest, this.#digest + width) === 0;
  }
}

/** Index of the first of rising numbers that is `least` or more. */
function firstFrom(numbers: readonly number[], least: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) >= least) high = middle;
    else low = middle + 1;
  }
  return low;
}
