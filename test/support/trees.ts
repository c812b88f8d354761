/**
 * Trees for tests, from a literal description.
 *
 *     makeTree(path, { 'a.txt': 'content', sub: dir({ x: file('y', { mode: 0o600 }) }, { mode: 0o700 }), l: symlink('a.txt') });
 *
 * Names, symlink texts and string contents are byte strings: one unit per byte (`utf8('é')` for text). The same
 * node object under several names is one inode with several hard links. Built by make-tree.py below folder
 * handles, so any name and depth works, times are exact to the ns, and nothing of the program under test is used.
 */
import { resolve } from 'node:path';
import { ask, bytePath } from './helper.js';

/** What any node may carry. What is left out stays as the system makes it; `mode` defaults to 0644 and 0755. */
export interface Attributes {
  mode?: number;
  uid?: number;
  gid?: number;
  /** Nanoseconds since 1970, may be negative; see `time`. */
  mtime?: bigint;
  atime?: bigint;
  /** Full names (`user.x`) and values as byte strings. */
  xattrs?: Record<string, string>;
  /** Access ACL with numeric ids: `u:1000:rw-,g:50:r--,m::rwx`; base entries left out come from the mode. */
  acl?: string;
  /** Default ACL of a folder, in the same form. */
  defaultAcl?: string;
}

/** A part of a file: bytes as text, or pseudo-random bytes. */
export type Content = string | { size: number; seed: number };

type Shape =
  | { type: 'file'; data: [offset: number, part: Content][]; size?: number }
  | { type: 'dir'; children: Tree }
  | { type: 'symlink'; to: string }
  | { type: 'fifo' | 'socket' }
  | { type: 'block' | 'char'; major: number; minor: number };

/** One entry of a tree. Its identity is the inode's: use the same object twice for two hard links. */
export class TreeNode {
  constructor(public shape: Shape, public attributes: Attributes) {}
}

/** A folder's entries; a plain string is a file with that content. */
export interface Tree {
  [name: string]: TreeNode | string;
}

/** Text → byte string in UTF-8. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Seconds and nanoseconds since 1970 → an mtime. */
export function time(seconds: number, nanoseconds = 0): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

export function file(content: Content, attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'file', data: content === '' ? [] : [[0, content]] }, attributes);
}
/** A file of `size` bytes whose only data are the given parts; all the rest is holes. */
export function sparse(size: number, data: [offset: number, part: Content][], attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'file', data, size }, attributes);
}
export function dir(children: Tree = {}, attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'dir', children }, attributes);
}
export function symlink(to: string, attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'symlink', to }, attributes);
}
export function fifo(attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'fifo' }, attributes);
}
export function socket(attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'socket' }, attributes);
}
export function block(major: number, minor: number, attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'block', major, minor }, attributes);
}
export function char(major: number, minor: number, attributes: Attributes = {}): TreeNode {
  return new TreeNode({ type: 'char', major, minor }, attributes);
}

/** A chain of folders: `deep(3, 'x', leaf)` is x/x/x holding `leaf`. For paths longer than PATH_MAX. */
export function deep(levels: number, name: string, leaf: Tree): Tree {
  let tree = leaf;
  for (let i = 0; i < levels; i++) tree = { [name]: dir(tree) };
  return tree;
}

/** Builds `tree` in the folder `root` (made if missing; otherwise it must not hold these names). `attributes` are the root's own. */
export function makeTree(root: string, tree: Tree, attributes?: Attributes): void {
  ask('make', {
    root: bytePath(resolve(root)), umask: process.umask(), setRoot: attributes !== undefined,
    tree: toDescription(dir(tree, attributes), new Map(), countUses(tree, new Map())),
  });
}

/** How often each node object is used: more than once makes a hard-link group. */
function countUses(tree: Tree, uses: Map<TreeNode, number>): Map<TreeNode, number> {
  for (const node of Object.values(tree)) {
    if (typeof node === 'string') continue;
    uses.set(node, (uses.get(node) ?? 0) + 1);
    if (node.shape.type === 'dir') countUses(node.shape.children, uses);
  }
  return uses;
}

/** The description make-tree.py reads. `made` holds the ids of groups whose first link was already described. */
function toDescription(node: TreeNode | string, made: Map<TreeNode, number>, uses: Map<TreeNode, number>): Record<string, unknown> {
  if (typeof node === 'string') return toDescription(file(node), made, uses);
  const known = made.get(node);
  if (known !== undefined) return { type: 'link', id: known };
  const { mtime, atime, ...rest } = node.attributes;
  const out: Record<string, unknown> = { mode: node.shape.type === 'dir' ? 0o755 : 0o644, ...rest, ...node.shape };
  if (mtime !== undefined) out['mtime'] = String(mtime);
  if (atime !== undefined) out['atime'] = String(atime);
  if ((uses.get(node) ?? 0) > 1) {
    if (node.shape.type === 'dir') throw new Error('a folder cannot have two names');
    out['id'] = made.size;
    made.set(node, made.size);
  }
  if (node.shape.type === 'dir') {
    const children: Record<string, unknown> = Object.create(null) as Record<string, unknown>; // a file may be called __proto__
    for (const [name, child] of Object.entries(node.shape.children)) children[name] = toDescription(child, made, uses);
    out['children'] = children;
  }
  return out;
}
