/**
 * Compression of an archive: gzip, each piece that is written a member of its own, so that damage costs one piece, several threads work at
 * once, and every gunzip reads it. A member's header says its own length and where its bytes stand in the stream (an extra field `Tw`: u32
 * bytes of the member, u64 offset; little-endian).
 */
import { constants, crc32, deflateRaw } from 'node:zlib';
import { TwintreeError } from '../tree/index.js';
import type { ByteSink } from './sinks.js';

/** Header with the extra field, and trailer. */
export const GZIP_HEAD = 28;
export const GZIP_TAIL = 8;
/** Bytes of a piece at most; longer ones are cut. */
export const GZIP_PIECE = 4 << 20;
/** Pieces that are compressed at a time: as many as the thread pool of Node has threads. */
const AT_ONCE = 4;

export class GzipSink implements ByteSink {
  readonly keeps = true;
  private readonly waiting: Promise<Buffer>[] = [];
  private offset = 0;

  /** @param level 1–9 */
  constructor(private readonly next: ByteSink, private readonly level: number) {}

  async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += GZIP_PIECE) {
      const piece = bytes.subarray(at, at + GZIP_PIECE);
      const member = this.member(piece, this.offset);
      member.catch(() => undefined); // it is told where it is taken
      this.waiting.push(member);
      this.offset += piece.length;
      while (this.waiting.length >= AT_ONCE) await this.pass();
    }
  }

  async end(): Promise<void> {
    while (this.waiting.length > 0) await this.pass();
    await this.next.end();
  }

  discard(): void {
    this.next.discard();
  }

  private async pass(): Promise<void> {
    await this.next.write(await (this.waiting.shift() as Promise<Buffer>));
  }

  private async member(piece: Buffer, offset: number): Promise<Buffer> {
    const packed = await new Promise<Buffer>((resolve, reject) => {
      deflateRaw(piece, { level: this.level, strategy: constants.Z_DEFAULT_STRATEGY }, (error, result) => {
        if (error === null) resolve(result);
        else reject(new TwintreeError('INTERNAL', `compressing failed: ${error.message}`, { cause: error }));
      });
    });
    const member = Buffer.allocUnsafe(GZIP_HEAD + packed.length + GZIP_TAIL);
    member.set([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 16, 0, 0x54, 0x77, 12, 0]);
    member.writeUInt32LE(member.length, 16);
    member.writeBigUInt64LE(BigInt(offset), 20);
    member.set(packed, GZIP_HEAD);
    member.writeUInt32LE(crc32(piece), GZIP_HEAD + packed.length);
    member.writeUInt32LE(piece.length, GZIP_HEAD + packed.length + 4);
    return member;
  }
}
