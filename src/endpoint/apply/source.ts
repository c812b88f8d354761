/**
 * The source side of one file: opening it without ever following what it was not planned to be, its
 * fingerprint before and after reading, reading a small one whole, and removing it (--remove-source-files).
 *
 * A source that no longer is what the plan saw is taken as it is now (size and mtime from its own handle);
 * owner and permissions stay as planned, since the rules that made them are not at hand here: the next run
 * sees them. What changes while it is read is read again, READS times in all; then the last reading counts, with
 * the mtime of before it, so that the next run finds a difference.
 *
 * RACE: a write between the first fstat and the last that leaves size, mtime and ctime as they were (two writes
 * within one tick of a coarse kernel clock) is not seen; the worst outcome is a file that the next run brings up to
 * date only if it is touched again. Kernels since 6.13 stamp finely once a file was asked for its times.
 */
import { joinPath, S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT, type ByteString, type StatTable } from '../../tree/index.js';
import { OpKind, type Operation } from '../../plan/index.js';
import { Errno, type OpenFlags } from '../../fs/index.js';
import type { RemoteContent } from '../source/types.js';
import { request, takeWanted } from './announce.js';
import type { ApplyContext, FolderContext } from './context.js';
import { readerOf } from './copy-data.js';
import { noteRemoval, removalOfPlan, removalOfRead, stillThat, type Removal } from './removal.js';
import { report, sourceFailed } from './report.js';
import { AFTER, BEFORE, OTHER, scratchOf, SMALL, type Scratch } from './scratch.js';

/** Readings of a file that keeps changing. */
export const READS = 3;
/** What is larger is read once only where a later session sees to it. */
const READ_ONCE = 16 << 20;

const FOLLOW: OpenFlags = { read: true, nonBlock: true, follow: true };
const PLAIN: OpenFlags = { read: true, nonBlock: true };

/**
 * Opens the content of an operation: in the alternate folder it names, else in the source. Leaves the
 * fingerprint in BEFORE and what the new file gets in the scratch space. Handle (also in the scratch space), or -1 after a Problem.
 */
export function openSource(ctx: ApplyContext, folder: FolderContext, op: Operation): number {
  const { source } = ctx;
  const s = scratchOf(ctx);
  s.fromAlt = false;
  s.unstable = false;
  s.sourceAt = ctx.sourceFolder(op.layer, folder.path);
  s.sourceName = ctx.sourceName === undefined ? op.name : ctx.sourceName(op.layer, folder.path, op.name);
  if (op.alt > 0) {
    const fd = openAlt(ctx, s, folder, op);
    if (fd >= 0) return fd;
  }
  if (s.sourceAt < 0) {
    folderFailed(ctx, folder, op.name, s.sourceAt);
    return -1;
  }
  if (source.remote !== undefined) s.answer = takeWanted(ctx, source.remote, folder, op);
  let fd = source.open(s.sourceAt, s.sourceName, s.readFlags);
  // --copy-unsafe-links: only the entries that are symlinks are followed, and only they end here.
  if (fd === -Errno.ELOOP && ctx.options.symlinks.copyUnsafeLinks) {
    if (source.remote !== undefined) {
      request(ctx, source.remote, folder, op, { follow: true });
      s.answer = takeWanted(ctx, source.remote, folder, op);
    }
    fd = source.open(s.sourceAt, s.sourceName, FOLLOW);
  }
  if (fd < 0) {
    // ELOOP: a symlink now; ENXIO: a socket or a FIFO without a writer now.
    if (fd === -Errno.ELOOP || fd === -Errno.ENXIO) otherTypeNow(ctx, folder, op.name);
    else sourceFailed(ctx, folder, op.name, fd, 'open it');
    return -1;
  }
  const error = source.fstat(fd, s.table, BEFORE);
  if (error < 0) {
    sourceFailed(ctx, folder, op.name, error, 'read its attributes');
    source.close(fd);
    return -1;
  }
  if (!s.table.isFile(BEFORE) && !(ctx.options.attributes.copyDevices && isDevice(s.table, BEFORE))) {
    otherTypeNow(ctx, folder, op.name);
    source.close(fd);
    return -1;
  }
  takeFingerprint(s);
  s.handle = fd;
  return fd;
}

/**
 * Asks a remote source again for the content at hand, `whole` or as before, and opens that. Handle, or -1 after a Problem (then nothing is open).
 */
export function reopenSource(ctx: ApplyContext, remote: RemoteContent, folder: FolderContext, op: Operation, whole: boolean): number {
  const s = scratchOf(ctx);
  ctx.source.close(s.handle);
  s.handle = -1;
  request(ctx, remote, folder, op, { whole });
  return openSource(ctx, folder, op);
}

