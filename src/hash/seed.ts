/** Seeds: 64 bits that key every sum of a session, so that a peer's file cannot be made to collide in advance. */

/** Two 32-bit words. */
export interface Seed { readonly low: number; readonly high: number }

/** The seed of golden vectors and of whole-file hashes, which both ends must be able to compute apart. */
export const ZERO_SEED: Seed = { low: 0, high: 0 };

/** The multiplier of the weak sum that a seed stands for: below 2^15, 5 modulo 8 (so that its powers do not repeat early), at least 2^14. */
export function multiplierOf(seed: Seed): number {
  let h = Math.imul(seed.low ^ (seed.low >>> 15), 0x2c1b3c6d) ^ Math.imul(seed.high ^ (seed.high >>> 13), 0x297a2d39);
  h ^= h >>> 12;
  return (h & 0x3ff8) | 0x4005;
}
