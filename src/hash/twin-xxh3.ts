/**
 * XXH3, 64 and 128 bits, one-shot and streaming, in TypeScript: the judge of the kernel's. Short inputs and the finish are computed with
 * BigInt; the loop over long inputs keeps each 64-bit lane as two 32-bit words, because BigInt there would be a hundred times slower.
 * The streaming state in memory has the kernel's layout byte for byte.
 */
const P32_1 = 0x9e3779b1n;
const P32_2 = 0x85ebca77n;
const P32_3 = 0xc2b2ae3dn;
const P64_1 = 0x9e3779b185ebca87n;
const P64_2 = 0xc2b2ae3d27d4eb4fn;
const P64_3 = 0x165667b19e3779f9n;
const P64_4 = 0x85ebca77c2b2ae63n;
const P64_5 = 0x27d4eb2f165667c5n;
const MX1 = 0x165667919e3779f9n;
const MX2 = 0x9fb21c651e98df25n;

/** The published secret. */
const SECRET_BYTES = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c'
  + '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364'
  + 'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e', 'hex');
const SECRET = new DataView(SECRET_BYTES.buffer, SECRET_BYTES.byteOffset, 192);
const START = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1] as const;

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const s32 = (at: number): bigint => BigInt(SECRET.getUint32(at, true));
const s64 = (at: number): bigint => SECRET.getBigUint64(at, true);
const r64 = (view: DataView, at: number): bigint => view.getBigUint64(at, true);
const r32 = (view: DataView, at: number): bigint => BigInt(view.getUint32(at, true));

function fold(a: bigint, b: bigint): bigint {
  const product = u64(a) * u64(b);
  return u64(product) ^ (product >> 64n);
}

function avalanche(x: bigint): bigint {
  let h = u64(x);
  h ^= h >> 37n;
  h = u64(h * MX1);
  return h ^ (h >> 32n);
}

function avalanche64(x: bigint): bigint {
  let h = u64(x);
  h ^= h >> 33n;
  h = u64(h * P64_2);
  h ^= h >> 29n;
  h = u64(h * P64_3);
  return h ^ (h >> 32n);
}

function rotate64(x: bigint, by: bigint): bigint {
  return u64((x << by) | (x >> (64n - by)));
}

function swap(x: bigint, bytes: number): bigint {
  let out = 0n;
  for (let i = 0, rest = x; i < bytes; i++, rest >>= 8n) out = (out << 8n) | (rest & 0xffn);
  return out;
}

function mix16(view: DataView, at: number, s: number, seed: bigint): bigint {
  return fold(r64(view, at) ^ u64(s64(s) + seed), r64(view, at + 8) ^ u64(s64(s + 8) - seed));
}

/** Input of 1–3 bytes as one word. */
function combined(view: DataView, at: number, n: number): bigint {
  return BigInt(((view.getUint8(at) << 16) | (view.getUint8(at + (n >> 1)) << 24) | view.getUint8(at + n - 1) | (n << 8)) >>> 0);
}

/** Seed of the inputs of 4–8 bytes. */
function turnedSeed(seed: bigint): bigint {
  return seed ^ (swap(seed & 0xffffffffn, 4) << 32n);
}

function short64(view: DataView, at: number, length: number, seed: bigint): bigint {
  const n = BigInt(length);
  const end = at + length;
  const mix = (where: number, s: number): bigint => mix16(view, where, s, seed);
  if (length > 128) {
    let acc = n * P64_1;
    for (let i = 0; i < 8; i++) acc += mix(at + 16 * i, 16 * i);
    acc = avalanche(acc);
    for (let i = 8; i < length >> 4; i++) acc += mix(at + 16 * i, 16 * (i - 8) + 3);
    return avalanche(acc + mix(end - 16, 119));
  }
  if (length > 16) {
    let acc = n * P64_1;
    for (let i = Math.min(3, (length - 1) >> 5); i >= 0; i--) acc += mix(at + 16 * i, 32 * i) + mix(end - 16 * (i + 1), 32 * i + 16);
    return avalanche(acc);
  }
  if (length > 8) {
    const low = r64(view, at) ^ u64((s64(24) ^ s64(32)) + seed);
    const high = r64(view, end - 8) ^ u64((s64(40) ^ s64(48)) - seed);
    return avalanche(n + swap(low, 8) + high + fold(low, high));
  }
  if (length > 3) {
    let h = (r32(view, end - 4) + (r32(view, at) << 32n)) ^ u64((s64(8) ^ s64(16)) - turnedSeed(seed));
    h ^= rotate64(h, 49n) ^ rotate64(h, 24n);
    h = u64(h * MX2);
    h ^= (h >> 35n) + n;
    h = u64(h * MX2);
    return h ^ (h >> 28n);
  }
  if (length > 0) return avalanche64(combined(view, at, length) ^ u64((s32(0) ^ s32(4)) + seed));
  return avalanche64(seed ^ s64(56) ^ s64(64));
}

