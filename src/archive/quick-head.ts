/**
 * Headers of the many small members, written straight to where they stand: tar-stream makes two streams' events of each, which costs more
 * than reading the file. What stands here is what tar-stream's own encoder makes of the same member, as a test holds it to; names and
 * values are bytes besides, which it cannot have. Pure.
 */
import { recordLength, type PaxRecord } from './pax.js';
import { allRecords, BLOCK, inRange, LARGEST_ID, LARGEST_SIZE, nameOf, padded, shortened, SHORT, type MemberHead, type MemberType } from './tar-pack.js';

const TYPE: Readonly<Record<MemberType | 'pax', number>> = { file: 48, link: 49, symlink: 50, 'character-device': 51, 'block-device': 52, directory: 53, fifo: 54, pax: 120 };

/** A member's records and the bytes of its headers. */
export interface Measured { records: readonly PaxRecord[]; length: number }

/** What a member's headers will take. */
export function measureHead(head: MemberHead): Measured {
  const records = allRecords(head);
  return { records, length: records.length === 0 ? BLOCK : 2 * BLOCK + padded(lengthOf(records)) };
}

/** Writes a member's headers; returns their length. `out` must have room for as much as was measured. */
export function writeHead(out: Buffer, start: number, head: MemberHead, { records }: Measured = measureHead(head)): number {
  let at = start;
  if (records.length > 0) {
    const length = lengthOf(records);
    header(out, at, head, 'pax', 'PaxHeader', head.link === '' ? '' : 'PaxHeader', length);
    at += BLOCK;
    const end = at + padded(length);
    for (const [key, value] of records) {
      const text = `${recordLength(key, value)} ${key}=${value}\n`;
      at += out.latin1Write(text, at);
    }
    out.fill(0, at, end);
    at = end;
  }
  const plain = records.length === 0;
  header(out, at, head, head.type, plain ? head.name : shortened(head.name), plain ? head.link : shortened(head.link), head.size);
  return at + BLOCK - start;
}

function lengthOf(records: readonly PaxRecord[]): number {
  let length = 0;
  for (const [key, value] of records) length += recordLength(key, value);
  return length;
}

/** What all headers have in common. */
const TEMPLATE = ((): Uint8Array => {
  const block = Buffer.alloc(BLOCK);
  block.latin1Write('ustar', 257); // and a zero
  block[263] = block[264] = 48;
  octal(block, 329, 6, 0);
  octal(block, 337, 6, 0);
  return block;
})();

/** One header block. */
function header(out: Buffer, at: number, head: MemberHead, type: MemberType | 'pax', name: string, link: string, size: number): void {
  out.set(TEMPLATE, at);
  out.latin1Write(name.length > SHORT ? name.slice(0, SHORT) : name, at);
  octal(out, at + 100, 6, head.mode);
  octal(out, at + 108, 6, head.uid > LARGEST_ID ? 0 : head.uid);
  octal(out, at + 116, 6, head.gid > LARGEST_ID ? 0 : head.gid);
  if (size > LARGEST_SIZE) {
    out[at + 124] = 0x80;
    out.writeUIntBE(size, at + 130, 6);
  } else octal(out, at + 124, 11, size);
  octal(out, at + 136, 11, inRange(head.mtimeSec) ? head.mtimeSec : 0);
  out[at + 156] = TYPE[type];
  if (link !== '') out.latin1Write(link, at + 157);
  const uname = nameOf(head.uname);
  const gname = nameOf(head.gname);
  if (uname !== '') out.latin1Write(uname, at + 265);
  if (gname !== '') out.latin1Write(gname, at + 297);
  if (head.major > 0) octal(out, at + 329, 6, head.major);
  if (head.minor > LARGEST_ID) out.latin1Write(head.minor.toString(8).padStart(7, '0'), at + 337);
  else if (head.minor > 0) octal(out, at + 337, 6, head.minor);
  let sum = 8 * 32;
  for (let i = at; i < at + BLOCK; i++) sum += out[i] as number; // its own field is zeros yet
  octal(out, at + 148, 6, sum);
}

/** As tar-stream writes it: digits and a space. */
function octal(out: Buffer, at: number, digits: number, value: number): void {
  let i = at + digits - 1;
  let left = value;
  for (; left > 0x3fffffff; i--) { // beyond what bits are shifted of
    out[i] = 48 + (left % 8);
    left = Math.floor(left / 8);
  }
  for (; i >= at; i--) {
    out[i] = 48 + (left & 7);
    left >>>= 3;
  }
  out[at + digits] = 32;
}
