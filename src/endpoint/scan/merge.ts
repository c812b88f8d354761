/**
 * Merges the two listings of one folder, in byte order of the names: each name goes to where it is decided, subfolders are noted for
 * the walk that follows.
 */
import { Errno, errnoText } from '../../fs/index.js';
import { INCOMPLETE_MODE, Reason } from '../../plan/index.js';
import { joinPath, S_IFDIR, type ByteString } from '../../tree/index.js';
import { DELAY_FOLDER, isPartName, isTempName, recoverFolder } from '../apply/index.js';
import { deviceOf } from './device.js';
import { extraneous, requestedRemoval, writeCutOffs, writeRemovals } from './extraneous.js';
import { leaf, skipped } from './leaves.js';
import { leftAlone } from './left-alone.js';
import { defaultPerms, inheritedPerms } from './new-perms.js';
import { holdsFiles } from './prune.js';
import { listRenamed } from './renamed-listing.js';
import { Open, type SelectionNode } from './selection.js';
import type { Folder, WalkContext } from './walk-context.js';

export function merge(w: WalkContext, folder: Folder): void {
  // What comes in from other folders is looked at there: this one stays open meanwhile.
  const pinned = w.renames === undefined || folder.target < 0 ? undefined : w.target?.pin(folder.path);
  try {
    mergeEntries(w, folder);
  } finally {
    if (pinned !== undefined && pinned >= 0) w.target?.unpin(pinned);
  }
}

function mergeEntries(w: WalkContext, folder: Folder): void {
  const { listing, targetListing } = w;
  const error = listing.readSource(folder.layers, folder.node, w.listingFollow, folder.path);
  let removes = w.deletes && folder.open !== Open.No;
  if (error < 0) {
    w.readFailure(folder.path, -error, 'the folder cannot be listed');
    removes = false;
  }
  if (folder.target >= 0) {
    const wanted = chosenOnTarget(w, folder);
    const targetError = targetListing.readFolder(folder.target, wanted);
    if (targetError < 0) {
      w.problem({ code: 'unreadable', phase: 'scan', side: 'target', path: folder.path, errno: -targetError, severity: 'error', message: `the folder cannot be listed: ${errnoText(-targetError)}` });
      return;
    }
    // What a killed run left half patched is put right before anything is compared; the lock says that nobody works on it now.
    const { options } = w.setup;
    if (options.lock && !options.dryRun && recoverFolder(w.posix, folder.target, targetListing.names)) targetListing.readFolder(folder.target, wanted);
    w.findings.targetEntries += targetListing.passedOver;
  } else targetListing.readNothing();
  if (w.target !== undefined) listRenamed(targetListing, folder.path, w.renames, w.target);
  const targetLength = targetListing.length;
  w.twins?.begin(listing.names);
  const [layer] = folder.layers;
  if (w.places !== undefined && layer !== undefined && w.source.fstat(layer.fd, w.outside, 0) === 0) w.places.enter(folder.path, w.outside, 0, error >= 0 && folder.open !== Open.No && layer.listed);
  w.planner.parentSetgid = (folder.targetPerms & 0o2000) !== 0;
  w.planner.dirDefault = folder.target >= 0 ? defaultPerms(w, folder.target) : inheritedPerms(w, folder.path);
  const names = listing.names;
  const targetNames = targetListing.names;
  let i = 0;
  let j = 0;
  while (i < names.length || j < targetLength) {
    const s = names[i];
    const t = j < targetLength ? targetNames[j] : undefined;
    if (t === undefined || (s !== undefined && s < t)) {
      sourceEntry(w, folder, i++, -1, removes);
    } else if (s === undefined || t < s) {
      extraneous(w, folder, j++, removes, Reason.Extraneous);
    } else {
      sourceEntry(w, folder, i++, j++, removes);
    }
  }
  w.places?.leave();
  w.signals.scanned(names.length + targetLength);
  if (!w.cutOffs.empty) writeCutOffs(w, folder);
  if (!w.removals.empty) writeRemovals(w, folder);
}

/**
 * Where only some names of a folder are looked at, which those are on the target: these, and what earlier runs left behind. The attributes of all
 * others matter to nobody. Undefined: all names.
 */
function chosenOnTarget(w: WalkContext, folder: Folder): ((name: ByteString) => boolean) | undefined {
  if (w.setup.dirty !== true || folder.open !== Open.No) return undefined;
  const chosen = new Set(w.listing.names);
  return (name) => chosen.has(name) || name === DELAY_FOLDER || isTempName(name) || isPartName(name);
}

