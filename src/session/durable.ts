/**
 * Durable: what a session has done is on the target's disk before its end is told. Few changed names are written through one by one, at once, with their
 * folders: that waits for them alone, however much others have to write. For more than that, and for all that is no file or folder, the file systems
 * of the target are, which costs once what many files cost each. Measured on ext4, xfs and btrfs: docs/mirror.md.
 */
import { forEachNode, Open, type FileSystemSeen, type ScanFindings, type SelectionNode } from '../endpoint/index.js';
import { Errno, errnoText, FolderCache, fsyncLater, syncfsLater, type Posix } from '../fs/index.js';
import type { SessionOptions } from '../plan/index.js';
import { baseOf, EMPTY, parentOf, StatTable, TwintreeError, type RelPath } from '../tree/index.js';
import type { Sources } from './sources.js';

/** Names that are written through one by one at most. */
const FEW = 8;

/** What is to be made durable. */
export interface DurableWork {
  posix: Posix;
  options: SessionOptions;
  /** Handle of the target's root, and of --backup-dir or -1. */
  target: number;
  backupRoot: number;
  /** The root was made by this session. */
  rootIsNew: boolean;
  /** Renames were carried out before all else. */
  foldersMove: boolean;
  sources: Sources;
  findings: ScanFindings;
}

/**
 * Resolves when all that the session looked at is on the disk: what it wrote, and what an earlier session wrote that ended before it came so far, and that
 * this one found equal. @throws TwintreeError IO where the disk did not take it.
 */
export async function makeDurable(work: DurableWork): Promise<void> {
  const { posix, target } = work;
  const cache = new FolderCache(posix, target);
  const handles: number[] = [];
  try {
    const few = fewNames(work);
    if (few !== undefined && openFew(posix, cache, few, handles)) {
      const results = await Promise.all(handles.map(fsyncLater));
      if (results.every((result) => result === 0)) return;
      const told = results.find((result) => result === -Errno.EIO || result === -Errno.ENOSPC || result === -Errno.EDQUOT);
      if (told !== undefined) throw refused(told); // told once: the file system might not tell it again
    }
    await syncAll(work, cache);
  } finally {
    for (const fd of handles) posix.close(fd);
    cache.closeAll();
  }
}

/** The names, where there are few, each is one entry, and nothing else was changed on their behalf. */
function fewNames({ options, sources, findings, rootIsNew, foldersMove }: DurableWork): RelPath[] | undefined {
  const { backup, delayUpdates } = options.replace;
  if (sources.dirty !== true || rootIsNew || foldersMove || backup || delayUpdates || findings.creates.dirs > 0 || findings.operations > 2 * FEW) return undefined;
  return leavesOf(sources.selection);
}

function leavesOf(selection: SelectionNode): RelPath[] | undefined {
  const leaves: RelPath[] = [];
  let narrow = true;
  forEachNode(selection, (path, node) => {
    narrow &&= node.open === Open.No && (node.mounts.length > 0 || node.missing);
    if (node.children === undefined || node.children.size === 0) leaves.push(path);
  });
  return narrow && leaves.length <= FEW ? leaves : undefined;
}

/** Opens each name and its folder. False where one of them is nothing that can be written through by itself. */
function openFew(posix: Posix, cache: FolderCache, names: readonly RelPath[], handles: number[]): boolean {
  const folders = new Set<RelPath>();
  const stat = new StatTable(1);
  for (const path of names) {
    let at = path === EMPTY ? cache.open(EMPTY) : -Errno.ENOENT;
    let folder = path;
    while (at === -Errno.ENOENT && folder !== EMPTY) { // what is gone may have gone with its folder
      folder = parentOf(folder);
      at = cache.open(folder);
    }
    if (at < 0) return false;
    folders.add(folder);
    if (folder !== parentOf(path) || path === EMPTY) continue;
    const error = posix.stat(at, baseOf(path), stat, 0);
    if (error === -Errno.ENOENT) continue;
    if (error < 0 || !(stat.isFile(0) || stat.isDir(0))) return false;
    const fd = stat.isDir(0) ? posix.openDir(at, baseOf(path)) : posix.open(at, baseOf(path), { read: true });
    if (fd < 0) return false;
    handles.push(fd);
  }
  for (const path of folders) {
    const fd = posix.openDir(cache.open(path), '.' as RelPath);
    if (fd < 0) return false;
    handles.push(fd);
  }
  return true;
}

/** Every file system of the target that was walked. */
async function syncAll({ posix, target, backupRoot, findings }: DurableWork, cache: FolderCache): Promise<void> {
  const seen: FileSystemSeen[] = findings.fileSystems;
  const handles = [target, ...(backupRoot < 0 ? [] : [backupRoot])];
  const done = new Set(handles.map((fd) => deviceOf(posix, fd)));
  for (const { device, path } of seen) {
    if (done.has(device)) continue;
    const fd = cache.open(path);
    if (fd < 0 || deviceOf(posix, fd) !== device) continue; // unmounted meanwhile, which writes everything out
    done.add(device);
    handles.push(fd);
  }
  const results = await Promise.all(handles.map(syncfsLater));
  const failed = results.find((result) => result < 0);
  if (failed !== undefined) throw refused(failed);
}

function deviceOf(posix: Posix, fd: number): string {
  const table = new StatTable(1);
  return posix.fstat(fd, table, 0) < 0 ? '' : table.device(0);
}

function refused(errno: number): TwintreeError {
  return new TwintreeError('IO', `the target's disk did not take what was written: ${errnoText(-errno)}`, { advice: "Look at the kernel's log: what was written before may be lost." });
}
