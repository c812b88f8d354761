/**
 * --backup: what is replaced or deleted is kept under NAME+suffix, beside its place or at the same path below
 * --backup-dir. As rsync does: what is replaced is linked there first, so that the name is never empty; what is
 * deleted is renamed; across file systems it is copied. Folders in --backup-dir get the attributes of the target's.
 */
import { baseOf, joinPath, parentOf, S_IFDIR, S_IFLNK, S_IFREG, type ByteString, type RelPath } from '../../tree/index.js';
import { ACCESS_ACL } from '../../plan/index.js';
import { Errno, type OpenFlags } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { copyContent } from './copy-data.js';
import { ABORTED, targetFailed } from './report.js';
import { removeTree } from './remove-tree.js';
import { BEFORE, scratchOf, TARGET, type Scratch } from './scratch.js';
import { Subject } from './subject.js';
import { copyXattrs } from './xattrs.js';

/** kept: a second name or copy, the entry still stands; moved: its name is free now; none: there was nothing to keep. */
export type BackupResult = 'kept' | 'moved' | 'none' | 'failed';

const READ: OpenFlags = { read: true, nonBlock: true };
const CREATE: OpenFlags = { write: true, create: true, exclusive: true };

/** Keeps what stands at `name`, which is no folder. `how`: what is tried first. 'failed' after a Problem. */
export function makeBackup(ctx: ApplyContext, folder: FolderContext, name: ByteString, how: 'link' | 'rename' | 'copy'): BackupResult {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const kept = (name + ctx.options.replace.suffix) as ByteString;
  const at = ctx.backupRoot < 0 ? folder.fd : backupFolder(ctx, s, folder.path);
  if (at < 0) {
    targetFailed(ctx, folder, name, at, 'make the folder of its backup');
    return 'failed';
  }
  let error = posix.stat(folder.fd, name, s.table, TARGET);
  if (error === -Errno.ENOENT) return 'none';
  if (error === 0) {
    const type = s.table.type(TARGET);
    if (type === S_IFDIR) return 'none';
    error = clearBackup(ctx, at, kept);
    if (error >= 0) {
      error = how === 'copy' ? -Errno.EXDEV : how === 'link' ? posix.link(folder.fd, name, at, kept) : move(ctx, folder, name, at, kept);
      if (error >= 0) return how === 'link' ? 'kept' : 'moved';
      // Links are refused across file systems, by some file systems, and for others' files: a regular file is rather moved than copied.
      if (how === 'link' && type === S_IFREG && error !== -Errno.EXDEV) {
        error = move(ctx, folder, name, at, kept);
        if (error >= 0) return 'moved';
      }
      if (error === -Errno.EXDEV || how === 'link') error = copyEntry(ctx, s, folder.fd, name, at, kept);
      if (error >= 0) return 'kept';
    }
  }
  targetFailed(ctx, folder, name, error, 'keep a backup of it');
  return 'failed';
}

/** Renames; where both names are one inode, rename does nothing and the old name is removed. */
function move(ctx: ApplyContext, folder: FolderContext, name: ByteString, at: number, kept: ByteString): number {
  const { table } = scratchOf(ctx);
  const error = ctx.posix.rename(folder.fd, name, at, kept);
  if (error < 0 || table.nlink(TARGET) < 2) return error;
  const left = ctx.posix.unlink(folder.fd, name);
  return left === -Errno.ENOENT ? 0 : left;
}

/** Frees the backup's name: an older backup goes; a folder there goes too if the whole place is for backups. */
function clearBackup(ctx: ApplyContext, at: number, kept: ByteString): number {
  const error = ctx.posix.unlink(at, kept);
  if (error === 0 || error === -Errno.ENOENT) return 0;
  if (error !== -Errno.EISDIR && error !== -Errno.EPERM) return error;
  if (ctx.backupRoot < 0) return ctx.posix.rmdir(at, kept); // a folder of the tree that happens to have the name: only if empty
  const s = scratchOf(ctx);
  const result = removeTree(ctx.posix, at, kept);
  s.forgetBelow(ctx.backupRoot, '' as RelPath);
  return result;
}

/** Handle of the folder `path` below --backup-dir, made with the attributes of the target's folders where it is missing. */
function backupFolder(ctx: ApplyContext, s: Scratch, path: RelPath): number {
  const there = s.folderBelow(ctx.posix, ctx.backupRoot, path);
  if (there >= 0) return there;
  let walked = '' as RelPath;
  for (const part of path.split('/') as ByteString[]) {
    walked = joinPath(walked, part);
    const error = backupStep(ctx, s, walked);
    if (error < 0) return error;
  }
  return s.folderBelow(ctx.posix, ctx.backupRoot, path);
}

