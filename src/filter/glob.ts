/**
 * Globs → tokens: the pattern languages of rsync and of .gitignore, over bytes.
 *
 * Both know `?`, `*`, classes with ranges and POSIX names, and the backslash. They differ in `**`: rsync's matches any
 * bytes, git's stands for whole folders. Matching is left to `automaton.ts`.
 */
import type { ByteString } from '../tree/index.js';

/** One element of a glob. */
export type GlobToken =
  | { readonly type: 'byte'; readonly byte: number }
  /** One byte out of a set; never the slash. `set[b]` is 1 for a member. */
  | { readonly type: 'set'; readonly set: Uint8Array }
  /** `?`: one byte that is not a slash. */
  | { readonly type: 'one' }
  /** `*`: any bytes but the slash. */
  | { readonly type: 'star' }
  /** `**`: any bytes. With `folders` the token and the slash behind it may both be left out. */
  | { readonly type: 'globstar'; readonly folders: boolean };

const SLASH = 47;
const STAR = 42;
const BACKSLASH = 92;

/** Whether a pattern holds wildcards at all: without one it is compared byte by byte, backslashes included. */
export function isWild(pattern: ByteString): boolean {
  return /[*?[]/.test(pattern);
}

/** rsync's language. Undefined for a pattern that can match nothing (an open class, a trailing backslash). */
export function parseGlob(pattern: ByteString): GlobToken[] | undefined {
  return parse(pattern, (_at, length) => (length === 1 ? { type: 'star' } : { type: 'globstar', folders: false }));
}

/**
 * The language of .gitignore for a pattern with a slash (its leading one removed). `**` spans folders only between
 * slashes, at the ends, or, as git has it, right behind the literal bytes that the pattern begins with.
 */
export function parseGitGlob(pattern: ByteString): GlobToken[] | undefined {
  const literal = pattern.search(/[*?[\\]/);
  return parse(pattern, (at, length) => {
    const end = at + length;
    const begins = at === literal || pattern.charCodeAt(at - 1) === SLASH;
    const slash = pattern.charCodeAt(end) === SLASH;
    const ends = end === pattern.length || slash || pattern.startsWith('\\/', end);
    return length > 1 && begins && ends ? { type: 'globstar', folders: slash } : { type: 'star' };
  });
}

function parse(pattern: ByteString, stars: (at: number, length: number) => GlobToken): GlobToken[] | undefined {
  const tokens: GlobToken[] = [];
  let at = 0;
  while (at < pattern.length) {
    const c = pattern.charAt(at);
    switch (c) {
      case '*': {
        let end = at + 1;
        while (pattern.charCodeAt(end) === STAR) end++;
        const token = stars(at, end - at);
        if (!repeats(tokens, token)) tokens.push(token);
        else tokens.pop(); // "**/**/" is "**/": the slash between goes, the one behind follows
        at = end;
        break;
      }
      case '?':
        tokens.push({ type: 'one' });
        at++;
        break;
      case '[': {
        const parsed = parseClass(pattern, at);
        if (parsed === undefined) return undefined;
        tokens.push({ type: 'set', set: parsed.set });
        at = parsed.end;
        break;
      }
      case '\\':
        if (at + 1 === pattern.length) return undefined;
        tokens.push({ type: 'byte', byte: pattern.charCodeAt(at + 1) });
        at += 2;
        break;
      default:
        tokens.push({ type: 'byte', byte: pattern.charCodeAt(at) });
        at++;
    }
  }
  return tokens;
}

/** Whether `token` only repeats the globstar and slash that `tokens` end with. */
function repeats(tokens: readonly GlobToken[], token: GlobToken): boolean {
  const slash = tokens.at(-1);
  const before = tokens.at(-2);
  return (
    token.type === 'globstar' && token.folders && slash?.type === 'byte' && slash.byte === SLASH &&
    before?.type === 'globstar' && before.folders
  );
}

/** A class that opens at `open`. Undefined where it never closes or names an unknown POSIX class. */
function parseClass(pattern: ByteString, open: number): { set: Uint8Array; end: number } | undefined {
  const set = new Uint8Array(256);
  let at = open + 1;
  const negated = pattern.charAt(at) === '!' || pattern.charAt(at) === '^';
  if (negated) at++;
  let previous = -1; // start of a possible range
  for (let first = true; first || pattern.charAt(at) !== ']'; first = false) {
    if (at >= pattern.length) return undefined;
    const c = pattern.charCodeAt(at);
    const next = pattern.charAt(at + 1);
    if (c === BACKSLASH) {
      if (next === '') return undefined;
      previous = pattern.charCodeAt(at + 1);
      set[previous] = 1;
      at += 2;
    } else if (c === 45 /* - */ && previous >= 0 && next !== '' && next !== ']') {
      if (next === '\\') at++;
      if (at + 1 >= pattern.length) return undefined;
      set.fill(1, previous, Math.max(previous, pattern.charCodeAt(at + 1) + 1));
      previous = -1;
      at += 2;
    } else if (c === 91 /* [ */ && next === ':') {
      const close = pattern.indexOf(']', at + 2);
      if (close < 0) return undefined;
      if (close === at + 2 || pattern.charAt(close - 1) !== ':') { // no ":]": the bracket is a plain member
        set[c] = 1;
        previous = c;
        at++;
        continue;
      }
      const member = POSIX_CLASSES.get(pattern.slice(at + 2, close - 1));
      if (member === undefined) return undefined;
      for (let b = 0; b < 128; b++) if (member(b)) set[b] = 1;
      previous = -1;
      at = close + 1;
    } else {
      set[c] = 1;
      previous = c;
      at++;
    }
  }
  if (negated) for (let b = 0; b < 256; b++) set[b] = 1 - (set[b] ?? 0);
  set[SLASH] = 0;
  return { set, end: at + 1 };
}

const isDigit = (b: number): boolean => b >= 48 && b <= 57;
const isUpper = (b: number): boolean => b >= 65 && b <= 90;
const isLower = (b: number): boolean => b >= 97 && b <= 122;
const isAlpha = (b: number): boolean => isUpper(b) || isLower(b);
const isGraph = (b: number): boolean => b > 32 && b < 127;

/** POSIX classes in the C locale; asked for bytes below 128. */
const POSIX_CLASSES: ReadonlyMap<string, (b: number) => boolean> = new Map([
  ['alnum', (b) => isAlpha(b) || isDigit(b)],
  ['alpha', isAlpha],
  ['blank', (b) => b === 32 || b === 9],
  ['cntrl', (b) => b < 32 || b === 127],
  ['digit', isDigit],
  ['graph', isGraph],
  ['lower', isLower],
  ['print', (b) => b === 32 || isGraph(b)],
  ['punct', (b) => isGraph(b) && !isAlpha(b) && !isDigit(b)],
  ['space', (b) => b === 32 || (b >= 9 && b <= 13)],
  ['upper', isUpper],
  ['xdigit', (b) => isDigit(b) || (b >= 65 && b <= 70) || (b >= 97 && b <= 102)],
]);
