/**
 * What a supplier's sources came to, as messages: mounts by number, the selection as a flat list in parts (a list of files may be
 * long), problems. Read back with every number checked against the mounts.
 */
import { MOST_ABOVE, MOST_ABOVE_BYTES, MOST_CLAIMS, Open, selectionNode, type Mount, type SelectionNode } from '../../endpoint/index.js';
import type { Rename } from '../../plan/index.js';
import { isName, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import type { ControlMessage } from '../../wire/index.js';
import { IDENTITY, type SealedRoot } from '../recorded/roots.js';
import type { Sources } from '../sources.js';
import { readProblem, writeProblem } from './events.js';
import { base64, broken, bytes, list, members, optional, relPath, truth, whole } from './shape.js';

/** Nodes of the selection in one message. */
const PART = 5000;
/** Most nodes of a selection, and most mounts. */
const MOST_NODES = 10_000_000;
const MOST_MOUNTS = 65_535;

/** One node as it travels: depth, name, and what SelectionNode holds. */
type FlatNode = [depth: number, name: string, mounts: number[], openMounts: number[], open: number, flags: number];

const IMPLIED = 1;
const NAMED = 2;
const MISSING = 4;

/** The description in parts: `selection` lists, and the rest. */
export function describeSources(sources: Sources): { selection: FlatNode[][]; rest: Record<string, unknown> } {
  const parts: FlatNode[][] = [];
  let part: FlatNode[] = [];
  const visit = (node: SelectionNode, name: string, depth: number): void => {
    part.push([depth, name, node.mounts, node.openMounts, node.open, (node.implied ? IMPLIED : 0) | (node.named ? NAMED : 0) | (node.missing ? MISSING : 0)]);
    if (part.length >= PART) {
      parts.push(part);
      part = [];
    }
    for (const [child, inner] of node.children ?? []) visit(inner, child, depth + 1);
  };
  visit(sources.selection, '', 0);
  parts.push(part);
  return {
    selection: parts,
    rest: {
      mounts: sources.mounts.map((m, k) => ({ path: m.path, ...(m.followed === undefined ? {} : { followed: [...m.followed] }), ...(sources.roots?.[k] === undefined ? {} : { root: sources.roots[k] }) })),
      problems: sources.problems.map(writeProblem), missing: sources.missing, skipped: sources.skipped,
      ...(sources.single === undefined ? {} : { single: sources.single }), ...(sources.dirty === true ? { dirty: true } : {}), ...movedText(sources),
    },
  };
}

/** What was moved: pairs of old and new paths, as many as go into one message. */
function movedText({ moved = [] }: Sources): { moved?: [from: string, to: string][] } {
  const pairs: [string, string][] = [];
  let size = 0;
  for (const { from, to } of moved) {
    size += from.length + to.length;
    if (pairs.length >= MOST_CLAIMS || size > MOST_MOVED) break;
    pairs.push([from, to]);
  }
  return pairs.length === 0 ? {} : { moved: pairs };
}

/** The whole description as messages, in their order. */
export function sourceMessages(sources: Sources): ControlMessage[] {
  const { selection, rest } = describeSources(sources);
  return [
    ...[...(sources.above ?? [])].map(([path, content]) => ({ type: 'rule-file', path, content: content.toString('base64') })),
    ...selection.map((nodes) => ({ type: 'selection', nodes })), { type: 'opened', ...rest },
  ];
}

/** Bytes of the paths of what was moved. */
const MOST_MOVED = 256 << 10;
/** Bytes of all rule files above a root. */
const MOST_RULES = 64 << 20;
/** Longest path of a rule file or a root. */
const MOST_PATH = 65_536;

/** An absolute path of the other host. */
function absolutePath(value: unknown, where: string): ByteString {
  const path = bytes(value, where, MOST_PATH);
  if (!path.startsWith('/')) throw broken(where, 'is no absolute path');
  return path;
}

/** A folder by absolute path and identity. */
export function readRoot(value: unknown): SealedRoot {
  const root = members(value, 'root');
  const identity = bytes(root['identity'], 'root identity', 100);
  if (!IDENTITY.test(identity)) throw broken('root identity', 'is none');
  return { path: absolutePath(root['path'], 'root path'), identity };
}

/** Builds the selection from its parts. */
export class SelectionReader {
  private readonly above = new Map<ByteString, Buffer>();
  private aboveBytes = 0;
  private readonly root = selectionNode();
  private readonly stack: SelectionNode[] = [];
  private nodes = 0;

  /** A message of the description; false: it is none of those that come before `opened`. */
  take(message: ControlMessage): boolean {
    if (message.type === 'selection') this.add(message['nodes']);
    else if (message.type === 'rule-file') this.ruleFile(message);
    else return false;
    return true;
  }

  add(value: unknown): void {
    list(value, 'selection', PART, (item) => this.node(item));
  }

  private ruleFile(message: ControlMessage): void {
    const path = absolutePath(message['path'], 'rule file');
    const content = base64(message['content'], 'rule file', MOST_ABOVE_BYTES);
    this.aboveBytes += content.length;
    if (this.above.has(path) || this.above.size >= MOST_ABOVE || this.aboveBytes > MOST_RULES) throw broken('rule files', 'are too many');
    this.above.set(path, content);
  }

  private node(value: unknown): void {
    if (!Array.isArray(value) || value.length !== 6) throw broken('selection', 'holds what is no node');
    if (++this.nodes > MOST_NODES) throw broken('selection', 'is too long');
    const depth = whole(value[0], 'selection depth', this.stack.length);
    const name = bytes(value[1], 'selection name', 255);
    const node = depth === 0 ? this.root : selectionNode();
    if ((depth === 0) !== (this.nodes === 1) || (depth > 0 && !isName(name))) throw broken('selection', 'is no tree');
    node.mounts = numbers(value[2]);
    node.openMounts = numbers(value[3]);
    node.open = whole(value[4], 'selection open', Open.Tree);
    const flags = whole(value[5], 'selection flags', IMPLIED | NAMED | MISSING);
    node.implied = (flags & IMPLIED) !== 0;
    node.named = (flags & NAMED) !== 0;
    node.missing = (flags & MISSING) !== 0;
    this.stack.length = depth;
    this.stack.push(node);
    if (depth === 0) return;
    const parent = this.stack[depth - 1] as SelectionNode;
    parent.children ??= new Map();
    if (parent.children.has(name)) throw broken('selection', 'names an entry twice');
    parent.children.set(name, node);
  }

  /** The whole description. Handles of the mounts are their numbers, as RemoteSource takes them. */
  finish(rest: unknown): Sources {
    const of = members(rest, 'opened');
    const mounts = list(of['mounts'], 'mounts', MOST_MOUNTS, (item): Mount => {
      const mount = members(item, 'mount');
      const followed = optional(mount['followed'], (value) => list(value, 'followed', MOST_NODES, (path) => relPath(path, 'followed')));
      return { fd: 0, path: bytes(mount['path'], 'mount path'), ...(followed === undefined ? {} : { followed: new Set<RelPath>(followed) }) };
    });
    mounts.forEach((mount, k) => { mount.fd = k; });
    const roots = list(of['mounts'], 'mounts', MOST_MOUNTS, (item) => optional(members(item, 'mount')['root'], readRoot));
    const told = roots.filter((root) => root !== undefined);
    if (this.nodes === 0) throw broken('selection', 'is missing');
    checkMounts(this.root, mounts.length);
    const single = optional(of['single'], (value) => {
      const one = members(value, 'single');
      const name = bytes(one['name'], 'single name', 255);
      if (!isName(name)) throw broken('single name', 'is no name');
      return { mount: whole(one['mount'], 'single mount', mounts.length - 1), name };
    });
    const dirty = optional(of['dirty'], (value) => truth(value, 'dirty'));
    const moved = optional(of['moved'], (value) => list(value, 'moved', MOST_CLAIMS, readMove));
    return {
      ...(dirty === undefined ? {} : { dirty }), ...(moved === undefined ? {} : { moved }), mounts, selection: this.root, problems: list(of['problems'], 'problems', MOST_NODES, (value): Problem => readProblem(value)), missing: whole(of['missing'], 'missing'),
      skipped: list(of['skipped'], 'skipped', MOST_NODES, (value): ByteString => bytes(value, 'skipped')), single,
      ...(told.length > 0 && told.length === mounts.length ? { roots: told } : {}), ...(this.above.size === 0 ? {} : { above: this.above }),
    };
  }
}

function readMove(value: unknown): Rename {
  const [from, to] = list(value, 'moved', 2, (path) => relPath(path, 'moved'));
  if (from === undefined || to === undefined) throw broken('moved', 'is no pair of paths');
  return { from, to };
}

function numbers(value: unknown): number[] {
  return list(value, 'selection mounts', MOST_MOUNTS, (item) => whole(item, 'mount number', MOST_MOUNTS));
}

function checkMounts(root: SelectionNode, count: number): void {
  const rest: SelectionNode[] = [root];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (node.mounts.some((m) => m >= count) || node.openMounts.some((m) => m >= count)) throw broken('selection', 'names a mount that is not there');
    for (const child of node.children?.values() ?? []) rest.push(child);
  }
}
