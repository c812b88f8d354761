/**
 * Decompresses an archive. Members that say their length (gzip-sink.ts) are taken one by one, several at a time, and a damaged one is a gap
 * of known length; gzip of others is one stream, in which nothing behind damage can be read.
 */
import { crc32, createGunzip, inflateRaw, type Gunzip } from 'node:zlib';
import { GZIP_HEAD, GZIP_PIECE, GZIP_TAIL } from './gzip-sink.js';
import { GAP, readFull, type ByteInput, type Tell } from './input.js';

/** Longest member that is believed: what cannot be compressed is a little longer than it was. */
const MOST_MEMBER = GZIP_PIECE + (1 << 16);
const MARK = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 16, 0, 0x54, 0x77, 12, 0]);
const AT_ONCE = 4;

/** Whether these bytes begin a member that says its length. */
export function isOwnMember(bytes: Buffer): boolean {
  return bytes.length >= MARK.length && bytes.subarray(0, MARK.length).equals(MARK);
}

type Result = { offset: number; plain: Buffer | undefined; at: number } | 'end';

/** Members of ours. */
export class MembersInput implements ByteInput {
  gap = 0;
  private held: Buffer = Buffer.alloc(0);
  private at = 0; // plain bytes given
  private pending: Promise<Result>[] = [];
  private over = false;
  private waiting: Result | undefined;
  private window: Buffer = Buffer.alloc(0);
  private windowAt = 0; // its place in the stream below
  private ended = false;
  private missing: number | undefined; // bytes that are missing behind the window

  constructor(private readonly input: ByteInput, private readonly tell: Tell) {}

  async read(into: Buffer): Promise<number> {
    for (;;) {
      if (this.held.length > 0) {
        const n = this.held.copy(into);
        this.held = this.held.subarray(n);
        this.at += n;
        return n;
      }
      const next = this.waiting ?? (await this.result());
      this.waiting = undefined;
      if (next === 'end') return 0;
      if (next.offset > this.at) { // members before it are lost
        this.gap = next.offset - this.at;
        this.at = next.offset;
        this.waiting = next;
        return GAP;
      }
      if (next.plain === undefined || next.offset < this.at) this.tell(`the compressed bytes from ${this.input.where(next.at)} on are damaged`);
      else this.held = next.plain;
    }
  }

  where(offset: number): string {
    return `byte ${offset} of what is compressed`;
  }

  close(): void {
    this.input.close();
  }

  private async result(): Promise<Result> {
    while (!this.over && this.pending.length < AT_ONCE) {
      const member = await this.member();
      if (member === undefined) this.over = true;
      else this.pending.push(member.result);
    }
    return this.pending.shift() ?? 'end';
  }

  /** The next member, being inflated; damage is passed over up to the next one that begins. */
  private async member(): Promise<{ result: Promise<Result> } | undefined> {
    for (;;) {
      await this.fill(GZIP_HEAD);
      if (this.window.length < GZIP_HEAD) {
        if (!this.ended) continue;
        if (this.window.length > 0) this.tell(`the compressed archive is cut off at ${this.input.where(this.windowAt + this.window.length)}`);
        return undefined;
      }
      const length = this.window.readUInt32LE(16);
      const offset = Number(this.window.readBigUInt64LE(20));
      if (!isOwnMember(this.window) || length < GZIP_HEAD + GZIP_TAIL || length > MOST_MEMBER || !Number.isSafeInteger(offset)) {
        await this.search();
        continue;
      }
      const at = this.windowAt;
      await this.fill(length);
      if (this.window.length < length) {
        if (this.ended) this.tell(`the compressed archive is cut off at ${this.input.where(this.windowAt + this.window.length)}`);
        if (this.ended) return undefined;
        continue; // a gap: it was told, and what follows it is looked through
      }
      const member = Buffer.from(this.window.subarray(0, length));
      this.advance(length);
      return { result: inflated(member).then((plain) => ({ offset, plain, at })) };
    }
  }

