/**
 * XXH3, 64 and 128 bits, one-shot and streaming, with any 64-bit seed (the published XXH3 of xxHash 0.8).
 * The long-input loop has a SIMD and a plain form; which one is compiled is decided by the build (ASC_FEATURE_SIMD).
 * Digests are written to memory in little-endian order: 8 bytes (64), or low half then high half (128).
 */

const P32_1: u64 = 0x9E3779B1;
const P32_2: u64 = 0x85EBCA77;
const P32_3: u64 = 0xC2B2AE3D;
const P64_1: u64 = 0x9E3779B185EBCA87;
const P64_2: u64 = 0xC2B2AE3D27D4EB4F;
const P64_3: u64 = 0x165667B19E3779F9;
const P64_4: u64 = 0x85EBCA77C2B2AE63;
const P64_5: u64 = 0x27D4EB2F165667C5;
const MX1: u64 = 0x165667919E3779F9;
const MX2: u64 = 0x9FB21C651E98DF25;

/** The default secret. */
const SECRET: usize = memory.data<u8>([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb,
  0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
  0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
  0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc,
  0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
], 16);

/** The secret of the seed that was used last. */
const DERIVED: usize = memory.data(192, 16);
/** Accumulators of the hash being computed. */
const ACC: usize = memory.data(64, 16);
let derivedFor: u64 = 0;
let isDerived: bool = false;
/** High half of the last 64×64 product, and of the last 128-bit digest. */
let high: u64 = 0;

@inline function r32(at: usize): u64 { return load<u32>(at) as u64; }
@inline function r64(at: usize): u64 { return load<u64>(at); }

/** 64×64 → 128: returns the low half, leaves the high one in `high`. */
@inline function multiply(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  const ll = al * bl, hl = ah * bl, lh = al * bh;
  const cross = (ll >> 32) + (hl & 0xffffffff) + lh;
  high = (hl >> 32) + (cross >> 32) + ah * bh;
  return (cross << 32) | (ll & 0xffffffff);
}

@inline function fold(a: u64, b: u64): u64 {
  const low = multiply(a, b);
  return low ^ high;
}

function avalanche(h: u64): u64 {
  h ^= h >> 37;
  h *= MX1;
  return h ^ (h >> 32);
}

function avalanche64(h: u64): u64 {
  h ^= h >> 33;
  h *= P64_2;
  h ^= h >> 29;
  h *= P64_3;
  return h ^ (h >> 32);
}

@inline function mix16(at: usize, s: usize, seed: u64): u64 {
  return fold(r64(at) ^ (r64(s) + seed), r64(at + 8) ^ (r64(s + 8) - seed));
}

function derive(seed: u64): void {
  if (isDerived && derivedFor == seed) return;
  for (let i: usize = 0; i < 192; i += 16) {
    store<u64>(DERIVED + i, r64(SECRET + i) + seed);
    store<u64>(DERIVED + i + 8, r64(SECRET + i + 8) - seed);
  }
  derivedFor = seed;
  isDerived = true;
}

function resetAccumulators(acc: usize): void {
  store<u64>(acc, P32_3);
  store<u64>(acc, P64_1, 8);
  store<u64>(acc, P64_2, 16);
  store<u64>(acc, P64_3, 24);
  store<u64>(acc, P64_4, 32);
  store<u64>(acc, P32_2, 40);
  store<u64>(acc, P64_5, 48);
  store<u64>(acc, P32_1, 56);
}

@inline function stripeLanes(a: v128, at: usize, s: usize): v128 {
  const data = v128.load(at);
  const key = v128.xor(data, v128.load(s));
  const product = i64x2.extmul_low_i32x4_u(v128.shuffle<i32>(key, key, 0, 2, 0, 2), v128.shuffle<i32>(key, key, 1, 3, 1, 3));
  return i64x2.add(i64x2.add(a, v128.shuffle<i64>(data, data, 1, 0)), product);
}

@inline function scrambleLanes(a: v128, s: usize): v128 {
  const x = v128.xor(v128.xor(a, i64x2.shr_u(a, 47)), v128.load(s));
  return i64x2.mul(x, i64x2.splat(P32_1));
}

/**
 * Takes `stripes` stripes of 64 bytes into the accumulators, the first being number `first` (0–15) of its block of 16;
 * scrambles after each full block. Returns the number of the next stripe in its block.
 */