/** Closes what openSource opened last. */
export function closeSource(ctx: ApplyContext): void {
  const s = scratchOf(ctx);
  if (s.handle >= 0) readerOf(ctx).close(s.handle);
  s.handle = -1;
}

/** What is read from now on is what BEFORE says. */
function takeFingerprint(s: Scratch): void {
  s.size = s.table.size(BEFORE);
  s.mtimeSec = s.table.mtimeSec(BEFORE);
  s.mtimeNsec = s.table.mtimeNsec(BEFORE);
}

/** Opens the same file in the alternate folder; below zero where it is not (any more) what the plan saw: then the source serves. */
function openAlt(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation): number {
  const root = ctx.altRoots[op.alt - 1];
  if (root === undefined) return -1;
  const at = s.folderBelow(ctx.posix, root, folder.path);
  if (at < 0) return at;
  const fd = ctx.posix.open(at, op.name, PLAIN);
  if (fd < 0) return fd;
  if (ctx.posix.fstat(fd, s.table, BEFORE) < 0 || !s.table.isFile(BEFORE) || s.table.size(BEFORE) !== op.size) {
    ctx.posix.close(fd);
    return -1;
  }
  s.fromAlt = true;
  s.handle = fd;
  s.size = op.size;
  s.mtimeSec = op.mtimeSec;
  s.mtimeNsec = op.mtimeNsec;
  return fd;
}

/** Result of `settle`. */
export enum Reading {
  /** The source stood still while it was read. */
  Stable,
  /** It changed: read again. */
  Again,
  /** It changed once too often: what was read counts. */
  Unstable,
  /** It cannot be read; the Problem was reported. */
  Failed,
}

/**
 * After reading `got` bytes in reading number `attempt` (from 1): compares the fingerprint. Where it says Again, BEFORE
 * and the scratch space describe the file as it is now.
 */
export function settle(ctx: ApplyContext, folder: FolderContext, op: Operation, fd: number, got: number, attempt: number): Reading {
  const s = scratchOf(ctx);
  const error = readerOf(ctx).fstat(fd, s.table, AFTER);
  if (error < 0) {
    sourceFailed(ctx, folder, op.name, error, 'read its attributes');
    return Reading.Failed;
  }
  if (ctx.exact !== undefined && !s.fromAlt && !ctx.exact.wasRead(ctx, folder, op, s.table, AFTER)) return Reading.Failed;
  const same = sameFingerprint(s.table, BEFORE, s.table, AFTER);
  if (same && got === s.size) return Reading.Stable;
  const { deferChanging, inplace } = ctx.options.replace;
  const defers = deferChanging === true && !inplace && !s.fromAlt;
  if (attempt >= READS || isReadOnce(ctx, s)) {
    if (same) {
      report(ctx, joinPath(folder.path, op.name), 'source', 'unreadable', 'ends before its size says: only a part could be read');
      return Reading.Failed;
    }
    if (defers) {
      report(ctx, joinPath(folder.path, op.name), 'source', 'deferred', 'changes while it is read; left for a later session', 0, 'warning');
      return Reading.Failed;
    }
    s.unstable = true;
    return Reading.Unstable;
  }
  s.table.copyFrom(BEFORE, s.table, AFTER);
  takeFingerprint(s);
  return Reading.Again;
}

/** Whether a file that changes while it is read is not read again now: a later session does, and it is large. */
export function isReadOnce(ctx: ApplyContext, s: Scratch): boolean {
  return ctx.options.replace.deferChanging !== undefined && !s.fromAlt && s.size > READ_ONCE;
}

/** After `settle`: whether the file has another size or mtime than before, so that a later session sees that what was taken is not it. */
export function wasWritten({ table }: Scratch): boolean {
  return table.size(BEFORE) !== table.size(AFTER) || table.mtimeSec(BEFORE) !== table.mtimeSec(AFTER) || table.mtimeNsec(BEFORE) !== table.mtimeNsec(AFTER);
}

/** Whether size, mtime and ctime are equal. */
function sameFingerprint(a: StatTable, i: number, b: StatTable, j: number): boolean {
  return (
    a.size(i) === b.size(j) && a.mtimeNsec(i) === b.mtimeNsec(j) && a.ctimeNsec(i) === b.ctimeNsec(j) &&
    a.mtimeSec(i) === b.mtimeSec(j) && a.ctimeSec(i) === b.ctimeSec(j)
  );
}

/** Says that a file kept changing; its newest reading is in place. */
export function reportUnstable(ctx: ApplyContext, folder: FolderContext, name: ByteString): void {
  report(ctx, joinPath(folder.path, name), 'source', 'changed', 'changed while it was read; the last reading is kept, the next run takes it up', 0, 'warning');
}

