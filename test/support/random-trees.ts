/**
 * Random trees for property tests: `randomTree(seed)` makes one, `changedTree(tree, seed)` a later version of it
 * (edits, renames, moves, deletions, type changes, new attributes). The same seed always gives the same tree.
 * Names include what breaks naive programs: bytes that are not UTF-8, newlines, 255 bytes, option-like names.
 */
import { TreeNode, block, char, dir, fifo, file, socket, sparse, symlink, time, utf8, type Attributes, type Content, type Tree } from './trees.js';

/** What may occur. Defaults suit the current user and a file system that holds everything. */
export interface RandomTreeOptions {
  /** About how many entries. */
  entries?: number;
  /** Owners, devices and sockets, which only root can make. Default: whether this is root. */
  privileged?: boolean;
  oddNames?: boolean;
  hardLinks?: boolean;
  /** FIFOs, and sockets and devices where privileged. */
  specials?: boolean;
  /** user.* attributes. */
  xattrs?: boolean;
  acls?: boolean;
  /** Files with holes. */
  holes?: boolean;
  symlinks?: boolean;
  /** Largest file in bytes. */
  maxSize?: number;
}

type Settings = Required<RandomTreeOptions>;

function settings(options: RandomTreeOptions): Settings {
  const privileged = process.getuid?.() === 0;
  return { entries: 40, privileged, oddNames: true, hardLinks: true, specials: true, xattrs: true, acls: false, holes: true, symlinks: true, maxSize: 20000, ...options };
}

/** A small seeded generator (Mulberry32, public domain algorithm by Tommy Ettinger). */
export class Dice {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }
  /** 0 ≤ result < 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  /** A whole number, 0 ≤ result < limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Names that have broken programs of this kind. */
export const ODD_NAMES: readonly string[] = [
  '-rf', '--delete', '-', ' leading', 'trailing ', 'two  spaces', 'new\nline', '\n', 'tab\t', '\r', '\x01\x1b[31m', '\x7f',
  '\xff\xfe', 'half\xc3', '\xed\xa0\x80', utf8('café'), utf8('cafe\u0301'), utf8('日本語'), utf8('😀'), utf8('\u202etxt'), '\xc2\x9b31m',
  'a'.repeat(255), '\xe4'.repeat(255), utf8('ü').repeat(127), '*', '?', '[a-z]', '[', '**', 'a*b?c', '\\', 'back\\slash', '\\#012', '"', "'", '`id`', '$(id)', '$HOME',
  ';', '#hash', '!', '&', '|', '%s%n', '~', '~user', '...', '.hidden', '..x', 'a:b', 'host:path', '=', 'CON', 'x.', '__proto__', 'constructor', '0', '00', '-0',
  '.twintree-tmp', 'Case', 'case', 'CASE',
];

/** A tree of its own for each seed. */
export function randomTree(seed: number, options: RandomTreeOptions = {}): Tree {
  const dice = new Dice(seed);
  const how = settings(options);
  const made: TreeNode[] = [];
  const root = folder();
  const folders: { tree: Tree; depth: number }[] = [{ tree: root, depth: 0 }];
  for (let i = 0; i < how.entries; i++) {
    const place = dice.pick(folders);
    const node = randomNode(dice, how, made);
    put(place.tree, randomName(dice, how), node);
    if (node.shape.type === 'dir' && place.depth < 6) folders.push({ tree: node.shape.children, depth: place.depth + 1 });
  }
  return root;
}

/** A later version of `tree`, which itself is left as it is. Hard links stay hard links where both names stay. */
export function changedTree(tree: Tree, seed: number, options: RandomTreeOptions & { changes?: number } = {}): Tree {
  const dice = new Dice(seed ^ 0x5bd1e995);
  const how = settings(options);
  const copy = copyTree(tree, new Map());
  const changes = options.changes ?? 1 + dice.below(15);
  for (let i = 0; i < changes; i++) changeOnce(copy, dice, how);
  return copy;
}

