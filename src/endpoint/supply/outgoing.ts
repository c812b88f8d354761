/**
 * What goes out on one channel: items gathered into frames of about 256 KiB, compressed where that is asked for and pays, and handed
 * on only within the session's credit.
 *
 * Writing never waits; who writes calls `pump` soon after, which does. A frame of more than MOST_AT_ONCE (a single item can be that
 * large) needs only so much credit to go, so that no window is too small for it; the rest is taken from what comes.
 */
import { compressPayload, FIRST_CREDIT, ItemWriter, MAX_LITERAL_ITEM, type Compression, type Item } from '../../wire/index.js';
import type { Compressing } from './messages.js';
import type { Job } from './wait.js';

/** Bytes of items after which a frame is full. */
const FRAME = 256 << 10;
/** Credit that any frame can go with, bytes. */
export const MOST_AT_ONCE = 1 << 20;
/** Most frames in a row that go uncompressed because the last ones did not shrink. */
const MOST_SKIPPED = 16;
/** Shorter frames do not tell whether the next one will shrink, bytes. */
const TELLING = 16 << 10;
/** Share of the time spent waiting for credit above which 'auto' begins to compress, and below which it stops. */
const SLOW_LINK = 0.3;
const FAST_LINK = 0.05;

/** Credit of the channel. */
export interface Credit {
  left(): number;
  /** Bytes that may be handed on before the connection has taken what was handed on. */
  room(): number;
  take(bytes: number): void;
}

/** How an Outgoing is set up. */
export interface OutgoingOptions {
  credit: Credit;
  compressing: Compressing;
  compression: Compression;
  /** Whether the link is known to be slow: who mostly waits for requests never waits for credit, and does not see it. */
  slow(): boolean;
  /** atime and birth time travel. */
  stats: { atimes: boolean; btimes: boolean };
  /** Takes a payload; its memory is its own. */
  post(flags: number, payload: Uint8Array): void;
}

/** Who takes items. */
export type ItemSink = Pick<Outgoing, 'length' | 'write' | 'writeLarge' | 'literal' | 'pump' | 'flush'>;

/** One channel's way out. */
export class Outgoing {
  private readonly writer: ItemWriter;
  private readonly full: Buffer[] = [];
  private skip = 0; // frames still to go uncompressed
  private skipped = 0; // how many the last time
  private waited = 0; // share of the time spent waiting for credit, an average of the last frames
  private lastSent = performance.now();
  private compresses = false;
  private sent = 0; // bytes

  constructor(private readonly options: OutgoingOptions) {
    this.writer = new ItemWriter(options.stats);
  }

  /** Bytes that wait for a full frame. */
  get length(): number {
    return this.writer.length;
  }

  /** Adds an item. */
  write(item: Item): void {
    this.writer.write(item);
    if (this.writer.length >= FRAME) this.cut();
  }

  /** Adds an item of up to `size` bytes, which may be more than a frame usually holds. */
  writeLarge(item: Item, size: number): void {
    if (this.writer.length > 0 && this.writer.length + size > FRAME) this.cut();
    this.write(item);
  }

  /** Adds bytes of content, in as many items as they need. */
  literal(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += MAX_LITERAL_ITEM) this.write({ kind: 'literal', bytes: bytes.subarray(at, at + MAX_LITERAL_ITEM) });
  }

  /** Sends the full frames. */
  *pump(): Job {
    for (let payload = this.full.shift(); payload !== undefined; payload = this.full.shift()) yield* this.send(payload);
  }

  /** Sends all that was written. */
  *flush(): Job {
    if (this.writer.length > 0) this.cut();
    yield* this.pump();
  }

  private cut(): void {
    this.full.push(this.writer.take());
  }

  private *send(items: Buffer): Job {
    const { flags, payload } = this.packed(items);
    const need = Math.min(payload.length, MOST_AT_ONCE);
    const { credit } = this.options;
    const began = performance.now();
    while (Math.min(credit.left(), credit.room()) < need) yield need;
    const now = performance.now();
    const share = (now - began) / Math.max(0.001, now - this.lastSent);
    this.waited += 0.2 * (Math.min(1, share) - this.waited);
    this.lastSent = now;
    credit.take(payload.length);
    this.sent += payload.length;
    this.options.post(flags, payload);
  }

  private packed(items: Buffer): { flags: number; payload: Buffer } {
    if (!this.wantsCompression()) return { flags: 0, payload: items };
    if (this.skip > 0) {
      this.skip--;
      return { flags: 0, payload: items };
    }
    const packed = compressPayload(items, this.options.compression);
    if (packed.flags !== 0) this.skipped = 0;
    else if (items.length >= TELLING) this.skip = this.skipped = Math.min(MOST_SKIPPED, 2 * this.skipped + 1);
    return packed;
  }

  private wantsCompression(): boolean {
    switch (this.options.compressing) {
      case 'on': return true;
      case 'off': return false;
      case 'auto': {
        // Nothing is known of the link until something has arrived, and a slow one would carry the whole first credit as it is before anyone waits.
        const granted = this.options.credit.left() + this.sent - FIRST_CREDIT;
        const unproven = granted <= 0 || (this.compresses && this.sent - granted > FIRST_CREDIT / 2);
        this.compresses = unproven || this.options.slow() || this.waited > (this.compresses ? FAST_LINK : SLOW_LINK);
        return this.compresses;
      }
    }
  }
}
