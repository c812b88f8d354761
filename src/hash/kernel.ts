/**
 * The kernel: what touches every byte of the delta engine, over a linear memory that belongs to one job. Three that give
 * the same bytes: WebAssembly with SIMD, WebAssembly without, and the TypeScript twin. A kernel is made for a job or kept for
 * many (`mark` and `release`); it never shrinks, so let it go after a job that needed much.
 *
 * Addresses are byte offsets into `bytes`. Growing the memory detaches earlier views: take `bytes` anew after `reserve`.
 */
import { PLAIN_KERNEL, SIMD_KERNEL } from './kernel-binary.js';
import { createTwin } from './twin.js';

export type KernelKind = 'simd' | 'plain' | 'twin';

/** Bytes of a streaming hash's state. */
export const STREAM_STATE = 352;
/** Bytes before an anchor that its mix is made of; also what the scans need readable before `from`. */
export const ANCHOR_WINDOW = 32;
/** Bytes to give one call at most, so that the machine code in use can be exchanged for better between calls. */
export const CALL_BYTES = 1 << 20;
/** "No block", as `sameKey` says it. */
export const NO_BLOCK = 0xffffffff;

/**
 * The functions, over addresses; wasm/assembly says what each does. All numbers are 32 bits; results may arrive signed, so users
 * write `>>> 0`. Seeds are two words, low and high.
 */
export interface KernelFunctions {
  strong(at: number, length: number, seedLow: number, seedHigh: number, out: number): void;
  strong128(at: number, length: number, seedLow: number, seedHigh: number, out: number): void;
  streamBegin(state: number, seedLow: number, seedHigh: number): void;
  streamUpdate(state: number, at: number, length: number): void;
  streamEnd(state: number, wide: number, out: number): void;
  power(m: number, n: number): number;
  weak(at: number, length: number, m: number, before: number): number;
  nextAnchor(from: number, to: number, threshold: number): number;
  mixBefore(at: number, seedLow: number, seedHigh: number): number;
  signBlocks(at: number, count: number, length: number, m: number, seedLow: number, seedHigh: number, threshold: number,
    weaks: number, strongs: number, mixes: number, offsets: number): void;
  strong128Blocks(at: number, count: number, length: number, seedLow: number, seedHigh: number, out: number): void;
  matchRun(at: number, count: number, length: number, seedLow: number, seedHigh: number, strongs: number, drop: number): number;
  fillTable(table: number, keys: number, strongs: number, offsets: number, count: number): void;
  sameKey(table: number, keys: number, block: number): number;
  scanAnchors(from: number, to: number, threshold: number, seedLow: number, seedHigh: number, table: number, keys: number, out: number): number;
  scanWeak(from: number, to: number, length: number, m: number, mLength: number, table: number, keys: number, out: number): number;
}

/** What WebAssembly offers, as far as it is used here (the types of Node leave it out). */
interface WasmMemory { readonly buffer: ArrayBuffer; grow(pages: number): number }
interface WasmEngine {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
}
interface WasmExports extends KernelFunctions { memory: WasmMemory; heapBase(): number }

/** A memory that only grows, and the first byte of it that is free. */
export interface KernelMemory { readonly buffer: ArrayBuffer; grow(pages: number): void; readonly heapBase: number }

const PAGE = 65536;
/** Most memory of one kernel: beyond it addresses would turn negative. */
const MOST = 2 ** 31 - PAGE;

/** One kernel with its memory. */
export class Kernel {
  readonly call: KernelFunctions;
  readonly #memory: KernelMemory;
  #bytes: Buffer;
  #next: number;

  constructor(readonly kind: KernelKind, call: KernelFunctions, memory: KernelMemory) {
    this.call = call;
    this.#memory = memory;
    this.#bytes = Buffer.from(memory.buffer);
    this.#next = align(memory.heapBase);
  }

  /** All memory, as it is now. */
  get bytes(): Buffer {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = Buffer.from(this.#memory.buffer);
    return this.#bytes;
  }

  /** Reserves bytes (16-aligned; not zeroed) and returns their address. @throws RangeError past 2 GiB. */
  reserve(size: number): number {
    const at = this.#next;
    const end = at + align(size);
    if (!(size >= 0) || end > MOST) throw new RangeError(`the kernel cannot hold ${size} bytes more`);
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    this.#next = end;
    return at;
  }

  /** Where the next reservation will lie; give it to `release` to free everything reserved since. */
  mark(): number {
    return this.#next;
  }

  release(mark: number): void {
    this.#next = mark;
  }
}

function align(n: number): number {
  return Math.ceil(n / 16) * 16;
}

/** How to choose a kernel. */
export interface KernelOptions {
  /** false: without SIMD. What the environment says (TWINTREE_NO_SIMD) is for the caller to read. */
  readonly simd?: boolean;
  /** Exactly this one; for tests. @throws where it cannot run here. */
  readonly kind?: KernelKind;
}

const modules = new Map<KernelKind, object>();

/**
 * A new kernel: the fastest that runs here. Compiling costs some milliseconds, once a process.
 */
export function createKernel(options: KernelOptions = {}): Kernel {
  if (options.kind !== undefined) return make(options.kind);
  for (const kind of options.simd === false ? (['plain'] as const) : (['simd', 'plain'] as const)) {
    try {
      return make(kind);
    } catch {
      // Not on this machine (no WebAssembly, no SIMD): the next one gives the same bytes, more slowly.
    }
  }
  return make('twin');
}

function make(kind: KernelKind): Kernel {
  if (kind === 'twin') {
    const { functions, memory } = createTwin();
    return new Kernel('twin', functions, memory);
  }
  const engine = (globalThis as unknown as { WebAssembly?: WasmEngine }).WebAssembly;
  if (engine === undefined) throw new Error('this JavaScript engine has no WebAssembly');
  let module = modules.get(kind);
  if (module === undefined) {
    module = new engine.Module(Buffer.from(kind === 'simd' ? SIMD_KERNEL : PLAIN_KERNEL, 'base64'));
    modules.set(kind, module);
  }
  const exports = new engine.Instance(module, {}).exports as WasmExports;
  const memory: KernelMemory = {
    get buffer() { return exports.memory.buffer; },
    grow: (pages) => { exports.memory.grow(pages); },
    heapBase: exports.heapBase(),
  };
  return new Kernel(kind, exports, memory);
}
