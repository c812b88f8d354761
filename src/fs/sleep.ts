const clock = new Int32Array(new SharedArrayBuffer(4));

/** Stops this thread for so many milliseconds, where something has to be asked again and nothing else can be done meanwhile. */
export function sleepFor(ms: number): void {
  Atomics.wait(clock, 0, 0, ms);
}
