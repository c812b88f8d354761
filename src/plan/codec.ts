/**
 * The binary form of operations: how a plan travels between threads and is kept.
 *
 * A stream is records one after the other, without padding; numbers are little-endian. A record is a head
 * of 32 bytes that begins with the record's whole length, the sections whose bit is set in the head, in
 * the order below, then the bytes of the strings. A section of zeros only is left out.
 *
 *   head      u32 length, u8 kind, u8 reason, u8 sections, u8 zero, u16 set, u16 mode, u32 item,
 *             u16 layer, u16 alt, u32 uid, u32 gid, u32 bytes of name
 *   Content   f64 size, f64 mtime seconds, u32 mtime nanoseconds
 *   Source    f64 atime s, u32 ns, f64 ctime s, u32 ns, u32 inode low, u32 high, f64 allocated
 *   Device    u32 major, u32 minor
 *   Expected  u32 mode, u32 inode low, u32 high, f64 size, f64 mtime s, u32 ns, u32 uid, u32 gid
 *   Link      u32 bytes of link
 *   Group     u32 bytes of group
 *   strings   name, link, group (one byte a unit)
 *
 * Reading checks every length and enumeration and throws PlanFormatError; it never reads outside a record.
 * Whether a name may be used is not its question: `operationFault` answers that for plans from outside.
 */
import { EMPTY, isName, isRelPath, type ByteString } from '../tree/index.js';
import { OpKind, Reason, type Operation } from './operation.js';

/** Version of the record layout; whoever keeps a plan in a file writes it beside. */
export const PLAN_FORMAT = 1;

const HEAD = 32;
const CONTENT = 20;
const SOURCE = 40;
const DEVICE = 8;
const EXPECTED = 40;
const STRING = 4;

const HAS_CONTENT = 1;
const HAS_SOURCE = 2;
const HAS_DEVICE = 4;
const HAS_EXPECTED = 8;
const HAS_LINK = 16;
const HAS_GROUP = 32;
const ALL_SECTIONS = 63;

const FIXED_MAX = HEAD + CONTENT + SOURCE + DEVICE + EXPECTED + 2 * STRING;
const LAST_KIND = lastOf(OpKind);
const LAST_REASON = lastOf(Reason);

/** Highest value of an enumeration whose values have no gaps. */
function lastOf(values: Record<string, string | number>): number {
  return Math.max(...Object.values(values).filter((value) => typeof value === 'number'));
}

/** Bytes that are not a plan. `offset` is where the record in question begins. */
export class PlanFormatError extends Error {
  constructor(message: string, readonly offset: number) {
    super(`${message} (at byte ${offset})`);
    this.name = 'PlanFormatError';
  }
}

/** An operation with every field at its default, to be filled or read into. */
export function emptyOperation(): Operation {
  return {
    kind: OpKind.Note, name: EMPTY, reason: Reason.Unchanged, item: 0, set: 0, layer: 0, mode: 0, uid: 0, gid: 0,
    size: 0, mtimeSec: 0, mtimeNsec: 0, atimeSec: 0, atimeNsec: 0, ctimeSec: 0, ctimeNsec: 0, inoLow: 0, inoHigh: 0,
    allocated: 0, rdevMajor: 0, rdevMinor: 0, link: EMPTY, alt: 0, group: '',
    expected: { mode: 0, inoLow: 0, inoHigh: 0, size: 0, mtimeSec: 0, mtimeNsec: 0, uid: 0, gid: 0 },
  };
}

/** A copy of an operation that does not change with the object it was made of. */
export function copyOperation(op: Operation): Operation {
  return { ...op, expected: { ...op.expected } };
}

/** Writes operations into one growing buffer, which is kept between plans. */
export class OperationWriter {
  private bytes: Uint8Array<ArrayBuffer>;
  private buffer: Buffer;
  private view: DataView;
  private used = 0;

