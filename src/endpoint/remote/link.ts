/**
 * Link: the connection to the other host, as the main thread of either end sees it. The connection itself lives in a thread of its own, so that
 * the main thread may block, in a call to its source for example.
 */
import { MessageChannel, Worker, type TransferListItem } from 'node:worker_threads';
import { TwintreeError, type ByteString } from '../../tree/index.js';
import type { ConnectSpec, RoundTrip } from '../../transport/index.js';
import { KEPT_SUMS, type ControlMessage, type FrameType, type Hello } from '../../wire/index.js';
import { threadFile } from '../pool/thread-file.js';
import type { RecordSetup } from '../recorded/recorder.js';
import type { ReplayData } from '../recorded/replay-link.js';
import type { Compressing } from '../supply/messages.js';
import { abortChannel, channelState, lossError, ownMemory, type ChannelEnd } from './channel.js';
import { Counter, COUNTERS_BYTES, type FromLink, type LinkOptions, type LinkThreadData, type ToLink } from './link-messages.js';

/** A frame of requests or credit. */
export interface SupplyFrame { readonly type: FrameType; readonly channel: number; readonly flags: number; readonly payload: Buffer }

/** Weight of frames that are kept for a handler that is not set yet: nobody sends any before the sources are described. */
const MOST_EARLY = 1 << 20;
/** What has been dealt with is told to the link thread in steps of this weight. */
const TELL_HEARD = 64 << 10;

/** An open connection. */
export class Link {
  /** Control messages from the other host, in order; those that come before this is set are kept for it. */
  get onControl(): (message: ControlMessage) => void { return this.control; }
  set onControl(handler: (message: ControlMessage) => void) {
    this.control = handler;
    for (const message of this.early.splice(0)) handler(message);
  }
  /** Called where this side supplies: so many bytes of items have left. */
  onTaken: (bytes: number) => void = () => undefined;
  /** Where this side supplies: requests and credit from the other host, in order; early ones are kept. */
  get onFrame(): (frame: SupplyFrame) => void { return this.frameHandler; }
  set onFrame(handler: (frame: SupplyFrame) => void) {
    this.frameHandler = handler;
    for (const frame of this.earlyFrames.splice(0)) handler(frame);
  }
  /** Called once where the connection is lost, never for our own `close`. */
  get onLost(): (error: TwintreeError) => void { return this.lostHandler; }
  set onLost(handler: (error: TwintreeError) => void) {
    this.lostHandler = handler;
    if (this.loss !== undefined) handler(this.loss);
  }
  /** Why the connection was lost. */
  loss: TwintreeError | undefined;
  /** What goes by is recorded: the session needs all of it to travel. */
  recording = false;
  /** Worth a line to the user: a certificate that was pinned. */
  notices: readonly string[] = [];
  about = '';
  /** When the other side's Hello had come, by this side's clock: ms since 1970. */
  openedAt = 0;

  private control: (message: ControlMessage) => void = (message) => { this.early.push(message); }; // as many as the link thread lets through
  private readonly early: ControlMessage[] = [];
  private frameHandler: (frame: SupplyFrame) => void = (frame) => { this.keep(frame); };
  private readonly earlyFrames: SupplyFrame[] = [];
  private earlyBytes = 0;
  private readonly weights: number[] = []; // of the control messages that nobody has dealt with
  private heardWeight = 0;
  private lostHandler: (error: TwintreeError) => void = () => undefined;
  private theirs: Hello | undefined;
  private readonly states: SharedArrayBuffer[] = [];
  private answered: { resolve(bytes: number): void; reject(error: TwintreeError): void } | undefined;
  private nextChannel = 1;
  private session = 0;
  private closing = false;
  private readonly gone: Promise<void>;

  private constructor(private readonly thread: Worker, private readonly counters: Float64Array) {
    this.gone = new Promise((resolve) => { thread.once('exit', () => resolve()); });
  }

  /**
   * Connects and shakes hands. `onText` takes lines for the user: what the other host printed.
   * Rejects with a TwintreeError: CONNECT, CONNECT_TIMEOUT, NOT_TWINTREE, VERSION, WIRE …
   */
  static async open(spec: ConnectSpec, options: LinkOptions, onText: (text: string) => void = (text) => { process.stderr.write(text); }): Promise<Link> {
    return Link.start({ run: 'link', spec, options: { ...options, features: [KEPT_SUMS, ...(options.features ?? [])] }, counters: new SharedArrayBuffer(COUNTERS_BYTES) }, onText);
  }

