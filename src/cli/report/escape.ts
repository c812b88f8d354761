/**
 * Lines on their way to a terminal or a log: still bytes, with what must not arrive raw made visible.
 *
 * A byte that could drive a terminal, or that is no part of valid UTF-8, becomes `\#ooo` (three octal digits),
 * rsync's form; so does a backslash that would itself read as such an escape. Tabs pass. Valid UTF-8 passes
 * byte for byte, so nothing is decoded. Stricter than rsync in two points: DEL and the C1 controls are escaped.
 */

/** Finds a line that needs a closer look; most lines have nothing of it. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
const SUSPECT = /[\u0000-\u0008\u000a-\u001f\u007f-\u00ff]|\\#[0-9]{3}/;

/**
 * Makes one line safe to show. `line` holds one byte in each unit (latin1), and so does the result.
 * With `eightBit` (-8) bytes above 127 are passed on as they are.
 */
export function escapeLine(line: string, eightBit: boolean): string {
  if (!SUSPECT.test(line)) return line;
  let out = '';
  for (let i = 0; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (c >= 0x80) {
      const length = eightBit ? 1 : sequenceLength(line, i, c);
      if (length === 0) out += octal(c);
      else {
        out += line.slice(i, i + length);
        i += length - 1;
      }
    } else if ((c < 32 && c !== 9) || c === 127 || (c === 92 && readsAsEscape(line, i))) out += octal(c);
    else out += line.charAt(i);
  }
  return out;
}

function octal(c: number): string {
  return '\\#' + c.toString(8).padStart(3, '0');
}

function readsAsEscape(line: string, at: number): boolean {
  return /^\\#[0-9]{3}/.test(line.slice(at, at + 5));
}

/** Bytes of the valid UTF-8 sequence at `at` (RFC 3629, table 3-7 of Unicode), 0 where there is none or it is a C1 control. */
function sequenceLength(line: string, at: number, lead: number): number {
  const second = line.charCodeAt(at + 1); // NaN past the end: every comparison below is false then
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead < 0xe0) return second >= (lead === 0xc2 ? 0xa0 : 0x80) && second <= 0xbf ? 2 : 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (!(second >= low && second <= high) || !continues(line, at + 2)) return 0;
  if (lead < 0xf0) return 3;
  return continues(line, at + 3) ? 4 : 0;
}

function continues(line: string, at: number): boolean {
  const c = line.charCodeAt(at);
  return c >= 0x80 && c <= 0xbf;
}
