/**
 * --delay-updates: complete files wait in `.~tmp~/<this session>/` of their folder and are renamed into place together.
 * The session's own sub-folder keeps apart what an earlier, interrupted run left: that is never put into place.
 */
import { joinPath, S_IFDIR, S_IFMT, type ByteString } from '../../tree/index.js';
import { Errno, type NameList } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { targetFailed } from './report.js';
import { OTHER, scratchOf, TARGET } from './scratch.js';
import { removeNow } from './source.js';
import { clearWay, REPORTED } from './place.js';
import { DELAY_FOLDER, isTempName, stageName } from './temp-name.js';
import { removeTree } from './remove-tree.js';

/** Age at which the waiting folder of another session counts as left behind. */
const STALE_SECONDS = 24 * 3600;

/** Handle of this session's waiting folder below `folder`, made where `make`; owned by the folder cache. -errno without one. */
export function delayFolder(ctx: ApplyContext, folder: FolderContext, make: boolean): number {
  const path = joinPath(joinPath(folder.path, DELAY_FOLDER), stageName(ctx.sessionTag));
  const there = ctx.targetFolders.open(path);
  if (there >= 0 || !make || there !== -Errno.ENOENT) return there;
  const outer = ctx.posix.mkdir(folder.fd, DELAY_FOLDER, 0o700);
  if (outer < 0 && outer !== -Errno.EEXIST) return outer;
  const at = ctx.targetFolders.open(joinPath(folder.path, DELAY_FOLDER));
  if (at < 0) return at;
  const made = ctx.posix.mkdir(at, stageName(ctx.sessionTag), 0o700);
  if (made < 0 && made !== -Errno.EEXIST) return made;
  return ctx.targetFolders.open(path);
}

/**
 * Puts everything that this session has ready in the folder into place, with backups where asked, and removes the waiting
 * folder (with what earlier sessions left in theirs). Best run by the context that built the files: it knows which sources
 * may be removed then (--remove-source-files); by another one, they stay until the next run.
 */
export function finishDelayed(ctx: ApplyContext, folder: FolderContext): void {
  const { posix } = ctx;
  const s = scratchOf(ctx);
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
  for (const removal of s.pending.get(folder.path) ?? []) {
    if (!failed.has(removal.name)) removeNow(ctx, folder, removal);
  }
  s.pending.delete(folder.path);
  clean(ctx, folder);
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

/** Removes the waiting folder, and waiting folders of sessions that never came to their end. */
function clean(ctx: ApplyContext, folder: FolderContext): void {
  const { posix } = ctx;
  const outerPath = joinPath(folder.path, DELAY_FOLDER);
  const outer = ctx.targetFolders.open(outerPath);
  if (outer < 0) return;
  const { table } = scratchOf(ctx);
  const mine = stageName(ctx.sessionTag);
  const list: NameList = { names: [], types: [] };
  if (posix.stat(outer, mine, table, TARGET) === 0 && posix.list(outer, list) === 0) {
    for (const name of list.names) {
      if (name === mine || !isTempName(name) || posix.stat(outer, name, table, OTHER) < 0) continue;
      // A young one may belong to a session that runs now, without a lock.
      if (table.mtimeSec(TARGET) - table.mtimeSec(OTHER) > STALE_SECONDS) removeTree(posix, outer, name);
    }
  }
  posix.rmdir(outer, mine);
  ctx.targetFolders.forget(outerPath);
  posix.rmdir(folder.fd, DELAY_FOLDER); // stays where it holds something that is not ours
}
