/**
 * Claims that an entry was moved at the source, checked against both trees: what is left are renames that the target may carry out. A claim comes
 * from a table of inodes, a watcher or another host, and is believed in nothing: who claims wrongly gets a rename of what would be deleted
 * or replaced anyway, and then everything is compared as ever.
 *
 * A rename takes the place of a deletion and a copy, so it needs what they need: deletions are on, the old name is gone at the source (or is
 * another inode by now), and nothing at or below the old name on the target is protected. What stands under the new name on the target goes elsewhere too, or is a file
 * that the moved file replaces.
 */
import type { NameList, Posix } from '../../fs/index.js';
import { Reason, Renames, type IdMapper, type Rename } from '../../plan/index.js';
import { baseOf, EMPTY, isRelPath, joinPath, parentOf, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { DELAY_FOLDER, isTempName } from '../apply/index.js';
import { compareFiles } from '../pool/compare-files.js';
import { SharedState } from '../pool/messages.js';
import type { SourceFs } from '../source/index.js';
import { NO_SCOPES, type Scopes } from './filters.js';
import { emptyFindings } from './findings.js';
import { PlanStream } from './plan-stream.js';
import { isSideFolder, removeContents } from './removal.js';
import { Open, type SelectionNode } from './selection.js';
import type { ScanSetup } from './types.js';
import { WalkContext } from './walk-context.js';

/** Claims that are looked at, at most: what is beyond is copied, which is always right. */
export const MOST_CLAIMS = 4000;
/** Entries of a folder that are looked at to tell which of two it is. */
const MOST_LOOKED_AT = 256;
/** Bytes of a file that is read to tell which of two it is. */
const MOST_READ = 16 << 20;
/** Files and folders in a folder that are looked into for that, and how deep. */
const MOST_TRIED = 4;
const MOST_DEPTH = 8;

/** Whether renames may stand for deletions and copies under these options: each that makes more of a name than its content rules them out. */
export function renamesServe({ options: o, mounts, alias, target, foldsNames }: Pick<ScanSetup, 'options' | 'mounts' | 'alias' | 'target' | 'foldsNames'>): boolean {
  const { compare: c, symlinks: s, replace: r } = o;
  return o.delete.when !== undefined && o.delete.detectMoves && o.walk.recursive && o.filesFrom === undefined && o.contentOnly !== true && target >= 0 && mounts.length === 1 && alias === undefined && foldsNames === 'no' &&
    !c.existing && !c.ignoreExisting && !c.ignoreNonExisting && !c.update && c.maxSize === undefined && c.minSize === undefined &&
    !s.copyLinks && !s.copyUnsafeLinks && !s.copyDirlinks && !s.keepDirlinks && !o.attributes.fakeSuper.source && !o.attributes.fakeSuper.target && !o.attributes.copyDevices &&
    !r.backup && !r.delayUpdates && r.append === false && r.altDest === undefined;
}

/** The renames that the claims come to. Looks at both trees and changes nothing. */
export function verifyRenames(posix: Posix, source: SourceFs, setup: ScanSetup, ids: IdMapper, claims: readonly Rename[]): Rename[] {
  if (claims.length === 0 || !renamesServe(setup)) return [];
  const { renames: _none, hashes: _unused, ...plain } = setup;
  const w = new WalkContext(posix, source, plain, { chunk: () => undefined, hole: () => undefined }, { aborted: () => false, scanned: () => undefined, hungry: () => false }, ids);
  try {
    return new Verifier(w).all(claims.slice(0, MOST_CLAIMS));
  } finally {
    for (const cache of w.mounts) cache.closeAll();
    w.target?.closeAll();
  }
}

interface Candidate extends Rename { readonly folder: boolean; readonly inode: string }

class Verifier {
  private readonly stat = new StatTable(2);
  private readonly rootDevice: string;
  private readonly scopes = new Map<RelPath, Scopes | undefined>();

  constructor(private readonly w: WalkContext) {
    this.rootDevice = w.target !== undefined && w.posix.fstat(w.setup.target, this.stat, 0) === 0 ? deviceOf(this.stat) : '';
  }

  all(claims: readonly Rename[]): Rename[] {
    this.askAhead(claims);
    const byOld = new Map<RelPath, Candidate>();
    const news = new Set<RelPath>();
    for (const { from, to } of claims) {
      if (from === EMPTY || to === EMPTY || from === to || !isRelPath(from) || !isRelPath(to) || byOld.has(from) || news.has(to)) continue;
      const one = this.candidate(from, to);
      if (one === undefined) continue;
      byOld.set(from, one);
      news.add(to);
    }
    // Who is refused may have been what another one waited for.
    let left = [...byOld.values()];
    for (let before = -1; before !== left.length;) {
      before = left.length;
      const view = new Renames(left);
      left = left.filter((one) => this.fits(one, view));
    }
    return left.map(({ from, to }) => ({ from, to }));
  }

  /** Over a connection all answers travel at once. */
  private askAhead(claims: readonly Rename[]): void {
    const { remote } = this.w.source;
    if (remote === undefined) return;
    for (const { from, to } of claims) for (const path of [to, from]) if (path !== EMPTY && isRelPath(path)) remote.prepareStat(0, parentOf(path), baseOf(path));
  }

  /** What can be said of one claim by itself. */
  private candidate(from: RelPath, to: RelPath): Candidate | undefined {
    const { w, stat } = this;
    const { setup } = w;
    if (!deletesAt(setup.selection, from) || !this.sourceHas(to, 0)) return undefined;
    const folder = stat.isDir(0);
    if ((!folder && !stat.isFile(0)) || !coversWhole(setup.selection, to, folder)) return undefined;
    if (this.sourceHas(from, 1) && stat.sameInode(0, stat, 1)) return undefined; // one more name, or it was never moved
    const name = baseOf(from);
    if (isTempName(name) || name === DELAY_FOLDER) return undefined;
    const at = w.target?.open(parentOf(from)) ?? -1;
    if (at < 0 || w.posix.fstat(at, stat, 1) < 0 || deviceOf(stat, 1) !== this.rootDevice) return undefined;
    if (w.posix.stat(at, name, stat, 1) < 0 || (folder ? !stat.isDir(1) : !stat.isFile(1)) || deviceOf(stat, 1) !== this.rootDevice || isSideFolder(setup.sideFolders, stat, 1)) return undefined;
    if (folder && w.posix.euid !== 0 && (stat.perms(1) & 0o500) !== 0o500) return undefined;
    const inode = stat.identity(1);
    if (this.isDone(from, to, folder)) return undefined;
    if (!this.isChosen(to, folder) || !this.isFree(from, folder)) return undefined;
    return { from, to, folder, inode };
  }

  private sourceHas(path: RelPath, i: number): boolean {
    const { w } = this;
    const at = w.mounts[0]?.open(parentOf(path)) ?? -1;
    return at >= 0 && w.source.stat(at, baseOf(path), this.stat, i) === 0;
  }

  /**
   * Whether the target has it under its new name already: a claim that comes twice would undo an exchange of names. Told by what looks equal there,
   * beside what looks equal under the old name; where that is the same, by content.
   */
  private isDone(from: RelPath, to: RelPath, folder: boolean): boolean {
    const { stat } = this;
    if (!this.targetHas(to) || stat.isDir(1) !== folder) return false;
    if (folder) return this.liesThere(from, to, 0) === true;
    if (!looksEqual(stat)) return false; // record 0 is the source's
    const size = stat.size(0);
    if (!this.targetHas(from) || !looksEqual(stat)) return true;
    // Both look like it, as files do that were written in one tick of the clock: the content tells.
    return size > MOST_READ || this.holdsSame(to, to, size);
  }

  /** Whether a folder of the source lies on the target under its new name (true) or its old one (false), by what it holds; undefined where nothing tells. */
  private liesThere(from: RelPath, to: RelPath, depth: number): boolean | undefined {
    const { w, stat } = this;
    const source = w.mounts[0]?.open(to) ?? -1;
    const list: NameList = { names: [], types: [] };
    if (source < 0 || w.source.list(source, list) < 0) return undefined;
    const names = list.names.slice(0, MOST_LOOKED_AT);
    const table = new StatTable(names.length);
    const errors = new Int32Array(names.length);
    w.source.statMany(source, names, 0, names.length, table, errors);
    const folders: ByteString[] = [];
    const alike: { name: ByteString; size: number }[] = [];
    let there = 0; // by how many more entries the new name is like it
    for (const [k, name] of names.entries()) {
      if (errors[k] !== 0) continue;
      if (table.isDir(k)) {
        folders.push(name);
        continue;
      }
      stat.copyFrom(0, table, k);
      const now = this.targetHas(joinPath(to, name)) && looksEqual(stat);
      const before = this.targetHas(joinPath(from, name)) && looksEqual(stat);
      there += (now ? 1 : 0) - (before ? 1 : 0);
      if (now && before && table.isFile(k) && table.size(k) <= MOST_READ) alike.push({ name, size: table.size(k) });
    }
    if (there !== 0) return there > 0;
    for (const { name, size } of alike.slice(0, MOST_TRIED)) {
      const now = this.holdsSame(joinPath(to, name), joinPath(to, name), size);
      if (now !== this.holdsSame(joinPath(to, name), joinPath(from, name), size)) return now;
    }
    for (const name of depth < MOST_DEPTH ? folders.slice(0, MOST_TRIED) : []) {
      const below = this.liesThere(joinPath(from, name), joinPath(to, name), depth + 1);
      if (below !== undefined) return below;
    }
    return undefined;
  }

  /** Into record 1. */
  private targetHas(path: RelPath): boolean {
    const { w } = this;
    const at = w.target?.open(parentOf(path)) ?? -1;
    return at >= 0 && w.posix.stat(at, baseOf(path), this.stat, 1) === 0;
  }

  private holdsSame(source: RelPath, target: RelPath, size: number): boolean {
    const { posix, source: tree, setup } = this.w;
    return compareFiles(posix, tree, setup.mounts.map(({ fd }) => fd), setup.target, [{ layer: 0, source, target, size }], new SharedState())[0] === true;
  }

  /** Whether the filters take the new name along. */
  private isChosen(to: RelPath, folder: boolean): boolean {
    const scopes = this.scopesAt(parentOf(to));
    return scopes !== undefined && scopes.source?.excludes(baseOf(to), folder) !== true;
  }

  /** Whether all at and below the old name might be deleted. */
  private isFree(from: RelPath, folder: boolean): boolean {
    const { w } = this;
    const scopes = this.scopesAt(parentOf(from));
    if (scopes === undefined || scopes.target?.excludes(baseOf(from), folder) === true) return false;
    if (!folder || (!w.filters.active && w.setup.sideFolders.size === 0)) return true;
    const nowhere = new PlanStream(() => undefined);
    return removeContents({ ...w.removal, findings: emptyFindings(), problem: () => undefined }, from, baseOf(from), nowhere, scopes, Reason.Extraneous);
  }

  /** Scopes of a folder of the transfer; undefined where the filters leave it out on one of the sides. */
  private scopesAt(path: RelPath): Scopes | undefined {
    const { w } = this;
    if (!w.filters.active) return NO_SCOPES;
    if (this.scopes.has(path)) return this.scopes.get(path);
    let found: Scopes | undefined;
    const source = w.mounts[0]?.open(path) ?? -1;
    const handles = { source: source < 0 ? [] : [source], target: w.target?.open(path) ?? -1 };
    if (path === EMPTY) found = w.filters.root(handles);
    else {
      const outer = this.scopesAt(parentOf(path));
      const name = baseOf(path);
      if (outer !== undefined && outer.source?.excludes(name, true) !== true && outer.target?.excludes(name, true) !== true) found = w.filters.enter(outer, name, handles);
    }
    this.scopes.set(path, found);
    return found;
  }

  /** Whether there is room under the new name when all renames of `view` are done. */
  private fits(one: Candidate, view: Renames): boolean {
    const { w, stat } = this;
    const parent = view.before(parentOf(one.to));
    if (parent === undefined) return true; // a new folder
    const place = joinPath(parent, baseOf(one.to));
    if (place === one.from) return false; // it comes along with its folder
    if (view.leaves(place)) return true;
    const at = w.target?.open(parent) ?? -1;
    if (at < 0) return true; // no folder yet
    if (w.posix.fstat(at, stat, 0) < 0 || deviceOf(stat) !== this.rootDevice) return false;
    if (w.posix.stat(at, baseOf(place), stat, 0) < 0) return true;
    return !one.folder && stat.isFile(0) && stat.identity(0) !== one.inode; // between two names of one inode a rename does nothing
  }
}

/** Whether records 0 and 1 are of one type, and of files have one size and time. */
function looksEqual(stat: StatTable): boolean {
  if (stat.type(0) !== stat.type(1)) return false;
  return !stat.isFile(0) || (stat.size(0) === stat.size(1) && stat.mtimeSec(0) === stat.mtimeSec(1) && stat.mtimeNsec(0) === stat.mtimeNsec(1));
}

function deviceOf(stat: StatTable, i = 0): string {
  return `${stat.devMajor(i)}:${stat.devMinor(i)}`;
}

/** Node of a path, and how far it is looked at: by its own node, or since a folder above is looked at whole. */
function chosen(selection: SelectionNode, path: RelPath): { above: Open; node: SelectionNode | undefined } {
  let node: SelectionNode | undefined = selection;
  const parts = path.split('/') as ByteString[];
  for (const [k, part] of parts.entries()) {
    if (node.open === Open.Tree) return { above: Open.Tree, node: undefined };
    const next: SelectionNode | undefined = node.children?.get(part);
    if (next === undefined) return { above: k === parts.length - 1 ? node.open : Open.No, node: undefined };
    if (k === parts.length - 1) return { above: node.open, node: next };
    node = next;
  }
  return { above: node.open, node };
}

/** Whether a path is looked at, a folder with all below it. */
function coversWhole(selection: SelectionNode, path: RelPath, folder: boolean): boolean {
  const { above, node } = chosen(selection, path);
  if (above === Open.Tree || node?.open === Open.Tree) return true;
  return !folder && (above !== Open.No || (node !== undefined && !node.implied));
}

/** Whether what the target has under a path that is gone would be deleted. */
function deletesAt(selection: SelectionNode, path: RelPath): boolean {
  const { above, node } = chosen(selection, path);
  return above !== Open.No || node?.missing === true || (node !== undefined && !node.implied);
}
