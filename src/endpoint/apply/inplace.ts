/**
 * --inplace, --append, --append-verify, --write-devices: the content goes into the file that stands there, so that its
 * inode, its other names and what shares its blocks stay. An interruption leaves it half new; its time is set last, so the
 * next run sees that. Where the name does not hold the planned inode any more the file is replaced the safe way instead:
 * nothing is ever written into an inode that the plan did not see.
 */
import { joinPath, S_IFBLK, S_IFCHR, S_IFMT, S_IFREG } from '../../tree/index.js';
import { INCOMPLETE_MODE, SetBits, type Operation } from '../../plan/index.js';
import { Errno, type OpenFlags } from '../../fs/index.js';
import { setAttributes } from './attributes.js';
import { makeBackup } from './backup.js';
import type { ApplyContext, FolderContext } from './context.js';
import { copyContent, copyDiffering, equalPrefix, type CopyTask } from './copy-data.js';
import { countFile, replaceFile } from './replace.js';
import { ABORTED, report, sourceFailed, targetFailed } from './report.js';
import { BEFORE, scratchOf, TARGET, type Scratch } from './scratch.js';
import { openSource, Reading, removeSource, reportUnstable, settle } from './source.js';

const UPDATE: OpenFlags = { read: true, write: true, nonBlock: true };
const WRITE: OpenFlags = { write: true, nonBlock: true };

/** Whether the operation is to be carried out by `updateInPlace`. */
export function goesInPlace(ctx: ApplyContext, op: Operation): boolean {
  const { inplace, append } = ctx.options.replace;
  const type = op.expected.mode & S_IFMT;
  if (type === S_IFREG) return inplace || append !== false;
  return ctx.options.attributes.writeDevices && (type === S_IFBLK || type === S_IFCHR);
}

/** Brings the file (or device) that stands there up to date. False after a Problem, or where the run was ended in the middle. */
export function updateInPlace(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const { posix } = ctx;
  const device = (op.expected.mode & S_IFMT) !== S_IFREG;
  if (ctx.options.replace.backup && !device && op.expected.mode !== INCOMPLETE_MODE && makeBackup(ctx, folder, op.name, 'copy') === 'failed') return false;
  const source = openSource(ctx, folder, op);
  if (source < 0) return false;
  const fd = openTarget(ctx, folder, op, device);
  const result = fd < 0 ? fd : fill(ctx, folder, op, source, fd, device);
  if (fd >= 0) {
    const closed = posix.close(fd);
    if (result === DONE && closed < 0) {
      posix.close(source);
      return targetFailed(ctx, folder, op.name, closed, 'write it');
    }
  }
  posix.close(source);
  switch (result) {
    case EXCHANGED: return replaceFile(ctx, folder, op);
    case LEFT: return true;
    case DONE: case ATTRIBUTES: break;
    default: return false;
  }
  countFile(ctx, op);
  if (scratchOf(ctx).unstable) reportUnstable(ctx, folder, op.name);
  if (result === DONE) removeSource(ctx, folder, op, true);
  return true;
}

const DONE = 0;
const ATTRIBUTES = 1; // done, but an attribute failed
const LEFT = 2; // --append: already as long as the source
const FAILED = -200001;
const EXCHANGED = -200002;

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
  if (same) return fd;
  posix.close(fd);
  if (!device) return EXCHANGED;
  report(ctx, joinPath(folder.path, op.name), 'target', 'changed', 'is another device than when the plan was made; left for the next run');
  return FAILED;
}

/** Writes the content and sets the attributes. */
function fill(ctx: ApplyContext, folder: FolderContext, op: Operation, source: number, fd: number, device: boolean): number {
  const s = scratchOf(ctx);
  const { append, wholeFile } = ctx.options.replace;
  let oldSize = device ? s.size : s.table.size(TARGET);
  let perms = s.table.perms(TARGET);
  const uid = s.table.uid(TARGET);
  const gid = s.table.gid(TARGET);
  if (perms !== (op.expected.mode & 0o7777) || (perms & 0o6000) !== 0) perms = -1; // writing takes setuid away

  let start = 0;
  if (append !== false && !device) {
    if (oldSize >= s.size) return LEFT;
    start = appendStart(ctx, source, fd, oldSize, append === 'verify');
    if (start < 0) return ended(ctx, s, folder, op, start);
  }
  for (let attempt = 1; ; attempt++) {
    const task: CopyTask = { from: source, to: fd, start, size: s.size, oldSize, mayClone: false, toEnd: s.table.type(BEFORE) === S_IFBLK, fixedLength: device };
    const covered = wholeFile === false && start === 0 && !device && !task.toEnd
      ? copyDiffering(ctx, task, fd, oldSize, true)
      : copyContent(ctx, task);
    if (covered < 0) return ended(ctx, s, folder, op, covered);
    const reading = task.toEnd ? Reading.Stable : settle(ctx, folder, op, source, covered, attempt);
    if (reading === Reading.Failed) return FAILED;
    if (reading !== Reading.Again) break;
    ctx.addBytes(start - covered);
    start = 0;
    oldSize = device ? s.size : covered;
  }
  if (device) return DONE;
  const whole = setAttributes(ctx, folder, op, s.subject.byHandle(fd), op.set | SetBits.Mode, perms, uid, gid, s.fromAlt ? -1 : source);
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

function ended(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, result: number): number {
  if (result === ABORTED) return FAILED;
  if (s.failedSide === 'source') sourceFailed(ctx, folder, op.name, result, 'read it');
  else targetFailed(ctx, folder, op.name, result, 'write it');
  return FAILED;
}