function folder(): Tree {
  return Object.create(null) as Tree; // a file may be called __proto__
}

/** Adds under `name`; where the name is taken, the entry that stands there is kept. */
function put(tree: Tree, name: string, node: TreeNode | string): void {
  if (!(name in tree)) tree[name] = node;
}

function randomName(dice: Dice, how: Settings): string {
  if (how.oddNames && dice.chance(0.3)) return dice.pick(ODD_NAMES);
  return dice.pick(['a', 'b', 'file', 'data', 'x', 'README', 'src', 'lib']) + (dice.chance(0.7) ? String(dice.below(50)) : '') + (dice.chance(0.3) ? dice.pick(['.txt', '.o', '~', '.tar.gz']) : '');
}

function randomTime(dice: Dice): bigint {
  const seconds = dice.pick([0, 1, -1, -86400 * 365, 86400, 1_000_000_000, 1_700_000_000, 1_700_000_001, 2_147_483_647, 2_147_483_648]) + (dice.chance(0.5) ? dice.below(100000) : 0);
  return time(seconds, dice.pick([0, 1, 999_999_999, 500_000_000, 123_456_789, dice.below(1_000_000_000)]));
}

function randomAttributes(dice: Dice, how: Settings, type: 'file' | 'dir' | 'symlink' | 'other'): Attributes {
  const out: Attributes = { mtime: randomTime(dice) };
  // A plain user must be able to read what it has to copy, so its trees keep the owner's read (and search) bits.
  const need = how.privileged ? 0 : type === 'dir' ? 0o500 : 0o400;
  if (type === 'dir') out.mode = dice.pick([0o755, 0o700, 0o711, 0o555, 0o2755, 0o1777, 0o000, 0o7777]) | need;
  else if (type !== 'symlink') out.mode = dice.pick([0o644, 0o600, 0o755, 0o444, 0o000, 0o4755, 0o2711, 0o6777, 0o200]) | need;
  if (how.privileged && dice.chance(0.3)) {
    out.uid = dice.pick([0, 1, 1000, 65534, 4_000_000_000]);
    out.gid = dice.pick([0, 1, 1000, 65534, 4_000_000_000]);
  }
  if (how.xattrs && (type === 'file' || type === 'dir') && dice.chance(0.15)) {
    out.xattrs = { 'user.twin': dice.pick(['', 'value', '\0\xff', 'x'.repeat(200)]) };
    if (dice.chance(0.3)) out.xattrs['user.second'] = String(dice.below(100));
  }
  if (how.acls && (type === 'file' || type === 'dir') && dice.chance(0.15)) {
    out.acl = dice.pick(['u:1000:rw-,m::rwx', 'g:50:r--,m::r--', 'u:1:r-x,u:2:rwx,g:3:---,m::rwx']);
    if (type === 'dir' && dice.chance(0.5)) out.defaultAcl = 'u:1000:r-x,m::r-x';
  }
  return out;
}

function randomContent(dice: Dice, how: Settings): Content {
  const size = dice.pick([0, 0, 1, 5, 100, 4095, 4096, 4097, dice.below(how.maxSize + 1)]);
  return size < 6 ? 'abcde'.slice(0, size) : { size: Math.min(size, how.maxSize), seed: dice.below(1000) };
}

