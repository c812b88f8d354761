/**
 * Recorder: sees the requests and items of a session's channels go by, whichever way the connection was made, and keeps each answer with
 * its request. Rounds of a delta are left out: what counts are the tokens, and which basis they are for. It runs where the connection is owned.
 */
import { COMPRESSION, compressPayload, encodeControl, encodeHello, expandPayload, FrameType, hello, ItemReader, ItemWriter, RequestReader, RequestWriter, type ControlMessage, type Item, type Request } from '../../wire/index.js';
import { SealedFrames, sumsPrint } from './format.js';

/** Bytes of items in a frame. */
const FRAME = 256 << 10;

/** How a session is recorded. Plain data. */
export interface RecordSetup {
  /** What was recorded: the first Control frames. */
  readonly head: readonly ControlMessage[];
  /** Access times travel. */
  readonly atimes: boolean;
  /** The file is compressed where that pays. */
  readonly compress: boolean;
}

/** A payload that goes on. */
export interface Passed { readonly flags: number; readonly payload: Uint8Array }

/** Where one channel stands. */
interface Channel {
  /** Requests that are not answered. */
  readonly due: Request[];
  /** The answer to the first of them has begun. */
  begun: boolean;
  readonly items: ItemWriter;
}

/** Records one session. */
export class Recorder {
  private readonly out: SealedFrames;
  private readonly channels = new Map<number, Channel>();

  constructor(private readonly setup: RecordSetup, write: (bytes: Buffer) => void) {
    this.out = new SealedFrames(write);
    this.out.frame(FrameType.Hello, 0, encodeHello(hello('agent', 'twintree batch', { ...COMPRESSION, zstd: false })));
    for (const message of setup.head) this.out.frame(FrameType.Control, 0, encodeControl(message));
  }

  /**
   * A payload of requests goes by. Returns what shall go on in its place: a batch has to have every folder, so nobody is asked for digests.
   * @throws WireError
   */
  requests(channel: number, flags: number, payload: Uint8Array): Passed {
    const { due } = this.of(channel);
    let changed = false;
    const passed: Request[] = [];
    for (const reader = new RequestReader(expandPayload(flags, viewOf(payload))); !reader.done;) {
      const asked = reader.next();
      const request = asked.kind === 'walk' && asked.digests === true ? { ...asked, digests: false } : asked;
      changed ||= request !== asked;
      passed.push(request);
      if (request.kind === 'refine') continue;
      due.push(request.kind === 'content' && request.sums !== undefined ? { ...request, sums: sumsPrint(request.sums) } : request);
    }
    if (!changed) return { flags, payload };
    const writer = new RequestWriter();
    for (const request of passed) writer.write(request);
    return { flags: 0, payload: writer.take() };
  }

  /** A payload of items goes by. @throws WireError */
  items(number: number, flags: number, payload: Uint8Array): void {
    const channel = this.of(number);
    for (const reader = new ItemReader(expandPayload(flags, viewOf(payload))); !reader.done;) {
      const item = reader.next();
      const [request] = channel.due;
      if (request === undefined || item.kind === 'refine') continue; // nobody asked: whoever reads it ends the session
      if (!channel.begun) this.begin(number, channel, request);
      channel.items.write(item);
      const ended = isLast(request, item);
      if (ended || channel.items.length >= FRAME) this.flush(number, channel);
      if (!ended) continue;
      channel.due.shift();
      channel.begun = false;
    }
  }

  /** The session is over: the batch is whole. */
  finish(): void {
    this.out.end();
  }

  /** Bytes so far. */
  get length(): number {
    return this.out.length;
  }

  private begin(number: number, channel: Channel, request: Request): void {
    const writer = new RequestWriter();
    writer.write(request);
    this.out.frame(FrameType.Requests, number, writer.take());
    channel.begun = true;
  }

  private flush(number: number, channel: Channel): void {
    const payload = channel.items.take();
    if (!this.setup.compress) return this.out.frame(FrameType.Items, number, payload);
    const packed = compressPayload(payload, { ...COMPRESSION, zstd: false });
    this.out.frame(FrameType.Items, number, packed.payload, packed.flags);
  }

  private of(number: number): Channel {
    let channel = this.channels.get(number);
    if (channel === undefined) this.channels.set(number, (channel = { due: [], begun: false, items: new ItemWriter({ atimes: this.setup.atimes }) }));
    return channel;
  }
}

/** Whether an item ends the answer to a request. */
export function isLast(request: Request, item: Item): boolean {
  switch (item.kind) {
    case 'folder': return request.kind === 'folder' && !item.more;
    case 'walk-end': case 'answer': case 'content-end': return true;
    case 'content-begin': return item.errno !== 0;
    case 'literal': case 'copy': case 'hole': case 'refine': case 'digest': return false;
  }
}

/** The bytes as a Buffer. */
function viewOf(payload: Uint8Array): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
