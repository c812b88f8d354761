/**
 * Byte strings: how a name travels through the program without being decoded.
 *
 * A file system holds names as bytes. A `ByteString` is a JavaScript string in which each UTF-16 unit
 * is one byte (0 to 255), what Node calls latin1. It compares, hashes and concatenates natively, `<`
 * is byte order, and it goes to and from a Buffer without loss. Text for people is made only at the
 * edge, by `displayName`.
 */

declare global {
  /** Methods that Node's Buffer has always had and its types leave out: no encoding look-up on the hot path. */
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}

declare const byteString: unique symbol;

/** A string whose every unit is one byte, 0–255. */
export type ByteString = string & { readonly [byteString]: true };

/** The empty byte string; as a `RelPath` it is the root itself. */
export const EMPTY = '' as ByteString;

/** Bytes → byte string, without loss. */
export function fromBytes(bytes: Uint8Array): ByteString {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.latin1Slice(0, buffer.length) as ByteString;
}

/** Byte string → bytes, without loss. */
export function toBytes(name: ByteString): Buffer {
  return Buffer.from(name, 'latin1');
}

/** Byte string → the text that was typed: what `fromText` made of it, and what is not UTF-8 with signs in its place. */
export function toText(name: ByteString): string {
  return toBytes(name).toString('utf8');
}

/** Text typed by a person (UTF-8 in the file system) → byte string. */
export function fromText(text: string): ByteString {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return fromBytes(Buffer.from(text, 'utf8'));
  }
  return text as ByteString;
}

/** Compares in byte order, as `memcmp` would. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A name for people: valid UTF-8 is decoded; control characters and bytes that are not UTF-8 become
 * `\#ooo` (three octal digits), so that a terminal or a log never receives them raw. With
 * `eightBit`, high bytes are passed on as they are (as latin1 units: write the result as latin1).
 */
export function displayName(name: ByteString, eightBit = false): string {
  let plain = true;
  let high = false;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c < 32 || c === 127 || (c === 92 && name.charCodeAt(i + 1) === 35)) plain = false;
    else if (c > 127) high = true;
  }
  if (plain && !high) return name;
  let text: string = name;
  let decoded = false;
  if (high && !eightBit) {
    try {
      text = utf8.decode(toBytes(name));
      decoded = true;
    } catch {
      decoded = false; // not UTF-8: the bytes are escaped one by one below
    }
  }
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const c1 = decoded && c >= 0x80 && c < 0xa0; // C1 controls drive terminals too
    if (c < 32 || c === 127 || c1 || (c > 127 && !decoded && !eightBit) || (c === 92 && isEscape(text, i))) {
      out += '\\#' + c.toString(8).padStart(3, '0');
    } else out += text[i];
  }
  return out;
}

/** True where the text itself would read as an escape: `\#` and three digits. */
function isEscape(text: string, at: number): boolean {
  return /^\\#[0-7]{3}/.test(text.slice(at, at + 5));
}
