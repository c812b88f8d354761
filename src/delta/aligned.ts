/**
 * Aligned rounds: what is equal at its place, found coarse first. The session sends the sums of long blocks of the basis, the source's side
 * answers which of them differ, and gets the sums of shorter blocks of those, down to the leaves. Both ends read their file once, for the leaf
 * sums; a round costs nothing but its few bytes. A file that was changed in place is settled by it; what remains is searched (rounds.ts).
 */
import type { Kernel, Seed } from '../hash/index.js';
import { DeltaError } from './error.js';
import { LEAST_LEAF, MAX_LEAVES, NodeSummer, type LeafSums } from './leaves.js';
import { MOST_STRETCHES } from './plan.js';
import { blocksOf, bytesOf, checkBlockLength, type Stretch } from './signature.js';
import { MAX_BLOCK, MAX_BLOCKS } from './sizes.js';

/** First byte of an aligned round; the forms of a searched one are in signature-format.ts. */
export const ALIGNED_FORM = 2;
/** That of a probe after which the content's hash is to be its root (leaf-root.ts), where what lies at its place is compared. */
export const ROOTED_FORM = 3;
/** Bytes of a block's sum in a round. A wrong match has a chance of 2^-40 and is caught by the whole-file hash. */
const SUM = 5;
const HEAD = 2;
/** A round's blocks are so many times shorter than those before. */
const FAN_OUT = 16;
/** Blocks of the first round, at most, as far as blocks may be so long. */
const FIRST_BLOCKS = 256;
/** Blocks of one request, at most; a longer round is made of several. */
const MOST_ASKED = 1 << 20;
/** Where so many blocks were compared and none was equal, nothing lies at its place. */
const HOPELESS = 512;

/** Block length of the first round. */
export function firstAligned(size: number, leafLength: number): number {
  let length = leafLength;
  while (size > length * FIRST_BLOCKS && length < MAX_BLOCK) length = Math.min(MAX_BLOCK, length * FAN_OUT);
  return length;
}

/** The block length of the round after one with blocks of `blockLength`; undefined where those were the leaves. */
export function nextAligned(blockLength: number, leafLength: number): number | undefined {
  return blockLength <= leafLength ? undefined : Math.max(leafLength, blockLength / FAN_OUT);
}

/** The sums of one round, as they travel. */
export interface AlignedRound {
  readonly rooted: boolean;
  readonly leafLength: number;
  readonly blockLength: number;
  readonly stretches: readonly Stretch[];
  /** SUM bytes a block. */
  readonly sums: Buffer;
}

/** Leaves that are compared to see whether anything lies at its place, and basis from which on that is asked first, bytes. */
const PROBES = 16;
const PROBE_WORTH = 4 << 20;

/** The leaves of a probe; undefined where the basis is so short that it is compared at once. */
export function probeStretches(size: number, leafLength: number): Stretch[] | undefined {
  if (size <= PROBE_WORTH) return undefined;
  const leaves = Math.floor(size / leafLength);
  return Array.from({ length: PROBES }, (_, i) => ({ start: Math.floor(((i + 0.5) / PROBES) * leaves) * leafLength, length: leafLength }));
}

/** A round of single leaves, of which the sums are given. */
export function encodeProbe(leafLength: number, sums: readonly Buffer[], rooted: boolean): Buffer {
  return Buffer.concat([Buffer.from([rooted ? ROOTED_FORM : ALIGNED_FORM, Math.log2(leafLength)]), ...sums.map((sum) => sum.subarray(0, SUM))]);
}

/** Whether a round is of a part of the basis only. */
export function isProbe(round: AlignedRound, basisSize: number): boolean {
  return bytesOf(round.stretches) < basisSize;
}

/** Whether the sum of a leaf is the one that a probe has at its place `i`. */
export function probeFits(round: AlignedRound, i: number, sum: Buffer): boolean {
  return round.sums.compare(sum, 0, SUM, SUM * i, SUM * (i + 1)) === 0;
}

/** The sums of the blocks of a basis. @throws DeltaError where the stretches do not lie on its leaves. */
export function encodeAligned(kernel: Kernel, leaves: LeafSums, seed: Seed, blockLength: number, stretches: readonly Stretch[]): Buffer {
  checkAligned(leaves.leafLength, leaves.size, blockLength, stretches);
  const mark = kernel.mark();
  const nodes = new NodeSummer(kernel, leaves, seed);
  const out = Buffer.allocUnsafe(HEAD + SUM * blocksOf(stretches, blockLength));
  out.writeUInt8(ALIGNED_FORM, 0);
  out.writeUInt8(Math.log2(leaves.leafLength), 1);
  let at = HEAD;
  for (const { start, length } of stretches) {
    for (let from = start; from < start + length; from += blockLength, at += SUM) {
      nodes.sum(from, Math.min(from + blockLength, start + length)).copy(out, at, 0, SUM);
    }
  }
  kernel.release(mark);
  return out;
}

