/**
 * Opens the next folder of a walk on both sides and plans the folder itself: whether it is made, mended, left alone, or
 * cannot be entered. What is in it is merge.ts' matter.
 */
import { Errno, errnoText, type FolderCache } from '../../fs/index.js';
import { Item, Reason, SetBits, type Operation } from '../../plan/index.js';
import { baseOf, countType, EMPTY, parentOf, S_IFDIR, type ByteString, type RelPath } from '../../tree/index.js';
import { deviceOf } from './device.js';
import { overlayFakeStat } from './fake-stat.js';
import { leftAlone } from './left-alone.js';
import type { SourceLayer } from './listing.js';
import { leadsBack } from './loops.js';
import { noteLost } from './losses.js';
import { inheritedPerms, parentSetgid } from './new-perms.js';
import { Open, type SelectionNode } from './selection.js';
import type { FolderRun } from './types.js';
import type { Scopes } from './filters.js';
import type { Folder, WalkContext } from './walk-context.js';

/** Opens both sides, plans the folder itself; undefined where there is nothing to walk. */
export function openFolder(w: WalkContext, run: FolderRun, k: number, outer: Scopes, path: RelPath, name: ByteString): Folder | undefined {
  const { options } = w.setup;
  const owners = run.owners[k] as number[];
  const openMounts = run.mounts[k] as number[];
  const node = w.nodeAt(path);
  let open = run.open[k] as Open;
  const layers: SourceLayer[] = [];
  let attributesFrom = -1;
  for (const mount of path === '' ? mountsAtRoot(node, owners) : owners) {
    const fd = (w.mounts[mount] as FolderCache).open(path);
    if (fd < 0) {
      if (attributesFrom < 0 && statByParent(w, mount, path) === 0) attributesFrom = -2;
      w.readFailure(path, -fd, 'the folder cannot be opened');
      open = Open.No;
      continue;
    }
    if (attributesFrom === -1 && owners.includes(mount)) {
      const error = w.source.fstat(fd, w.own, 0);
      if (error < 0) {
        w.readFailure(path, -error, 'its attributes cannot be read');
        continue;
      }
      if (w.listingFollow !== undefined && leadsBack(w.source, w.mounts[mount] as FolderCache, path, w.own, w.outside)) {
        w.readFailure(path, Errno.ELOOP, 'it leads back to a folder that it lies in');
        return undefined;
      }
      if (w.listing.fake) overlayFakeStat(w.source, fd, EMPTY, w.own, 0);
      attributesFrom = fd;
    }
    layers.push({ mount, fd, listed: openMounts.includes(mount) });
  }
  if (owners.length > 0 && attributesFrom === -1) return undefined;

  // The target's side.
  let target = -1;
  let obstacle = false;
  let present = false;
  if ((run.onTarget[k] as boolean) && w.target !== undefined) {
    target = w.target.open(path);
    if (target >= 0) {
      present = w.posix.fstat(target, w.own, 1) === 0;
      if (present) w.sawTarget(path);
      if (present) target = w.widened.enter(path, target, w.own, 1);
      if (present && w.targetListing.fake) overlayFakeStat(w.posix, target, EMPTY, w.own, 1);
    } else if (target === -Errno.ENOTDIR || target === -Errno.ELOOP || (target === -Errno.ENOENT && options.symlinks.keepDirlinks)) {
      // With --keep-dirlinks a symlink that leads nowhere says ENOENT: it is in the way all the same.
      const parent = w.target.open(parentOf(path));
      obstacle = parent >= 0 && w.posix.stat(parent, baseOf(path), w.own, 1) === 0;
      if (obstacle && options.symlinks.keepDirlinks && w.own.isSymlink(1) && leadsOut(w, parent, baseOf(path))) {
        w.problem({
          code: 'escaped', phase: 'scan', side: 'target', path, severity: 'error',
          message: 'the symlink leads out of the target and is not followed; nothing is done in it',
        });
        return undefined;
      }
    } else if (target !== -Errno.ENOENT) {
      w.problem({ code: 'unreadable', phase: 'scan', side: 'target', path, errno: -target, severity: 'error', message: `the folder cannot be opened: ${errnoText(-target)}` });
      return undefined;
    }
    if (target < 0) target = -1;
  }
  if (w.setup.dirty === true && !present) {
    open = Open.Tree;
    for (const layer of layers) layer.listed = true;
  }
  w.planner.parentSetgid = parentSetgid(w, path);
  w.planner.dirDefault = path === '' ? w.setup.newRootPerms : inheritedPerms(w, parentOf(path));

  // The folder's own operation.
  let op: Operation;
  const probe = w.probe;
  const implied = node?.implied === true && !options.walk.impliedDirs;
  if (owners.length === 0) {
    // The transfer's root where only names were chosen: it exists or is made, its attributes are nobody's.
    w.own.words.fill(0, 0, 64);
    op = w.planner.folder(path, w.own, 0, w.own, present ? 1 : 0, false, probe.none());
    op.item = present ? 0 : Item.New | Item.Local;
    op.reason = present ? Reason.Unchanged : Reason.New;
    op.set = present ? 0 : SetBits.Mode;
    op.mode = S_IFDIR | (present ? w.own.perms(1) : 0o777 & ~w.setup.facts.umask);
  } else {
    const skips = !present && leftAlone(options.compare, obstacle);
    if (skips !== false) {
      if (w.setup.notes) {
        w.plan.within(parentOf(path));
        w.plan.write(named(w.planner.note(path, w.own, 0, skips), name));
      }
      return undefined;
    }
    countType(w.findings.entries, S_IFDIR);
    if (present && path !== '') w.findings.targetEntries++; // the root is never deleted: it is no part of a share
    probe.folders(attributesFrom === -2 ? -1 : attributesFrom, target);
    op = w.planner.folder(path, w.own, 0, present || obstacle ? w.own : undefined, 1, obstacle, probe);
    op.layer = owners[0] as number;
    if (!present && w.alts.active) w.alts.answerFolder(w.planner, path, attributesFrom === -2 ? -1 : attributesFrom, w.own, 0, probe);
    if (implied) {
      op.item = 0; // nothing is told of it, as in rsync
      op.set = present ? 0 : SetBits.Mode;
      if (!present) op.mode = S_IFDIR | (0o777 & ~w.setup.facts.umask);
    }
    noteLost(w, op, path, w.own.mode(0));
  }
  if (!present) countType(w.findings.creates, S_IFDIR);
  else if (op.item !== 0) w.findings.attributeChanges++;
  if (op.item !== 0) w.findings.operations++;

  w.scratch.reset();
  w.scratch.write(op);
  const header = w.scratch.take();
  const own = op.item !== 0 || (implied && !present);
  op.item = 0;
  op.reason = Reason.Extraneous;
  op.set &= SetBits.Mtime;
  w.scratch.write(op);
  const restore = w.scratch.take();

  if (open !== Open.No && path !== '' && options.walk.oneFileSystem > 0 && owners.length > 0 && !w.own.sameDevice(0, deviceOf(w, owners[0] as number, path), 0)) open = Open.No;
  const handles = { source: layers.map((l) => l.fd), target };
  const scopes = path === '' ? w.filters.root(handles) : w.filters.enter(outer, name, handles);
  const folder: Folder = {
    path, layers, open, node, target, targetPerms: present ? w.own.perms(1) : op.mode & 0o7777, scopes, header, headerWritten: false, restore, restoreWritten: false,
    children: { parent: path, names: [], mounts: [], owners: [], onTarget: [], open: [] },
  };
  // What leaves a folder or comes in changes its times, which are set again on leaving it.
  const before = present ? w.renames?.before(path) : undefined;
  const renamed = before !== undefined && (before !== path || w.renames?.changes(path, before) === true);
  if (own || w.setup.notes || renamed) w.useFolder(folder);
  return folder;
}

function statByParent(w: WalkContext, mount: number, path: RelPath): number {
  if (path === '') return -1;
  const parent = (w.mounts[mount] as FolderCache).open(parentOf(path));
  return parent < 0 ? parent : w.source.stat(parent, baseOf(path), w.own, 0);
}

/** Whether a symlink that could not be followed below the root leads to a folder all the same. */
function leadsOut(w: WalkContext, parent: number, name: ByteString): boolean {
  return w.posix.statFollow(parent, name, w.outside, 0) === 0 && w.outside.isDir(0);
}

/** Mounts that anything of the root's selection comes from. */
function mountsAtRoot(node: SelectionNode | undefined, owners: readonly number[]): number[] {
  const all = new Set(owners);
  for (const child of node?.children?.values() ?? []) for (const mount of child.mounts) all.add(mount);
  return [...all].sort((a, b) => a - b);
}

function named(op: Operation, name: ByteString): Operation {
  op.name = name;
  return op;
}