/**
 * Reads a small file (up to SMALL bytes by BEFORE) into `scratch.small`, again where it changes. Bytes read; -1 after a
 * Problem; -2 where it has grown too large meanwhile (BEFORE and the scratch space are up to date).
 */
export function readSmall(ctx: ApplyContext, folder: FolderContext, op: Operation, fd: number): number {
  const s = scratchOf(ctx);
  const reader = readerOf(ctx);
  for (let attempt = 1; ; attempt++) {
    if (s.size > SMALL) return -2;
    let got = 0;
    while (got < s.size) {
      const n = reader.read(fd, s.small, got, s.size - got, got);
      if (n < 0) {
        sourceFailed(ctx, folder, op.name, n, 'read it');
        return -1;
      }
      if (n === 0) break;
      got += n;
    }
    switch (settle(ctx, folder, op, fd, got, attempt)) {
      case Reading.Stable: return got;
      case Reading.Unstable: return got;
      case Reading.Failed: return -1;
      case Reading.Again: break;
    }
  }
}

/** The source folder itself could not be reached. */
export function folderFailed(ctx: ApplyContext, folder: FolderContext, name: ByteString, errno: number): false {
  if (errno === -Errno.ELOOP || errno === -Errno.ENOTDIR) {
    return report(ctx, joinPath(folder.path, name), 'source', 'escaped', 'a folder on the way was exchanged for something else', errno);
  }
  return sourceFailed(ctx, folder, name, errno, 'open its folder');
}

function otherTypeNow(ctx: ApplyContext, folder: FolderContext, name: ByteString): false {
  return report(ctx, joinPath(folder.path, name), 'source', 'changed', 'is no longer a regular file; left for the next run');
}

function isDevice(table: StatTable, i: number): boolean {
  const type = table.type(i);
  return type === S_IFBLK || type === S_IFCHR;
}

/**
 * --remove-source-files after an operation on a non-folder has succeeded: the source goes if it still is what was
 * copied. For a file whose content was just copied that is BEFORE, else the plan's own fingerprint. The session also
 * calls it for entries found unchanged, as rsync removes those too.
 */
export function removeSource(ctx: ApplyContext, folder: FolderContext, op: Operation, copied = false): void {
  if (!ctx.options.replace.removeSourceFiles) return;
  const s = scratchOf(ctx);
  if (copied && s.unstable) return;
  const source = ctx.sourceName === undefined ? op.name : ctx.sourceName(op.layer, folder.path, op.name);
  const removal = copied && !s.fromAlt
    ? removalOfRead(op, source, s.table, BEFORE)
    : removalOfPlan(op, source, (op.mode & S_IFMT) === S_IFLNK && op.kind !== OpKind.File);
  if (copied && ctx.options.replace.delayUpdates) {
    noteRemoval(ctx, folder, removal);
    return;
  }
  if (ctx.options.replace.fsync) ctx.posix.fsync(folder.fd); // the new name must be as durable as the old one's absence
  removeNow(ctx, folder, removal);
}

/** Removes one source file if its fingerprint is still the same. */
export function removeNow(ctx: ApplyContext, folder: FolderContext, removal: Removal): void {
  const { table } = scratchOf(ctx);
  const at = ctx.sourceFolder(removal.layer, folder.path);
  if (at < 0) {
    folderFailed(ctx, folder, removal.name, at);
    return;
  }
  let error = ctx.source.stat(at, removal.source, table, OTHER);
  const { copyLinks, copyUnsafeLinks } = ctx.options.symlinks;
  if (error === 0 && table.isSymlink(OTHER) && !removal.link && (copyLinks || copyUnsafeLinks)) {
    error = ctx.source.statFollow(at, removal.source, table, OTHER); // what was copied is what the link names; the link goes
  }
  if (error === -Errno.ENOENT) return; // somebody else was faster: nothing is left to remove
  if (error < 0) {
    sourceFailed(ctx, folder, removal.name, error, 'read its attributes before removing it');
    return;
  }
  if (!stillThat(removal, table, OTHER)) {
    report(ctx, joinPath(folder.path, removal.name), 'source', 'changed', 'has changed since it was copied and is not removed', 0, 'warning');
    return;
  }
  // RACE: between the look above and this call the name may come to mean a newer file; the worst outcome is that its
  // newest content is lost at the source, within microseconds. There is no call that removes a name only if unchanged.
  const removed = ctx.source.unlink(at, removal.source);
  if (removed < 0 && removed !== -Errno.ENOENT) sourceFailed(ctx, folder, removal.name, removed, 'remove it after copying');
}
