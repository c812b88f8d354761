/**
 * Items: what the supplier answers. A payload holds items one after the other, each with its kind and length; within one payload paths, attributes
 * and offsets are told as differences from the item before. A payload stands for itself: readers and writers begin each anew.
 * The reader checks everything and throws only WireError.
 */
import { MAX_BLOCK, MAX_FILE, MIN_BLOCK, type Stretch } from '../delta/index.js';
import { WHOLE_HASH_BYTES } from '../hash/index.js';
import { EMPTY, type RelPath } from '../tree/index.js';
import { WireError } from './error.js';
import { FOLDER_DIGEST_BYTES } from './folder-digest.js';
import { readFolder, writeFolder, type TimesTold } from './folder-item.js';
import { MAX_BODY, MAX_ERRNO, MAX_LINK_TEXT, MAX_LITERAL_ITEM, MAX_MOUNTS, MAX_SMALL_FILE, MAX_STRETCHES, SIZE_END } from './limits.js';
import type { AnswerItem, Item } from './messages.js';
import { readIdNames, readPath, readXattrs, writeIdNames, writePath, writeXattrs } from './pieces.js';
import { ByteReader, unzigzag } from './reader.js';
import { RecordMemory, sendable, wordsOf } from './records.js';
import { readStatBlock, StatBase, StatEncoder } from './stat-block.js';
import { ByteWriter, zigzag } from './writer.js';

/** Kinds of items in a payload. */
const enum Kind { Folder = 1, WalkEnd, Answer, ContentBegin, Literal, Copy, Hole, Refine, ContentEnd, Digest }

const REFINE_ALIGNED = 1;
const END_TREE = 2;
const ANSWER_STAT = 1;
const ANSWER_TEXT = 2;
const ANSWER_BYTES = 4;
const ANSWER_XATTRS = 8;
const ANSWER_USERS = 16;
const ANSWER_GROUPS = 32;
const ANSWER_NEGATIVE = 64;
const ANSWER_ALL = 127;

/** Writes items into payloads. */
export class ItemWriter {
  readonly #out = new ByteWriter();
  readonly #told: TimesTold;
  readonly #base = new StatBase();
  readonly #saved = this.#base.last.slice(); // as it was before the item that is being written
  readonly #encoder = new StatEncoder();
  #path: RelPath = EMPTY;
  #copied = 0; // where the last copy ended in the basis

  /** @param told whether access and birth times travel (-U; nothing needs birth times yet) */
  constructor(told: Partial<TimesTold> = {}) {
    this.#told = { atimes: told.atimes ?? false, btimes: told.btimes ?? false };
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#out.at;
  }

  /**
   * Appends one item. Records that no reader would take (a size of 2^53 or more) become errors: EOVERFLOW in their place.
   * @throws WireError 'limit' where the item is longer than a frame or its own limit, and then nothing was appended.
   */
  write(item: Item): void {
    const out = this.#out;
    const start = out.at;
    this.#saved.set(this.#base.last);
    try {
      this.#write(item, out);
      if (out.at - start > MAX_BODY) throw new WireError('limit', `an item of ${out.at - start} bytes is longer than a frame`);
    } catch (error) {
      out.at = start;
      this.#base.last.set(this.#saved);
      throw error;
    }
    if (item.kind === 'folder' || item.kind === 'digest') this.#path = item.path;
    else if (item.kind === 'copy') this.#copied = item.offset + item.length;
  }

  /** The payload, with its memory to itself; the next item begins a new one. */
  take(): Buffer {
    this.#base.reset();
    this.#path = EMPTY;
    this.#copied = 0;
    return this.#out.take();
  }

