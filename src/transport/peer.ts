/**
 * Peer: frames over one byte stream, on any thread. It opens the connection (magic, Hello, version), keeps it alive, notices
 * when the other side is silent, spreads what it sends over time where a bandwidth limit says so, and ends in good order.
 * What the frames hold is for others; Hello, Ping, Pong and Bye never reach them. Nothing here grows with what the other side
 * sends: one frame is held at a time, and `pause` stops reading.
 */
import type { Duplex } from 'node:stream';
import { fromText, TwintreeError, type ByteString, type ErrorCode } from '../tree/index.js';
import {
  agree, COMPRESSION, encodeBye, encodeFrame, encodeHello, encodeToken, FrameReader, FrameType, hello, MAGIC, parseBye, parseHello, parseToken, WireError,
  type Agreement, type Bye, type Compression, type Frame, type Hello,
} from '../wire/index.js';
import type { ConnectionEnd } from './connection.js';
import { LinkMeter } from './link-meter.js';
import { deferred, type Deferred } from './deferred.js';
import { safeText } from './last-words.js';
import { SendQueue } from './send-queue.js';
import { ownHost, ownProgram } from './self.js';
import { lostOf, refusalOf, rsyncAnswered, SeenStart } from './strangers.js';

/** How a Peer behaves. */
export interface PeerOptions {
  /** Program and version, printable ASCII. Default: this one. */
  readonly program?: string;
  /** Formats this side can expand. Default: what this Node can. */
  readonly compression?: Compression;
  /** Further abilities of this side, by name. */
  readonly features?: readonly string[];
  /** Most bytes a second that are sent; 0 or left out: no limit. */
  readonly bwlimit?: number;
  /** The other side may be silent for so long, ms; 0 or left out: for ever. */
  readonly timeoutMs?: number;
  /** A ping is sent when for so long nothing was sent or came, ms. Default 20,000, and at most half of `timeoutMs`. */
  readonly keepAliveMs?: number;
  /** While bytes are sent, the way there and back is measured at most so often, ms. 0 or left out: by keep-alive alone. */
  readonly probeMs?: number;
  /** … and not before so many bytes were sent since the last time. Default 0. */
  readonly probeBytes?: number;
  /** Until the other side's Hello is there, ms; 0: for ever (a person may be typing a password into ssh). Default: 60,000 for an agent, `timeoutMs` for a client. */
  readonly handshakeTimeoutMs?: number;
  /** What the connection leads to, for messages. */
  readonly about?: string;
  /** How the connection's carrier ended: its exit code and last words explain to a client why. */
  readonly ended?: Promise<ConnectionEnd>;
  /** Takes what the other side printed before the protocol began, made safe for a terminal, in lines. */
  readonly onBanner?: (text: string) => void;
}

const KEEP_ALIVE_MS = 20_000;
const AGENT_HANDSHAKE_MS = 60_000;
/** Given to the other side, once each, to take the last bytes and to end, ms. */
const FAREWELL_MS = 3000;
/** How long the other side may take nothing of what waits at a close, where no time limit was asked for, ms. */
const CLOSE_MS = 60_000;
/** How long an explanation by the carrier's end is waited for, ms. */
const EXPLAIN_MS = 1500;
/** With so much unsent, pings are not answered: who floods and does not read gets nothing. */
const PONG_LIMIT = 1 << 20;

/** `new`: not started; `opening`: no Hello yet; `closing`: our Bye is on its way. */
type State = 'new' | 'opening' | 'open' | 'closing' | 'over';

export class Peer {
  /** Takes frames of the types Control, Requests, Items and Credit, in order. Set it before `start` resolves or in the same turn. */
  onFrame: (frame: Frame) => void = () => undefined;
  /** Called when `meter` may tell something new. */
  onPong: () => void = () => undefined;
  /** Called once, when nothing will come any more: with the error, or without where the other side said goodbye. Not called for our own `close`. */
  onEnd: (error: TwintreeError | undefined) => void = () => undefined;

  readonly #queue: SendQueue;
  readonly #reader: FrameReader;
  readonly #seen = new SeenStart();
  readonly #about: string;
  readonly #hello: Hello;
  readonly #opened: Deferred<Hello> = deferred();
  /** What Pings tell. */
  readonly meter = new LinkMeter();
  readonly #over: Deferred<void> = deferred();
  #state: State = 'new';
  #agreement: Agreement | undefined;
  #held: Frame[] | undefined; // frames that came before whoever called start() could go on
  #bytesIn = 0;
  #lastIn = performance.now();
  #paused = false;
  #timeoutMs: number;
  #keepAliveMs: number;
  #watch: NodeJS.Timeout | undefined;
  #handshake: NodeJS.Timeout | undefined;
  #lastPing = 0;
  #probedAt = 0; // bytes given until then
  #ending = false;
  #endHeld: ConnectionEnd | undefined;

