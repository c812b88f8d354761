/**
 * A kept plan on its way between two hosts: its file in parts, as control messages, no more of them under way than the receiver has allowed. Who
 * receives one validates it as it comes in, exactly as a file is; whichever end that is.
 */
import type { Posix } from '../../fs/index.js';
import type { ControlMessage } from '../../wire/index.js';
import { PlanReader, type SealedPlan } from '../recorded/sealed-plan.js';
import { base64, broken, whole } from './shape.js';

/** Bytes of a plan in one message. */
export const PART = 256 << 10;
/** Parts that may be under way before the receiver allows more. */
export const FIRST_PARTS = 16;
/** Parts that were taken before they are allowed anew. */
const GRANT = 4;

type Send = (message: ControlMessage) => void;

/** Sends one plan. */
export class PlanSender {
  private allowed = FIRST_PARTS;
  private ended = false;
  private wake: (() => void) | undefined;

  constructor(private readonly send: Send) {}

  /** Sends all of it. Resolves also where it was ended before that. */
  async run(bytes: Iterable<Buffer>): Promise<void> {
    for (const part of inParts(bytes)) {
      while (this.allowed === 0 && !this.ended) await new Promise<void>((resolve) => { this.wake = resolve; });
      if (this.ended) return;
      this.allowed--;
      this.send({ type: 'plan-part', bytes: part.toString('base64') });
      await new Promise<void>((resolve) => { setImmediate(resolve); }); // what comes from the other end is heard
    }
  }

  /** A `plan-credit` of the receiver. */
  grant(message: ControlMessage): void {
    this.allowed += whole(message['parts'], 'parts', FIRST_PARTS, 1);
    if (this.allowed > FIRST_PARTS) throw broken('parts', 'are more than were sent');
    this.wake?.();
  }

  /** Nobody takes the rest. */
  end(): void {
    this.ended = true;
    this.wake?.();
  }
}

/** Receives one plan. */
export class PlanReceiver {
  private readonly reader: PlanReader;
  private left = FIRST_PARTS;
  private taken = 0;

  /** @param posix for the temporary file of what exceeds memory */
  constructor(posix: Posix, private readonly send: Send) {
    this.reader = new PlanReader(posix);
  }

  /** A `plan-part`. @throws TwintreeError WIRE, PLAN_FILE. */
  take(message: ControlMessage): void {
    const bytes = base64(message['bytes'], 'a part of a plan', PART);
    if (bytes.length === 0 || this.left === 0) throw broken('a part of a plan', 'is empty, or came before it was allowed');
    this.left--;
    this.reader.push(bytes);
    if (++this.taken < GRANT || this.reader.ended) return;
    this.left += this.taken;
    this.send({ type: 'plan-credit', parts: this.taken });
    this.taken = 0;
  }

  /** All of it is there. */
  get whole(): boolean {
    return this.reader.ended;
  }

  /** The plan, whose store is the caller's from here on. @throws PlanFileError. */
  finish(): SealedPlan {
    return this.reader.finish();
  }

  /** No plan comes of it. */
  discard(): void {
    this.reader.discard();
  }
}

/** The same bytes in parts of equal size; the last one may be shorter. */
function* inParts(bytes: Iterable<Buffer>): Generator<Buffer, void> {
  let held: Buffer[] = [];
  let length = 0;
  for (const piece of bytes) {
    for (let at = 0; at < piece.length;) {
      const more = piece.subarray(at, at + PART - length);
      held.push(more);
      at += more.length;
      length += more.length;
      if (length < PART) continue;
      yield Buffer.concat(held);
      held = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(held);
}
