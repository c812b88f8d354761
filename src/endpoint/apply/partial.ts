/**
 * --partial and --partial-dir: what an interrupted transfer leaves, and taking it up again.
 *
 * With --partial-dir the unfinished file goes there (made 0700 in each folder where it is relative) and the next run
 * continues it, after comparing every byte it holds with the source. With --partial alone it stands under its final name,
 * with the epoch as its time, but only where nothing complete is lost by it: an older complete file stays.
 * What a broken connection left of a large file (cut-off.ts) is continued in the same way.
 */
import { baseOf, cleanPath, EMPTY, joinPath, parentOf, S_IFMT, S_IFREG, type ByteString, type RelPath } from '../../tree/index.js';
import { INCOMPLETE_MODE, SetBits, type Operation } from '../../plan/index.js';
import type { OpenFlags } from '../../fs/index.js';
import { setAttributes } from './attributes.js';
import type { ApplyContext, FolderContext } from './context.js';
import { equalPrefix } from './copy-data.js';
import { keepsCutOff } from './cut-off.js';
import { partialFolder } from './partial-folder.js';
import { ABORTED } from './report.js';
import { BEFORE, OTHER, scratchOf, TARGET } from './scratch.js';
import { partName } from './temp-name.js';

const UPDATE: OpenFlags = { read: true, write: true, nonBlock: true };

/**
 * Opens the unfinished file of an earlier run as `scratch.stage`. Result: how many of its bytes are the source's (the rest is
 * cut off); below zero where there is none that serves, ABORTED where the run ends.
 */
export function openPartial(ctx: ApplyContext, folder: FolderContext, op: Operation, source: number): number {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const { partialDir, delayUpdates, sparse } = ctx.options.replace;
  if (delayUpdates || sparse || !s.table.isFile(BEFORE)) return -1;
  let at = partialDir === undefined ? -1 : partialFolder(ctx, folder, false);
  let { name } = op;
  let fd = at < 0 ? -1 : posix.open(at, name, UPDATE);
  if (fd < 0 && keepsCutOff(ctx, s.size) && !folder.fresh) {
    at = folder.fd;
    name = partName(name);
    fd = posix.open(at, name, UPDATE);
  }
  if (fd < 0) return -1;
  // Only a file of our own with one name, on the target's file system: another's could be a trap, a second name would be
  // written to as well, and what lies elsewhere cannot be renamed into place.
  const fits = posix.fstat(fd, s.table, TARGET) === 0 && s.table.isFile(TARGET) && s.table.nlink(TARGET) === 1 &&
    s.table.uid(TARGET) === posix.euid && s.table.size(TARGET) <= s.size &&
    posix.fstat(folder.fd, s.table, OTHER) === 0 && s.table.sameDevice(TARGET, s.table, OTHER);
  if (!fits) {
    posix.close(fd);
    return -1;
  }
  const st = s.stage;
  st.fd = fd;
  st.at = at;
  st.name = name;
  st.direct = false;
  st.perms = s.table.perms(TARGET);
  st.uid = s.table.uid(TARGET);
  st.gid = s.table.gid(TARGET);
  const had = s.table.size(TARGET);
  const equal = equalPrefix(ctx, source, fd, had);
  if (equal === ABORTED) {
    closeStage(ctx);
    return ABORTED;
  }
  const cut = Math.max(equal, 0);
  if (posix.truncate(fd, cut) < 0) {
    closeStage(ctx);
    return -1;
  }
  ctx.counters.matchedBytes += cut;
  ctx.addBytes(cut);
  return cut;
}

/** Keeps the file in `scratch.stage`, of which `scratch.reached` bytes are the source's. False where it is not to be, or cannot be, kept. */
export function keepPartial(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const { posix } = ctx;
  const { partial, partialDir } = ctx.options.replace;
  const s = scratchOf(ctx);
  const st = s.stage;
  if ((partialDir === undefined && !partial) || s.reached === 0 || s.fromAlt) return false;
  if (posix.truncate(st.fd, s.reached) < 0) return false; // --preallocate has made it longer
  if (partialDir !== undefined) {
    const at = partialFolder(ctx, folder, true);
    if (at < 0) return false;
    posix.fchmod(st.fd, 0o600);
    if (posix.rename(st.at, st.name, at, op.name) < 0) return false;
    closeStage(ctx);
    return true;
  }
  if (!nothingIsLost(op)) return false;
  s.mtimeSec = 0; // never newer than the source, and seen to be unfinished in a listing
  s.mtimeNsec = 0;
  setAttributes(ctx, folder, op, s.subject.byHandle(st.fd), (op.set & ~(SetBits.Acl | SetBits.Xattr | SetBits.Atime)) | SetBits.Mode | SetBits.Mtime, st.perms, st.uid, st.gid, -1);
  if (!st.direct && posix.rename(st.at, st.name, folder.fd, op.name) < 0) return false;
  closeStage(ctx);
  return true;
}

/** Whether the final name holds nothing, or nothing complete. */
function nothingIsLost(op: Operation): boolean {
  const e = op.expected;
  if (e.mode === 0 || e.mode === INCOMPLETE_MODE) return true;
  return (e.mode & S_IFMT) === S_IFREG && e.mtimeSec === 0 && e.mtimeNsec === 0 && e.size < op.size;
}

function closeStage(ctx: ApplyContext): void {
  const st = scratchOf(ctx).stage;
  ctx.posix.close(st.fd);
  st.fd = -1;
}

/** Removes what an earlier run kept of a file that is complete now, and the partial folder once it is empty. */
export function dropPartial(ctx: ApplyContext, folder: FolderContext, name: ByteString): void {
  const { posix } = ctx;
  const dir = ctx.options.replace.partialDir;
  const at = partialFolder(ctx, folder, false);
  if (at < 0 || dir === undefined) return; // there is none: the usual case
  posix.unlink(at, name);
  if (dir.startsWith('/')) return;
  removeEmpty(ctx, folder, cleanPath(dir) ?? EMPTY);
}

/** Removes the last folder of `path` below the target folder, if it is empty. */
function removeEmpty(ctx: ApplyContext, folder: FolderContext, path: RelPath): void {
  const { posix } = ctx;
  const at = ctx.targetFolders.open(joinPath(folder.path, parentOf(path)));
  if (at >= 0 && posix.rmdir(at, baseOf(path)) === 0) ctx.targetFolders.forget(joinPath(folder.path, path));
}

/** The partial folder's name in each folder where it is relative and plain; scans leave it alone. */
export function partialFolderName(dir: ByteString | undefined): ByteString | undefined {
  if (dir === undefined || dir.startsWith('/')) return undefined;
  const path = cleanPath(dir);
  return path === undefined || path === EMPTY || path.includes('/') ? undefined : path;
}
