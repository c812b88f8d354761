/**
 * Removal: plans what goes from the target: extraneous names of a folder, and the whole content of an
 * extraneous folder, children before their folder, in rsync's order (last name first, folders before files).
 * Names that the target's filters protect stay, and so do the folders above them.
 */
import type { FolderCache, Posix } from '../../fs/index.js';
import { OperationWriter, Reason, type Planner, type Renames } from '../../plan/index.js';
import { countType, EMPTY, joinPath, type ByteString, type Problem, type RelPath, type StatTable } from '../../tree/index.js';
import { Listing } from './listing.js';
import { listRenamed } from './renamed-listing.js';
import type { PlanStream } from './plan-stream.js';
import { WalkFilters, type Scopes } from './filters.js';
import { type ScanFindings } from './types.js';

/** What removals need of the walk. */
export interface RemovalContext {
  posix: Posix;
  planner: Planner;
  filters: WalkFilters;
  target: FolderCache;
  findings: ScanFindings;
  /** What is deleted stays beside its place under its name and this suffix (-b without --backup-dir); undefined: it goes. */
  keptSuffix: ByteString | undefined;
  /** Identities of folders that the run itself uses: they stay. */
  sideFolders: ReadonlySet<string>;
  /** What has left the target's folders, or come into them, by then. */
  renames: Renames | undefined;
  problem(problem: Problem): void;
}

/** Removals collected in one folder. */
export class RemovalList {
  private readonly writer = new OperationWriter(4 << 10);
  private readonly ends: number[] = [];
  private readonly folders: (ByteString | undefined)[] = [];
  private readonly modes: number[] = [];
  private readonly reasons: Reason[] = [];

  get empty(): boolean {
    return this.ends.length === 0;
  }

  /** Notes the removal of a name; a folder's content follows when the list is written. */
  add(planner: Planner, name: ByteString, t: StatTable, j: number, reason: Reason): void {
    this.writer.write(planner.removal(name, t, j, reason));
    this.ends.push(this.writer.length);
    this.reasons.push(reason);
    // What a killed run left (its waiting folder among it) is a matter of its own: neither looked into nor counted.
    const left = reason === Reason.Incomplete;
    this.folders.push(t.isDir(j) && !left ? name : undefined);
    this.modes.push(left ? 0 : t.mode(j));
  }

  /**
   * Writes the removals of folder `path` to a stream, last first, folders before files.
   * `open` is called before each operation of the folder itself, so that the caller writes its header once.
   * @returns whether everything goes (false: something in a folder is protected, and the folder stays).
   */
  write(context: RemovalContext, path: RelPath, stream: PlanStream, scopes: Scopes, open: () => void): boolean {
    let all = true;
    for (let k = this.ends.length - 1; k >= 0; k--) {
      const folder = this.folders[k];
      if (folder === undefined) continue;
      if (!removeContents(context, joinPath(path, folder), folder, stream, scopes, this.reasons[k] as Reason)) {
        all = false;
        context.problem({ code: 'not-empty', phase: 'plan', side: 'target', path: joinPath(path, folder), severity: 'warning', message: 'the folder is not empty: it is not deleted' });
        continue;
      }
      open();
      this.operation(k, stream, context);
    }
    for (let k = this.ends.length - 1; k >= 0; k--) {
      if (this.folders[k] !== undefined) continue;
      open();
      this.operation(k, stream, context);
    }
    this.writer.reset();
    this.ends.length = 0;
    this.folders.length = 0;
    this.modes.length = 0;
    this.reasons.length = 0;
    return all;
  }

  private operation(k: number, stream: PlanStream, context: RemovalContext): void {
    stream.append(this.writer.slice(k === 0 ? 0 : (this.ends[k - 1] as number), this.ends[k] as number));
    context.findings.operations++;
    const mode = this.modes[k] as number;
    if (mode !== 0) countType(context.findings.deletes, mode);
  }
}

/** Plans the removal of everything in a folder of the target. False where something stays. */
export function removeContents(context: RemovalContext, path: RelPath, name: ByteString, stream: PlanStream, outer: Scopes, reason: Reason): boolean {
  const fd = context.target.open(path);
  if (fd < 0) {
    context.problem(unreadable(path, -fd));
    return false;
  }
  const listing = new Listing(context.posix);
  const error = listing.readFolder(fd);
  if (error < 0) {
    context.problem(unreadable(path, -error));
    return false;
  }
  listRenamed(listing, path, context.renames, context.target);
  const scopes = context.filters.enter(outer, name, { source: [], target: fd }, true);
  const list = new RemovalList();
  let all = true;
  for (let k = 0; k < listing.length; k++) {
    const r = listing.record(k);
    if (r < 0) continue; // gone meanwhile: that is what was wanted
    context.findings.targetEntries++;
    const entry = listing.names[k] as ByteString;
    if (scopes.target?.excludes(entry, listing.table.isDir(r)) === true) {
      all = false;
      continue;
    }
    if (isSideFolder(context.sideFolders, listing.table, r)) {
      all = false;
      continue;
    }
    countRemoval(context.findings, listing.table, r);
    list.add(context.planner, entry, listing.table, r, reason === Reason.ObstacleInWay ? reason : Reason.Extraneous);
    // Its backup stays in the folder, and so the folder stays.
    if (context.keptSuffix !== undefined && !listing.table.isDir(r) && !entry.endsWith(context.keptSuffix)) all = false;
  }
  const open = (): void => stream.within(path);
  return list.write(context, path, stream, scopes, open) && all;
}

/** Whether an entry is a folder that an option names. */
export function isSideFolder(sideFolders: ReadonlySet<string>, t: StatTable, j: number): boolean {
  return sideFolders.size > 0 && t.isDir(j) && sideFolders.has(t.identity(j));
}

/** Counts what one entry that goes gives back. */
export function countRemoval(findings: ScanFindings, t: StatTable, j: number): void {
  if (t.isFile(j)) {
    if (t.nlink(j) === 1) findings.bytesRemoved += t.blocks(j) * 512;
    if (t.size(j) > 0) findings.removableFiles++;
  }
}

function unreadable(path: RelPath, errno: number): Problem {
  return { code: 'unreadable', phase: 'scan', side: 'target', path: path === '' ? EMPTY : path, errno, severity: 'error', message: 'the folder cannot be listed; nothing in it is deleted' };
}