  #write(item: Item, out: ByteWriter): void {
    switch (item.kind) {
      case 'folder':
        return this.#body(Kind.Folder, () => { writeFolder(out, item, this.#told, this.#path, this.#base); });
      case 'digest':
        return this.#body(Kind.Digest, () => {
          out.varint(item.mount);
          writePath(out, item.path, this.#path);
          out.raw(item.digest.subarray(0, FOLDER_DIGEST_BYTES));
        });
      case 'walk-end':
        return this.#body(Kind.WalkEnd, () => undefined);
      case 'answer':
        return this.#body(Kind.Answer, () => { this.#answer(item); });
      case 'content-begin':
        return this.#body(Kind.ContentBegin, () => { this.#statOrErrno(item.errno, item.stat); });
      case 'literal':
        if (item.bytes.length === 0 || item.bytes.length > MAX_LITERAL_ITEM) throw new WireError('limit', `a literal cannot have ${item.bytes.length} bytes`);
        out.u8(Kind.Literal);
        return out.sized(item.bytes);
      case 'copy':
        return this.#body(Kind.Copy, () => {
          out.varint(zigzag(item.offset - this.#copied));
          out.varint(item.length);
        });
      case 'hole':
        return this.#body(Kind.Hole, () => { out.varint(item.length); });
      case 'refine':
        return this.#body(Kind.Refine, () => {
          out.u8(item.aligned ? REFINE_ALIGNED : 0);
          out.varint(item.blockLength);
          writeStretches(out, item.stretches);
        });
      case 'content-end':
        return this.#body(Kind.ContentEnd, () => {
          this.#statOrErrno(item.errno, item.stat, item.tree === true ? END_TREE : 0);
          out.varint(item.size);
          out.raw(item.hash.subarray(0, WHOLE_HASH_BYTES));
        });
    }
  }

  #body(kind: Kind, write: () => void): void {
    this.#out.u8(kind);
    const from = this.#out.at;
    write();
    this.#out.prefixLength(from);
  }

  #stat(stat: Buffer): void {
    this.#encoder.begin(1, this.#told.atimes, this.#told.btimes);
    this.#encoder.add(wordsOf(stat), 0);
    this.#encoder.write(this.#out, this.#base);
  }

  /** errno, whether a record follows (and other flags), the record. */
  #statOrErrno(errno: number, stat: Buffer | undefined, flags = 0): void {
    const unsendable = stat === undefined ? 0 : sendable(wordsOf(stat), 0);
    this.#out.varint(errno === 0 ? unsendable : errno);
    const told = stat !== undefined && unsendable === 0;
    this.#out.u8((told ? 1 : 0) | flags);
    if (told) this.#stat(stat);
  }

  #answer(item: AnswerItem): void {
    const out = this.#out;
    const unsendable = item.stat === undefined ? 0 : sendable(wordsOf(item.stat), 0);
    const result = unsendable === 0 ? item.result : -unsendable;
    const stat = unsendable === 0 ? item.stat : undefined;
    out.u8(
      (stat === undefined ? 0 : ANSWER_STAT) | (item.text === undefined ? 0 : ANSWER_TEXT) | (item.bytes === undefined ? 0 : ANSWER_BYTES) |
        (item.xattrs === undefined ? 0 : ANSWER_XATTRS) | (item.users === undefined ? 0 : ANSWER_USERS) | (item.groups === undefined ? 0 : ANSWER_GROUPS) |
        (result < 0 ? ANSWER_NEGATIVE : 0),
    );
    out.varint(Math.abs(result));
    if (stat !== undefined) this.#stat(stat);
    if (item.text !== undefined) out.sizedText(item.text);
    if (item.bytes !== undefined) out.sized(item.bytes);
    if (item.xattrs !== undefined) writeXattrs(out, item.xattrs);
    if (item.users !== undefined) writeIdNames(out, item.users);
    if (item.groups !== undefined) writeIdNames(out, item.groups);
  }
}

/** Reads the items of one payload. */
export class ItemReader {
  readonly #in: ByteReader;
  readonly #base = new StatBase();
  readonly #memory = new RecordMemory();
  #path: RelPath = EMPTY;
  #copied = 0;

  constructor(payload: Uint8Array) {
    this.#in = new ByteReader(payload);
  }

  /** Whether all items have been read. */
  get done(): boolean {
    return this.#in.at === this.#in.bytes.length;
  }

