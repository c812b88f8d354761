/** What of a target folder is to go: names the source does not have, names that were asked to go, and what stands in the way of a file. */
import { Reason } from '../../plan/index.js';
import type { ByteString, RelPath, TypeCounts } from '../../tree/index.js';
import { DELAY_FOLDER, isPartName, isTempName } from '../apply/index.js';
import { Listing } from './listing.js';
import { listRenamed } from './renamed-listing.js';
import { countRemoval, isSideFolder, RemovalList } from './removal.js';
import type { Folder, WalkContext } from './walk-context.js';

export function extraneous(w: WalkContext, folder: Folder, j: number, removes: boolean, reason: Reason): void {
  const t = w.targetListing.table;
  const r = w.targetListing.record(j);
  if (r < 0) return;
  const name = w.targetListing.names[j] as ByteString;
  w.findings.targetEntries++;
  if (t.isFile(r) && isPartName(name)) { // it serves the folder's operations, and goes when they are done
    w.cutOffs.add(w.planner, name, t, r, Reason.Incomplete);
    return;
  }
  if (w.setup.options.lock && (t.isDir(r) ? name === DELAY_FOLDER : isTempName(name))) {
    // A temporary file, or the waiting folder, of a run that was killed: the lock says that nobody works on it now.
    w.removals.add(w.planner, name, t, r, Reason.Incomplete);
    return;
  }
  if (!removes) return;
  if (folder.scopes.target?.excludes(name, t.isDir(r)) === true || isSideFolder(w.setup.sideFolders, t, r)) return;
  countRemoval(w.findings, t, r);
  w.removals.add(w.planner, name, t, r, reason);
}

/** --delete-missing-args: the target's entry goes, whatever --delete says; a folder with something in it needs --delete or --force. */
export function requestedRemoval(w: WalkContext, folder: Folder, j: number, name: ByteString, path: RelPath): void {
  const t = w.targetListing.table;
  const r = w.targetListing.record(j);
  if (r < 0) return;
  w.findings.targetEntries++;
  if (folder.scopes.target?.excludes(name, t.isDir(r)) === true) return;
  if (t.isDir(r) && !w.deletes && !w.setup.options.delete.force && !isEmptyOnTarget(w, path)) {
    w.problem({ code: 'not-empty', phase: 'plan', side: 'target', path, severity: 'warning', message: 'the folder is not empty: it is not deleted' });
    return;
  }
  countRemoval(w.findings, t, r);
  w.removals.add(w.planner, name, t, r, Reason.Extraneous);
}

function isEmptyOnTarget(w: WalkContext, path: RelPath): boolean {
  const fd = w.target?.open(path) ?? -1;
  const listing = new Listing(w.posix);
  if (fd < 0 || w.target === undefined || listing.readFolder(fd) !== 0) return false;
  listRenamed(listing, path, w.renames, w.target);
  return listing.length === 0;
}

/** What broken connections left of files goes behind the folder's operations, whenever deletions are made. */
export function writeCutOffs(w: WalkContext, folder: Folder): void {
  w.cutOffs.write(w.removal, folder.path, w.plan, folder.scopes, () => { w.useFolder(folder); });
}

export function writeRemovals(w: WalkContext, folder: Folder): void {
  const stream = w.setup.options.delete.when === 'during' ? w.plan : w.deletions;
  const open = (): void => {
    if (stream === w.plan) w.useFolder(folder);
    else if (!folder.restoreWritten) {
      folder.restoreWritten = true;
      stream.folder(folder.path, folder.restore);
    } else stream.within(folder.path);
  };
  w.removals.write(w.removal, folder.path, stream, folder.scopes, open);
}

/**
 * A folder stands where the source has something else: what is in it goes first, with --delete or --force. False where
 * something stays in it, so that it cannot go.
 */
export function clearObstacle(w: WalkContext, folder: Folder, name: ByteString, path: RelPath): boolean {
  const fd = w.target?.open(path) ?? -1;
  if (fd < 0) return true; // whoever removes it tells why that cannot be
  const inner = new Listing(w.posix);
  if (w.target === undefined || inner.readFolder(fd) < 0) return true;
  listRenamed(inner, path, w.renames, w.target);
  const { delete: deletion, replace } = w.setup.options;
  if (!w.deletes && !deletion.force) return inner.length === 0;
  w.useFolder(folder);
  const list = new RemovalList();
  const before = leaves(w.findings.deletes);
  let all = true;
  const scopes = w.filters.enter(folder.scopes, name, { source: [], target: fd }, true);
  for (let k = 0; k < inner.length; k++) {
    const r = inner.record(k);
    if (r < 0) continue;
    if (scopes.target?.excludes(inner.names[k] as ByteString, inner.table.isDir(r)) === true) {
      all = false;
      continue;
    }
    countRemoval(w.findings, inner.table, r);
    list.add(w.planner, inner.names[k] as ByteString, inner.table, r, Reason.ObstacleInWay);
  }
  if (!list.write(w.removal, path, w.plan, scopes, () => w.plan.within(path))) all = false;
  // Backups stay beside what they are of: then the folder is not empty either.
  return all && !(replace.backup && replace.backupDir === undefined && leaves(w.findings.deletes) > before);
}

/** Entries that are no folders. */
function leaves(counts: TypeCounts): number {
  return counts.files + counts.links + counts.devices + counts.specials;
}