/** Low half in the low 64 bits. */
function short128(view: DataView, at: number, length: number, seed: bigint): bigint {
  const n = BigInt(length);
  const end = at + length;
  if (length > 16) return medium128(view, at, length, seed);
  if (length > 8) {
    const first = r64(view, at);
    let last = r64(view, end - 8);
    const product = u64(first ^ last ^ u64((s64(32) ^ s64(40)) - seed)) * P64_1;
    let low = u64(u64(product) + ((n - 1n) << 54n));
    last ^= u64((s64(48) ^ s64(56)) + seed);
    const high = u64((product >> 64n) + last + (last & 0xffffffffn) * (P32_2 - 1n));
    low ^= swap(high, 8);
    const second = low * P64_2;
    return join128(avalanche(second), avalanche((second >> 64n) + high * P64_2));
  }
  if (length > 3) {
    const keyed = (r32(view, at) + (r32(view, end - 4) << 32n)) ^ u64((s64(16) ^ s64(24)) + turnedSeed(seed));
    const product = keyed * u64(P64_1 + (n << 2n));
    let low = u64(product);
    const high = u64((product >> 64n) + (low << 1n));
    low ^= high >> 3n;
    low ^= low >> 35n;
    low = u64(low * MX2);
    return join128(low ^ (low >> 28n), avalanche(high));
  }
  if (length > 0) {
    const word = combined(view, at, length);
    const swapped = swap(word, 4);
    const turned = ((swapped << 13n) | (swapped >> 19n)) & 0xffffffffn;
    return join128(avalanche64(word ^ u64((s32(0) ^ s32(4)) + seed)), avalanche64(turned ^ u64((s32(8) ^ s32(12)) - seed)));
  }
  return join128(avalanche64(seed ^ s64(64) ^ s64(72)), avalanche64(seed ^ s64(80) ^ s64(88)));
}

function medium128(view: DataView, at: number, length: number, seed: bigint): bigint {
  const n = BigInt(length);
  const end = at + length;
  let low = u64(n * P64_1);
  let high = 0n;
  const mix = (a: number, b: number, s: number, key: bigint): void => {
    low = u64(low + mix16(view, a, s, key)) ^ u64(r64(view, b) + r64(view, b + 8));
    high = u64(high + mix16(view, b, s + 16, key)) ^ u64(r64(view, a) + r64(view, a + 8));
  };
  if (length > 128) {
    for (let i = 0; i < 128; i += 32) mix(at + i, at + i + 16, i, seed);
    low = avalanche(low);
    high = avalanche(high);
    for (let i = 160; i <= length; i += 32) mix(at + i - 32, at + i - 16, i - 157, seed);
    mix(end - 16, end - 32, 103, u64(-seed));
  } else {
    for (let i = Math.min(3, (length - 1) >> 5); i >= 0; i--) mix(at + 16 * i, end - 16 * (i + 1), 32 * i, seed);
  }
  return join128(avalanche(low + high), u64(-avalanche(low * P64_1 + high * P64_4 + (n - seed) * P64_2)));
}

function join128(low: bigint, high: bigint): bigint {
  return low | (high << 64n);
}

