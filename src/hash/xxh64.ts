/** XXH64 by the package xxhash-wasm, loaded only when asked for: the hash that other programs (xxhsum) print and check. */

/** XXH64 of bytes, seed 0, as 16 hex digits. */
export type Xxh64 = (bytes: Uint8Array) => string;

/** Loads the package. @throws Error where it is not installed */
export async function loadXxh64(): Promise<Xxh64> {
  const { default: xxhash } = await import('xxhash-wasm');
  const { h64Raw } = await xxhash();
  return (bytes) => h64Raw(bytes).toString(16).padStart(16, '0');
}
