/** Lines of ASCII out of a stream of bytes, bounded; and into one, with room waited for. */
import type { Readable, Writable } from 'node:stream';

/** Why a stream gave no further line. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

/** Nothing came for too long. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** Cuts what is pushed into lines. */
export class LineCutter {
  private rest: Buffer[] = [];
  private length = 0;

  /** @param most longest line, bytes */
  constructor(private readonly most: number) {}

  /** Calls `take` for each line that is complete. @throws LineError for one that is too long. */
  push(bytes: Buffer, take: (line: string) => void): void {
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      const piece = bytes.subarray(from, end);
      from = end + 1;
      if (this.length + piece.length > this.most) throw new LineError('a line is too long');
      if (this.length === 0) take(piece.latin1Slice());
      else {
        const line = Buffer.concat([...this.rest, piece]);
        this.rest = [];
        this.length = 0;
        take(line.latin1Slice());
      }
    }
    if (from === bytes.length) return;
    const piece = Buffer.from(bytes.subarray(from)); // the caller may use its memory again
    this.length += piece.length;
    if (this.length > this.most) throw new LineError('a line is too long');
    this.rest.push(piece);
  }

  /** Bytes that are no whole line yet. */
  get left(): number {
    return this.length;
  }
}

/** Reads a stream line by line, as fast as they are asked for. */
export class LineReader {
  private readonly lines: string[] = [];
  private at = 0;
  private readonly cutter: LineCutter;
  private over = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(private readonly input: Readable, most: number) {
    this.cutter = new LineCutter(most);
    input.on('data', (bytes: Buffer) => {
      try {
        this.cutter.push(bytes, (line) => this.lines.push(line));
      } catch (error) {
        this.failure ??= error instanceof Error ? error : new Error(String(error));
      }
      if (this.lines.length - this.at > 0) this.input.pause();
      this.awake();
    });
    const end = (error?: Error): void => {
      this.over = true;
      if (error !== undefined) this.failure ??= error;
      this.awake();
    };
    input.once('end', () => { end(); });
    input.once('close', () => { end(); });
    input.once('error', end);
  }

  /** The next line; undefined at the end. @param patience milliseconds. @throws LineError, SilenceError, or what the stream failed with. */
  async next(patience?: number): Promise<string | undefined> {
    for (;;) {
      const line = this.taken();
      if (line !== undefined) return line;
      if (this.failure !== undefined) throw this.failure;
      if (this.over) return undefined;
      this.input.resume();
      if (!await this.came(patience)) throw new SilenceError('nothing came');
    }
  }

  /** Waits until something comes, or the end; false: it did not. */
  private async came(patience: number | undefined): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        this.wake = () => { resolve(true); };
        if (patience !== undefined) timer = setTimeout(() => { resolve(false); }, patience);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A line that is here already. */
  taken(): string | undefined {
    const line = this.lines[this.at];
    if (line === undefined) return undefined;
    this.at++;
    if (this.at === this.lines.length) {
      this.lines.length = 0;
      this.at = 0;
    }
    return line;
  }

  /** The stream ended within a line. */
  get cutOff(): boolean {
    return this.over && this.cutter.left > 0;
  }

  private awake(): void {
    this.wake?.();
    this.wake = undefined;
  }
}

/** Writes; resolves when there is room for more. @throws what the stream failed with. */
export function writeText(output: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (output.destroyed) {
      reject(new LineError('the stream is closed'));
      return;
    }
    if (output.write(text, 'latin1')) {
      resolve();
      return;
    }
    const done = (error?: Error): void => {
      output.off('drain', ready);
      output.off('close', closed);
      output.off('error', done);
      if (error === undefined) resolve();
      else reject(error);
    };
    const ready = (): void => { done(); };
    const closed = (): void => { done(new LineError('the stream is closed')); };
    output.on('drain', ready);
    output.on('close', closed);
    output.on('error', done);
  });
}
