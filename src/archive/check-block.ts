/**
 * Check blocks: what an archive of ours says about itself, so that damage is told to the member and the bytes. One follows each few
 * members: a global pax header whose only record is a `comment`, which every reader of tar passes over. It names the members since the
 * last one (how far back each begins, the lengths of its headers and content, the hashes of both); the last one counts them all, so that an
 * archive which was cut off at a member's end is known to be cut off.
 *
 * What comes out of an archive is believed only as far as it is checked: `decodeCheck` bounds every number. Pure.
 */
import { isRelPath, type ByteString, type RelPath } from '../tree/index.js';
import type { ContentSum } from './content-sum.js';

const MARK = 'twintree-seed/1 ';
const HASH = /^[0-9a-f]{32}$/;

/** One member as its check block describes it. */
export interface CheckedMember {
  /** From the member's first byte to the first of the check block. */
  back: number;
  /** Bytes of its headers. */
  head: number;
  /** Bytes of its content, as it stands in the archive. */
  size: number;
  headHash: string;
  /** Of the content; with `slices` of their hashes one after the other. */
  hash: string;
  /** Hashes of its slices (`sliceLength`), where it has more than one. */
  slices?: string[];
  path: RelPath;
}

export interface Check {
  members: CheckedMember[];
  /** In the last block: members in all, and bytes before the block. */
  end?: { members: number; bytes: number };
}

/** Bytes of a slice of a content of that size: 4 MiB and more, at most 1,024 in a file. */
export function sliceLength(size: number): number {
  let length = 4 << 20;
  while (size / length > 1024) length *= 2;
  return length;
}

/** The record's value. */
export function encodeCheck(check: Check, sum: ContentSum): string {
  const body = JSON.stringify({
    m: check.members.map((m) => [m.back, m.head, m.size, m.headHash, m.hash, m.path, ...(m.slices === undefined ? [] : [m.slices])]),
    ...(check.end === undefined ? {} : { end: [check.end.members, check.end.bytes] }),
  });
  return `${MARK}${sum.of(Buffer.from(body, 'latin1'))} ${body}`;
}

/** Whether a comment is one of ours, whole or not. */
export function isCheck(comment: string): boolean {
  return comment.startsWith(MARK);
}

/** What the value says; undefined where it is damaged. */
export function decodeCheck(comment: string, sum: ContentSum): Check | undefined {
  if (!isCheck(comment)) return undefined;
  const hash = comment.slice(MARK.length, MARK.length + 32);
  const body = comment.slice(MARK.length + 33);
  if (sum.of(Buffer.from(body, 'latin1')) !== hash) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined; // somebody's own making: the hash is no signature
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { m, end } = value as { m?: unknown; end?: unknown };
  if (!Array.isArray(m)) return undefined;
  const members: CheckedMember[] = [];
  for (const each of m as unknown[]) {
    const member = memberOf(each);
    if (member === undefined) return undefined;
    members.push(member);
  }
  if (end === undefined) return { members };
  if (!Array.isArray(end) || !isCount(end[0]) || !isCount(end[1])) return undefined;
  return { members, end: { members: end[0], bytes: end[1] } };
}

function memberOf(value: unknown): CheckedMember | undefined {
  if (!Array.isArray(value)) return undefined;
  const [back, head, size, headHash, hash, path, slices] = value as unknown[];
  if (!isCount(back) || !isCount(head) || !isCount(size) || !isHash(headHash) || !isHash(hash)) return undefined;
  if (typeof path !== 'string' || !isRelPath(path as ByteString)) return undefined;
  const member = { back, head, size, headHash, hash, path: path as RelPath };
  if (slices === undefined) return member;
  if (!Array.isArray(slices) || !(slices as unknown[]).every(isHash) || slices.length !== Math.ceil(size / sliceLength(size))) return undefined;
  return { ...member, slices };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value);
}