  /** @param initialBytes capacity to begin with; it doubles as needed. */
  constructor(initialBytes = 1 << 16) {
    this.bytes = new Uint8Array(Math.max(initialBytes, 256));
    this.buffer = Buffer.from(this.bytes.buffer);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Appends records that were encoded elsewhere. */
  append(records: Uint8Array): void {
    if (this.used + records.length > this.bytes.length) this.grow(records.length);
    this.bytes.set(records, this.used);
    this.used += records.length;
  }

  /** The records from byte `from` to `to`, as a view that the next write may invalidate. */
  slice(from: number, to = this.used): Uint8Array {
    return this.bytes.subarray(from, Math.min(to, this.used));
  }

  /** Bytes written since the last `take` or `reset`. */
  get length(): number {
    return this.used;
  }

  /** Appends one operation. Numbers must be in the ranges of the layout (layer and alt below 65536, ids below 2^32). */
  write(op: Operation): void {
    const name = op.name;
    const link = op.link;
    const group = op.group;
    const most = FIXED_MAX + name.length + link.length + group.length;
    if (this.used + most > this.bytes.length) this.grow(most);

    const view = this.view;
    const start = this.used;
    let at = start + HEAD;
    let sections = 0;
    if (op.size !== 0 || op.mtimeSec !== 0 || op.mtimeNsec !== 0) {
      sections |= HAS_CONTENT;
      view.setFloat64(at, op.size, true);
      view.setFloat64(at + 8, op.mtimeSec, true);
      view.setUint32(at + 16, op.mtimeNsec, true);
      at += CONTENT;
    }
    if (
      op.atimeSec !== 0 || op.atimeNsec !== 0 || op.ctimeSec !== 0 || op.ctimeNsec !== 0 ||
      op.inoLow !== 0 || op.inoHigh !== 0 || op.allocated !== 0
    ) {
      sections |= HAS_SOURCE;
      view.setFloat64(at, op.atimeSec, true);
      view.setUint32(at + 8, op.atimeNsec, true);
      view.setFloat64(at + 12, op.ctimeSec, true);
      view.setUint32(at + 20, op.ctimeNsec, true);
      view.setUint32(at + 24, op.inoLow, true);
      view.setUint32(at + 28, op.inoHigh, true);
      view.setFloat64(at + 32, op.allocated, true);
      at += SOURCE;
    }
    if (op.rdevMajor !== 0 || op.rdevMinor !== 0) {
      sections |= HAS_DEVICE;
      view.setUint32(at, op.rdevMajor, true);
      view.setUint32(at + 4, op.rdevMinor, true);
      at += DEVICE;
    }
    const was = op.expected;
    if (
      was.mode !== 0 || was.inoLow !== 0 || was.inoHigh !== 0 || was.size !== 0 ||
      was.mtimeSec !== 0 || was.mtimeNsec !== 0 || was.uid !== 0 || was.gid !== 0
    ) {
      sections |= HAS_EXPECTED;
      view.setUint32(at, was.mode, true);
      view.setUint32(at + 4, was.inoLow, true);
      view.setUint32(at + 8, was.inoHigh, true);
      view.setFloat64(at + 12, was.size, true);
      view.setFloat64(at + 20, was.mtimeSec, true);
      view.setUint32(at + 28, was.mtimeNsec, true);
      view.setUint32(at + 32, was.uid, true);
      view.setUint32(at + 36, was.gid, true);
      at += EXPECTED;
    }
    if (link.length !== 0) {
      sections |= HAS_LINK;
      view.setUint32(at, link.length, true);
      at += STRING;
    }
    if (group.length !== 0) {
      sections |= HAS_GROUP;
      view.setUint32(at, group.length, true);
      at += STRING;
    }
    at = this.text(name, at);
    if (link.length !== 0) at = this.text(link, at);
    if (group.length !== 0) at = this.text(group, at);

    view.setUint32(start, at - start, true);
    view.setUint32(start + 4, op.kind | (op.reason << 8) | (sections << 16), true);
    view.setUint16(start + 8, op.set, true);
    view.setUint16(start + 10, op.mode, true);
    view.setUint32(start + 12, op.item, true);
    view.setUint16(start + 16, op.layer, true);
    view.setUint16(start + 18, op.alt, true);
    view.setUint32(start + 20, op.uid, true);
    view.setUint32(start + 24, op.gid, true);
    view.setUint32(start + 28, name.length, true);
    this.used = at;
  }

  /** Hands out what was written, as bytes with a buffer of their own (transferable), and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.used);
    this.used = 0;
    return taken;
  }

  /** Forgets what was written; keeps the buffer. */
  reset(): void {
    this.used = 0;
  }

  private text(text: string, at: number): number {
    const length = text.length;
    if (length > 24) this.buffer.latin1Write(text, at, length);
    else {
      // A call out of JavaScript costs more than two dozen bytes written here.
      const bytes = this.bytes;
      for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    }
    return at + length;
  }

  private grow(more: number): void {
    let capacity = this.bytes.length * 2;
    while (capacity < this.used + more) capacity *= 2;
    const bytes = new Uint8Array(capacity);
    bytes.set(this.bytes.subarray(0, this.used));
    this.bytes = bytes;
    this.buffer = Buffer.from(bytes.buffer);
    this.view = new DataView(bytes.buffer);
  }
}

/** Reads operations one by one into an object of the caller's, so that nothing but strings is made. */
export class OperationReader {
  private readonly buffer: Buffer;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether all operations were read. */
  get done(): boolean {
    return this.at >= this.buffer.length;
  }

