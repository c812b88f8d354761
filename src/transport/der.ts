/**
 * der: the little of ASN.1's distinguished encoding (X.690) that a self-signed certificate needs. Values are made, never read.
 */

/** Tag, length, content. */
export function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...content);
}

export function set(...content: readonly Uint8Array[]): Buffer {
  return tagged(0x31, ...content);
}

/** A non-negative integer, of big-endian bytes. */
export function unsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const body = bytes.subarray(start);
  return tagged(0x02, (body[0] ?? 0) & 0x80 || body.length === 0 ? Buffer.concat([Buffer.from([0]), body]) : body);
}

export function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

/** An object identifier: `1.3.101.112`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const part = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) part.unshift((left % 128) | 0x80);
    bytes.push(...part);
  }
  return tagged(0x06, Buffer.from(bytes));
}

export function octets(bytes: Uint8Array): Buffer {
  return tagged(0x04, bytes);
}

/** A bit string of whole bytes, or of fewer bits of the last one. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return tagged(0x03, Buffer.from([unused]), bytes);
}

export function utf8(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

/** `[number]` with explicit content. */
export function explicit(number: number, content: Uint8Array): Buffer {
  return tagged(0xa0 | number, content);
}

/** A time of a certificate, in whole seconds: UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function time(date: Date): Buffer {
  const year = date.getUTCFullYear();
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '').replace(/^\+/, '');
  return year >= 1950 && year < 2050 ? tagged(0x17, Buffer.from(digits.slice(2), 'latin1')) : tagged(0x18, Buffer.from(digits, 'latin1'));
}
