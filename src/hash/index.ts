/** Sums of bytes: the kernel (WebAssembly, or its TypeScript twin), seeds, whole-file hashes. Pure: memory in, memory out. */
export { ANCHOR_WINDOW, CALL_BYTES, createKernel, Kernel, NO_BLOCK, STREAM_STATE, type KernelFunctions, type KernelKind, type KernelOptions } from './kernel.js';
export { multiplierOf, ZERO_SEED, type Seed } from './seed.js';
export { loadXxh64, type Xxh64 } from './xxh64.js';
export { WHOLE_HASH_BYTES, WholeHash } from './whole.js';