  /** Byte offset of the next operation. */
  get offset(): number {
    return this.at;
  }

  /** Kind of the next operation, without reading it. @throws PlanFormatError also at the end. */
  peekKind(): OpKind {
    this.recordLength();
    return this.kindAt(this.at);
  }

  /** Size of the next operation's content, without reading it. */
  peekSize(): number {
    this.recordLength();
    return (this.view.getUint8(this.at + 6) & HAS_CONTENT) === 0 ? 0 : this.view.getFloat64(this.at + HEAD, true);
  }

  /** Passes over the next operation in constant time. @throws PlanFormatError also at the end. */
  skip(): void {
    this.at += this.recordLength();
  }

  /** Reads the next operation; every field of `into` is set. @throws PlanFormatError also at the end; `into` is then undefined in value. */
  next(into: Operation): void {
    const view = this.view;
    const start = this.at;
    const length = this.recordLength();
    const kind = this.kindAt(start);
    const reason = view.getUint8(start + 5);
    const sections = view.getUint8(start + 6);
    if (reason < 1 || reason > LAST_REASON) throw new PlanFormatError(`unknown reason ${reason}`, start);
    if (sections > ALL_SECTIONS || view.getUint8(start + 7) !== 0) throw new PlanFormatError('unknown section', start);
    const fixed =
      HEAD + ((sections & HAS_CONTENT) !== 0 ? CONTENT : 0) + ((sections & HAS_SOURCE) !== 0 ? SOURCE : 0) +
      ((sections & HAS_DEVICE) !== 0 ? DEVICE : 0) + ((sections & HAS_EXPECTED) !== 0 ? EXPECTED : 0) +
      ((sections & HAS_LINK) !== 0 ? STRING : 0) + ((sections & HAS_GROUP) !== 0 ? STRING : 0);
    if (fixed > length) throw new PlanFormatError('record shorter than its sections', start);

    into.kind = kind;
    into.reason = reason;
    into.set = view.getUint16(start + 8, true);
    into.mode = view.getUint16(start + 10, true);
    into.item = view.getUint32(start + 12, true);
    into.layer = view.getUint16(start + 16, true);
    into.alt = view.getUint16(start + 18, true);
    into.uid = view.getUint32(start + 20, true);
    into.gid = view.getUint32(start + 24, true);
    const nameBytes = view.getUint32(start + 28, true);
    let at = start + HEAD;

    if ((sections & HAS_CONTENT) !== 0) {
      into.size = view.getFloat64(at, true);
      into.mtimeSec = view.getFloat64(at + 8, true);
      into.mtimeNsec = view.getUint32(at + 16, true);
      at += CONTENT;
    } else {
      into.size = into.mtimeSec = into.mtimeNsec = 0;
    }
    if ((sections & HAS_SOURCE) !== 0) {
      into.atimeSec = view.getFloat64(at, true);
      into.atimeNsec = view.getUint32(at + 8, true);
      into.ctimeSec = view.getFloat64(at + 12, true);
      into.ctimeNsec = view.getUint32(at + 20, true);
      into.inoLow = view.getUint32(at + 24, true);
      into.inoHigh = view.getUint32(at + 28, true);
      into.allocated = view.getFloat64(at + 32, true);
      at += SOURCE;
    } else {
      into.atimeSec = into.atimeNsec = into.ctimeSec = into.ctimeNsec = into.inoLow = into.inoHigh = into.allocated = 0;
    }
    if ((sections & HAS_DEVICE) !== 0) {
      into.rdevMajor = view.getUint32(at, true);
      into.rdevMinor = view.getUint32(at + 4, true);
      at += DEVICE;
    } else {
      into.rdevMajor = into.rdevMinor = 0;
    }
    const was = into.expected;
    if ((sections & HAS_EXPECTED) !== 0) {
      was.mode = view.getUint32(at, true);
      was.inoLow = view.getUint32(at + 4, true);
      was.inoHigh = view.getUint32(at + 8, true);
      was.size = view.getFloat64(at + 12, true);
      was.mtimeSec = view.getFloat64(at + 20, true);
      was.mtimeNsec = view.getUint32(at + 28, true);
      was.uid = view.getUint32(at + 32, true);
      was.gid = view.getUint32(at + 36, true);
      at += EXPECTED;
    } else {
      was.mode = was.inoLow = was.inoHigh = was.size = was.mtimeSec = was.mtimeNsec = was.uid = was.gid = 0;
    }
    let linkBytes = 0;
    if ((sections & HAS_LINK) !== 0) {
      linkBytes = view.getUint32(at, true);
      at += STRING;
    }
    let groupBytes = 0;
    if ((sections & HAS_GROUP) !== 0) {
      groupBytes = view.getUint32(at, true);
      at += STRING;
    }
    // Sums of three u32 are exact in a double, so a hostile length cannot wrap.
    if (fixed + nameBytes + linkBytes + groupBytes !== length) throw new PlanFormatError('lengths do not add up', start);
    const buffer = this.buffer;
    into.name = buffer.latin1Slice(at, at + nameBytes) as ByteString;
    at += nameBytes;
    into.link = linkBytes === 0 ? EMPTY : (buffer.latin1Slice(at, at + linkBytes) as ByteString);
    at += linkBytes;
    into.group = groupBytes === 0 ? '' : buffer.latin1Slice(at, at + groupBytes);
    this.at = start + length;
  }

