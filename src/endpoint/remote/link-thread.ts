/**
 * The link thread: owns one end's connection, so that it lives on while the working threads block. It hands frames on by channel
 * without looking into them, keeps the peer within the credit it was given, and tells everyone when the connection is lost.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { TwintreeError } from '../../tree/index.js';
import { connect, Peer, type Connection } from '../../transport/index.js';
import { compressPayload, encodeControl, encodeCredit, FIRST_CREDIT, FrameType, MAX_PAYLOAD, NO_COMPRESSION, parseControl, parseCredit, WireError, type Compression, type Frame } from '../../wire/index.js';
import { Recording } from '../recorded/recording.js';
import { runReplay } from '../recorded/replay-link.js';
import type { Compressing } from '../supply/messages.js';
import { deliver, ownMemory, type FromReader, type Loss } from './channel.js';
import { Counter, type FromLink, type LinkThreadData, type ToLink } from './link-messages.js';

/** Weight of messages that the main thread has not dealt with, above which nothing is read; and a message's weight beside its bytes. */
const MOST_UNHEARD = 4 << 20;
const MESSAGE_WEIGHT = 256;
/** Bytes of items that have left are told to the main thread in steps of this many. */
const TELL_TAKEN = 1 << 20;

/** One channel of the connection. */
interface LinkChannel {
  readonly number: number;
  readonly port: MessagePort;
  readonly state: SharedArrayBuffer;
  /** Bytes that the peer may still send. */
  credit: number;
}

/** Runs the link until it is closed. Throws where this is not a worker thread. */
export function runLink(): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a worker thread only');
  const data = workerData as LinkThreadData;
  if (data.replay !== undefined) {
    runReplay(data.replay);
    return;
  }
  const thread = new LinkThread(port, data);
  process.on('uncaughtException', (error) => thread.lose({ code: 'INTERNAL', message: error.stack ?? String(error) }));
  void thread.run();
}

class LinkThread {
  private readonly channels = new Map<number, LinkChannel>();
  private readonly counters: Float64Array;
  private connection: Connection | undefined;
  private peer: Peer | undefined;
  private loss: Loss | undefined;
  private closing = false;
  private recording: Recording | undefined;
  private unheard = 0; // weight
  private held = false; // nothing is read until the main thread has caught up
  private handed = 0; // bytes of items that the main thread gave in this session, and has not been told of as taken
  private draining = false;
  private recounts = false; // once what waits has left
  private packing: Compressing = 'auto'; // of requests
  private expands: Compression = NO_COMPRESSION; // the other end
  private session = 0; // number of the session under way, or of the next one

  constructor(private readonly main: MessagePort, private readonly data: LinkThreadData) {
    this.counters = new Float64Array(data.counters);
    main.on('message', (message: ToLink) => this.receive(message));
  }

  async run(): Promise<void> {
    const { spec, options } = this.data;
    const text = (line: string): void => this.say({ kind: 'text', text: line });
    try {
      const connection = await connect(spec, { connectTimeoutMs: options.connectTimeoutMs, stderr: text });
      this.connection = connection;
      const { role, connectTimeoutMs: _, ...settings } = options;
      const peer = new Peer(connection.stream, role, { ...settings, about: connection.about, ended: connection.ended, onBanner: text });
      this.peer = peer;
      peer.onFrame = (frame) => this.frame(frame);
      peer.onPong = () => this.count();
      peer.onEnd = (error) => this.ended(error);
      const theirs = await peer.start();
      this.expands = theirs.compression;
      this.say({ kind: 'opened', hello: theirs, at: Date.now(), about: connection.about, notices: connection.notices });
    } catch (error) {
      this.ended(error instanceof TwintreeError ? error : new TwintreeError('INTERNAL', String(error), { cause: error }));
    }
  }

  private say(message: FromLink, transfer: ArrayBuffer[] = []): void {
    this.main.postMessage(message, transfer);
  }

  // ---------------------------------------------------------------- from the connection

