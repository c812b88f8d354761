/**
 * Limits and sizes: how long a block is for a file, in one round or in several, and when matching is not worth its while. Pure arithmetic.
 */

/** Shortest and longest block, bytes. */
export const MIN_BLOCK = 64;
export const MAX_BLOCK = 16 << 20;
/** Most blocks of one signature: bounds what a search holds (some 40 bytes a block). */
export const MAX_BLOCKS = 1 << 22;
/** Largest file, bytes: what MAX_BLOCKS blocks of MAX_BLOCK cover. */
export const MAX_FILE = MAX_BLOCKS * MAX_BLOCK;
/** Block length where the size is not known beforehand (a pipe): with MAX_BLOCKS enough for 32 GiB. */
export const PIPE_BLOCK = 8192;
/** Bytes that a block costs in a round's signature: strong sum cut to 5, anchor of 4, its offset of 3. */
export const ROUND_BLOCK_COST = 12;

/**
 * Block length for one round alone: about the square root of the size (the cost of signatures and of a change then
 * meet), a multiple of 64, at least 512 bytes; at least what keeps the count below MAX_BLOCKS / 4.
 * @throws RangeError for sizes above MAX_FILE.
 */
export function blockLengthFor(size: number): number {
  if (!(size >= 0) || size > MAX_FILE) throw new RangeError(`a file of ${size} bytes is past the limit of ${MAX_FILE}`);
  const wanted = Math.max(512, Math.sqrt(size), size / (MAX_BLOCKS / 4));
  return Math.min(MAX_BLOCK, Math.ceil(wanted / 64) * 64);
}

/** Whether a delta is worth trying at all: below that, a signature and a round trip cost more than the file. */
export function worthMatching(sourceSize: number, basisSize: number): boolean {
  return sourceSize > 2048 && basisSize > 2048;
}

/** The gear threshold that gives a block about eight anchors. */
export function anchorThreshold(blockLength: number): number {
  return Math.min(2 ** 29, Math.floor((8 * 2 ** 32) / blockLength));
}
