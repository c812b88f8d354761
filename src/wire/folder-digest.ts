/**
 * Digest of a folder: what stands for all its entries where the other end may have the same. It covers what a session compares when
 * it looks at names, types, permissions, owners by number, sizes and mtimes, and the texts of symlinks; not inodes, links, ctime, atime, space, attributes.
 * docs/protocol.md has the bytes. Keyed with the session's seed; pure but for the kernel's memory.
 */
import { createKernel, STREAM_STATE, type Kernel, type Seed } from '../hash/index.js';
import { S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT, S_IFREG, type ByteString } from '../tree/index.js';
import { ByteWriter } from './writer.js';

/** Bytes of a digest: half of an XXH3-128. */
export const FOLDER_DIGEST_BYTES = 8;
const HASH_BYTES = 16;
/** Bytes hashed at a time. */
const ROOM = 64 << 10;

/** Makes digests, one folder after the other. One belongs to one thread. */
export class FolderDigest {
  private readonly kernel: Kernel;
  private readonly state: number;
  private readonly room: number;
  private readonly result: number;
  private readonly out = new ByteWriter();

  constructor(private readonly seed: Seed) {
    this.kernel = createKernel();
    this.state = this.kernel.reserve(STREAM_STATE);
    this.room = this.kernel.reserve(ROOM);
    this.result = this.kernel.reserve(HASH_BYTES);
  }

  /** Begins a folder; its own record is added first, under the empty name. */
  begin(): void {
    this.out.at = 0; // a folder that was given up left bytes
    this.kernel.call.streamBegin(this.state, this.seed.low, this.seed.high);
  }

  /** Adds an entry: its name, its record at word `at`, and a symlink's text. Entries come in byte order of their names. */
  add(name: ByteString, words: Uint32Array, at: number, text: ByteString | undefined): void {
    const { out } = this;
    const mode = (words[at + 7] as number) & 0xffff;
    const type = mode & S_IFMT;
    out.sizedText(name);
    out.varint(mode);
    out.varint(words[at + 5] as number);
    out.varint(words[at + 6] as number);
    for (let word = 28; word <= 30; word++) out.varint(words[at + word] as number); // mtime: seconds, low and high; nanoseconds
    if (type === S_IFREG) {
      out.varint(words[at + 10] as number);
      out.varint(words[at + 11] as number);
    } else if (type === S_IFLNK) out.sizedText(text ?? name);
    else if (type === S_IFBLK || type === S_IFCHR) {
      out.varint(words[at + 32] as number);
      out.varint(words[at + 33] as number);
    }
    if (out.at >= ROOM / 2) this.flush();
  }

  /** The digest of what was added since `begin`. */
  end(): Buffer {
    this.flush();
    this.kernel.call.streamEnd(this.state, 1, this.result);
    return Buffer.from(this.kernel.bytes.subarray(this.result, this.result + FOLDER_DIGEST_BYTES));
  }

  private flush(): void {
    const bytes = this.out.take();
    for (let at = 0; at < bytes.length; at += ROOM) {
      const piece = bytes.subarray(at, at + ROOM);
      this.kernel.bytes.set(piece, this.room);
      this.kernel.call.streamUpdate(this.state, this.room, piece.length);
    }
  }
}
