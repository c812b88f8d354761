/** Milliseconds since 1970 by a clock that never runs backwards, whatever becomes of the system's. */
const ORIGIN = Date.now() - performance.now();

export function steadyNow(): number {
  return Math.round(ORIGIN + performance.now());
}
