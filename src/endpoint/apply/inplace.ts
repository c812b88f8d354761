/**
 * --inplace, --append, --append-verify, --write-devices: the content goes into the file that stands there, so that its
 * inode, its other names and what shares its blocks stay. A file that is patched (--no-whole-file, or from a remote source) has an undo
 * journal meanwhile, so that old or new remains whatever happens; where all of it is written anew, or bytes are appended, an
 * interruption leaves it half new, and its time, set last, tells the next run. Where the name does not hold the planned inode any more the
 * file is replaced the safe way instead: nothing is ever written into an inode that the plan did not see.
 */
import { joinPath, S_IFBLK, S_IFMT, S_IFREG } from '../../tree/index.js';
import { INCOMPLETE_MODE, SetBits, type Operation } from '../../plan/index.js';
import { Errno, type OpenFlags } from '../../fs/index.js';
import { setAttributes } from './attributes.js';
import { makeBackup } from './backup.js';
import type { ApplyContext, FolderContext } from './context.js';
import { copyContent, copyDiffering, equalPrefix, readerOf, type CopyTask } from './copy-data.js';
import { DONE, ATTRIBUTES, EXCHANGED, FAILED, LEFT } from './inplace-result.js';
import { fillRemote } from './patch-remote.js';
import { NO_JOURNAL, PatchedFile } from './patched-file.js';
import { recoverInode } from './recover.js';
import { countFile, replaceFile } from './replace.js';
import { ABORTED, report, sourceFailed, targetFailed } from './report.js';
import { BEFORE, scratchOf, TARGET, type Scratch } from './scratch.js';
import { closeSource, openSource, Reading, removeSource, reportUnstable, settle } from './source.js';

const UPDATE: OpenFlags = { read: true, write: true, nonBlock: true };
const WRITE: OpenFlags = { write: true, nonBlock: true };

/** Brings the file (or device) that stands there up to date. False after a Problem, or where the run was ended in the middle. */
export function updateInPlace(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const device = (op.expected.mode & S_IFMT) !== S_IFREG;
  if (ctx.options.replace.backup && !device && op.expected.mode !== INCOMPLETE_MODE && makeBackup(ctx, folder, op.name, 'copy') === 'failed') return false;
  if (!device && !recovered(ctx, folder, op)) return false;
  if (openSource(ctx, folder, op) < 0) return false;
  try {
    return updateFrom(ctx, folder, op, device);
  } finally {
    closeSource(ctx);
  }
}

/** Puts right what a killed run left of this file. False after a Problem. */
function recovered(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const error = recoverInode(ctx.posix, folder.fd, op.expected.inoHigh, op.expected.inoLow);
  return error >= 0 || targetFailed(ctx, folder, op.name, error, 'put back what an interrupted run has overwritten');
}

function updateFrom(ctx: ApplyContext, folder: FolderContext, op: Operation, device: boolean): boolean {
  const { posix } = ctx;
  const { remote } = ctx.source;
  const fd = openTarget(ctx, folder, op, device);
  const s = scratchOf(ctx);
  s.received = undefined;
  s.change = undefined;
  const result = fd < 0 ? fd : remote === undefined || s.fromAlt ? fill(ctx, folder, op, s.handle, fd, device) : fillRemote(ctx, remote, folder, op, fd, device);
  if (fd >= 0) {
    const closed = posix.close(fd);
    if (result === DONE && closed < 0) return targetFailed(ctx, folder, op.name, closed, 'write it');
  }
  switch (result) {
    case EXCHANGED:
      closeSource(ctx);
      return replaceFile(ctx, folder, op);
    case LEFT: return true;
    case DONE: case ATTRIBUTES: break;
    default: return false;
  }
  countFile(ctx, op);
  if (s.unstable) reportUnstable(ctx, folder, op.name);
  else if (!device && (s.received !== undefined || s.change !== undefined)) ctx.wrote?.(folder, op.name, s.received, s.change);
  if (result === DONE) removeSource(ctx, folder, op, true);
  return true;
}


/** Opens what is written into and leaves its attributes in TARGET. EXCHANGED, or FAILED after a Problem. */
function openTarget(ctx: ApplyContext, folder: FolderContext, op: Operation, device: boolean): number {
  const { posix } = ctx;
  const { table } = scratchOf(ctx);
  const e = op.expected;
  let fd = posix.open(folder.fd, op.name, device ? WRITE : UPDATE);
  if (fd === -Errno.EACCES && e.uid === posix.euid && posix.chmod(folder.fd, op.name, (e.mode & 0o777) | 0o600) === 0) {
    fd = posix.open(folder.fd, op.name, UPDATE); // a read-only file of our own
  }
  if (fd === -Errno.ENOENT || fd === -Errno.ELOOP || fd === -Errno.EISDIR) return EXCHANGED;
  if (fd < 0) {
    targetFailed(ctx, folder, op.name, fd, 'open it for writing');
    return FAILED;
  }
  const same = posix.fstat(fd, table, TARGET) === 0 && table.type(TARGET) === (e.mode & S_IFMT) &&
    table.inoLow(TARGET) === e.inoLow && table.inoHigh(TARGET) === e.inoHigh;
  if (same && !linkedElsewhere(ctx, device)) return fd;
  posix.close(fd);
  if (!device) return EXCHANGED;
  report(ctx, joinPath(folder.path, op.name), 'target', 'changed', 'is another device than when the plan was made; left for the next run');
  return FAILED;
}