function randomNode(dice: Dice, how: Settings, made: TreeNode[]): TreeNode {
  if (how.hardLinks && made.length > 0 && dice.chance(0.08)) return dice.pick(made);
  const roll = dice.next();
  let node: TreeNode;
  if (roll < 0.22) return dir(folder(), randomAttributes(dice, how, 'dir'));
  if (roll < 0.34 && how.symlinks) {
    node = symlink(dice.pick(['a', '../x', '/etc/passwd', '.', '..', 'nowhere', '\xff', 'x'.repeat(300), 'a/../../b']), randomAttributes(dice, how, 'symlink'));
  } else if (roll < 0.4 && how.specials) {
    const attributes = randomAttributes(dice, how, 'other');
    const kind = how.privileged ? dice.below(4) : 0;
    node = kind === 0 ? fifo(attributes) : kind === 1 ? socket(attributes) : kind === 2 ? block(dice.below(300), dice.below(300), attributes) : char(dice.below(300), dice.below(300), attributes);
  } else if (roll < 0.45 && how.holes) {
    const size = 1 + dice.below(4) * 65536 + dice.below(70000);
    node = sparse(size, dice.chance(0.3) ? [] : [[Math.floor(dice.below(size) / 4096) * 4096, 'data']], randomAttributes(dice, how, 'file'));
  } else {
    node = file(randomContent(dice, how), randomAttributes(dice, how, 'file'));
  }
  made.push(node);
  return node;
}

function copyTree(tree: Tree, seen: Map<TreeNode, TreeNode>): Tree {
  const out = folder();
  for (const [name, node] of Object.entries(tree)) {
    if (typeof node === 'string') {
      out[name] = node;
      continue;
    }
    let twin = seen.get(node);
    if (twin === undefined) {
      const shape = node.shape.type === 'dir' ? { ...node.shape, children: copyTree(node.shape.children, seen) } : { ...node.shape };
      twin = new TreeNode(shape, { ...node.attributes });
      seen.set(node, twin);
    }
    out[name] = twin;
  }
  return out;
}

/** All places of a tree, folders included, in a stable order. */
function places(tree: Tree, out: { tree: Tree; name: string }[] = []): { tree: Tree; name: string }[] {
  for (const [name, node] of Object.entries(tree)) {
    out.push({ tree, name });
    if (typeof node !== 'string' && node.shape.type === 'dir') places(node.shape.children, out);
  }
  return out;
}

function changeOnce(root: Tree, dice: Dice, how: Settings): void {
  const all = places(root);
  const folders = [root, ...all.flatMap(({ tree, name }) => {
    const node = tree[name];
    return node instanceof TreeNode && node.shape.type === 'dir' ? [node.shape.children] : [];
  })];
  const fresh = (): TreeNode => randomNode(dice, { ...how, hardLinks: false }, []);
  if (all.length === 0) return put(root, randomName(dice, how), fresh());
  const { tree, name } = dice.pick(all);
  const old = tree[name];
  const node = typeof old === 'string' ? file(old) : old;
  if (node === undefined) return;
  const type = node.shape.type;
  switch (dice.below(8)) {
    case 0: // new content, always with another time: the quick comparison could not see it otherwise
      if (node.shape.type === 'file') {
        node.shape = { type: 'file', data: [[0, randomContent(dice, how)]] };
        node.attributes = { ...node.attributes, mtime: (node.attributes.mtime ?? 0n) + BigInt(1 + dice.below(2_000_000_000)) };
        tree[name] = node;
      }
      return;
    case 1: // attributes only
      node.attributes = randomAttributes(dice, how, type === 'file' || type === 'dir' || type === 'symlink' ? type : 'other');
      tree[name] = node;
      return;
    case 2:
      delete tree[name];
      return;
    case 3: // another type, or a new inode of the same
      tree[name] = fresh();
      return;
    case 4: { // renamed in its folder
      const to = randomName(dice, how);
      if (to in tree) return;
      delete tree[name];
      tree[to] = node;
      return;
    }
    case 5: { // moved to another folder, but not into itself
      const to = dice.pick(folders);
      const inside = node.shape.type === 'dir' && (to === node.shape.children || places(node.shape.children).some((place) => place.tree === to));
      if (inside || name in to) return;
      delete tree[name];
      to[name] = node;
      return;
    }
    case 6: // one more hard link
      if (how.hardLinks && type !== 'dir') put(dice.pick(folders), randomName(dice, how), (tree[name] = node));
      return;
    default:
      put(dice.pick(folders), randomName(dice, how), fresh());
  }
}