  private frame(frame: Frame): void {
    this.count();
    try {
      switch (frame.type) {
        case FrameType.Items: this.items(frame); return;
        case FrameType.Control: this.say({ kind: 'control', message: parseControl(frame.payload), weight: this.weigh(frame.payload.length) }); return;
        case FrameType.Requests: case FrameType.Credit: {
          if (frame.type === FrameType.Credit) parseCredit(frame.payload);
          if (this.channels.size > 0) throw new TwintreeError('WIRE', 'the other host asks, where it has to answer');
          const asked = frame.type === FrameType.Requests ? (this.recording?.requests(frame.channel, frame.flags, frame.payload) ?? frame) : frame;
          const payload = ownMemory(asked.payload);
          this.say({ kind: 'frame', type: frame.type, channel: frame.channel, flags: asked.flags, payload, weight: this.weigh(frame.payload.length) }, [payload.buffer as ArrayBuffer]);
          return;
        }
        case FrameType.Hello: case FrameType.Ping: case FrameType.Pong: case FrameType.Bye:
          return; // the peer's own
      }
    } catch (error) {
      this.refuse(error);
    }
  }

  /** A message for the main thread. Where that has not dealt with the ones before, nothing more is read. @throws TwintreeError WIRE where that could last for ever. */
  private weigh(bytes: number): number {
    const weight = bytes + MESSAGE_WEIGHT;
    this.unheard += weight;
    if (this.unheard > MOST_UNHEARD && !this.held) {
      // A main thread that waits for items hears nothing until they come, and they would not: an honest supplier says next to nothing meanwhile.
      if (this.channels.size > 0) throw new TwintreeError('WIRE', 'the other host says more than anyone waits for');
      this.held = true;
      this.peer?.pause();
    }
    return weight;
  }

  private heard(weight: number): void {
    this.unheard -= weight;
    if (!this.held || this.unheard > MOST_UNHEARD / 2) return;
    this.held = false;
    this.peer?.resume();
  }

  /** Tells the main thread how much of what it supplied has left, so that no more is made ahead of the connection than memory may hold. */
  private supplied(bytes: number): void {
    const { peer } = this;
    this.handed += bytes;
    if (peer === undefined || this.handed < TELL_TAKEN) return;
    if (this.handed - peer.queued >= TELL_TAKEN) this.taken(this.handed - peer.queued);
    if (!this.draining && this.handed >= TELL_TAKEN) void this.drain(peer);
  }

  private async drain(peer: Peer): Promise<void> {
    this.draining = true;
    await peer.drained();
    this.draining = false;
    if (this.handed > 0) this.taken(this.handed);
  }

  private taken(bytes: number): void {
    this.handed -= bytes;
    this.say({ kind: 'taken', bytes, session: this.session });
  }

  /** Ends the connection: the other host broke the protocol, or a recording cannot go on. */
  private refuse(error: unknown): void {
    if (!(error instanceof TwintreeError) && !(error instanceof WireError)) throw error;
    const refusal = error instanceof TwintreeError ? error : new TwintreeError('WIRE', `the other host broke the protocol: ${error.message}`, { cause: error });
    if (this.peer === undefined) this.ended(refusal);
    else this.peer.refuse(refusal);
  }

  /** Does what concerns the recording; where it fails the session ends. */
  private recorded(work: (recording: Recording) => void): void {
    if (this.recording === undefined) return;
    try {
      work(this.recording);
    } catch (error) {
      this.refuse(error);
    }
  }

  private record(message: Extract<ToLink, { kind: 'record' }>): void {
    try {
      this.recording = new Recording(message.path, message.setup);
      this.say({ kind: 'recording' });
    } catch (error) {
      this.refuse(error);
    }
  }

  private items(frame: Frame): void {
    const channel = this.channels.get(frame.channel);
    if (channel === undefined && this.channels.size === 0 && this.session > 0) return; // an answer that nobody of the last session had waited for
    if (channel === undefined) throw new TwintreeError('WIRE', `the other host answers on channel ${frame.channel}, where nothing was asked`);
    const { payload } = frame;
    this.recording?.items(frame.channel, frame.flags, payload);
    channel.credit -= payload.length;
    // One frame may exceed the credit that is left; who goes on without any means to fill our memory.
    if (channel.credit < -MAX_PAYLOAD) throw new TwintreeError('WIRE', 'the other host sends more than it was allowed to');
    deliver(channel.port, channel.state, { flags: frame.flags, payload: ownMemory(payload) });
  }