/**
 * -H: the file in TARGET has names that the source's file has not. Written into, it would change those too, back and forth with each run, and the links would stay
 * other ones than the source's; so it gets a file of its own.
 */
function linkedElsewhere(ctx: ApplyContext, device: boolean): boolean {
  const { table } = scratchOf(ctx);
  return !device && ctx.options.attributes.hardLinks && table.nlink(TARGET) > 1 && table.nlink(TARGET) > table.nlink(BEFORE);
}

/** Writes the content and sets the attributes. */
function fill(ctx: ApplyContext, folder: FolderContext, op: Operation, source: number, fd: number, device: boolean): number {
  const s = scratchOf(ctx);
  const { append, wholeFile } = ctx.options.replace;
  let oldSize = device ? s.size : s.table.size(TARGET);
  const owner = ownerNow(s, op);

  let start = 0;
  let journals = true;
  if (append !== false && !device) {
    if (oldSize >= s.size) return LEFT;
    start = appendStart(ctx, source, fd, oldSize, append === 'verify');
    if (start < 0) return ended(ctx, s, folder, op, start);
  }
  for (let attempt = 1; ; attempt++) {
    const task: CopyTask = { reader: readerOf(ctx), from: source, to: fd, start, size: s.size, oldSize, mayClone: false, toEnd: s.table.type(BEFORE) === S_IFBLK, fixedLength: device };
    const differing = wholeFile === false && start === 0 && !device && !task.toEnd;
    if (differing && journals) task.patch = new PatchedFile(ctx, folder.fd, op.name, fd);
    const covered = differing ? copyDiffering(ctx, task, fd, oldSize, true) : copyContent(ctx, task);
    if (covered === NO_JOURNAL) { // before anything was written
      journals = false;
      ctx.addBytes(-s.reached);
      attempt--;
      continue;
    }
    if (covered < 0) return ended(ctx, s, folder, op, covered, task.patch);
    const reading = task.toEnd ? Reading.Stable : settle(ctx, folder, op, source, covered, attempt);
    if (reading === Reading.Failed) {
      giveUp(ctx, folder, op, task.patch);
      return FAILED;
    }
    if (reading !== Reading.Again) {
      const error = task.patch?.finish(covered) ?? 0;
      if (error < 0) return ended(ctx, s, folder, op, error, task.patch);
      break;
    }
    ctx.addBytes(start - covered);
    start = 0;
    if (task.patch === undefined) oldSize = device ? s.size : covered;
    else if (!giveUp(ctx, folder, op, task.patch) || ctx.posix.fstat(fd, s.table, TARGET) < 0) return FAILED;
  }
  return completeInPlace(ctx, s, folder, op, fd, device, owner);
}

/** What the file had before it was written to; permissions -1 where they have to be set anew. */
export interface OwnerNow { readonly perms: number; readonly uid: number; readonly gid: number }

/** Owner and permissions of the file in TARGET. */
export function ownerNow(s: Scratch, op: Operation): OwnerNow {
  const perms = s.table.perms(TARGET);
  const changes = perms !== (op.expected.mode & 0o7777) || (perms & 0o6000) !== 0; // writing takes setuid away
  return { perms: changes ? -1 : perms, uid: s.table.uid(TARGET), gid: s.table.gid(TARGET) };
}

/** The content is there: attributes, and the disk where that was asked for. */
export function completeInPlace(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, fd: number, device: boolean, owner: OwnerNow): number {
  if (device) return DONE;
  const whole = setAttributes(ctx, folder, op, s.subject.byHandle(fd), op.set | SetBits.Mode, owner.perms, owner.uid, owner.gid, s.fromAlt ? -1 : s.handle);
  if (ctx.options.replace.fsync) {
    const error = ctx.posix.fsync(fd);
    if (error < 0) {
      targetFailed(ctx, folder, op.name, error, 'write it to disk');
      return FAILED;
    }
  }
  return whole ? DONE : ATTRIBUTES;
}

/** Where appending begins: after what the target has; with --append-verify 0 where that is not the source's. */
function appendStart(ctx: ApplyContext, source: number, fd: number, size: number, verify: boolean): number {
  if (verify) {
    const equal = equalPrefix(ctx, source, fd, size);
    if (equal < 0) return equal;
    if (equal < size) return 0;
  }
  ctx.counters.matchedBytes += size;
  ctx.addBytes(size);
  return size;
}

function ended(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, result: number, patch?: PatchedFile): number {
  const { failedSide } = s;
  giveUp(ctx, folder, op, patch, result === ABORTED);
  s.failedSide = failedSide;
  if (result === ABORTED) return FAILED;
  if (s.failedSide === 'source') sourceFailed(ctx, folder, op.name, result, 'read it');
  else targetFailed(ctx, folder, op.name, result, 'write it');
  return FAILED;
}

/**
 * The patch does not come to its end: the old file is put back, or, where the run was ended and --partial asked for that, stays as far as it
 * was patched. False after a Problem.
 */
export function giveUp(ctx: ApplyContext, folder: FolderContext, op: Operation, patch: PatchedFile | undefined, interrupted = false): boolean {
  if (patch === undefined) return true;
  if (interrupted && ctx.options.replace.partial && patch.keep() >= 0) return true;
  const error = patch.undo();
  return error >= 0 || targetFailed(ctx, folder, op.name, error, 'put its old content back; the next run does that');
}
