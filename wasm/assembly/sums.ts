/**
 * The weak rolling sum, the gear hash and the anchors of blocks; signing and comparing runs of blocks.
 *
 * Weak sum: Rabin–Karp modulo 2^32, sum = Σ byte[i] · m^(n-1-i), with a multiplier m below 2^15 so that two bytes times
 * (m, 1) fit one 16-bit dot product. Gear: h = 2h + table[byte], so the 32-bit hash knows the last 32 bytes. An anchor is a
 * place in a block, at least 32 bytes in, before which the gear hash falls below a threshold.
 */
import { strong128, xxh3 } from './xxh3';

/** 256 words: word i is the finaliser of MurmurHash3 over (i + 1) · 0x9E3779B9. */
const GEAR: usize = memory.data(1024, 16);
let gearReady: bool = false;

function gear(): usize {
  if (!gearReady) {
    for (let i: u32 = 0; i < 256; i++) store<u32>(GEAR + (i << 2), finish((i + 1) * 0x9E3779B9));
    gearReady = true;
  }
  return GEAR;
}

@inline function finish(h: u32): u32 {
  h ^= h >> 16;
  h *= 0x85EBCA6B;
  h ^= h >> 13;
  h *= 0xC2B2AE35;
  return h ^ (h >> 16);
}

/** m to the power n, modulo 2^32. */
export function power(m: u32, n: u32): u32 {
  let result: u32 = 1;
  while (n > 0) {
    if (n & 1) result *= m;
    m *= m;
    n >>= 1;
  }
  return result;
}

/** Weak sum of `length` bytes that follow those whose sum is `before` (0 at the start). */
export function weak(at: usize, length: u32, m: u32, before: u32): u32 {
  let h = before;
  const end = at + length;
  if (ASC_FEATURE_SIMD) {
    if (length >= 32) {
      const m16 = i32x4.splat(power(m, 16) as i32);
      const pair = v128.or(i32x4.splat(m as i32), i32x4.splat(1 << 16));
      let low = i32x4.splat(0), upper = i32x4.splat(0);
      const stop = at + (length & ~15);
      while (at < stop) {
        const data = v128.load(at);
        low = i32x4.add(i32x4.mul(low, m16), i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(data), pair));
        upper = i32x4.add(i32x4.mul(upper, m16), i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(data), pair));
        at += 16;
      }
      const m2 = m * m;
      let sum: u32 = i32x4.extract_lane(low, 0) as u32;
      sum = sum * m2 + (i32x4.extract_lane(low, 1) as u32);
      sum = sum * m2 + (i32x4.extract_lane(low, 2) as u32);
      sum = sum * m2 + (i32x4.extract_lane(low, 3) as u32);
      sum = sum * m2 + (i32x4.extract_lane(upper, 0) as u32);
      sum = sum * m2 + (i32x4.extract_lane(upper, 1) as u32);
      sum = sum * m2 + (i32x4.extract_lane(upper, 2) as u32);
      sum = sum * m2 + (i32x4.extract_lane(upper, 3) as u32);
      h = h * power(m, length & ~15) + sum;
    }
  } else {
    const m2 = m * m, m3 = m2 * m, m4 = m2 * m2;
    while (at + 4 <= end) {
      h = h * m4 + (load<u8>(at) as u32) * m3 + (load<u8>(at, 1) as u32) * m2 + (load<u8>(at, 2) as u32) * m + (load<u8>(at, 3) as u32);
      at += 4;
    }
  }
  while (at < end) {
    h = h * m + (load<u8>(at) as u32);
    at++;
  }
  return h;
}

/**
 * The first place p, from ≤ p ≤ to, whose 32 bytes before it have a gear hash below `threshold`; 0 where there is none.
 * Places are addresses in memory; `from - 32` must be readable.
 */
export function nextAnchor(from: usize, to: usize, threshold: u32): usize {
  if (from > to) return 0;
  const table = gear();
  let h: u32 = 0;
  let p = from - 32;
  while (p < from) {
    h = (h << 1) + load<u32>(table + ((load<u8>(p) as usize) << 2));
    p++;
  }
  while (h >= threshold) {
    if (p >= to) return 0;
    h = (h << 1) + load<u32>(table + ((load<u8>(p) as usize) << 2));
    p++;
  }
  return p;
}

/** Keyed 32-bit mix of the 32 bytes before p (the rounds of MurmurHash3). */
export function mixBefore(p: usize, seedLow: u32, seedHigh: u32): u32 {
  let h = seedLow ^ (seedHigh * 0x9E3779B1);
  for (let at = p - 32; at < p; at += 4) {
    h ^= rotl<u32>(load<u32>(at) * 0xCC9E2D51, 15) * 0x1B873593;
    h = rotl<u32>(h, 13) * 5 + 0xE6546B64;
  }
  return finish(h ^ 32);
}

/**
 * Signs `count` blocks of `length` bytes: weak sums (4 bytes each), strong sums (8), anchor mixes (4) and anchor offsets (4; 0: the
 * block has no anchor) to their columns.
 */
export function signBlocks(at: usize, count: u32, length: u32, m: u32, seedLow: u32, seedHigh: u32, threshold: u32, weaks: usize, strongs: usize, mixes: usize, offsets: usize): void {
  const seed = (seedLow as u64) | ((seedHigh as u64) << 32);
  for (let i: usize = 0; i < count; i++) {
    store<u32>(weaks + (i << 2), weak(at, length, m, 0));
    store<u64>(strongs + (i << 3), xxh3(at, length, seed));
    const p = nextAnchor(at + 32, at + length, threshold);
    store<u32>(mixes + (i << 2), p == 0 ? 0 : mixBefore(p, seedLow, seedHigh));
    store<u32>(offsets + (i << 2), p == 0 ? 0 : (p - at) as u32);
    at += length;
  }
}

/** XXH3-128 of each of `count` blocks of `length` bytes, 16 bytes each, to `out`. */
export function strong128Blocks(at: usize, count: u32, length: u32, seedLow: u32, seedHigh: u32, out: usize): void {
  for (let i: usize = 0; i < count; i++) {
    strong128(at, length, seedLow, seedHigh, out + (i << 4));
    at += length;
  }
}

/**
 * How many of `count` successive blocks from `at` have the strong sums that stand at `strongs`, counted to the first that differs.
 * Sums may be cut short: `drop` of their 64 bits, from the top, do not count.
 */
export function matchRun(at: usize, count: u32, length: u32, seedLow: u32, seedHigh: u32, strongs: usize, drop: u32): u32 {
  const seed = (seedLow as u64) | ((seedHigh as u64) << 32);
  let n: u32 = 0;
  while (n < count && ((xxh3(at, length, seed) ^ load<u64>(strongs)) << (drop as u64)) == 0) {
    n++;
    at += length;
    strongs += 8;
  }
  return n;
}
