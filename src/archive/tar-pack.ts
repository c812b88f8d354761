/**
 * Tar members as bytes, made by tar-stream: headers, pax records, padding, the end of an archive. What its interface has no words for is
 * added here: names and values that are not UTF-8 (their records are made by pax.ts and go through it as a member whose type is then set),
 * and contents that do not go through it because they are large (a header's size is set after).
 *
 * One instance belongs to one thread and makes one stretch after the other: `add`, `add`, …, `finish`.
 */
import { pack, type Header } from 'tar-stream';
import { EMPTY, S_IFREG, type ByteString } from '../tree/index.js';
import { encodeRecords, recordLength, type PaxRecord } from './pax.js';

export type MemberType = 'file' | 'directory' | 'symlink' | 'link' | 'block-device' | 'character-device' | 'fifo';

/** What a member's headers say. */
export interface MemberHead {
  type: MemberType;
  /** As it stands in the archive; of a folder with a slash at its end. */
  name: ByteString;
  /** Permissions, 0–07777. */
  mode: number;
  uid: number; gid: number;
  /** Names of both where this host knows them. */
  uname: ByteString; gname: ByteString;
  /** Bytes of content in the archive. */
  size: number;
  mtimeSec: number;
  link: ByteString;
  major: number; minor: number;
  /** What the header cannot say, but for `path` and `linkpath`. */
  records: PaxRecord[];
}

/** Where a member lies in its stretch. */
export interface Placed { start: number; /** First byte of its content. */ content: number }

export const BLOCK = 512;
/** Longest name and link in a plain header, and the largest numbers that tar-stream writes there. */
export const SHORT = 100;
export const LARGEST_ID = 0o777777;
const LARGEST_TIME = 0x7fffffff;
export const LARGEST_SIZE = 0o77777777777;
const NAME_ROOM = 31;
const TYPE_AT = 156;
const SIZE_AT = 124;
const SUM_AT = 148;
const MINOR_AT = 337;
const ASCII = /^[\x20-\x7e]*$/;

/** Bytes up to the end of the block that the last one stands in. */
export function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

export class TarPack {
  private readonly stream = pack();
  private chunks: Buffer[] = [];
  private arrived = 0;
  private expected = 0;
  private wake: (() => void) | undefined;
  private failure: Error | undefined;
  /** What is changed in the bytes when they are there. */
  private patches: ((bytes: Buffer) => void)[] = [];

  constructor() {
    this.stream.on('data', (chunk) => {
      this.chunks.push(chunk as Buffer);
      this.arrived += (chunk as Buffer).length;
      if (this.arrived >= this.expected) this.wake?.();
    });
    this.stream.on('error', (error: Error) => {
      this.failure = error;
      this.wake?.();
    });
  }

  /** Bytes of the stretch so far. */
  get length(): number {
    return this.expected;
  }

  /**
   * Adds a member. `content` must stay as it is until `finish` is done; without it (and a size) only the headers are made and the
   * content is the caller's, with its padding.
   */
  add(head: MemberHead, content?: Buffer): Placed {
    const start = this.expected;
    const all = allRecords(head);
    const records = all.filter(([key]) => key !== 'path' && key !== 'linkpath');
    const text = ASCII.test(head.name) && ASCII.test(head.link) && records.every(([, value]) => ASCII.test(value));
    const plain = all.length === 0;
    const hollow = head.type === 'file' && head.size > 0 && content === undefined;
    if (!plain && !text) this.pax('x', all);
    const header: Partial<Header> & Pick<Header, 'name'> = {
      name: plain || text ? head.name : shortened(head.name), type: head.type, mode: head.mode | S_IFREG, // without a bit of type tar-stream takes mode 0 for none
      uid: head.uid > LARGEST_ID ? 0 : head.uid, gid: head.gid > LARGEST_ID ? 0 : head.gid, size: content?.length ?? 0,
      mtime: new Date(inRange(head.mtimeSec) ? head.mtimeSec * 1000 : 0), uname: nameOf(head.uname), gname: nameOf(head.gname),
      ...(head.link === '' ? {} : { linkname: plain || text ? head.link : shortened(head.link) }),
      ...(head.type === 'block-device' || head.type === 'character-device' ? { devmajor: head.major, devminor: Math.min(head.minor, LARGEST_ID) } : {}),
      ...(plain || !text ? {} : { pax: Object.fromEntries(records) }),
    };
    if (!plain && text) this.expected += BLOCK + padded(all.reduce((length, [key, value]) => length + recordLength(key, value), 0));
    const at = this.expected;
    if (hollow) this.patches.push((bytes) => { patchOctal(bytes, at, SIZE_AT, 11, head.size); });
    if (head.minor > LARGEST_ID) this.patches.push((bytes) => { patchOctal(bytes, at, MINOR_AT, 7, head.minor); });
    this.expected += BLOCK + padded(content?.length ?? 0);
    if (content === undefined || content.length === 0) this.stream.entry(header).end(undefined);
    else this.stream.entry(header, content);
    return { start, content: at + BLOCK };
  }

