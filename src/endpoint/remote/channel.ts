/**
 * SyncChannel: one numbered channel of a connection, as a thread sees it that works with synchronous calls. The link thread owns the
 * connection; payloads cross between the threads without being copied. Receiving blocks the thread until there is a payload, the
 * connection is lost, or the session is aborted. Credit is granted for what was consumed, so a slow reader holds the peer back.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { TwintreeError, type ErrorCode } from '../../tree/index.js';
import { expandPayload, FIRST_CREDIT } from '../../wire/index.js';

/** One end of a channel: structured-cloneable, its port goes into the transfer list. */
export interface ChannelEnd {
  readonly number: number;
  readonly port: MessagePort;
  /** Shared with the link: two words, see below. */
  readonly state: SharedArrayBuffer;
}

/** Word of `ChannelEnd.state` that counts what was delivered: readers sleep on it. */
const DELIVERED = 0;
/** Word that is not 0 once the session was aborted. */
const ABORTED = 1;

/** Bytes that the peer may send ahead of the reader at most; FIRST_CREDIT at first. What is on its way delays every question on a slow link. */
const MOST_WINDOW = 32 << 20;
/** Share of the window after whose consumption credit is granted. */
const GRANT = 1 / 8;
/** A window that a reader who mostly waits has consumed within this time, ms, is too small for the link. */
const SHORT = 500;

/** Between two calls of `idle`, ms. */
const IDLE = 250;

/** Why a connection ended, as plain data. */
export interface Loss { readonly code: ErrorCode; readonly message: string; readonly advice?: string }

/** From the link thread to the reader. */
export type ToReader = { readonly flags: number; readonly payload: Uint8Array } | { readonly lost: Loss };
/** From the reader to the link thread. */
export type FromReader = { readonly requests: Uint8Array } | { readonly credit: number };

/** A loss as the error that it is. */
export function lossError(loss: Loss): TwintreeError {
  return new TwintreeError(loss.code, loss.message, loss.advice === undefined ? {} : { advice: loss.advice });
}

/** Memory for `ChannelEnd.state`. */
export function channelState(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** Hands a message to the reader and wakes it. The transfer list may be empty. */
export function deliver(port: MessagePort, state: SharedArrayBuffer, message: ToReader): void {
  port.postMessage(message, 'payload' in message ? [message.payload.buffer as ArrayBuffer] : []);
  wake(state);
}

/** Makes all blocking calls on a channel throw ABORTED, from now on. */
export function abortChannel(state: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(state), ABORTED, 1);
  wake(state);
}

function wake(state: SharedArrayBuffer): void {
  const words = new Int32Array(state);
  Atomics.add(words, DELIVERED, 1);
  Atomics.notify(words, DELIVERED);
}

/** The reader's side. */
export class SyncChannel {
  private readonly words: Int32Array;
  private window = FIRST_CREDIT;
  private consumed = 0; // since credit was granted
  private inWindow = 0; // since the window was judged
  private judged = performance.now();
  private waited = 0; // ms
  private lost: Loss | undefined;

  /** @param idle is called now and then while the thread waits; it may abort the channel. */
  constructor(private readonly end: ChannelEnd, private readonly idle?: () => void) {
    this.words = new Int32Array(end.state);
  }

  /** Nothing is sent or received any more. */
  close(): void {
    this.lost ??= { code: 'ABORTED', message: 'the source was closed' };
    this.end.port.close();
  }

  /** Sends requests; `payload` is given away. */
  send(payload: Buffer): void {
    if (this.lost !== undefined) throw lossError(this.lost);
    const own = ownMemory(payload);
    const message: FromReader = { requests: own };
    this.end.port.postMessage(message, [own.buffer as ArrayBuffer]);
  }

  /**
   * The next payload, expanded. Blocks.
   * @throws TwintreeError with the code of the loss (CONNECTION_LOST …), or ABORTED. WireError where it does not expand.
   */
  receive(): Buffer {
    for (;;) {
      const seen = Atomics.load(this.words, DELIVERED);
      const payload = this.take();
      if (payload !== undefined) return payload;
      const since = performance.now();
      if (this.idle === undefined) Atomics.wait(this.words, DELIVERED, seen);
      else if (Atomics.wait(this.words, DELIVERED, seen, IDLE) === 'timed-out') this.idle();
      this.waited += performance.now() - since;
    }
  }

  /** As `receive`, where a payload is there already; else undefined. */
  take(): Buffer | undefined {
    for (;;) {
      if (this.lost !== undefined) throw lossError(this.lost);
      if (Atomics.load(this.words, ABORTED) !== 0) throw new TwintreeError('ABORTED', 'the session was aborted while it waited for the other host');
      const got = receiveMessageOnPort(this.end.port);
      if (got === undefined) return undefined;
      const message = got.message as ToReader;
      if ('lost' in message) {
        this.lost = message.lost;
        continue;
      }
      const payload = Buffer.from(message.payload.buffer, message.payload.byteOffset, message.payload.byteLength);
      this.credit(payload.length);
      return message.flags === 0 ? payload : expandPayload(message.flags, payload);
    }
  }

  private credit(bytes: number): void {
    this.consumed += bytes;
    this.inWindow += bytes;
    if (this.inWindow >= this.window) this.judge();
    if (this.consumed < this.window * GRANT) return;
    const message: FromReader = { credit: this.consumed };
    this.end.port.postMessage(message, []);
    this.consumed = 0;
  }

  /** Doubles the window where the link is fast and the reader waits for it all the same: then it is the round trip that is long. */
  private judge(): void {
    const now = performance.now();
    const elapsed = now - this.judged;
    if (elapsed < SHORT && this.waited > elapsed / 2 && this.window < MOST_WINDOW) {
      this.consumed += this.window;
      this.window *= 2;
    }
    this.inWindow = 0;
    this.waited = 0;
    this.judged = now;
  }
}

/** The bytes in memory of their own, which can be given to another thread: copied only where they share it with others. */
export function ownMemory(bytes: Uint8Array): Uint8Array {
  if (bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength) return bytes;
  const own = new Uint8Array(bytes.byteLength);
  own.set(bytes);
  return own;
}
