/**
 * What the digest of a content is. Of a file of up to `LARGE` bytes it is the SHA-256 of its bytes. A larger one is cut into pieces of one length, which follows
 * from its size, and it is the SHA-256 of a byte that says so and the pieces' SHA-256s: of a file of which little changed, little has to be hashed again.
 */

/** A file of more bytes is digested in pieces. */
export const LARGE = 64 << 20;
/** What is hashed of a large file begins with this byte; nodes of a manifest begin with 0 to 2. */
export const PIECES = 3;
/** Shortest piece, bytes: two pages of a data base. */
const LEAST = 16 << 10;
/** Longest piece, bytes. */
const MOST = 16 << 20;
/** Pieces of a file at most, up to 16 TiB. */
export const MOST_PIECES = 1 << 20;

/** Length of the pieces of a large file, bytes: the least power of two from 16 KiB on with which there are at most 1,048,576 of them, and at most 16 MiB. The last piece may be shorter. */
export function pieceLengthOf(size: number): number {
  let length = LEAST;
  while (length < MOST && size > length * MOST_PIECES) length *= 2;
  return length;
}
