/**
 * SendQueue: what a Peer sends, on its way into the stream: in order, as fast as the stream takes it, or spread evenly over time
 * under a bandwidth limit. Whoever fills it asks how much waits, and waits for `drained`.
 */
import type { Writable } from 'node:stream';
import { TokenBucket } from './token-bucket.js';

/** Queued bytes at which `drained` resolves. */
const LOW_WATER = 256 << 10;
/** Most bytes of one write: on a slow link each that was taken is a sign of life. */
const MOST_PIECE = 256 << 10;

export class SendQueue {
  /** Bytes that the stream has taken. */
  sent = 0;
  /** When the stream last took something that was not quiet, ms of `performance.now()`. */
  lastTaken = performance.now();

  readonly #chunks: Buffer[] = [];
  readonly #begins: boolean[] = []; // whether a frame begins with the chunk
  #head = 0;
  #offset = 0; // sent of the first chunk
  #bytes = 0;
  #scheduled = false;
  #full = false;
  #over = false;
  #bucket: TokenBucket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: { most: number; resolve: () => void }[] = [];
  #left = 0; // bytes that the stream has passed on
  readonly #marks: { upTo: number; reached: () => void }[] = [];

  constructor(private readonly stream: Writable) {
    stream.on('drain', () => {
      this.#full = false;
      this.#pump();
      this.#tell();
    });
  }

  /** Bytes that wait here and in the stream. */
  get queued(): number {
    return this.#bytes + this.stream.writableLength;
  }

  /** Bytes a second; 0: no limit. */
  limit(rate: number): void {
    this.#bucket = rate > 0 ? new TokenBucket(rate, () => performance.now()) : undefined;
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#schedule();
    }
  }

  /** Bytes that were given to this so far. */
  get given(): number {
    return this.sent + this.#bytes;
  }

  /** Calls `reached` when all that was given before has left, in the order of the calls; never where the queue is stopped before. */
  mark(reached: () => void): void {
    this.#marks.push({ upTo: this.given, reached });
    this.#reach(0);
  }

  #reach(bytes: number): void {
    this.#left += bytes;
    for (let first = this.#marks[0]; first !== undefined && first.upTo <= this.#left; first = this.#marks[0]) {
      this.#marks.shift();
      first.reached();
    }
  }

  /** Appends one frame; nothing is copied: the buffers must not change until they are sent. */
  push(frame: readonly Buffer[]): void {
    if (this.#over) return;
    let begins = true;
    for (const buffer of frame) {
      if (buffer.length === 0) continue;
      this.#chunks.push(buffer);
      this.#begins.push(begins);
      this.#bytes += buffer.length;
      begins = false;
    }
    this.#schedule();
  }

  /** Writes a small frame at once where nothing waits. That it was taken does not count as a sign of life. */
  quiet(frame: readonly Buffer[]): void {
    if (this.#over || this.#bytes > 0) return;
    for (const buffer of frame) {
      this.stream.write(buffer, () => { this.#reach(buffer.length); });
      this.sent += buffer.length;
    }
  }

  /** Drops what waits and writes this frame at once, whatever the limit; nothing where it would stand inside another frame. Takes nothing more. */
  last(frame: readonly Buffer[]): void {
    if (this.#over) return;
    const between = this.#offset === 0 && (this.#bytes === 0 || this.#begins[this.#head] === true);
    this.stop();
    if (between) this.stream.write(Buffer.concat(frame)); // in one piece: the stream may be destroyed before it takes another
  }

  /** Resolved when little waits; at once where that is so. */
  drained(): Promise<void> {
    return this.#below(LOW_WATER);
  }

  /** Resolved when the stream has passed everything on, or the queue was stopped. */
  flushed(): Promise<void> {
    return this.#below(0);
  }

  /** Drops what waits and takes nothing more. */
  stop(): void {
    this.#over = true;
    this.#forget();
    this.#bytes = 0;
    clearTimeout(this.#timer);
    this.#tell();
  }

  #below(most: number): Promise<void> {
    if (this.#over || this.queued <= most) return Promise.resolve();
    return new Promise((resolve) => { this.#waiting.push({ most, resolve }); });
  }

  /** Frames of one turn leave in one write. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#over || this.#full || this.#timer !== undefined || this.#bytes === 0) return;
    this.stream.cork();
    while (this.#bytes > 0 && !this.#full) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined) break;
      const left = chunk.length - this.#offset;
      const n = this.#bucket === undefined ? Math.min(left, MOST_PIECE) : this.#bucket.take(Math.min(left, MOST_PIECE));
      if (n === 0) {
        this.#wait(Math.min(left, MOST_PIECE));
        break;
      }
      this.#take(n, left, chunk);
    }
    this.stream.uncork();
  }

  #take(n: number, left: number, chunk: Buffer): void {
    const piece = n === chunk.length ? chunk : chunk.subarray(this.#offset, this.#offset + n);
    this.#bytes -= n;
    this.sent += n;
    if (n === left) {
      this.#offset = 0;
      this.#head++;
      if (this.#head === this.#chunks.length) this.#forget();
      else if (this.#head >= 1024) {
        this.#chunks.splice(0, this.#head);
        this.#begins.splice(0, this.#head);
        this.#head = 0;
      }
    } else this.#offset += n;
    this.#full = !this.stream.write(piece, () => {
      this.lastTaken = performance.now();
      this.#reach(n);
      if (this.#waiting.length > 0) this.#tell();
    });
  }

  #forget(): void {
    this.#chunks.length = 0;
    this.#begins.length = 0;
    this.#head = 0;
  }

  #wait(left: number): void {
    const ms = this.#bucket?.waitMs(left) ?? 0;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, Math.max(1, ms));
  }

  #tell(): void {
    if (this.#waiting.length === 0) return;
    const { queued } = this;
    const still = this.#waiting.filter(({ most }) => !this.#over && queued > most);
    const done = this.#waiting.filter(({ most }) => this.#over || queued <= most);
    this.#waiting = still;
    for (const { resolve } of done) resolve();
  }
}
