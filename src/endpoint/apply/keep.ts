/**
 * Keeping a file whose content proves equal: where only the times told old and new apart, both are on this machine and
 * comparing is cheaper than writing. Attributes are then set in place; clones and snapshots go on sharing the blocks.
 *
 * Not with -W (the user wants it written), nor with --backup (the old file is to be kept as it was), nor where the old
 * file has other names (a snapshot of hard links must not see its times change).
 */
import { S_IFMT, S_IFREG } from '../../tree/index.js';
import { Item, Reason, SetBits, type Operation } from '../../plan/index.js';
import { UTIME_NOW, UTIME_OMIT, type OpenFlags } from '../../fs/index.js';
import { setAttributes } from './attributes.js';
import { equalPrefix, readerOf } from './copy-data.js';
import type { ApplyContext, FolderContext } from './context.js';
import { AFTER, BEFORE, TARGET, type Scratch } from './scratch.js';

const READ: OpenFlags = { read: true, nonBlock: true };

/**
 * Compares the source with the old file and keeps that where they are equal: 'done' or 'attributes' (one could not be set).
 * Undefined: the file has to be written. `small`: bytes of the source that `scratch.small` holds whole, -1 where it holds none.
 */
export function keepIfSame(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, source: number, small: number): 'done' | 'attributes' | undefined {
  if (ctx.options.replace.wholeFile === false || !mayKeep(ctx, s, op)) return undefined;
  const fd = ctx.posix.open(folder.fd, op.name, READ);
  if (fd < 0) return undefined; // unreadable: it will be replaced
  const kept = stillTheSame(ctx, s, op, fd) && (small >= 0 ? sameSmall(ctx, s, fd, small) : sameLarge(ctx, s, fd, source)) ? keep(ctx, s, folder, op, fd, source) : undefined;
  if (kept !== undefined) {
    ctx.counters.matchedBytes += s.size;
    ctx.addBytes(s.size);
  }
  ctx.posix.close(fd);
  return kept;
}

/** Whether an equal file is to be kept at all, and can be equal. */
export function mayKeep(ctx: ApplyContext, s: Scratch, op: Operation): boolean {
  const { replace, attributes } = ctx.options;
  const e = op.expected;
  return (
    (op.reason === Reason.TimeDiffers || op.reason === Reason.IgnoreTimes) && replace.wholeFile !== true && !replace.backup && op.alt <= 0 && !s.unstable &&
    !attributes.fakeSuper.target && (e.mode & S_IFMT) === S_IFREG && e.size === s.size && s.size === op.size && s.table.isFile(BEFORE)
  );
}

/** Whether what was opened is the file that the plan saw, with no other name. */
export function stillTheSame(ctx: ApplyContext, s: Scratch, op: Operation, fd: number): boolean {
  const { table } = s;
  const e = op.expected;
  return (
    ctx.posix.fstat(fd, table, TARGET) === 0 && table.isFile(TARGET) && table.nlink(TARGET) === 1 && table.size(TARGET) === s.size &&
    table.inoLow(TARGET) === e.inoLow && table.inoHigh(TARGET) === e.inoHigh
  );
}

function sameSmall(ctx: ApplyContext, s: Scratch, fd: number, length: number): boolean {
  let got = 0;
  while (got < length) {
    const n = ctx.posix.read(fd, s.other, got, length - got, got);
    if (n <= 0) return false;
    got += n;
  }
  return s.small.compare(s.other, 0, length, 0, length) === 0;
}

function sameLarge(ctx: ApplyContext, s: Scratch, fd: number, source: number): boolean {
  if (equalPrefix(ctx, source, fd, s.size) !== s.size) return false;
  const { table } = s;
  return (
    readerOf(ctx).fstat(source, table, AFTER) === 0 && table.size(AFTER) === s.size && table.mtimeSec(AFTER) === s.mtimeSec && table.mtimeNsec(AFTER) === s.mtimeNsec &&
    table.ctimeSec(AFTER) === table.ctimeSec(BEFORE) && table.ctimeNsec(AFTER) === table.ctimeNsec(BEFORE)
  );
}

/** Sets the attributes of the old file, open as `fd`, whose content has proved equal. `source` is the open source. */
export function keep(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, fd: number, source: number): 'done' | 'attributes' {
  const { table } = s;
  // Lists that the plan found equal need not be read again.
  let bits = op.set;
  if ((op.item & Item.Xattr) === 0) bits &= ~SetBits.Xattr;
  if ((op.item & Item.Acl) === 0) bits &= ~SetBits.Acl;
  const whole = setAttributes(ctx, folder, op, s.subject.byHandle(fd), bits, table.perms(TARGET), table.uid(TARGET), table.gid(TARGET), source);
  // Without -t a file that was brought up to date has the time of that, whether written or not (`T` in -i).
  if ((bits & SetBits.Mtime) === 0) ctx.posix.futimes(fd, 0, UTIME_OMIT, 0, UTIME_NOW);
  return whole ? 'done' : 'attributes';
}