/** Hashes over a memory given with each call. One instance is not reentrant. */
export class TwinXxh3 {
  /** Lanes as words: low, high, low, high, … */
  readonly #acc = new Uint32Array(16);
  readonly #secret = new Uint32Array(48);
  readonly #secretView = new DataView(this.#secret.buffer);
  readonly #last = new DataView(new ArrayBuffer(64));
  readonly #digest = new DataView(new ArrayBuffer(16));

  /** One-shot digest to memory. */
  hash(view: DataView, at: number, length: number, seedLow: number, seedHigh: number, wide: boolean, out: number): void {
    this.#put(view, out, wide, this.#hash(view, at, length, seedOf(seedLow, seedHigh), wide));
  }

  /** One-shot 64-bit digest as two words. */
  hash64(view: DataView, at: number, length: number, seedLow: number, seedHigh: number): [low: number, high: number] {
    this.#put(this.#digest, 0, false, this.#hash(view, at, length, seedOf(seedLow, seedHigh), false));
    return [this.#digest.getUint32(0, true), this.#digest.getUint32(4, true)];
  }

  begin(view: DataView, state: number, seedLow: number, seedHigh: number): void {
    START.forEach((word, i) => view.setBigUint64(state + 8 * i, word, true));
    view.setBigUint64(state + 320, 0n, true);
    view.setBigUint64(state + 328, seedOf(seedLow, seedHigh), true);
    view.setBigUint64(state + 336, 0n, true);
  }

  update(view: DataView, state: number, at: number, length: number): void {
    const bytes = new Uint8Array(view.buffer);
    const buffer = state + 64;
    const held = view.getUint32(state + 336, true);
    view.setBigUint64(state + 320, view.getBigUint64(state + 320, true) + BigInt(length), true);
    if (length <= 256 - held) {
      bytes.copyWithin(buffer + held, at, at + length);
      view.setUint32(state + 336, held + length, true);
      return;
    }
    this.#derive(view.getBigUint64(state + 328, true));
    this.#load(view, state);
    let nth = view.getUint32(state + 340, true);
    if (held > 0) {
      const part = 256 - held;
      bytes.copyWithin(buffer + held, at, at + part);
      at += part;
      length -= part;
      nth = this.#consume(view, nth, buffer, 4);
    }
    if (length > 256) {
      const stripes = Math.floor((length - 1) / 64);
      nth = this.#consume(view, nth, at, stripes);
      at += stripes * 64;
      length -= stripes * 64;
      bytes.copyWithin(buffer + 192, at - 64, at);
    }
    bytes.copyWithin(buffer, at, at + length);
    this.#acc.forEach((word, i) => view.setUint32(state + 4 * i, word, true));
    view.setUint32(state + 336, length, true);
    view.setUint32(state + 340, nth, true);
  }

  end(view: DataView, state: number, wide: boolean, out: number): void {
    const total = view.getBigUint64(state + 320, true);
    const seed = view.getBigUint64(state + 328, true);
    const held = view.getUint32(state + 336, true);
    const buffer = state + 64;
    if (total <= 240n) {
      this.#put(view, out, wide, this.#hash(view, buffer, held, seed, wide));
      return;
    }
    this.#derive(seed);
    this.#load(view, state);
    if (held >= 64) {
      this.#consume(view, view.getUint32(state + 340, true), buffer, (held - 1) >> 6);
      this.#stripe(view, buffer + held - 64, 121);
    } else {
      for (let i = 0; i < 64; i++) this.#last.setUint8(i, view.getUint8(i < 64 - held ? buffer + 192 + held + i : buffer + i - (64 - held)));
      this.#stripe(this.#last, 0, 121);
    }
    this.#put(view, out, wide, this.#finish(total, wide));
  }

  #hash(view: DataView, at: number, length: number, seed: bigint, wide: boolean): bigint {
    if (length <= 240) return wide ? short128(view, at, length, seed) : short64(view, at, length, seed);
    this.#derive(seed);
    START.forEach((word, i) => {
      this.#acc[2 * i] = Number(word & 0xffffffffn);
      this.#acc[2 * i + 1] = Number(word >> 32n);
    });
    this.#consume(view, 0, at, Math.floor((length - 1) / 64));
    this.#stripe(view, at + length - 64, 121);
    return this.#finish(BigInt(length), wide);
  }