  /** The next item. The bytes of a literal are a view of the payload, all else is a copy. @throws WireError; then the payload is of no more use. */
  next(): Item {
    return readMessage(this.#in, (kind) => this.#read(kind as Kind));
  }

  #read(kind: Kind): Item {
    const input = this.#in;
    switch (kind) {
      case Kind.Folder: {
        const item = readFolder(input, this.#path, this.#base, this.#memory);
        this.#path = item.path;
        return item;
      }
      case Kind.WalkEnd:
        return { kind: 'walk-end' };
      case Kind.Digest: {
        const mount = input.varint(MAX_MOUNTS - 1, 'mount');
        this.#path = readPath(input, this.#path);
        return { kind: 'digest', mount, path: this.#path, digest: Buffer.from(input.raw(FOLDER_DIGEST_BYTES)) };
      }
      case Kind.Answer:
        return this.#answer();
      case Kind.ContentBegin: {
        const { errno, stat } = this.#statOrErrno();
        return { kind: 'content-begin', errno, stat };
      }
      case Kind.Literal:
        if (input.left === 0 || input.left > MAX_LITERAL_ITEM) throw new WireError('limit', `a literal cannot have ${input.left} bytes`);
        return { kind: 'literal', bytes: input.raw(input.left) };
      case Kind.Copy: {
        const offset = this.#copied + unzigzag(input.varint(2 * MAX_FILE, 'distance of a copy'));
        const length = atLeastOne(input.varint(MAX_FILE, 'length of a copy'), 'copy');
        if (offset < 0 || offset + length > MAX_FILE) throw new WireError('range', 'a copy lies outside any file');
        this.#copied = offset + length;
        return { kind: 'copy', offset, length };
      }
      case Kind.Hole:
        return { kind: 'hole', length: atLeastOne(input.varint(SIZE_END - 1, 'length of a hole'), 'hole') };
      case Kind.Refine:
        return { kind: 'refine', aligned: input.flags(REFINE_ALIGNED, 'refine') !== 0, blockLength: readBlockLength(input), stretches: readStretches(input, MAX_FILE) };
      case Kind.ContentEnd: {
        const { errno, stat, flags } = this.#statOrErrno(END_TREE);
        return { kind: 'content-end', errno, stat, ...((flags & END_TREE) === 0 ? {} : { tree: true }), size: input.varint(SIZE_END - 1, 'size'), hash: Buffer.from(input.raw(WHOLE_HASH_BYTES)) };
      }
      default:
        throw new WireError('kind', `there is no item of kind ${String(kind)}`);
    }
  }

  #stat(): Buffer {
    FIRST[0] = this.#memory.take(1, 1);
    readStatBlock(this.#in, 1, this.#memory.words, FIRST, this.#base);
    return this.#memory.records(FIRST[0], 1);
  }

  #statOrErrno(allowed = 0): { errno: number; stat: Buffer | undefined; flags: number } {
    const errno = this.#in.varint(MAX_ERRNO, 'errno');
    const flags = this.#in.flags(1 | allowed, 'record');
    return { errno, flags, stat: (flags & 1) !== 0 ? this.#stat() : undefined };
  }

  #answer(): AnswerItem {
    const input = this.#in;
    const flags = input.flags(ANSWER_ALL, 'answer');
    const negative = (flags & ANSWER_NEGATIVE) !== 0;
    const result = input.varint(negative ? MAX_ERRNO : SIZE_END - 1, 'result');
    if (negative && result === 0) throw new WireError('range', 'an error of 0');
    const stat = (flags & ANSWER_STAT) === 0 ? {} : { stat: this.#stat() };
    const text = (flags & ANSWER_TEXT) === 0 ? {} : { text: input.sizedText(MAX_LINK_TEXT, 'text') };
    const bytes = (flags & ANSWER_BYTES) === 0 ? {} : { bytes: Buffer.from(input.sized(MAX_SMALL_FILE, 'content')) };
    const xattrs = (flags & ANSWER_XATTRS) === 0 ? {} : { xattrs: readXattrs(input) };
    const users = (flags & ANSWER_USERS) === 0 ? {} : { users: readIdNames(input) };
    const groups = (flags & ANSWER_GROUPS) === 0 ? {} : { groups: readIdNames(input) };
    return { kind: 'answer', result: negative ? -result : result, ...stat, ...text, ...bytes, ...xattrs, ...users, ...groups };
  }
}

const FIRST = new Int32Array(1);

/** Reads kind and length, then the body by `read`, which must use all of it. */
export function readMessage<T>(input: ByteReader, read: (kind: number) => T): T {
  const kind = input.u8();
  const length = input.length(MAX_BODY, 'message');
  const end = input.end;
  input.end = input.at + length;
  const message = read(kind);
  if (input.at !== input.end) throw new WireError('range', 'a message has bytes left over');
  input.end = end;
  return message;
}

function atLeastOne(length: number, what: string): number {
  if (length === 0) throw new WireError('range', `a ${what} of no bytes`);
  return length;
}

export function writeStretches(out: ByteWriter, stretches: readonly Stretch[]): void {
  out.varint(stretches.length);
  let at = 0;
  for (const { start, length } of stretches) {
    out.varint(start - at);
    out.varint(length);
    at = start + length;
  }
}

/** Stretches in order, none of them empty, below `end`. */
export function readStretches(input: ByteReader, end: number): Stretch[] {
  const count = input.count(MAX_STRETCHES, 2, 'stretches');
  const stretches: Stretch[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at + input.varint(end - at, 'start of a stretch');
    const length = atLeastOne(input.varint(end - start, 'length of a stretch'), 'stretch');
    stretches.push({ start, length });
    at = start + length;
  }
  return stretches;
}

export function readBlockLength(input: ByteReader): number {
  const length = input.varint(MAX_BLOCK, 'block length');
  if (length < MIN_BLOCK) throw new WireError('range', `a block length of ${length} is below ${MIN_BLOCK}`);
  return length;
}
