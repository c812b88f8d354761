/**
 * The judge of tests: compares two real trees, or lists one, without any code of src/.
 *
 * The work is done by compare-trees.py (Python's os module), below folder handles: any name, any depth, times in ns.
 * Everything is compared unless it is named in `ignore`; paths and values are byte strings, one unit per byte.
 */
import assert from 'node:assert';
import { resolve } from 'node:path';
import { ask, bytePath } from './helper.js';

/** What can differ. `missing`: only in the first tree; `extra`: only in the second. */
export type Aspect =
  | 'missing' | 'extra' | 'type' | 'mode' | 'uid' | 'gid' | 'size' | 'content' | 'mtime' | 'dir-mtime' | 'link-mtime' | 'atime'
  | 'link' | 'rdev' | 'hardlink' | 'xattr' | 'acl' | 'allocation' | 'unreadable';

export interface Difference {
  /** Below the roots; '' is the root itself. */
  path: string;
  what: Aspect;
  a: unknown;
  b: unknown;
}

export interface CompareTreesOptions {
  ignore?: Aspect[];
  /** Paths (exact, below the root) left out with all that is below them. */
  except?: string[];
  /** Compare the two root folders' own attributes too. Default true. */
  root?: boolean;
  /** Compare access times too. Default false: reading changes them. */
  atime?: boolean;
  /** Report a file of the second tree that takes over 64 KiB more space than in the first. Default false. */
  sparse?: boolean;
  /** Nanoseconds; times are compared rounded down to it. Default 1. */
  mtimeGranularity?: number;
  /** Most differences returned. Default 1000. */
  limit?: number;
}

/** One entry as `lstat` and its attributes show it. */
export interface EntryFacts {
  path: string;
  type: 'file' | 'dir' | 'symlink' | 'fifo' | 'socket' | 'block' | 'char';
  /** Permission bits, 07777. */
  mode: number;
  uid: number; gid: number; size: number; nlink: number;
  /** Nanoseconds since 1970. */
  mtime: bigint; atime: bigint;
  /** `device:inode`. */
  ino: string;
  /** Bytes on disk. */
  allocated: number;
  major: number; minor: number;
  /** Symlink text. */
  to?: string;
  xattrs: Record<string, string>;
}

interface Result {
  differences: Difference[];
  more: number;
  counts: { entries: number; files: number; dirs: number; bytes: number };
}

/** All differences between the trees `a` and `b`, in path order (hard-link groups last); none: equal. */
export function compareTrees(a: string, b: string, options: CompareTreesOptions = {}): Difference[] {
  return compareTreesCounted(a, b, options).differences;
}

/** As `compareTrees`, with how much was compared, so that a test can know that it saw the whole tree. */
export function compareTreesCounted(a: string, b: string, options: CompareTreesOptions = {}): Result {
  return ask('compare', { a: bytePath(resolve(a)), b: bytePath(resolve(b)), ...options }) as Result;
}

/** Whether two trees are the same while somebody still works on them: what goes while they are compared, a temporary file for example, says that they are not yet. */
export function sameByNow(a: string, b: string): boolean {
  try {
    return compareTrees(a, b).length === 0;
  } catch (error) {
    if (error instanceof Error && error.message.includes('FileNotFoundError')) return false;
    throw error;
  }
}

/** Fails with a readable list where the trees differ. */
export function assertSameTree(a: string, b: string, options: CompareTreesOptions = {}): void {
  const { differences, more } = compareTreesCounted(a, b, options);
  if (differences.length === 0) return;
  const lines = differences.slice(0, 30).map((d) => `  ${JSON.stringify(d.path)} ${d.what}: ${JSON.stringify(d.a)} | ${JSON.stringify(d.b)}`);
  const rest = differences.length + more - lines.length;
  assert.fail(`${a} and ${b} differ:\n${lines.join('\n')}${rest > 0 ? `\n  and ${rest} more` : ''}`);
}

/** Every entry of a tree by path; '' is the root. */
export function readTree(root: string): Map<string, EntryFacts> {
  const rows = ask('list', { dump: bytePath(resolve(root)) }) as (Omit<EntryFacts, 'mtime' | 'atime'> & { mtime: string; atime: string })[];
  return new Map(rows.map((row) => [row.path, { ...row, mtime: BigInt(row.mtime), atime: BigInt(row.atime) }]));
}

/** The names of a tree's entries (without the root), sorted in byte order. */
export function treePaths(root: string): string[] {
  return [...readTree(root).keys()].filter((path) => path !== '');
}
