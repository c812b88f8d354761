/**
 * --delay-updates: complete files wait in `.~tmp~/<this session>/` of their folder and are renamed into place together.
 * The session's own sub-folder keeps apart what an earlier, interrupted run left: that is never put into place.
 */
import { joinPath, S_IFDIR, S_IFMT, type ByteString } from '../../tree/index.js';
import type { NameList } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { delayFolder, notesOf, stageOf } from './delay-folder.js';
import { notedRemoval } from './removal.js';
import { targetFailed } from './report.js';
import { OTHER, scratchOf, TARGET } from './scratch.js';
import { removeNow } from './source.js';
import { clearWay, REPORTED } from './place.js';
import { DELAY_FOLDER, isTempName } from './temp-name.js';
import { removeTree } from './remove-tree.js';

/** Age at which the waiting folder of another session counts as left behind. */
const STALE_SECONDS = 24 * 3600;

/**
 * Puts everything that this session has ready in the folder into place, with backups where asked, and removes the waiting
 * folder (with what earlier sessions left in theirs). Any context of the session may do it, when all that belongs into the
 * folder was carried out. Sources that were to be removed (--remove-source-files) go after their files are in place.
 */
export function finishDelayed(ctx: ApplyContext, folder: FolderContext): void {
  const { posix } = ctx;
  const fd = ctx.targetFolders.open(folder.path);
  if (fd < 0) {
    targetFailed(ctx, folder, '' as ByteString, fd, 'open the folder to put its updates into place');
    return;
  }
  folder.fd = fd;
  const at = delayFolder(ctx, folder, false);
  if (at < 0) return; // nothing waits here
  const list: NameList = { names: [], types: [] };
  const listed = posix.list(at, list);
  if (listed < 0) {
    targetFailed(ctx, folder, DELAY_FOLDER, listed, 'list the updates that wait');
    return;
  }
  const failed = new Set<ByteString>();
  for (const name of list.names) {
    const result = place(ctx, folder, at, name);
    if (result === 0) continue;
    failed.add(name);
    if (result !== REPORTED) targetFailed(ctx, folder, name, result, 'rename it into place');
    posix.unlink(at, name); // as any other file that could not get into its place
  }
  if (ctx.options.replace.fsync && list.names.length > 0) posix.fsync(folder.fd);
  removeSources(ctx, folder, failed);
  clean(ctx, folder);
}

/** Removes the sources of what is in place now. */
function removeSources(ctx: ApplyContext, folder: FolderContext, failed: ReadonlySet<ByteString>): void {
  const at = delayFolder(ctx, folder, false, notesOf(ctx));
  if (at < 0) return;
  const list: NameList = { names: [], types: [] };
  if (ctx.posix.list(at, list) < 0) return; // the sources stay: the next run takes them
  for (const name of list.names) {
    const removal = notedRemoval(ctx, at, name);
    if (removal !== undefined && !failed.has(name)) removeNow(ctx, folder, removal);
    ctx.posix.unlink(at, name);
  }
}

/** Renames one waiting file into place. 0, REPORTED or -errno. */
function place(ctx: ApplyContext, folder: FolderContext, at: number, name: ByteString): number {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const there = posix.stat(folder.fd, name, s.table, TARGET);
  if (there === 0) {
    const mode = s.table.mode(TARGET);
    if ((mode & S_IFMT) !== S_IFDIR && isSame(ctx, at, name)) return posix.unlink(at, name); // a link made twice: rename would do nothing
    const cleared = clearWay(ctx, folder, name, mode);
    if (cleared < 0) return cleared;
  }
  return posix.rename(at, name, folder.fd, name);
}

/** Whether the waiting entry is the inode in record TARGET. */
function isSame(ctx: ApplyContext, at: number, name: ByteString): boolean {
  const { table } = scratchOf(ctx);
  return ctx.posix.stat(at, name, table, OTHER) === 0 && table.sameInode(TARGET, table, OTHER);
}

/** Throws away what waits in the folder: the run ends before its time. */
export function discardDelayed(ctx: ApplyContext, folder: FolderContext): void {
  const { posix } = ctx;
  const fd = ctx.targetFolders.open(folder.path);
  if (fd < 0 || delayFolder(ctx, folder, false) < 0) return;
  const outerPath = joinPath(folder.path, DELAY_FOLDER);
  const outer = ctx.targetFolders.open(outerPath);
  for (const name of [stageOf(ctx), notesOf(ctx)]) removeTree(posix, outer, name);
  ctx.targetFolders.forget(outerPath);
  posix.rmdir(fd, DELAY_FOLDER); // stays where it holds something that is not ours
}

/** Removes what sessions that were killed left waiting in the folder; only where no other session can be at work (the lock says so). */
export function clearWaiting(ctx: ApplyContext, folder: FolderContext): void {
  const { posix } = ctx;
  const outerPath = joinPath(folder.path, DELAY_FOLDER);
  const outer = ctx.targetFolders.open(outerPath);
  const list: NameList = { names: [], types: [] };
  if (outer < 0 || posix.list(outer, list) < 0) return;
  for (const name of list.names) {
    if (name !== stageOf(ctx) && name !== notesOf(ctx) && isTempName(name)) removeTree(posix, outer, name);
  }
  ctx.targetFolders.forget(outerPath);
  posix.rmdir(folder.fd, DELAY_FOLDER); // stays where it holds something that is not ours
}

/** Removes the waiting folder, and waiting folders of sessions that never came to their end. */
function clean(ctx: ApplyContext, folder: FolderContext): void {
  const { posix } = ctx;
  const outerPath = joinPath(folder.path, DELAY_FOLDER);
  const outer = ctx.targetFolders.open(outerPath);
  if (outer < 0) return;
  const { table } = scratchOf(ctx);
  const mine = stageOf(ctx);
  const list: NameList = { names: [], types: [] };
  if (posix.stat(outer, mine, table, TARGET) === 0 && posix.list(outer, list) === 0) {
    for (const name of list.names) {
      if (name === mine || name === notesOf(ctx) || !isTempName(name) || posix.stat(outer, name, table, OTHER) < 0) continue;
      // A young one may belong to a session that runs now, without a lock.
      if (table.mtimeSec(TARGET) - table.mtimeSec(OTHER) > STALE_SECONDS) removeTree(posix, outer, name);
    }
  }
  posix.rmdir(outer, mine);
  posix.rmdir(outer, notesOf(ctx));
  ctx.targetFolders.forget(outerPath);
  posix.rmdir(folder.fd, DELAY_FOLDER); // stays where it holds something that is not ours
}
