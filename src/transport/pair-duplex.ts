/**
 * PairDuplex: a readable and a writable stream as one Duplex, with back-pressure in both directions. It ends for reading
 * when the readable ends; ending it ends the writable; an error of either destroys both.
 */
import { Duplex, type Readable, type Writable } from 'node:stream';

/** Bytes that may wait in each direction before back-pressure. */
const HIGH_WATER = 256 << 10;

export class PairDuplex extends Duplex {
  /** `atEnd` is called after both were destroyed. */
  constructor(private readonly source: Readable, private readonly sink: Writable) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER });
    source.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) source.pause();
    });
    source.on('end', () => { this.push(null); });
    source.on('error', (error) => { this.destroy(error); });
    source.on('close', () => {
      if (!source.readableEnded) this.destroy();
    });
    // A writable whose reader has gone is no error while there is still something to read: the other side may say why it left.
    sink.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') this.destroy(error);
    });
    source.pause();
  }

  override _read(): void {
    this.source.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.sink.write(chunk, settle(done));
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.sink.cork();
    const last = chunks.length - 1;
    chunks.forEach(({ chunk }, i) => {
      if (i === last) this.sink.write(chunk, settle(done));
      else this.sink.write(chunk);
    });
    this.sink.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.sink.destroyed || this.sink.writableEnded) done();
    else this.sink.end(() => { done(); });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.source.destroy();
    this.sink.destroy();
    done(error);
  }
}

/**
 * Writes to a reader that is gone are dropped: the end of reading tells. A stream that is destroyed while a write fails may
 * report that write twice.
 */
function settle(done: (error?: Error | null) => void): (error?: Error | null) => void {
  let settled = false;
  return (error) => {
    if (settled) return;
    settled = true;
    done(isGone(error) ? null : error);
  };
}

function isGone(error: Error | null | undefined): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
}
