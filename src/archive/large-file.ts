/**
 * A large file → its member, piece by piece: read into the kernel's memory, hashed there by the slice, and handed on. What goes out cannot
 * be taken back, so a file that changes meanwhile is told and kept as it was read; its time of before makes a later sync take it up.
 */
import { errnoText, type Posix } from '../fs/index.js';
import { OpKind, type Operation } from '../plan/index.js';
import { joinPath, type RelPath } from '../tree/index.js';
import { encodeCheck, sliceLength, type CheckedMember } from './check-block.js';
import type { ContentSum } from './content-sum.js';
import type { EntrySource, OpenFile } from './source-entry.js';
import { encodeMap } from './sparse.js';
import { padded, type TarPack } from './tar-pack.js';

export class LargeFile {
  /** Bytes of the kernel's memory that it wants. */
  static readonly ROOM = 1 << 20;

  constructor(private readonly posix: Posix, private readonly source: EntrySource, private readonly sum: ContentSum, private readonly pack: TarPack) {}

  /** Writes the member and its check block. False after a problem: then nothing was written. @param put takes bytes that it has done with when it resolves */
  async write(op: Operation, folder: RelPath, put: (bytes: Buffer) => Promise<void>, progress: (bytes: number) => void): Promise<boolean> {
    const file = this.source.open(op, folder);
    if (file === undefined) return false;
    try {
      return await this.member(op, folder, file, put, progress);
    } finally {
      this.posix.close(file.fd);
    }
  }

  /** Writes an entry without content in the same way. */
  async entry(op: Operation, folder: RelPath, put: (bytes: Buffer) => Promise<void>): Promise<boolean> {
    const head = this.source.describe(op, folder);
    if (head === undefined) return false;
    this.pack.add(head);
    const headers = await this.pack.finish();
    const path = op.kind === OpKind.Folder ? op.name : joinPath(folder, op.name);
    await put(headers);
    await put(await this.check({ back: headers.length, head: headers.length, size: 0, headHash: this.sum.of(headers), hash: this.sum.of(Buffer.alloc(0)), path }));
    return true;
  }

  private async check(member: CheckedMember): Promise<Buffer> {
    this.pack.pax('g', [['comment', encodeCheck({ members: [member] }, this.sum)]]);
    return this.pack.finish();
  }

  private async member(op: Operation, folder: RelPath, file: OpenFile, put: (bytes: Buffer) => Promise<void>, progress: (bytes: number) => void): Promise<boolean> {
    const { sum, source, pack } = this;
    const path = joinPath(folder, op.name);
    const head = source.describeFile(op, folder, file);
    if (head === undefined) return false;
    const placed = pack.add(head);
    const headers = await pack.finish();
    const headHash = sum.of(headers.subarray(placed.start, placed.content));
    await put(headers);
    const hashes = new SliceHashes(sum, head.size);
    if (file.map !== undefined) {
      const map = encodeMap(file.map);
      hashes.add(map);
      await put(map);
    }
    let missing = 0;
    for (const { offset, length } of file.map?.stretches ?? [{ offset: 0, length: file.size }]) {
      for (let done = 0; done < length;) {
        const want = Math.min(LargeFile.ROOM, length - done, hashes.left);
        const got = missing > 0 ? 0 : this.read(file, path, offset + done, want);
        if (got < want) {
          sum.kernel.bytes.fill(0, sum.at + got, sum.at + want); // as GNU tar: what is missing is zeros
          missing += want - got;
        }
        hashes.addAt(sum.at, want);
        await put(sum.kernel.bytes.subarray(sum.at, sum.at + want));
        progress(want);
        done += want;
      }
    }
    if (!source.stoodStill(file)) source.problem(path, 'changed', 'changed while it was read; a sync takes it up', 0, 'warning');
    else if (missing > 0) source.problem(path, 'unreadable', `${missing} bytes of it could not be read; zeros stand for them`);
    const { hash, slices } = hashes.finish();
    const padding = padded(head.size) - head.size;
    const back = headers.length + head.size + padding;
    await put(Buffer.concat([Buffer.alloc(padding), await this.check({ back, head: headers.length, size: head.size, headHash, hash, path, ...(slices === undefined ? {} : { slices }) })]));
    return true;
  }

  /** Reads into the kernel's memory; fewer bytes where the file ends, or cannot be read. */
  private read(file: OpenFile, path: RelPath, position: number, length: number): number {
    const { sum } = this;
    for (let done = 0; done < length;) {
      const n = this.posix.read(file.fd, sum.kernel.bytes, sum.at + done, length - done, position + done);
      if (n < 0) this.source.problem(path, 'unreadable', `cannot read it: ${errnoText(n)}`, n);
      if (n <= 0) return done;
      done += n;
    }
    return length;
  }
}

/** Hashes of a content's slices, as its bytes go by. */
export class SliceHashes {
  private readonly length: number;
  private readonly slices: string[] = [];
  private inSlice = 0;
  private readonly several: boolean;

  constructor(private readonly sum: ContentSum, size: number) {
    this.length = sliceLength(size);
    this.several = size > this.length;
    sum.begin();
  }

  /** Bytes up to the end of the slice at hand: no more are added at once. */
  get left(): number {
    return this.length - this.inSlice;
  }

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.left);
      this.sum.add(part);
      this.advance(part.length);
      at += part.length;
    }
  }
  /** Adds bytes of the kernel's memory, within a slice. */
  addAt(at: number, length: number): void {
    this.sum.addAt(at, length);
    this.advance(length);
  }

  /** Hash of the whole: of one slice its own, of more that of their hashes. The sum may be used for something else then. */
  finish(): { hash: string; slices: string[] | undefined } {
    if (!this.several) return { hash: this.sum.digest(), slices: undefined };
    if (this.inSlice > 0) this.cut();
    return { hash: this.sum.of(Buffer.from(this.slices.join(''), 'latin1')), slices: this.slices };
  }

  private advance(length: number): void {
    this.inSlice += length;
    if (this.several && this.inSlice === this.length) this.cut();
  }

  private cut(): void {
    this.slices.push(this.sum.digest());
    this.sum.begin();
    this.inSlice = 0;
  }
}