  /** Adds a header of records alone: `g` for all that follows, `x` for the next member. */
  pax(type: 'g' | 'x', records: readonly PaxRecord[]): void {
    const content = encodeRecords(records);
    const at = this.expected;
    this.patches.push((bytes) => { patchType(bytes, at, type); });
    this.expected += BLOCK + padded(content.length);
    this.stream.entry({ name: type === 'g' ? 'GlobalHead' : 'PaxHeader', type: 'file', mode: S_IFREG | 0o644, uid: 0, gid: 0, mtime: new Date(0) }, content);
  }

  /** The stretch, whole, in bytes of its own. @param spare bytes that are left free at its end */
  async finish(spare = 0): Promise<Buffer> {
    while (this.arrived < this.expected && this.failure === undefined) await new Promise<void>((resolve) => { this.wake = resolve; });
    this.wake = undefined;
    if (this.failure !== undefined) throw this.failure;
    if (this.arrived !== this.expected) throw new Error(`tar-stream made ${this.arrived} bytes, not ${this.expected}`);
    const bytes = Buffer.allocUnsafeSlow(this.expected + spare);
    let at = 0;
    for (const chunk of this.chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    for (const patch of this.patches) patch(bytes);
    this.chunks = [];
    this.patches = [];
    this.arrived = this.expected = 0;
    return bytes.subarray(0, at);
  }
}

/** All records of a member: none where the header says it all; else its names too, as tar-stream has it. */
export function allRecords(head: MemberHead): PaxRecord[] {
  const more = needed(head);
  const plain = head.records.length === 0 && more.length === 0 && head.name.length <= SHORT && head.link.length <= SHORT && ASCII.test(head.name) && ASCII.test(head.link);
  if (plain) return more;
  const names: PaxRecord[] = head.link === '' ? [['path', head.name]] : [['path', head.name], ['linkpath', head.link]];
  return [...names, ...head.records, ...more];
}

/** Records for what the header has no room for. */
function needed(head: MemberHead): PaxRecord[] {
  const records: PaxRecord[] = [];
  if (head.uid > LARGEST_ID) records.push(['uid', String(head.uid)]);
  if (head.gid > LARGEST_ID) records.push(['gid', String(head.gid)]);
  if (nameOf(head.uname) !== head.uname) records.push(['uname', head.uname]);
  if (nameOf(head.gname) !== head.gname) records.push(['gname', head.gname]);
  if (head.size > LARGEST_SIZE) records.push(['size', String(head.size)]);
  if (!inRange(head.mtimeSec) && !head.records.some(([key]) => key === 'mtime')) records.push(['mtime', String(head.mtimeSec)]);
  return records;
}

export function inRange(seconds: number): boolean {
  return seconds >= 0 && seconds <= LARGEST_TIME;
}

/** A name as far as the header's own field takes it: what is longer, or not ASCII, has a record. */
export function nameOf(name: ByteString): string {
  if (name === lastName) return lastFits ? name : '';
  lastName = name;
  lastFits = name.length <= NAME_ROOM && ASCII.test(name);
  return lastFits ? name : '';
}
let lastName: ByteString = EMPTY; // most members are of few users
let lastFits = true;

/** What stands in a plain header in the place of a name that has a record: for eyes, and for readers that know no pax. */
export function shortened(name: ByteString): string {
  const safe = name.replaceAll(/[^\x20-\x7e]/g, '_');
  return safe.length <= SHORT ? safe : `…${safe.slice(1 - SHORT)}`.replace('…', '_');
}

function patchType(bytes: Buffer, at: number, type: string): void {
  bytes[at + TYPE_AT] = type.charCodeAt(0);
  seal(bytes, at);
}

/** Writes a number into a field of a header: octal, or in base 256 where it does not fit (as GNU tar does). */
function patchOctal(bytes: Buffer, at: number, field: number, digits: number, value: number): void {
  const text = value.toString(8);
  if (text.length <= digits) bytes.latin1Write(`${text.padStart(digits, '0')}${field === SIZE_AT ? ' ' : '\0'}`, at + field);
  else {
    bytes.fill(0, at + field, at + field + digits + 1);
    bytes[at + field] = 0x80;
    bytes.writeUIntBE(value, at + field + digits - 5, 6);
  }
  seal(bytes, at);
}

/** Sets a header's checksum anew. */
function seal(bytes: Buffer, at: number): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < SUM_AT || i >= SUM_AT + 8) sum += bytes[at + i] as number;
  bytes.latin1Write(`${sum.toString(8).padStart(6, '0')}\0 `, at + SUM_AT);
}