  #finish(total: bigint, wide: boolean): bigint {
    const low = this.#merge(11, u64(total * P64_1));
    return wide ? join128(low, this.#merge(117, u64(~(total * P64_2)))) : low;
  }

  #merge(s: number, start: bigint): bigint {
    let result = start;
    const lane = (i: number): bigint => BigInt(this.#acc[2 * i] ?? 0) | (BigInt(this.#acc[2 * i + 1] ?? 0) << 32n);
    for (let i = 0; i < 4; i++) {
      result += fold(lane(2 * i) ^ r64(this.#secretView, s + 16 * i), lane(2 * i + 1) ^ r64(this.#secretView, s + 16 * i + 8));
    }
    return avalanche(result);
  }

  #put(view: DataView, out: number, wide: boolean, digest: bigint): void {
    view.setBigUint64(out, u64(digest), true);
    if (wide) view.setBigUint64(out + 8, digest >> 64n, true);
  }

  #load(view: DataView, state: number): void {
    for (let i = 0; i < 16; i++) this.#acc[i] = view.getUint32(state + 4 * i, true);
  }

  #derive(seed: bigint): void {
    for (let i = 0; i < 192; i += 16) {
      this.#secretView.setBigUint64(i, u64(s64(i) + seed), true);
      this.#secretView.setBigUint64(i + 8, u64(s64(i + 8) - seed), true);
    }
  }

  #consume(view: DataView, first: number, at: number, stripes: number): number {
    let nth = first;
    for (let i = 0; i < stripes; i++) {
      this.#stripe(view, at + 64 * i, 8 * nth);
      if (++nth === 16) {
        nth = 0;
        this.#scramble();
      }
    }
    return nth;
  }

  /** acc[i ^ 1] += data[i]; acc[i] += low(data[i] ^ secret) · high(data[i] ^ secret), modulo 2^64. */
  #stripe(view: DataView, at: number, s: number): void {
    const acc = this.#acc;
    for (let i = 0; i < 8; i++) {
      const low = view.getUint32(at + 8 * i, true);
      const high = view.getUint32(at + 8 * i + 4, true);
      add(acc, i ^ 1, low, high);
      addProduct(acc, i, low ^ this.#secretView.getUint32(s + 8 * i, true), high ^ this.#secretView.getUint32(s + 8 * i + 4, true));
    }
  }

  /** acc ^= acc >> 47; acc ^= secret; acc *= P32_1. */
  #scramble(): void {
    const acc = this.#acc;
    for (let i = 0; i < 8; i++) {
      const high = acc[2 * i + 1] ?? 0;
      const x = (acc[2 * i] ?? 0) ^ (high >>> 15) ^ this.#secretView.getUint32(128 + 8 * i, true);
      const y = high ^ this.#secretView.getUint32(132 + 8 * i, true);
      acc[2 * i] = 0;
      acc[2 * i + 1] = Math.imul(y, 0x9e3779b1);
      addProduct(acc, i, x, 0x9e3779b1);
    }
  }
}

function seedOf(low: number, high: number): bigint {
  return BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
}

function add(acc: Uint32Array, lane: number, low: number, high: number): void {
  const sum = (acc[2 * lane] ?? 0) + low;
  acc[2 * lane] = sum;
  acc[2 * lane + 1] = (acc[2 * lane + 1] ?? 0) + high + (sum > 0xffffffff ? 1 : 0);
}

/** Adds the 64-bit product of two 32-bit words to a lane. */
function addProduct(acc: Uint32Array, lane: number, a: number, b: number): void {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const ll = al * bl;
  const middle = ah * bl + (ll >>> 16) + ((al * bh) & 0xffff); // below 2^33
  const cross = Math.floor((al * bh) / 65536);
  add(acc, lane, ((((middle & 0xffff) << 16) | (ll & 0xffff)) >>> 0), ah * bh + Math.floor(middle / 65536) + cross);
}