  /** A link at whose other end there is a batch. */
  static async replay(replay: ReplayData): Promise<Link> {
    return Link.start({ run: 'link', spec: { kind: 'stdio' }, options: { role: 'client', connectTimeoutMs: 0 }, replay, counters: new SharedArrayBuffer(COUNTERS_BYTES) }, () => undefined);
  }

  private static async start(data: LinkThreadData, onText: (text: string) => void): Promise<Link> {
    const { counters } = data;
    const thread = new Worker(threadFile(), { workerData: data, trackUnmanagedFds: false, execArgv: [] });
    const link = new Link(thread, new Float64Array(counters));
    try {
      await new Promise<void>((resolve, reject) => {
        thread.on('message', (message: FromLink) => link.receive(message, onText, resolve));
        thread.on('error', (error) => link.lost(new TwintreeError('INTERNAL', 'the link thread failed', { cause: error })));
        thread.on('exit', () => link.lost(new TwintreeError('CONNECTION_LOST', 'the connection is closed')));
        link.onLost = reject;
      });
    } catch (error) {
      await link.close();
      throw error;
    }
    link.lostHandler = () => undefined;
    return link;
  }

  private receive(message: FromLink, onText: (text: string) => void, opened: () => void): void {
    switch (message.kind) {
      case 'opened':
        this.theirs = message.hello;
        this.openedAt = message.at;
        this.about = message.about;
        this.notices = message.notices;
        opened();
        return;
      case 'recording': this.answered?.resolve(0); return;
      case 'sealed': this.answered?.resolve(message.bytes); return;
      case 'text': onText(message.text); return;
      case 'control':
        this.weights.push(message.weight);
        this.control(message.message);
        return;
      case 'frame': {
        const { type, channel, flags, payload, weight } = message;
        this.frameHandler({ type, channel, flags, payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength) });
        this.tellHeard(weight);
        return;
      }
      case 'taken':
        if (message.session === this.session) this.onTaken(message.bytes);
        return;
      case 'lost': this.lost(lossError(message.loss)); return;
      case 'closed': return;
    }
  }

  private keep(frame: SupplyFrame): void {
    this.earlyBytes += frame.payload.length + 64;
    if (this.earlyBytes <= MOST_EARLY) this.earlyFrames.push(frame);
    else this.refuse(new TwintreeError('WIRE', 'the other host asks before anybody supplies'));
  }

  /** The oldest control message that came has been dealt with: as much more may come. */
  heard(): void {
    this.tellHeard(this.weights.shift() ?? 0);
  }

  private tellHeard(weight: number): void {
    this.heardWeight += weight;
    if (this.heardWeight < TELL_HEARD) return;
    this.post({ kind: 'heard', weight: this.heardWeight });
    this.heardWeight = 0;
  }

  /** Ends the connection with this error: the other end said what it may not say. Who waits for it gets the same error. */
  refuse(error: TwintreeError): void {
    this.post({ kind: 'refuse', loss: { code: error.code, message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) } });
  }

  private lost(error: TwintreeError): void {
    if (this.closing || this.loss !== undefined) return;
    this.loss = error;
    // Where the thread itself has failed, nobody else wakes who waits.
    if (error.code === 'INTERNAL') for (const state of this.states) abortChannel(state);
    this.answered?.reject(error);
    this.lostHandler(error);
  }

  /** Whether both ends take roots of kept sums; the feature is in all our own Hellos. */
  get takesRoots(): boolean {
    return this.hello.features.includes(KEPT_SUMS);
  }

  /** What the other side said of itself. */
  get hello(): Hello {
    if (this.theirs === undefined) throw new Error('the link is not open');
    return this.theirs;
  }

  /** Sends a control message. After a loss it goes nowhere. */
  send(message: ControlMessage): void {
    this.post({ kind: 'control', message });
  }

  /** Sends a frame of items, where this side supplies. The payload's memory is given away. */
  sendFrame(type: FrameType, channel: number, flags: number, payload: Uint8Array): void {
    const own = ownMemory(payload);
    this.post({ kind: 'frame', type, channel, flags, payload: own }, [own.buffer as ArrayBuffer]);
  }

  /**
   * Keeps what goes by on all channels in a file. Before the first channel is made, or where this side supplies. Resolves when the file is
   * open; what goes wrong then or later ends the link.
   */
  async record(path: ByteString, setup: RecordSetup): Promise<void> {
    this.recording = true;
    await this.answer({ kind: 'record', path, setup });
  }

  /** The session is over: the file of the recording gets its name. Resolves with its bytes. Rejects with what ended the link. */
  async seal(): Promise<number> {
    return this.answer({ kind: 'seal' });
  }

  private async answer(message: ToLink): Promise<number> {
    const { loss } = this;
    if (loss !== undefined) throw loss;
    return new Promise((resolve, reject) => {
      this.answered = { resolve, reject };
      this.post(message);
    });
  }

  /** How long the other side may be silent from now on, ms; 0: for ever. Both ends keep the connection alive within it. */
  patience(ms: number): void {
    this.post({ kind: 'patience', ms });
  }

  /** Most bytes a second that are sent from now on; 0: no limit. */
  limit(bytesPerSecond: number): void {
    this.post({ kind: 'limit', bytesPerSecond });
  }

  /** Whether requests are compressed from now on; 'auto', as at first: where the link is slow. */
  pack(mode: Compressing): void {
    this.post({ kind: 'pack', mode });
  }

  /** A new channel, where this side asks. The end may be given to another thread (its port goes into the transfer list); it belongs to one thread. */
  channel(): ChannelEnd {
    const { port1, port2 } = new MessageChannel();
    const state = channelState();
    const number = this.nextChannel++;
    this.states.push(state);
    this.post({ kind: 'channel', number, port: port2, state }, [port2]);
    return { number, port: port1, state };
  }

  /**
   * The session on this link is over, and another one may follow: nothing of this one is sent or heard any more. Whatever asked is closed, whoever supplied
   * has ended; until the next session is under way nobody may ask here.
   */
  renew(): void {
    this.abort();
    this.states.length = 0;
    this.nextChannel = 1;
    this.session++;
    this.onTaken = () => undefined;
    this.frameHandler = () => { this.refuse(new TwintreeError('WIRE', 'the other host asks where no session is under way')); };
    this.post({ kind: 'renew', session: this.session });
  }

  private post(message: ToLink, transfer: TransferListItem[] = []): void {
    this.thread.postMessage(message, transfer);
  }

  /** Wakes all threads that wait for the other host: their calls throw ABORTED, now and from now on. */
  abort(): void {
    for (const state of this.states) abortChannel(state);
  }

  /** Bytes that came and went so far. */
  bytes(): { in: number; out: number } {
    return { in: this.counter(Counter.In), out: this.counter(Counter.Out) };
  }

  /** What is on its way to the other host, bytes: what waits here, and at most so many that were sent and are not known to have arrived. */
  inFlight(): { queued: number; unconfirmed: number } {
    return { queued: this.counter(Counter.Queued), unconfirmed: Math.max(0, this.counter(Counter.Out) - this.counter(Counter.Arrived)) };
  }

  /** The way there and back, as it was measured last; undefined where it was not yet. */
  roundTrip(): RoundTrip | undefined {
    const measuredAt = this.counter(Counter.MeasuredAt);
    if (measuredAt === 0) return undefined;
    return { latestMs: this.counter(Counter.Latest), minMs: this.counter(Counter.Least), queuedMs: this.counter(Counter.InQueue), ageMs: Math.max(0, performance.timeOrigin + performance.now() - measuredAt) };
  }

  /** What other threads of this process see of the link (see Counter). */
  get shared(): SharedArrayBuffer {
    return this.counters.buffer as SharedArrayBuffer;
  }

  private counter(which: Counter): number {
    return this.counters[which] ?? 0;
  }

  /** Says goodbye and ends the thread. Calls of sources on this link throw from now on. */
  async close(): Promise<void> {
    this.closing = true;
    this.post({ kind: 'close' });
    await this.gone;
  }
}
