/**
 * Jitter: a share of a span that looks random and is always the same for one name and instant, so that a restart, a forecast and another
 * process agree on it, and a thousand hosts with the same schedule do not begin at once. Pure.
 */

/** From 0 up to, not including, 1: FNV-1a over the name and the instant, then the finishing step of MurmurHash3. */
export function jitterShare(name: string, instant: number): number {
  let hash = 0x811c9dc5;
  for (const char of `${name}\0${instant}`) hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