function consume(acc: usize, first: u32, at: usize, stripes: u32): u32 {
  let nth = first;
  if (ASC_FEATURE_SIMD) {
    let a0 = v128.load(acc), a1 = v128.load(acc, 16), a2 = v128.load(acc, 32), a3 = v128.load(acc, 48);
    while (stripes > 0) {
      let run: u32 = 16 - nth;
      if (run > stripes) run = stripes;
      let s = DERIVED + (nth << 3);
      const end = at + (run << 6);
      while (at < end) {
        a0 = stripeLanes(a0, at, s);
        a1 = stripeLanes(a1, at + 16, s + 16);
        a2 = stripeLanes(a2, at + 32, s + 32);
        a3 = stripeLanes(a3, at + 48, s + 48);
        at += 64;
        s += 8;
      }
      nth += run;
      stripes -= run;
      if (nth == 16) {
        nth = 0;
        a0 = scrambleLanes(a0, DERIVED + 128);
        a1 = scrambleLanes(a1, DERIVED + 144);
        a2 = scrambleLanes(a2, DERIVED + 160);
        a3 = scrambleLanes(a3, DERIVED + 176);
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(acc, a2, 32);
    v128.store(acc, a3, 48);
    return nth;
  }
  while (stripes > 0) {
    const s = DERIVED + (nth << 3);
    for (let i: usize = 0; i < 64; i += 16) {
      const v0 = r64(at + i), v1 = r64(at + i + 8);
      const k0 = v0 ^ r64(s + i), k1 = v1 ^ r64(s + i + 8);
      store<u64>(acc + i, r64(acc + i) + v1 + (k0 & 0xffffffff) * (k0 >> 32));
      store<u64>(acc + i + 8, r64(acc + i + 8) + v0 + (k1 & 0xffffffff) * (k1 >> 32));
    }
    at += 64;
    stripes--;
    if (++nth == 16) {
      nth = 0;
      for (let i: usize = 0; i < 64; i += 8) {
        const x = r64(acc + i);
        store<u64>(acc + i, ((x ^ (x >> 47)) ^ r64(DERIVED + 128 + i)) * P32_1);
      }
    }
  }
  return nth;
}

/** The last stripe, always 64 bytes and with its own part of the secret. */
function consumeLast(acc: usize, at: usize): void {
  const s = DERIVED + 121;
  for (let i: usize = 0; i < 64; i += 16) {
    const v0 = r64(at + i), v1 = r64(at + i + 8);
    const k0 = v0 ^ r64(s + i), k1 = v1 ^ r64(s + i + 8);
    store<u64>(acc + i, r64(acc + i) + v1 + (k0 & 0xffffffff) * (k0 >> 32));
    store<u64>(acc + i + 8, r64(acc + i + 8) + v0 + (k1 & 0xffffffff) * (k1 >> 32));
  }
}

function merge(acc: usize, s: usize, start: u64): u64 {
  let result = start;
  for (let i: usize = 0; i < 64; i += 16) result += fold(r64(acc + i) ^ r64(s + i), r64(acc + i + 8) ^ r64(s + i + 8));
  return avalanche(result);
}

@inline function longLow(acc: usize, length: u64): u64 { return merge(acc, DERIVED + 11, length * P64_1); }
@inline function longHigh(acc: usize, length: u64): u64 { return merge(acc, DERIVED + 117, ~(length * P64_2)); }

function accumulateLong(at: usize, length: u32, seed: u64): void {
  derive(seed);
  resetAccumulators(ACC);
  consume(ACC, 0, at, (length - 1) >> 6);
  consumeLast(ACC, at + length - 64);
}

/** XXH3-64 of memory. */
export function xxh3(at: usize, length: u32, seed: u64): u64 {
  if (length > 240) {
    accumulateLong(at, length, seed);
    return longLow(ACC, length);
  }
  return short64(at, length, seed);
}

function short64(at: usize, length: u32, seed: u64): u64 {
  const n = length as u64;
  const end = at + length;
  if (length > 128) {
    let acc = n * P64_1;
    const rounds = (length >> 4) as usize;
    for (let i: usize = 0; i < 8; i++) acc += mix16(at + (i << 4), SECRET + (i << 4), seed);
    acc = avalanche(acc);
    for (let i: usize = 8; i < rounds; i++) acc += mix16(at + (i << 4), SECRET + ((i - 8) << 4) + 3, seed);
    return avalanche(acc + mix16(end - 16, SECRET + 119, seed));
  }
  if (length > 16) {
    let acc = n * P64_1;
    if (length > 96) acc += mix16(at + 48, SECRET + 96, seed) + mix16(end - 64, SECRET + 112, seed);
    if (length > 64) acc += mix16(at + 32, SECRET + 64, seed) + mix16(end - 48, SECRET + 80, seed);
    if (length > 32) acc += mix16(at + 16, SECRET + 32, seed) + mix16(end - 32, SECRET + 48, seed);
    return avalanche(acc + mix16(at, SECRET, seed) + mix16(end - 16, SECRET + 16, seed));
  }
  if (length > 8) {
    const low = r64(at) ^ ((r64(SECRET + 24) ^ r64(SECRET + 32)) + seed);
    const upper = r64(end - 8) ^ ((r64(SECRET + 40) ^ r64(SECRET + 48)) - seed);
    return avalanche(n + bswap<u64>(low) + upper + fold(low, upper));
  }
  if (length > 3) {
    const s = seed ^ ((bswap<u32>(seed as u32) as u64) << 32);
    let h = (r32(end - 4) + (r32(at) << 32)) ^ ((r64(SECRET + 8) ^ r64(SECRET + 16)) - s);
    h ^= rotl<u64>(h, 49) ^ rotl<u64>(h, 24);
    h *= MX2;
    h ^= (h >> 35) + n;
    h *= MX2;
    return h ^ (h >> 28);
  }
  if (length > 0) return avalanche64(combined(at, length) ^ ((r32(SECRET) ^ r32(SECRET + 4)) + seed));
  return avalanche64(seed ^ (r64(SECRET + 56) ^ r64(SECRET + 64)));
}

/** Input of 1–3 bytes as one word. */
@inline function combined(at: usize, length: u32): u64 {
  const c1 = load<u8>(at) as u64, c2 = load<u8>(at + (length >> 1)) as u64, c3 = load<u8>(at + length - 1) as u64;
  return (c1 << 16) | (c2 << 24) | c3 | ((length as u64) << 8);
}

let mixLow: u64 = 0;
let mixHigh: u64 = 0;

@inline function mix32(a: usize, b: usize, s: usize, seed: u64): void {
  mixLow += mix16(a, s, seed);
  mixLow ^= r64(b) + r64(b + 8);
  mixHigh += mix16(b, s + 16, seed);
  mixHigh ^= r64(a) + r64(a + 8);
}

/** XXH3-128 of memory: low half returned, high half left in `high`. */
function xxh3Wide(at: usize, length: u32, seed: u64): u64 {
  if (length > 240) {
    accumulateLong(at, length, seed);
    const low = longLow(ACC, length);
    high = longHigh(ACC, length);
    return low;
  }
  return short128(at, length, seed);
}

function short128(at: usize, length: u32, seed: u64): u64 {
  const n = length as u64;
  const end = at + length;
  if (length > 16) {
    mixLow = n * P64_1;
    mixHigh = 0;
    if (length > 128) {
      for (let i: usize = 0; i < 128; i += 32) mix32(at + i, at + i + 16, SECRET + i, seed);
      mixLow = avalanche(mixLow);
      mixHigh = avalanche(mixHigh);
      for (let i: usize = 160; i <= length; i += 32) mix32(at + i - 32, at + i - 16, SECRET + 3 + i - 160, seed);
      mix32(end - 16, end - 32, SECRET + 103, 0 - seed);
    } else {
      if (length > 96) mix32(at + 48, end - 64, SECRET + 96, seed);
      if (length > 64) mix32(at + 32, end - 48, SECRET + 64, seed);
      if (length > 32) mix32(at + 16, end - 32, SECRET + 32, seed);
      mix32(at, end - 16, SECRET, seed);
    }
    high = 0 - avalanche(mixLow * P64_1 + mixHigh * P64_4 + (n - seed) * P64_2);
    return avalanche(mixLow + mixHigh);
  }
  if (length > 8) {
    const first = r64(at);
    let last = r64(end - 8);
    let low = multiply(first ^ last ^ ((r64(SECRET + 32) ^ r64(SECRET + 40)) - seed), P64_1);
    let upper = high;
    low += (n - 1) << 54;
    last ^= (r64(SECRET + 48) ^ r64(SECRET + 56)) + seed;
    upper += last + (last & 0xffffffff) * (P32_2 - 1);
    low ^= bswap<u64>(upper);
    const product = multiply(low, P64_2);
    high = avalanche(high + upper * P64_2);
    return avalanche(product);
  }
  if (length > 3) {
    const s = seed ^ ((bswap<u32>(seed as u32) as u64) << 32);
    const keyed = (r32(at) + (r32(end - 4) << 32)) ^ ((r64(SECRET + 16) ^ r64(SECRET + 24)) + s);
    let low = multiply(keyed, P64_1 + (n << 2));
    let upper = high;
    upper += low << 1;
    low ^= upper >> 3;
    low ^= low >> 35;
    low *= MX2;
    high = avalanche(upper);
    return low ^ (low >> 28);
  }
  if (length > 0) {
    const word = combined(at, length);
    const turned = rotl<u32>(bswap<u32>(word as u32), 13) as u64;
    high = avalanche64(turned ^ ((r32(SECRET + 8) ^ r32(SECRET + 12)) - seed));
    return avalanche64(word ^ ((r32(SECRET) ^ r32(SECRET + 4)) + seed));
  }
  high = avalanche64(seed ^ (r64(SECRET + 80) ^ r64(SECRET + 88)));
  return avalanche64(seed ^ (r64(SECRET + 64) ^ r64(SECRET + 72)));
}

/** XXH3-64 of `length` bytes to 8 bytes at `out`. */
export function strong(at: usize, length: u32, seedLow: u32, seedHigh: u32, out: usize): void {
  store<u64>(out, xxh3(at, length, (seedLow as u64) | ((seedHigh as u64) << 32)));
}

/** XXH3-128 of `length` bytes to 16 bytes at `out`. */
export function strong128(at: usize, length: u32, seedLow: u32, seedHigh: u32, out: usize): void {
  const low = xxh3Wide(at, length, (seedLow as u64) | ((seedHigh as u64) << 32));
  store<u64>(out, low);
  store<u64>(out, high, 8);
}

// Streaming state, 352 bytes: accumulators 0–63, buffer 64–319, total length 320, seed 328, buffered 336, next stripe 340.

/** Starts a streaming hash in the 352 bytes at `state` (16-aligned). */
export function streamBegin(state: usize, seedLow: u32, seedHigh: u32): void {
  resetAccumulators(state);
  store<u64>(state, 0, 320);
  store<u64>(state, (seedLow as u64) | ((seedHigh as u64) << 32), 328);
  store<u32>(state, 0, 336);
  store<u32>(state, 0, 340);
}

/** Adds bytes. */
export function streamUpdate(state: usize, at: usize, length: u32): void {
  const buffer = state + 64;
  let held = load<u32>(state, 336);
  store<u64>(state, load<u64>(state, 320) + length, 320);
  if (length <= 256 - held) {
    memory.copy(buffer + held, at, length);
    store<u32>(state, held + length, 336);
    return;
  }
  derive(load<u64>(state, 328));
  let nth = load<u32>(state, 340);
  if (held > 0) {
    const part = 256 - held;
    memory.copy(buffer + held, at, part);
    at += part;
    length -= part;
    nth = consume(state, nth, buffer, 4);
  }
  if (length > 256) { // at least one byte always stays: the last stripe is treated apart
    const stripes = (length - 1) >> 6;
    nth = consume(state, nth, at, stripes);
    at += stripes << 6;
    length -= stripes << 6;
    memory.copy(buffer + 192, at - 64, 64);
  }
  memory.copy(buffer, at, length);
  held = length;
  store<u32>(state, held, 336);
  store<u32>(state, nth, 340);
}

/** XXH3-64 (wide 0) or XXH3-128 (wide 1) of what was added so far to `out`; the state may go on. */
export function streamEnd(state: usize, wide: u32, out: usize): void {
  const total = load<u64>(state, 320);
  const seed = load<u64>(state, 328);
  const held = load<u32>(state, 336);
  const buffer = state + 64;
  let low: u64;
  if (total <= 240) {
    low = wide ? xxh3Wide(buffer, held, seed) : xxh3(buffer, held, seed);
  } else {
    derive(seed);
    memory.copy(ACC, state, 64);
    if (held >= 64) {
      consume(ACC, load<u32>(state, 340), buffer, (held - 1) >> 6);
      consumeLast(ACC, buffer + held - 64);
    } else {
      memory.copy(LAST, buffer + 192 + held, 64 - held);
      memory.copy(LAST + 64 - held, buffer, held);
      consumeLast(ACC, LAST);
    }
    low = longLow(ACC, total);
    if (wide) high = longHigh(ACC, total);
  }
  store<u64>(out, low);
  if (wide) store<u64>(out, high, 8);
}

const LAST: usize = memory.data(64, 16);
