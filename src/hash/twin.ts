/**
 * The kernel's twin in plain TypeScript: every function of `KernelFunctions` over an ArrayBuffer, with the same results in the same bytes.
 * It proves the kernel right and serves where there is no WebAssembly. Written for clearness; XXH3 is in twin-xxh3.ts.
 */
import type { KernelFunctions, KernelMemory } from './kernel.js';
import { TwinXxh3 } from './twin-xxh3.js';

const PAGE = 65536;
const MOST_OF_A_KEY = 16;
const MOST_IN_A_CHAIN = 64;
const NONE = 0xffffffff;

/** 256 words for the gear hash: the finaliser of MurmurHash3 over (i + 1) · 0x9E3779B9. */
export const GEAR: Uint32Array = Uint32Array.from({ length: 256 }, (_, i) => finish(Math.imul(i + 1, 0x9e3779b9)));

function finish(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** A twin with its own memory. */
export function createTwin(): { functions: KernelFunctions; memory: KernelMemory } {
  const twin = new Twin();
  return { functions: twin, memory: twin };
}

class Twin implements KernelFunctions, KernelMemory {
  buffer = new ArrayBuffer(PAGE);
  readonly heapBase = 16; // address 0 means "none"
  #view = new DataView(this.buffer);
  #bytes = new Uint8Array(this.buffer);
  readonly #xxh3 = new TwinXxh3();

  grow(pages: number): void {
    const bigger = new ArrayBuffer(this.buffer.byteLength + pages * PAGE);
    new Uint8Array(bigger).set(this.#bytes);
    this.buffer = bigger;
    this.#view = new DataView(bigger);
    this.#bytes = new Uint8Array(bigger);
  }

  strong(at: number, length: number, seedLow: number, seedHigh: number, out: number): void {
    this.#xxh3.hash(this.#view, at, length, seedLow, seedHigh, false, out);
  }

  strong128(at: number, length: number, seedLow: number, seedHigh: number, out: number): void {
    this.#xxh3.hash(this.#view, at, length, seedLow, seedHigh, true, out);
  }

  streamBegin(state: number, seedLow: number, seedHigh: number): void {
    this.#xxh3.begin(this.#view, state, seedLow, seedHigh);
  }

  streamUpdate(state: number, at: number, length: number): void {
    this.#xxh3.update(this.#view, state, at, length);
  }

  streamEnd(state: number, wide: number, out: number): void {
    this.#xxh3.end(this.#view, state, wide !== 0, out);
  }

  power(m: number, n: number): number {
    let result = 1;
    for (let left = n; left > 0; left >>>= 1) {
      if ((left & 1) === 1) result = Math.imul(result, m);
      m = Math.imul(m, m);
    }
    return result >>> 0;
  }

  weak(at: number, length: number, m: number, before: number): number {
    let h = before | 0;
    for (let i = at; i < at + length; i++) h = (Math.imul(h, m) + this.#byte(i)) | 0;
    return h >>> 0;
  }

  nextAnchor(from: number, to: number, threshold: number): number {
    if (from > to) return 0;
    const bar = threshold >>> 0;
    let h = 0;
    for (let p = from - 32; p < from; p++) h = this.#turn(h, p);
    let p = from;
    while (h >= bar) {
      if (p >= to) return 0;
      h = this.#turn(h, p++);
    }
    return p;
  }

  mixBefore(p: number, seedLow: number, seedHigh: number): number {
    let h = seedLow ^ Math.imul(seedHigh, 0x9e3779b1);
    for (let at = p - 32; at < p; at += 4) {
      h ^= Math.imul(rotate(Math.imul(this.#word(at), 0xcc9e2d51), 15), 0x1b873593);
      h = (Math.imul(rotate(h, 13), 5) + 0xe6546b64) | 0;
    }
    return finish(h ^ 32);
  }

  signBlocks(at: number, count: number, length: number, m: number, seedLow: number, seedHigh: number, threshold: number,
    weaks: number, strongs: number, mixes: number, offsets: number): void {
    for (let i = 0; i < count; i++, at += length) {
      this.#view.setUint32(weaks + 4 * i, this.weak(at, length, m, 0), true);
      this.strong(at, length, seedLow, seedHigh, strongs + 8 * i);
      const p = this.nextAnchor(at + 32, at + length, threshold);
      this.#view.setUint32(mixes + 4 * i, p === 0 ? 0 : this.mixBefore(p, seedLow, seedHigh), true);
      this.#view.setUint32(offsets + 4 * i, p === 0 ? 0 : p - at, true);
    }
  }

  strong128Blocks(at: number, count: number, length: number, seedLow: number, seedHigh: number, out: number): void {
    for (let i = 0; i < count; i++) this.strong128(at + i * length, length, seedLow, seedHigh, out + 16 * i);
  }

  matchRun(at: number, count: number, length: number, seedLow: number, seedHigh: number, strongs: number, drop: number): number {
    let n = 0;
    while (n < count) { // at least the low word counts: drop is 32 at most
      const [low, high] = this.#xxh3.hash64(this.#view, at + n * length, length, seedLow, seedHigh);
      if (low !== this.#word(strongs + 8 * n) || (drop < 32 && (high ^ this.#word(strongs + 8 * n + 4)) << drop !== 0)) break;
      n++;
    }
    return n;
  }

  fillTable(table: number, keys: number, strongs: number, offsets: number, count: number): void {
    const [bitmap, bitShift, heads, headShift, next] = this.#table(table);
    for (let i = 0; i < count; i++) {
      if (offsets !== 0 && this.#word(offsets + 4 * i) === 0) continue;
      const key = this.#word(keys + 4 * i);
      const h = spread(key);
      let link = heads + 4 * (h >>> headShift);
      let same = 0;
      let steps = 0;
      let known = false;
      for (let block = this.#word(link); block !== 0 && !known; block = this.#word(link)) {
        if (this.#word(keys + 4 * (block - 1)) === key) {
          same++;
          known = same === MOST_OF_A_KEY || this.#sameStrong(strongs, block - 1, i);
        }
        if (++steps === MOST_IN_A_CHAIN) known = true;
        link = next + 4 * (block - 1);
      }
      if (known) continue;
      this.#view.setUint32(link, i + 1, true);
      const bit = h >>> bitShift;
      this.#bytes[bitmap + (bit >>> 3)] = this.#byte(bitmap + (bit >>> 3)) | (1 << (bit & 7));
    }
  }

  sameKey(table: number, keys: number, block: number): number {
    const next = this.#word(table + 16);
    return this.#follow(next, keys, this.#word(keys + 4 * block), this.#word(next + 4 * block));
  }

  scanAnchors(from: number, to: number, threshold: number, seedLow: number, seedHigh: number, table: number, keys: number, out: number): number {
    for (let p = this.nextAnchor(from, to, threshold); p !== 0; p = this.nextAnchor(p + 1, to, threshold)) {
      const block = this.#lookUp(table, keys, this.mixBefore(p, seedLow, seedHigh));
      if (block !== NONE) {
        this.#view.setUint32(out, block, true);
        return p;
      }
    }
    return 0;
  }

  scanWeak(from: number, to: number, length: number, m: number, mLength: number, table: number, keys: number, out: number): number {
    let h = this.#word(out + 4);
    for (;;) {
      const block = this.#lookUp(table, keys, h);
      if (block !== NONE) {
        this.#view.setUint32(out, block, true);
        this.#view.setUint32(out + 4, h, true);
        return from;
      }
      if (from >= to) break;
      h = (Math.imul(h, m) + this.#byte(from + length) - Math.imul(this.#byte(from), mLength)) >>> 0;
      from++;
    }
    this.#view.setUint32(out + 4, h, true);
    return 0;
  }

  #byte(at: number): number {
    return this.#bytes[at] ?? 0;
  }

  #word(at: number): number {
    return this.#view.getUint32(at, true);
  }

  #turn(h: number, p: number): number {
    return ((h << 1) + (GEAR[this.#byte(p)] ?? 0)) >>> 0;
  }

  #table(table: number): [bitmap: number, bitShift: number, heads: number, headShift: number, next: number] {
    return [this.#word(table), this.#word(table + 4), this.#word(table + 8), this.#word(table + 12), this.#word(table + 16)];
  }

  #sameStrong(strongs: number, a: number, b: number): boolean {
    return this.#word(strongs + 8 * a) === this.#word(strongs + 8 * b) && this.#word(strongs + 8 * a + 4) === this.#word(strongs + 8 * b + 4);
  }

  #lookUp(table: number, keys: number, key: number): number {
    const [bitmap, bitShift, heads, headShift, next] = this.#table(table);
    const h = spread(key);
    const bit = h >>> bitShift;
    if ((this.#byte(bitmap + (bit >>> 3)) & (1 << (bit & 7))) === 0) return NONE;
    return this.#follow(next, keys, key, this.#word(heads + 4 * (h >>> headShift)));
  }

  #follow(next: number, keys: number, key: number, block: number): number {
    for (; block !== 0; block = this.#word(next + 4 * (block - 1))) {
      if (this.#word(keys + 4 * (block - 1)) === key) return block - 1;
    }
    return NONE;
  }
}

function spread(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 0;
}