/** The reverse. @throws DeltaError where the bytes do not fit. */
export function decodeAligned(bytes: Buffer, blockLength: number, basisSize: number, stretches: readonly Stretch[]): AlignedRound {
  const rooted = bytes[0] === ROOTED_FORM;
  if (bytes.length < HEAD || !(rooted || bytes[0] === ALIGNED_FORM)) throw new DeltaError(bytes.length < HEAD ? 'truncated' : 'version', 'the form of the round is unknown');
  const exponent = bytes.readUInt8(1);
  if (exponent > 24) throw new DeltaError('limit', `leaves of 2^${exponent} bytes are too long`);
  const leafLength = 2 ** exponent;
  checkAligned(leafLength, basisSize, blockLength, stretches);
  const count = blocksOf(stretches, blockLength);
  if (count > MAX_BLOCKS) throw new DeltaError('limit', `${count} blocks are more than ${MAX_BLOCKS}`);
  if (bytes.length !== HEAD + SUM * count) throw new DeltaError('range', `a round of ${count} blocks cannot have ${bytes.length} bytes`);
  return { rooted, leafLength, blockLength, stretches, sums: bytes.subarray(HEAD) };
}

function checkAligned(leafLength: number, basisSize: number, blockLength: number, stretches: readonly Stretch[]): void {
  checkBlockLength(blockLength);
  if (leafLength < LEAST_LEAF || basisSize > leafLength * MAX_LEAVES) throw new DeltaError('limit', `leaves of ${leafLength} bytes are too short`);
  if (blockLength % leafLength !== 0) throw new DeltaError('range', `blocks of ${blockLength} bytes are not made of leaves of ${leafLength}`);
  let end = 0;
  for (const { start, length } of stretches) {
    const last = start + length;
    if (!(start >= end && length > 0 && last <= basisSize && start % leafLength === 0 && (last % leafLength === 0 || last === basisSize))) {
      throw new DeltaError('range', 'the stretches of a round do not lie on the leaves of the basis');
    }
    end = last;
  }
}

/** The source's side of the aligned rounds. */
export class AlignedSource {
  readonly #nodes: NodeSummer;
  readonly #equal: Stretch[] = [];
  #open: Stretch[] = []; // what differed in the round at hand
  #compared = 0;

  /**
   * @param leaves the source's, of the length that the rounds have. @param kernel holds some KiB until it is released
   * @param probed single leaves are known to be equal. A data base's table has a changed page in each long block, and most pages as they were.
   */
  constructor(kernel: Kernel, readonly leaves: LeafSums, readonly basisSize: number, seed: Seed, readonly probed = false) {
    this.#nodes = new NodeSummer(kernel, leaves, seed);
  }

  /** Compares the blocks of a round, or of a part of one. @throws DeltaError where they have other leaves. */
  take({ leafLength, blockLength, stretches, sums }: AlignedRound): void {
    if (leafLength !== this.leaves.leafLength) throw new DeltaError('range', 'a round has other leaves than the one before');
    let at = 0;
    for (const { start, length } of stretches) {
      for (let from = start; from < start + length; from += blockLength, at += SUM) {
        const to = Math.min(from + blockLength, start + length);
        this.#compared++;
        const equal = this.#comparable(to) && sums.compare(this.#nodes.sum(from, to), 0, SUM, at, at + SUM) === 0;
        append(equal ? this.#equal : this.#open, from, to);
      }
    }
  }

  /**
   * The stretches to ask for in the next round, with blocks of that length, in as many requests as their number asks for; what then is open is told
   * anew by `take`. Empty where there is no sense in it: nothing is open, or nothing at all lies at its place, or the file is in too many pieces.
   */
  asks(blockLength: number): Stretch[][] {
    const open = this.#open;
    this.#open = [];
    if (open.length > MOST_STRETCHES || (!this.probed && this.#equal.length === 0 && this.#compared >= HOPELESS)) return [];
    const asks: Stretch[][] = [];
    let blocks = MOST_ASKED;
    for (const { start, length } of open) {
      for (let at = start; at < start + length;) {
        if (blocks === MOST_ASKED) {
          asks.push([]);
          blocks = 0;
        }
        const part = Math.min(start + length - at, (MOST_ASKED - blocks) * blockLength);
        asks.at(-1)?.push({ start: at, length: part });
        blocks += Math.ceil(part / blockLength);
        at += part;
      }
    }
    return asks;
  }

  /** All that is equal at its place, in order. */
  equal(): Stretch[] {
    const merged: Stretch[] = [];
    for (const { start, length } of this.#equal.toSorted((a, b) => a.start - b.start)) append(merged, start, start + length);
    return merged;
  }

  /** Whether the source has the same leaves as far as there: a short one ends both files, or neither. */
  #comparable(end: number): boolean {
    return end % this.leaves.leafLength === 0 ? end <= this.leaves.size : end === this.leaves.size;
  }
}

function append(stretches: Stretch[], start: number, end: number): void {
  const last = stretches.at(-1);
  if (last !== undefined && last.start + last.length === start) stretches[stretches.length - 1] = { start: last.start, length: end - last.start };
  else stretches.push({ start, length: end - start });
}
