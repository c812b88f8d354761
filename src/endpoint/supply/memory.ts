/**
 * The memory that the supplier's main thread shares with one of its supply threads: a bell that wakes it, the order to end, and for
 * each of its channels the credit that is left and the bytes of requests that are not dealt with. The main thread adds, the thread takes.
 */

/** Channels that one thread serves at most. */
export const MAX_SLOTS = 512;
/** Bytes of items that all threads of a supplier may make ahead of the connection's taking them, whatever credit the session grants. */
export const MOST_AHEAD = 64 << 20;
/** What a frame of requests costs beside its bytes. */
const FRAME_COST = 256;

/** What a frame of requests weighs while it waits. */
export function requestWeight(payload: Uint8Array): number {
  return payload.length + FRAME_COST;
}

/** Credit that can be held; more is given away to no effect. */
const MOST_CREDIT = 2 ** 30;

const BELL = 0;
const ENDED = 1;
const FIRST = 2;

/** One thread's counters. */
export class SupplyMemory {
  private readonly ints: Int32Array;

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(4 * (FIRST + 2 * MAX_SLOTS))) {
    this.ints = new Int32Array(memory);
  }

  get ended(): boolean { return Atomics.load(this.ints, ENDED) !== 0; }

  /** Tells the thread to end. */
  end(): void {
    Atomics.store(this.ints, ENDED, 1);
    this.ring();
  }

  /** How often the bell was rung. */
  get bell(): number { return Atomics.load(this.ints, BELL); }

  ring(): void {
    Atomics.add(this.ints, BELL, 1);
    Atomics.notify(this.ints, BELL);
  }

  /** Sleeps until the bell is rung, unless that has happened since it read `heard`. */
  wait(heard: number): void {
    Atomics.wait(this.ints, BELL, heard);
  }

  credit(slot: number): number { return Atomics.load(this.ints, FIRST + 2 * slot); }

  addCredit(slot: number, bytes: number): void {
    const room = MOST_CREDIT - this.credit(slot); // only the thread changes it meanwhile, and it takes
    Atomics.add(this.ints, FIRST + 2 * slot, Math.min(bytes, room));
  }

  takeCredit(slot: number, bytes: number): void {
    Atomics.sub(this.ints, FIRST + 2 * slot, bytes);
  }

  /** Adds bytes of requests (a negative number: they are dealt with) and returns how many there are. */
  addRequests(slot: number, bytes: number): number {
    return Atomics.add(this.ints, FIRST + 2 * slot + 1, bytes) + bytes;
  }
}

/** How much all threads of a supplier have made that has not left, shared by all of them. The threads add, the main thread takes away. */
export class Ahead {
  private readonly ints: Int32Array;

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.ints = new Int32Array(memory);
  }

  /** Bytes that may be made. */
  get room(): number { return MOST_AHEAD - Atomics.load(this.ints, 0); }

  add(bytes: number): void {
    Atomics.add(this.ints, 0, bytes);
  }
}