function backupStep(ctx: ApplyContext, s: Scratch, path: RelPath): number {
  const { posix } = ctx;
  const there = s.folderBelow(posix, ctx.backupRoot, path);
  if (there >= 0) return 0;
  const at = s.folderBelow(posix, ctx.backupRoot, parentOf(path));
  if (at < 0) return at;
  const name = baseOf(path);
  if (there === -Errno.ENOTDIR || there === -Errno.ELOOP) { // an older backup of a file, now that there is a folder of that name
    const removed = posix.unlink(at, name);
    if (removed < 0) return removed;
  }
  const made = posix.mkdir(at, name, 0o700);
  if (made < 0 && made !== -Errno.EEXIST) return made;
  const fd = s.folderBelow(posix, ctx.backupRoot, path);
  if (fd < 0) return fd;
  const model = ctx.targetFolders.open(path);
  if (model >= 0 && posix.fstat(model, s.table, TARGET) === 0) copyAttributes(ctx, s, path, model, fd, true);
  return 0;
}

/** Gives `to` the attributes of `from`, whose stat is in TARGET. What cannot be set is left: the content counts. */
function copyAttributes(ctx: ApplyContext, s: Scratch, path: RelPath, from: number, to: number, isFolder: boolean): void {
  const { posix } = ctx;
  const t = s.table;
  const { acls, xattrs } = ctx.options.attributes;
  posix.fchown(to, posix.euid === 0 ? t.uid(TARGET) : -1, posix.euid === 0 || posix.groups.has(t.gid(TARGET)) ? t.gid(TARGET) : -1);
  if (xattrs) copyXattrs(ctx, path, new Subject(posix).byHandle(from), new Subject(posix).byHandle(to));
  if (acls) {
    const acl = posix.fgetXattr(from, ACCESS_ACL);
    if (typeof acl !== 'number') posix.fsetXattr(to, ACCESS_ACL, acl);
  }
  posix.fchmod(to, t.perms(TARGET) | (isFolder && posix.euid !== 0 ? 0o700 : 0));
  posix.futimes(to, t.atimeSec(TARGET), t.atimeNsec(TARGET), t.mtimeSec(TARGET), t.mtimeNsec(TARGET));
}

/** Copies one entry, whose stat is in TARGET, to another folder, whole or not at all. 0 or -errno. */
function copyEntry(ctx: ApplyContext, s: Scratch, fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
  const { posix } = ctx;
  const t = s.table;
  switch (t.type(TARGET)) {
    case S_IFREG: return copyFile(ctx, s, fromAt, from, toAt, to);
    case S_IFLNK: {
      const text = posix.readlink(fromAt, from);
      if (typeof text === 'number') return text;
      const error = posix.symlink(text, toAt, to);
      return error < 0 ? error : named(ctx, s, toAt, to);
    }
    default: { // a device, FIFO or socket
      const error = posix.mknod(toAt, to, t.type(TARGET) | 0o600, t.rdevMajor(TARGET), t.rdevMinor(TARGET));
      if (error < 0) return error;
      named(ctx, s, toAt, to);
      posix.chmod(toAt, to, t.perms(TARGET));
      return 0;
    }
  }
}

/** Owner and times of a copy without a handle. */
function named(ctx: ApplyContext, s: Scratch, at: number, name: ByteString): number {
  const t = s.table;
  ctx.posix.chown(at, name, ctx.posix.euid === 0 ? t.uid(TARGET) : -1, ctx.posix.euid === 0 ? t.gid(TARGET) : -1);
  ctx.posix.utimes(at, name, t.atimeSec(TARGET), t.atimeNsec(TARGET), t.mtimeSec(TARGET), t.mtimeNsec(TARGET));
  return 0;
}

function copyFile(ctx: ApplyContext, s: Scratch, fromAt: number, from: ByteString, toAt: number, to: ByteString): number {
  const { posix } = ctx;
  const source = posix.open(fromAt, from, READ);
  if (source < 0) return source;
  const keptBefore = s.table.words.slice(BEFORE * 64, (BEFORE + 1) * 64); // the fingerprint of the file that is being transferred
  const { literalBytes, matchedBytes } = ctx.counters;
  const name = s.nextTempName();
  const fd = posix.open(toAt, name, CREATE, 0o600);
  let result = fd;
  if (fd >= 0) {
    result = posix.fstat(source, s.table, BEFORE);
    if (result === 0) {
      const size = s.table.size(BEFORE);
      result = copyContent(ctx, { reader: posix, from: source, to: fd, start: 0, size, oldSize: 0, mayClone: true, toEnd: false, fixedLength: false });
      ctx.addBytes(-(result >= 0 ? result : s.reached)); // a backup is no progress
      if (result >= 0 && result !== size) result = -Errno.EIO;
    }
    if (result >= 0 && posix.fstat(source, s.table, TARGET) === 0) copyAttributes(ctx, s, to, source, fd, false);
    const closed = posix.close(fd);
    if (result >= 0 && closed < 0) result = closed;
    if (result >= 0) result = posix.rename(toAt, name, toAt, to);
    if (result < 0) posix.unlink(toAt, name);
  }
  posix.close(source);
  ctx.counters.literalBytes = literalBytes; // nor a transfer
  ctx.counters.matchedBytes = matchedBytes;
  s.table.words.set(keptBefore, BEFORE * 64);
  return result === ABORTED ? -Errno.EINTR : Math.min(result, 0);
}