  constructor(private readonly stream: Duplex, readonly role: 'client' | 'agent', private readonly options: PeerOptions) {
    this.#hello = hello(role, options.program ?? ownProgram(), options.compression ?? COMPRESSION, options.features);
    this.#about = options.about ?? (role === 'client' ? 'the other host' : 'the client');
    this.#timeoutMs = options.timeoutMs ?? 0;
    this.#keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS;
    this.#queue = new SendQueue(stream);
    this.#queue.limit(options.bwlimit ?? 0);
    this.#reader = new FrameReader((frame) => { this.#frame(frame); }, (text) => { this.#banner(text); });
  }

  /** Sends the opening and waits for the other side's. Rejects with CONNECT, NOT_TWINTREE, VERSION, TIMEOUT, CONNECT_TIMEOUT or WIRE; the stream is destroyed then. */
  start(): Promise<Hello> {
    if (this.#state !== 'new') throw new Error('a peer is started once');
    this.#state = 'opening';
    const { stream } = this;
    stream.on('data', (bytes: Buffer) => { this.#receive(bytes); });
    stream.on('end', () => { void this.#ended({}); });
    stream.on('error', (error) => { void this.#ended({ error }); });
    stream.on('close', () => { void this.#ended({}); });
    stream.resume(); // whoever made the connection may have looked into it
    this.#lastIn = performance.now();
    this.#queue.lastTaken = this.#lastIn;
    const patience = this.options.handshakeTimeoutMs ?? (this.role === 'agent' ? AGENT_HANDSHAKE_MS : this.#timeoutMs);
    if (patience > 0) {
      this.#handshake = setTimeout(() => {
        this.#fail(new TwintreeError('CONNECT_TIMEOUT', `${this.#about}: no answer within ${seconds(patience)}`), 'TIMEOUT');
      }, patience);
    }
    this.#queue.push([MAGIC, ...encodeFrame(FrameType.Hello, 0, 0, encodeHello({ ...this.#hello, host: ownHost() }))]);
    return this.#opened.promise;
  }

  /** Queues a frame. The payload is not copied and must not be changed. After the end it is dropped. */
  send(type: FrameType, channel: number, payload: Uint8Array, flags = 0): void {
    if (this.#state !== 'open') return;
    this.#queue.push(encodeFrame(type, flags, channel, payload));
    const { probeMs = 0, probeBytes = 0 } = this.options;
    if (probeMs > 0 && this.#queue.given - this.#probedAt >= probeBytes && performance.now() - this.#lastPing >= probeMs && this.meter.free(performance.now())) this.#ping((frame) => { this.#queue.push(frame); });
  }

  /** Asks for a Pong, and measures until it comes, unless another one is waited for. */
  #ping(send: (frame: readonly Buffer[]) => void): void {
    const now = performance.now();
    this.#lastPing = now;
    this.#probedAt = this.#queue.given;
    const token = this.meter.free(now) ? this.meter.begin(now, this.#queue.given) : 0;
    send(encodeFrame(FrameType.Ping, 0, 0, encodeToken(token)));
    if (token !== 0) this.#queue.mark(() => { this.meter.left(token, performance.now()); });
  }

  /** Bytes that were given to `send` and are not yet on their way. */
  get queued(): number {
    return this.#queue.queued;
  }

  /** Resolved when little waits (256 KiB), at once where that is so, or when the connection is over. */
  drained(): Promise<void> {
    return this.#queue.drained();
  }

  /** Resolves when nothing waits any more, or the peer has ended. */
  flushed(): Promise<void> {
    return this.#queue.flushed();
  }

  /** What both ends can do; throws before `start` has resolved. */
  get agreement(): Agreement {
    if (this.#agreement === undefined) throw new Error('the connection has not been opened');
    return this.#agreement;
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesOut(): number {
    return this.#queue.sent;
  }

  /** Stops reading: the other side will find its own writes waiting. */
  pause(): void {
    this.#paused = true;
    this.stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastIn = performance.now();
    this.stream.resume();
  }

  /** Bytes a second from now on; 0: no limit. */
  setBwlimit(rate: number): void {
    this.#queue.limit(rate);
  }

  /** The time limit from now on, ms; 0: none. */
  setTimeout(ms: number): void {
    this.#timeoutMs = ms;
    if (this.#state === 'open') this.#startWatch();
  }

  /** Sends what waits and a Bye, and waits a while until the other side has ended too. Resolved when the stream is destroyed; never rejected. */
  async close(): Promise<void> {
    await this.#close({ code: 'done', message: '' });
  }

  /** As `close`, and the other side's `onEnd` gets an error with this sentence. */
  async abort(error: TwintreeError): Promise<void> {
    await this.#close({ code: error.code, message: error.message.slice(0, 1000) });
  }

  /** Ends at once: the other side said what it may not say, and is told so where a frame may stand. `onEnd` gets the error. */
  refuse(error: TwintreeError): void {
    this.#fail(error, error.code);
  }

  async #close(bye: Bye): Promise<void> {
    if (this.#state === 'new' || this.#state === 'opening') this.#finish(new TwintreeError('ABORTED', 'the connection was closed while it was opened'));
    else if (this.#state === 'open') await this.#farewell(bye, this.#timeoutMs > 0 ? this.#timeoutMs : CLOSE_MS);
    else await this.#over.promise;
  }

  /** Our Bye, behind all that waits; then the other side has a while to end. `patience`: how long the queue may stand still, ms. */
  async #farewell(bye: Bye, patience: number): Promise<void> {
    this.#state = 'closing';
    this.stream.resume(); // what still comes is dropped
    this.#queue.push(encodeFrame(FrameType.Bye, 0, 0, encodeBye(bye)));
    await Promise.race([this.#queue.flushed(), this.#over.promise, this.#stuck(patience)]);
    if (this.#isOver()) return;
    this.stream.end();
    await Promise.race([this.#over.promise, pause(FAREWELL_MS)]);
    this.#finish(undefined, true);
  }

  /** Resolved when nothing of the queue has moved for so long. */
  async #stuck(patience: number): Promise<void> {
    while (!this.#isOver() && this.#queue.queued > 0) {
      const left = this.#queue.lastTaken + patience - performance.now();
      if (left <= 0) return;
      await pause(left);
    }
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  #receive(bytes: Buffer): void {
    if (this.#state === 'over') return;
    this.#bytesIn += bytes.length;
    this.#lastIn = performance.now();
    if (this.#state === 'opening' && !this.#reader.opened) {
      this.#seen.push(bytes);
      if (this.#seen.isRsync) {
        this.#fail(rsyncAnswered(this.#about));
        return;
      }
    }
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#broken(error);
    }
  }

  #broken(error: WireError): void {
    if (error.code === 'version') this.#fail(new TwintreeError('VERSION', `${this.#about}: ${error.message}`, { cause: error }), 'VERSION');
    else if (this.#state === 'opening' && !this.#reader.opened) this.#fail(refusalOf(this.#about, this.#seen, {}));
    else this.#fail(new TwintreeError('WIRE', `${this.#about}: ${error.message}`, { cause: error }), 'WIRE');
  }

  #banner(text: Buffer): void {
    const { onBanner } = this.options;
    if (onBanner === undefined) return;
    for (const line of text.toString('latin1').split(/\r?\n/)) {
      if (line !== '') onBanner(`${safeText(line as ByteString)}\n`);
    }
  }

  #frame(frame: Frame): void {
    if (this.#state === 'over') return;
    if (this.#held !== undefined) {
      this.#held.push(frame);
      return;
    }
    switch (frame.type) {
      case FrameType.Hello: this.#greet(parseHello(frame.payload)); break;
      case FrameType.Ping:
        parseToken(frame.payload);
        if (this.#state === 'open' && this.#queue.queued < PONG_LIMIT) this.#queue.push(encodeFrame(FrameType.Pong, 0, 0, frame.payload));
        break;
      case FrameType.Pong:
        this.meter.end(parseToken(frame.payload), performance.now());
        this.onPong();
        break;
      case FrameType.Bye: this.#bye(parseBye(frame.payload)); break;
      case FrameType.Control: case FrameType.Requests: case FrameType.Items: case FrameType.Credit:
        if (this.#state === 'open') this.onFrame(frame);
        break;
    }
  }

  #greet(theirs: Hello): void {
    this.#agreement = agree(this.#hello, theirs);
    clearTimeout(this.#handshake);
    this.#state = 'open';
    this.#held = [];
    this.#opened.resolve(theirs);
    setImmediate(() => { this.#deliver(); });
    this.#startWatch();
  }

  /** What came in one piece with the Hello. */
  #deliver(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    try {
      for (const frame of held) this.#frame(frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#broken(error);
    }
    if (this.#endHeld !== undefined) void this.#ended(this.#endHeld);
  }

  #bye(bye: Bye): void {
    if (this.#state === 'closing') return; // both said it; the streams' ends follow
    this.stream.end();
    this.#finish(bye.code === 'done' ? undefined : byeError(this.#about, bye));
  }

  #startWatch(): void {
    clearInterval(this.#watch);
    const timeout = this.#timeoutMs;
    const keepAlive = timeout > 0 ? Math.min(this.#keepAliveMs, timeout / 2) : this.#keepAliveMs;
    const period = Math.max(10, keepAlive / 4);
    let last = performance.now();
    this.#watch = setInterval(() => {
      const now = performance.now();
      const late = now - last > 3 * period;
      last = now;
      if (this.#paused) this.#lastIn = now; // silence is our own wish
      if (late) return; // this thread was busy: what has arrived meanwhile is read first
      const silent = now - Math.max(this.#lastIn, this.#queue.lastTaken);
      if (timeout > 0 && silent >= timeout) {
        this.#fail(new TwintreeError('TIMEOUT', `${this.#about}: nothing came and nothing could be sent for ${seconds(timeout)} (--timeout)`), 'TIMEOUT');
      } else if (this.#state === 'open' && this.#queue.queued === 0 && now - Math.min(this.#lastIn, this.#queue.lastTaken) >= keepAlive && now - this.#lastPing >= keepAlive) {
        this.#ping((frame) => { this.#queue.quiet(frame); });
      }
    }, period);
    this.#watch.unref();
  }

  /** Reading has ended, or the stream broke. */
  async #ended(end: ConnectionEnd): Promise<void> {
    if (this.#state === 'over') return;
    if (this.#state === 'closing') {
      this.#finish(undefined, true);
      return;
    }
    if (this.#held !== undefined) {
      this.#endHeld = { ...end, ...this.#endHeld };
      return;
    }
    if (this.#ending) return;
    this.#ending = true;
    const told = this.options.ended === undefined || this.role === 'agent' ? {} : await Promise.race([this.options.ended, pause(EXPLAIN_MS).then((): ConnectionEnd => ({}))]);
    if (this.#isOver()) return;
    const whole = { ...told, ...end };
    this.#finish(this.#state === 'opening' ? refusalOf(this.#about, this.#seen, whole) : lostOf(this.#about, whole));
  }

  /** Ends with an error; the other side is told why where it would understand. */
  #fail(error: TwintreeError, tell?: ErrorCode): void {
    if (this.#state === 'over') return;
    if (tell !== undefined) {
      this.#queue.last(encodeFrame(FrameType.Bye, 0, 0, encodeBye({ code: tell, message: error.message.slice(0, 1000) })));
    }
    this.#finish(error);
  }

  #finish(error: TwintreeError | undefined, own = false): void {
    if (this.#state === 'over') return;
    const opening = this.#state === 'opening' || this.#state === 'new';
    this.#state = 'over';
    clearInterval(this.#watch);
    clearTimeout(this.#handshake);
    this.#held = undefined;
    this.#retire();
    this.#over.resolve();
    if (opening) this.#opened.reject(error ?? lostOf(this.#about, {}));
    else if (!own) this.onEnd(error);
  }

  /** Lets the last bytes out, then destroys the stream. */
  #retire(): void {
    const { stream } = this;
    this.#queue.stop();
    stream.on('data', () => undefined);
    stream.resume();
    if (stream.destroyed) return;
    const timer = setTimeout(() => { stream.destroy(); }, FAREWELL_MS);
    timer.unref();
    stream.end(() => {
      clearTimeout(timer);
      stream.destroy();
    });
  }
}

function byeError(about: string, bye: Bye): TwintreeError {
  const message = `${about}: ${safeText(fromText(bye.message === '' ? 'ended without a reason' : bye.message))}`;
  return new TwintreeError(isErrorCode(bye.code) ? bye.code : 'CONNECTION_LOST', message);
}

/** Codes that the other side may end with; the others are none of its business. */
const BYE_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'USAGE', 'UNSUPPORTED', 'SOURCE_MISSING', 'TARGET_UNUSABLE', 'TARGET_NOT_MADE', 'FILTER_SYNTAX', 'FILE_LIST', 'REFUSED', 'LOCKED', 'NO_SPACE', 'ROOT_CHANGED',
  'ABORTED', 'TIMEOUT', 'IO', 'INTERNAL', 'CONNECT', 'VERSION', 'WIRE', 'FENCED',
]);

function isErrorCode(code: string): code is ErrorCode {
  return BYE_CODES.has(code);
}

function seconds(ms: number): string {
  return ms === 1000 ? '1 second' : `${ms / 1000} seconds`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms).unref(); });
}
