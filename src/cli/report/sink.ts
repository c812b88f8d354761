/**
 * Where lines go: `LineSink` gathers them into large writes, `Screen` keeps stdout, stderr and a redrawn
 * status line in order.
 *
 * A line is held at most a moment (a timer that does not keep the process alive writes it), or until 16 KiB are
 * together. A reader that went away (EPIPE) is no error here: what comes later is dropped, and `fault` tells the rest.
 */
import { escapeLine } from './escape.js';

/** A stream to write to, as far as a report needs it: `process.stdout`, a file stream, a test's collector. */
export interface Writer {
  write(chunk: Uint8Array): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** How a sink writes. */
export interface SinkOptions {
  /** -8: bytes above 127 are passed on unescaped. */
  eightBit: boolean;
  /** `line` writes every line at once, `batch` gathers. */
  buffering: 'line' | 'batch';
}

/** Bytes gathered before a write. */
const BATCH_BYTES = 16384;
/** Longest time a line is held, ms. */
const HOLD_MS = 100;

/** Gathers lines of bytes (one unit each) and writes them to one stream, in order. Never throws. */
export class LineSink {
  private pending = '';
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private error: Error | undefined;

  constructor(private readonly writer: Writer, private readonly options: SinkOptions) {
    writer.on?.('error', (error) => { this.stop(error); });
  }

  /** Why nothing more is written, where it was something else than a reader that went away. */
  get fault(): Error | undefined { return this.error; }
  /** Whether something is held back. */
  get waiting(): boolean { return this.pending !== ''; }

  /** Adds one line; what must not reach a terminal raw is escaped. */
  line(text: string): void {
    this.raw(escapeLine(text, this.options.eightBit) + '\n');
    if (this.options.buffering === 'line') this.flush();
  }

  /** Adds bytes as they are: text that is made here and holds no names, or JSON. */
  raw(bytes: string): void {
    if (this.closed) return;
    this.pending += bytes;
    if (this.pending.length >= BATCH_BYTES) this.flush();
    else if (this.timer === undefined) {
      this.timer = setTimeout(() => { this.flush(); }, HOLD_MS);
      this.timer.unref();
    }
  }

  /** Writes what is held back. */
  flush(): void {
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.timer = undefined;
    if (this.pending === '') return;
    const chunk = Buffer.from(this.pending, 'latin1');
    this.pending = '';
    try {
      this.writer.write(chunk);
    } catch (error) {
      this.stop(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private stop(error: Error): void {
    if (this.closed) return;
    this.closed = true;
    this.pending = '';
    const code = 'code' in error ? error.code : undefined;
    if (code !== 'EPIPE' && code !== 'ERR_STREAM_DESTROYED') this.error = error;
  }
}

/** stdout and stderr as a person sees them: lines in the order they were given, and on a terminal one status line below. */
export class Screen {
  private readonly out: LineSink;
  private readonly err: LineSink;
  private shown = 0; // characters of the status line on the terminal

  constructor(streams: { out: Writer; err: Writer }, out: SinkOptions) {
    this.out = new LineSink(streams.out, out);
    this.err = streams.err === streams.out ? this.out : new LineSink(streams.err, { ...out, buffering: 'batch' });
  }

  /** A line for stdout. */
  line(text: string): void {
    this.clearStatus();
    if (this.err !== this.out && this.err.waiting) this.err.flush();
    this.out.line(text);
  }

  /** A line for stderr. */
  error(text: string): void {
    this.clearStatus();
    if (this.err !== this.out && this.out.waiting) this.out.flush();
    this.err.line(text);
  }

  /** Redraws the status line (terminals only): plain ASCII, shorter than the terminal is wide. */
  status(text: string): void {
    this.err.flush();
    const rest = this.shown > text.length ? ' '.repeat(this.shown - text.length) + '\b'.repeat(this.shown - text.length) : '';
    this.out.raw('\r' + text + rest);
    this.out.flush();
    this.shown = text.length;
  }

  /** Leaves the status line standing and goes on below it. */
  keepStatus(): void {
    if (this.shown === 0) return;
    this.out.raw('\n');
    this.shown = 0;
  }

  /** Writes everything. */
  flush(): void {
    this.out.flush();
    this.err.flush();
  }

  /** The fault of stdout, where it has one. */
  get fault(): Error | undefined { return this.out.fault; }

  /** Takes the status line away. */
  clearStatus(): void {
    if (this.shown === 0) return;
    this.out.raw('\r' + ' '.repeat(this.shown) + '\r');
    this.shown = 0;
  }
}
