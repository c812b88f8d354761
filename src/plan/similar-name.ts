/**
 * How alike two names are, for -y: the edits that make one of the other, with those of the suffix (`.tar.gz` and the like) counted again, ten
 * times: a file of another kind is no likely basis. Pure.
 */
import { EMPTY, type ByteString } from '../tree/index.js';

/** Names further apart than this are not alike. */
export const MOST_APART = 25;
const SUFFIX_WEIGHT = 10;
/** What copies of a file carry behind its suffix. */
const COPY_MARK = /(?:~|\.~?\d{1,8}~?|\.(?:bak|old|orig|new))+$/;

/** Distance of two names, 0 where they are the same; Infinity where it is above `limit`. */
export function nameDistance(a: ByteString, b: ByteString, limit = MOST_APART): number {
  const whole = edits(a, b, limit);
  if (whole > limit) return Infinity;
  const most = Math.floor((limit - whole) / SUFFIX_WEIGHT);
  const suffix = edits(suffixOf(a), suffixOf(b), most);
  return suffix > most ? Infinity : whole + SUFFIX_WEIGHT * suffix;
}

/** The last suffix without its dot, at most 16 bytes; marks of copies do not count as one, nor do dots in front. */
export function suffixOf(name: ByteString): ByteString {
  const marked = COPY_MARK.exec(name);
  const plain = marked === null || marked.index === 0 ? name : name.slice(0, marked.index);
  const dot = plain.lastIndexOf('.');
  const suffix = plain.slice(dot + 1);
  return dot <= 0 || /^\.*$/.test(plain.slice(0, dot)) || suffix.length > 16 ? EMPTY : (suffix as ByteString);
}

/** Levenshtein distance; anything above `limit` where it is larger. */
function edits(a: ByteString, b: ByteString, limit: number): number {
  let start = 0;
  let endA = a.length;
  let endB = b.length;
  while (start < endA && start < endB && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA--;
    endB--;
  }
  const n = endA - start;
  const m = endB - start;
  if (Math.abs(n - m) > limit) return limit + 1;
  if (n === 0 || m === 0) return n + m;
  let row = Array.from({ length: m + 1 }, (_, j) => j);
  for (let i = 1; i <= n; i++) {
    const c = a.charCodeAt(start + i - 1);
    const next = [i];
    let least = i;
    for (let j = 1; j <= m; j++) {
      const value = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (c === b.charCodeAt(start + j - 1) ? 0 : 1));
      next.push(value);
      if (value < least) least = value;
    }
    if (least > limit) return limit + 1;
    row = next;
  }
  return row[m] as number;
}