  private recordLength(): number {
    const left = this.buffer.length - this.at;
    if (left < HEAD) throw new PlanFormatError(left <= 0 ? 'no more operations' : 'record cut off', this.at);
    const length = this.view.getUint32(this.at, true);
    if (length < HEAD || length > left) throw new PlanFormatError(`record of ${length} bytes where ${left} are left`, this.at);
    return length;
  }

  private kindAt(start: number): OpKind {
    const kind = this.view.getUint8(start + 4);
    if (kind < 1 || kind > LAST_KIND) throw new PlanFormatError(`unknown kind ${kind}`, start);
    return kind;
  }
}

/**
 * What makes an operation unusable, as a phrase, or undefined. For plans that come from outside this
 * process: a decoded record is well formed, this says that its values are possible.
 */
export function operationFault(op: Operation): string | undefined {
  if (op.kind === OpKind.Folder ? !isRelPath(op.name) : !isName(op.name)) return 'name refused';
  if ((op.kind === OpKind.Move || op.kind === OpKind.Link) && op.alt === 0 && !isRelPath(op.link)) return 'path refused';
  if (op.link.includes('\0')) return 'NUL in a link';
  const was = op.expected;
  if (op.mtimeNsec > 999999999 || op.atimeNsec > 999999999 || op.ctimeNsec > 999999999 || was.mtimeNsec > 999999999) return 'nanoseconds out of range';
  if (!isSize(op.size) || !isSize(op.allocated) || !isSize(was.size)) return 'size out of range';
  if (!Number.isSafeInteger(op.mtimeSec) || !Number.isSafeInteger(op.atimeSec) || !Number.isSafeInteger(op.ctimeSec) || !Number.isSafeInteger(was.mtimeSec)) return 'time out of range';
  return undefined;
}

function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}