  private ended(error: TwintreeError | undefined): void {
    if (this.closing && error === undefined) return;
    this.lose(error === undefined
      ? { code: 'CONNECTION_LOST', message: 'the other host ended the connection' }
      : { code: error.code, message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) });
  }

  /** Tells everyone that nothing comes any more. */
  lose(loss: Loss): void {
    if (this.loss !== undefined) return;
    this.loss = loss;
    for (const { port, state } of this.channels.values()) deliver(port, state, { lost: loss });
    this.count();
    this.say({ kind: 'lost', loss });
    this.connection?.close();
  }

  // ---------------------------------------------------------------- from the session

  private receive(message: ToLink): void {
    switch (message.kind) {
      case 'channel': this.open(message); return;
      case 'control':
        this.peer?.send(FrameType.Control, 0, encodeControl(message.message));
        this.count();
        return;
      case 'frame':
        this.recorded((recording) => { recording.items(message.channel, message.flags, message.payload); });
        this.peer?.send(message.type, message.channel, message.payload, message.flags);
        this.supplied(message.payload.length);
        this.count();
        return;
      case 'limit': this.peer?.setBwlimit(message.bytesPerSecond); return;
      case 'pack': this.packing = message.mode; return;
      case 'renew': this.renew(message.session); return;
      case 'patience': this.peer?.setTimeout(message.ms); return;
      case 'record': this.record(message); return;
      case 'seal': this.recorded((recording) => { this.say({ kind: 'sealed', bytes: recording.seal() }); }); return;
      case 'heard': this.heard(message.weight); return;
      case 'refuse': {
        const { code, message: text, advice } = message.loss;
        this.refuse(new TwintreeError(code, text, advice === undefined ? {} : { advice }));
        return;
      }
      case 'close': void this.close(); return;
    }
  }

  private open({ number, port, state }: Extract<ToLink, { kind: 'channel' }>): void {
    const channel: LinkChannel = { number, port, state, credit: FIRST_CREDIT };
    this.channels.set(number, channel);
    port.on('message', (message: FromReader) => this.forward(channel, message));
    if (this.loss !== undefined) deliver(port, state, { lost: this.loss });
  }

  /**
   * Forgets the session that is over. What its threads may still have said is not sent: nothing of it may follow the session's last word, for
   * channels have the same numbers in the next one.
   */
  private renew(session: number): void {
    for (const { port } of this.channels.values()) port.close();
    this.channels.clear();
    this.handed = 0;
    this.session = session;
  }

  private forward(channel: LinkChannel, message: FromReader): void {
    const { peer } = this;
    if (peer === undefined || this.loss !== undefined) return;
    if ('requests' in message) {
      let asked = message.requests;
      this.recorded((recording) => { asked = recording.requests(channel.number, 0, asked).payload; });
      const { flags, payload } = this.packed(peer, asked);
      peer.send(FrameType.Requests, channel.number, payload, flags);
    } else {
      channel.credit += message.credit;
      peer.send(FrameType.Credit, channel.number, encodeCredit(message.credit));
    }
    this.count();
  }

  private packed({ meter }: Peer, requests: Uint8Array): { flags: number; payload: Uint8Array } {
    const packs = this.packing === 'on' || (this.packing === 'auto' && meter.slow);
    return packs ? compressPayload(Buffer.from(requests.buffer, requests.byteOffset, requests.byteLength), this.expands) : { flags: 0, payload: requests };
  }

  private async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    this.recording?.discard();
    if (this.loss === undefined) await this.peer?.close();
    this.lose({ code: 'ABORTED', message: 'the connection was closed' });
    this.count();
    this.say({ kind: 'closed' });
    for (const { port } of this.channels.values()) port.close();
    this.main.close();
  }

  /** Nobody else may count again when all has left. */
  private async recount(peer: Peer): Promise<void> {
    if (this.recounts) return;
    this.recounts = true;
    await peer.flushed();
    this.recounts = false;
    this.counters[Counter.Queued] = peer.queued;
  }

  private count(): void {
    if (this.peer === undefined) return;
    const { counters } = this;
    const { meter } = this.peer;
    counters[Counter.In] = this.peer.bytesIn;
    counters[Counter.Out] = this.peer.bytesOut;
    counters[Counter.Queued] = this.peer.queued;
    if (this.peer.queued > 0) void this.recount(this.peer);
    counters[Counter.Arrived] = meter.arrived;
    if (meter.latestMs === undefined) return;
    counters[Counter.Latest] = meter.latestMs;
    counters[Counter.Least] = meter.minMs;
    counters[Counter.InQueue] = meter.queuedMs;
    counters[Counter.Slow] = meter.slow ? 1 : 0;
    counters[Counter.MeasuredAt] = performance.timeOrigin + meter.measuredAt;
  }
}