  /** Goes on to where the next member seems to begin. */
  private async search(): Promise<void> {
    const from = this.windowAt;
    this.advance(1);
    for (;;) {
      const found = this.window.indexOf(MARK);
      if (found >= 0) {
        this.advance(found);
        break;
      }
      this.advance(Math.max(0, this.window.length - MARK.length + 1));
      if (this.ended) {
        this.advance(this.window.length);
        break;
      }
      await this.fill(1 << 16);
    }
    this.tell(`the compressed bytes from ${this.input.where(from)} to ${this.input.where(this.windowAt)} are damaged`);
  }

  /** Makes `length` bytes stand in the window, unless the end comes before. Where a gap comes before, what stood there is given up: nothing whole begins in it. */
  private async fill(length: number): Promise<void> {
    if (this.window.length >= length || this.ended) return;
    if (this.missing === undefined) {
      const more = Buffer.allocUnsafe(Math.max(length - this.window.length, 1 << 20));
      const { got, why } = await readFull(this.input, more);
      this.window = Buffer.concat([this.window, more.subarray(0, got)]);
      if (why === 'end') this.ended = true;
      if (why === 'gap') this.missing = this.input.gap;
      if (why === 'full' || this.window.length >= length) return;
    }
    if (this.missing === undefined) return;
    if (this.missing === Infinity) this.ended = true;
    this.advance(this.window.length);
    this.windowAt += this.missing === Infinity ? 0 : this.missing;
    this.missing = undefined;
  }

  private advance(length: number): void {
    this.window = this.window.subarray(length);
    this.windowAt += length;
  }
}

/** A member's bytes; undefined where it is not what was written. */
function inflated(member: Buffer): Promise<Buffer | undefined> {
  const size = member.readUInt32LE(member.length - 4);
  if (size > GZIP_PIECE) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    inflateRaw(member.subarray(GZIP_HEAD, member.length - GZIP_TAIL), { maxOutputLength: Math.max(1, size) }, (error, plain) => {
      resolve(error === null && plain.length === size && crc32(plain) === member.readUInt32LE(member.length - GZIP_TAIL) ? plain : undefined);
    });
  });
}

/** Any gzip: one stream. */
export class GunzipInput implements ByteInput {
  gap = 0;
  private readonly gunzip: Gunzip = createGunzip();
  private readonly pieces: AsyncIterator<Buffer>;
  private held: Buffer = Buffer.alloc(0);
  private taken = 0;
  private failed = false;

  constructor(private readonly input: ByteInput, private readonly tell: Tell) {
    this.pieces = this.gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.gunzip.on('error', () => undefined); // told where it is read
    void this.feed();
  }

  async read(into: Buffer): Promise<number> {
    while (this.held.length === 0) {
      if (this.failed) return 0;
      try {
        const next = await this.pieces.next();
        if (next.done === true) return 0;
        this.held = next.value;
      } catch (error) {
        this.failed = true;
        this.tell(`the compressed archive is damaged or cut off before ${this.input.where(this.taken)} (${error instanceof Error ? error.message : String(error)}); nothing behind it can be read`);
        this.gap = Infinity;
        return GAP;
      }
    }
    const n = this.held.copy(into);
    this.held = this.held.subarray(n);
    return n;
  }

  where(offset: number): string {
    return `byte ${offset} of what is compressed`;
  }

  close(): void {
    this.gunzip.destroy();
    this.input.close();
  }

  private async drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.gunzip.off('drain', go).off('close', go);
        resolve();
      };
      this.gunzip.on('drain', go).on('close', go);
    });
  }

  private async feed(): Promise<void> {
    try {
      for (;;) {
        const piece = Buffer.allocUnsafe(256 << 10);
        const answer = this.input.read(piece);
        const n = typeof answer === 'number' ? answer : await answer;
        if (n === GAP) throw new Error('bytes are missing');
        if (n === 0) break;
        this.taken += n;
        if (!this.gunzip.write(piece.subarray(0, n))) await this.drained();
        if (this.gunzip.destroyed) return;
      }
      this.gunzip.end();
    } catch (error) {
      this.gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