function sourceEntry(w: WalkContext, folder: Folder, i: number, j: number, removes: boolean): void {
  const { listing } = w;
  const name = listing.names[i] as ByteString;
  const r = listing.record(i);
  if (r < 0) {
    missingEntry(w, folder, name, -r, j);
    return;
  }
  const s = listing.table;
  const type = s.type(r);
  const isDir = type === S_IFDIR;
  const child = folder.node?.children?.get(name);
  if (folder.scopes.source !== undefined && child?.implied !== true && folder.scopes.source.excludes(name, isDir)) {
    if (j >= 0) extraneous(w, folder, j, removes, Reason.ExcludedDeleted);
    return;
  }
  if (w.twins !== undefined) {
    const twin = w.twins.of(name);
    if (twin !== undefined) {
      w.problem({ code: 'name-twin', phase: 'plan', side: 'target', path: joinPath(folder.path, name), severity: 'error', message: `the target cannot tell this name from "${twin}"; it is not copied` });
      return;
    }
  }
  if (s.mode(r) === INCOMPLETE_MODE) { // the source is another session's target, and that one is writing it, or was killed over it
    w.problem({ code: 'changed', phase: 'scan', side: 'source', path: joinPath(folder.path, name), severity: 'warning', message: 'another session has not finished it; left for the next run' });
    return;
  }
  w.places?.entry(name, s, r);
  if (isDir) childFolder(w, folder, i, r, j, name, child, removes);
  else leaf(w, folder, i, r, j, name, type);
}

function childFolder(w: WalkContext, folder: Folder, i: number, r: number, j: number, name: ByteString, child: SelectionNode | undefined, removes: boolean): void {
  const { options } = w.setup;
  const layers = w.listing.layersOf(i);
  const owners: number[] = [];
  const mounts: number[] = [];
  for (const layer of layers) {
    if (owners.length > 0 && w.source.stat(layer.fd, name, w.own, 0) === 0 && !w.own.isDir(0) && w.follow === undefined) continue;
    owners.push(layer.mount);
    if ((layer.listed && folder.open === Open.Tree) || child?.openMounts.includes(layer.mount) === true) mounts.push(layer.mount);
  }
  owners.sort((a, b) => a - b);
  mounts.sort((a, b) => a - b);
  const inherited = folder.open === Open.Tree && layers.some((l) => l.listed) ? Open.Tree : Open.No;
  const open = Math.max(inherited, child?.open ?? Open.No) as Open;
  const chosen = options.walk.recursive || options.walk.dirs || child?.implied === true || child?.named === true;
  const path = joinPath(folder.path, name);
  if (!chosen || (!options.walk.recursive && !options.walk.dirs && child?.implied !== true)) {
    skipped(w, folder, name, r, Reason.NotRegular);
    return;
  }
  if (options.walk.oneFileSystem > 1 && options.walk.recursive && child?.named !== true && !w.listing.table.sameDevice(r, deviceOf(w, owners[0] as number, path), 0)) {
    skipped(w, folder, name, r, Reason.MountPoint);
    if (j >= 0) extraneous(w, folder, j, removes, Reason.Extraneous);
    return;
  }
  if (options.walk.pruneEmptyDirs && folder.scopes.target?.excludes(name, true) !== true && (w.empty?.has(path) ?? !holdsFiles(w, owners, path, folder.scopes, name, open, child))) {
    if (j >= 0) extraneous(w, folder, j, removes, Reason.Extraneous);
    return;
  }
  let onTarget = false;
  if (j >= 0) {
    const tr = w.targetListing.record(j);
    onTarget = tr >= 0;
    if (onTarget && !w.targetListing.table.isDir(tr)) w.useFolder(folder);
  }
  if (!onTarget && leftAlone(options.compare, false) === false) w.useFolder(folder);
  const c = folder.children;
  c.names.push(name);
  c.mounts.push(mounts);
  c.owners.push(owners);
  c.onTarget.push(onTarget);
  c.open.push(open);
}

function missingEntry(w: WalkContext, folder: Folder, name: ByteString, errno: number, j: number): void {
  const path = joinPath(folder.path, name);
  const chosen = folder.node?.children?.get(name);
  w.places?.missing(name);
  if (chosen?.missing === true) {
    if (j >= 0) requestedRemoval(w, folder, j, name, path);
    return;
  }
  if (errno === Errno.ENOENT && chosen?.named === true) {
    const missing = w.setup.options.delete.missingArgs;
    if (missing !== 'error') return; // gone since it was looked for: as if it never was there
    w.readFailure(path, errno, 'the source does not exist');
    return;
  }
  if (errno === Errno.ENOENT && w.follow === undefined) {
    w.problem({ code: 'vanished', phase: 'scan', side: 'source', path, errno, severity: 'warning', message: 'it vanished while the folder was read' });
    return;
  }
  w.readFailure(path, errno, errno === Errno.ENOENT ? 'the symlink points nowhere' : 'its attributes cannot be read');
}
