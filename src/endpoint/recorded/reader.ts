/**
 * BatchReader: a batch as it comes in, validated whole: frames and their seal, every request and item, that answers fit their requests and
 * deltas their basis. What is left is its head and an index: where the answer to each request stands. The index grows with the number of
 * files that were transferred, the rest of the memory does not grow.
 */
import { RecordedAnswer } from './answer.js';
import { badBatch, guarded, requestKey, SealedFrameReader } from './format.js';
import { expandPayload, FrameType, ItemReader, parseControl, parseHello, PROTOCOL_LEAST, PROTOCOL_MOST, RequestReader, type ControlMessage, type Frame } from '../../wire/index.js';

/** Most Control frames of a head: mounts and a selection of millions of names fit. */
const MOST_HEAD = 4096;
/** Bytes of a head. */
const MOST_HEAD_BYTES = 256 << 20;
/** Most channels of a recording. */
const MOST_CHANNELS = 1024;

/** An answer in the file. */
export interface BatchEntry {
  /** Place of its Requests frame. */
  readonly at: number;
  /** Frames of items. */
  readonly frames: number;
  /** It copies from a basis. */
  readonly delta: boolean;
}

/** Where the answers stand in a batch, by `requestKey`. Plain data. */
export type BatchIndex = ReadonlyMap<string, BatchEntry>;

/** Reads a batch. Every method throws TwintreeError PLAN_FILE. */
export class BatchReader {
  readonly head: ControlMessage[] = [];
  private headBytes = 0;
  private readonly entries = new Map<string, BatchEntry>();
  private readonly channels = new Map<number, RecordedAnswer>();
  private readonly frames: SealedFrameReader;

  constructor() {
    this.frames = new SealedFrameReader((frame, at) => { guarded(() => { this.frame(frame, at); }); });
  }

  push(bytes: Buffer): void {
    this.frames.push(bytes);
  }

  /** All is read. */
  finish(): BatchIndex {
    this.frames.finish();
    if (this.head.length === 0) throw badBatch('it has no head');
    return this.entries;
  }

  private frame(frame: Frame, at: number): void {
    switch (frame.type) {
      case FrameType.Hello: {
        const { least, most } = parseHello(frame.payload);
        if (most < PROTOCOL_LEAST || least > PROTOCOL_MOST) throw badBatch(`it holds version ${least} of the protocol`);
        return;
      }
      case FrameType.Control:
        this.headBytes += frame.payload.length;
        if (this.channels.size > 0 || this.head.length >= MOST_HEAD || this.headBytes > MOST_HEAD_BYTES) throw badBatch('its head is not where it should be');
        this.head.push(parseControl(frame.payload));
        return;
      case FrameType.Requests: return this.requests(frame, at);
      case FrameType.Items: return this.items(frame);
      case FrameType.Credit: case FrameType.Ping: case FrameType.Pong: case FrameType.Bye:
        throw badBatch('it holds frames that nobody records');
    }
  }

  private requests({ channel, flags, payload }: Frame, at: number): void {
    if (this.head.length === 0) throw badBatch('it has no head');
    const reader = new RequestReader(expandPayload(flags, payload));
    const request = reader.next();
    if (!reader.done) throw badBatch('two requests share a frame');
    if (this.channels.size >= MOST_CHANNELS && !this.channels.has(channel)) throw badBatch('it has too many channels');
    this.channels.set(channel, new RecordedAnswer(request, at)); // one that was not finished before does not count
  }

  private items({ channel, flags, payload }: Frame): void {
    const answer = this.channels.get(channel);
    if (answer === undefined) throw badBatch('an answer stands before its request');
    answer.frames++;
    for (const reader = new ItemReader(expandPayload(flags, payload)); !reader.done;) {
      const mistake = answer.take(reader.next());
      if (mistake !== undefined) throw badBatch(mistake);
    }
    if (!answer.whole) return;
    // The last answer counts: the session asked again, since the one before was not right. One that failed takes no place.
    const key = requestKey(answer.request);
    if (answer.failed && this.entries.has(key)) return;
    this.entries.set(key, { at: answer.at, frames: answer.frames, delta: answer.delta });
  }
}
