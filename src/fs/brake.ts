/**
 * Brake: a process that may use only so much CPU time, or read only so many bytes a second, in all its threads together. Working threads look at it at their
 * file calls, which they make all the time, and sleep there when more was used than is allowed. What its other threads use counts and is not held up.
 */
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import type { Posix } from './posix.js';

/** What a process may use; 0: no limit. */
export interface Allowance {
  /** CPU time by the time that passes: 0.5 is half a core, 2 are two. */
  readonly cpu: number;
  /** Bytes of file content a second. */
  readonly reading: number;
}

/** Under this name the threads of a process find its limits. */
const LIMITS = 'twintree.limits';
/** What was not used is kept for so long, ms. */
const SAVED = 100;
/** A thread asks for the process's CPU time that often, ms: asking costs some µs. */
const ASKS = 5;
/** The main thread has to hear signals: it sleeps so long at once, ms. */
const MAIN_SLEEP = 50;
/** Less is not waited for, ms. */
const LEAST_WAIT = 2;

enum Int { Lock, Bell }
enum Num { Cpu, Reading, CpuDue, CountedCpu, ReadDue }
const INTS = 8;

/** Sets what this process, with all threads that it starts from now on, may use; or something else. */
export function limitProcess({ cpu, reading }: Allowance): void {
  const memory = limits() ?? new SharedArrayBuffer(INTS * 4 + 8 * 8);
  const brake = new Brake(memory);
  brake.set(cpu, reading);
  setEnvironmentData(LIMITS, memory as unknown as Parameters<typeof setEnvironmentData>[1]);
}

/** Lets threads go that sleep on the brake: what they do is over. What was used stays counted. */
export function wakeBraked(): void {
  const memory = limits();
  if (memory !== undefined) new Brake(memory).wake();
}

/** Whether reading is limited: who must not wait long leaves it to others. */
export function readingIsLimited(): boolean {
  const memory = limits();
  return memory !== undefined && new Brake(memory).readingIsLimited;
}

/** These calls, held to what the process may use. The same object where there is no limit. */
export function braked(posix: Posix): Posix {
  const memory = limits();
  if (memory === undefined) return posix;
  const brake = new Brake(memory);
  const own: Partial<Posix> = {
    open: (...args) => brake.after(posix.open(...args)),
    list: (...args) => brake.after(posix.list(...args)),
    stat: (...args) => brake.after(posix.stat(...args)),
    statMany: (...args) => brake.after(posix.statMany(...args)),
    write: (...args) => brake.after(posix.write(...args)),
    read: (...args) => brake.afterReading(posix.read(...args)),
    copyRange: (...args) => brake.afterReading(posix.copyRange(...args)),
  };
  const bound = new Map<string | symbol, unknown>(Object.entries(own));
  return new Proxy(posix, {
    get(target, name) {
      if (!bound.has(name)) {
        const value: unknown = Reflect.get(target, name, target);
        bound.set(name, typeof value === 'function' ? value.bind(target) : value);
      }
      return bound.get(name);
    },
  });
}

function limits(): SharedArrayBuffer | undefined {
  const data: unknown = getEnvironmentData(LIMITS);
  return data instanceof SharedArrayBuffer ? data : undefined;
}

/** One thread's view. Times are ms of a clock that all threads share. */
class Brake {
  private readonly ints: Int32Array;
  private readonly nums: Float64Array;
  private asked = 0;

  constructor(memory: SharedArrayBuffer) {
    this.ints = new Int32Array(memory, 0, INTS);
    this.nums = new Float64Array(memory, INTS * 4);
  }

  get readingIsLimited(): boolean {
    return (this.nums[Num.Reading] as number) > 0;
  }

  set(cpu: number, reading: number): void {
    const now = clock();
    this.locked(() => {
      this.nums.set([cpu, reading, now, cpuTime(), now]);
    });
    this.wake();
  }

  wake(): void {
    Atomics.add(this.ints, Int.Bell, 1);
    Atomics.notify(this.ints, Int.Bell);
  }

  after<T>(result: T): T {
    const now = clock();
    if ((this.nums[Num.Cpu] as number) > 0 && now - this.asked >= ASKS) {
      this.sleep(() => this.cpuWait());
      this.asked = clock();
    }
    return result;
  }

  afterReading(got: number): number {
    if (got > 0 && this.readingIsLimited) this.sleep(this.spent(got));
    return this.after(got);
  }

  /** How long to wait until the CPU time of the process is within its share. */
  private cpuWait(): number {
    const now = clock();
    return this.locked(() => {
      const { nums } = this;
      const share = nums[Num.Cpu] as number;
      if (share <= 0) return 0;
      const used = cpuTime();
      nums[Num.CpuDue] = Math.max(nums[Num.CpuDue] as number, now - SAVED) + (used - (nums[Num.CountedCpu] as number)) / share;
      nums[Num.CountedCpu] = used;
      return (nums[Num.CpuDue] as number) - now;
    });
  }

  /** Counts bytes that were read, once; then tells how long to wait for them. */
  private spent(bytes: number): () => number {
    let due: number | undefined;
    return () => {
      const now = clock();
      const rate = this.nums[Num.Reading] as number;
      if (rate <= 0) return 0;
      due ??= this.locked(() => {
        const at = Math.max(this.nums[Num.ReadDue] as number, now - SAVED) + (bytes / rate) * 1000;
        this.nums[Num.ReadDue] = at;
        return at;
      });
      return due - now;
    };
  }

  /** Sleeps as long as `wait` tells, or until it is woken. */
  private sleep(wait: () => number): void {
    const seen = Atomics.load(this.ints, Int.Bell);
    for (let ms = wait(); ms > LEAST_WAIT; ms = wait()) {
      if (Atomics.wait(this.ints, Int.Bell, seen, isMainThread ? Math.min(MAIN_SLEEP, ms) : ms) !== 'timed-out' || isMainThread) return;
    }
  }

  private locked<T>(act: () => T): T {
    while (Atomics.compareExchange(this.ints, Int.Lock, 0, 1) !== 0); // held for a few instructions only
    const result = act();
    Atomics.store(this.ints, Int.Lock, 0);
    return result;
  }
}

function clock(): number {
  return performance.timeOrigin + performance.now();
}

/** CPU time of the whole process, ms. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
