/**
 * OpKind.File by default: the content is built as a new file and takes the place of the old one when it is complete.
 *
 * The path of small files is the hot one of a first copy: open, fstat, read, fstat, close at the source; create, write,
 * attributes, close (and rename) on the target; no allocation and nothing else. A small source is read whole before
 * anything is created, so that reading it again costs nothing on the target.
 */
import { S_IFBLK, S_IFMT, S_IFREG } from '../../tree/index.js';
import { Item, type Operation } from '../../plan/index.js';
import type { OpenFlags } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { copyContent, copyDiffering, looksSparse, readerOf, writeAll, type CopyTask } from './copy-data.js';
import { keepIfSame } from './keep.js';
import { buildRemote } from './rebuild.js';
import { dropPartial, keepPartial, openPartial } from './partial.js';
import { ABORTED, sourceFailed, targetFailed } from './report.js';
import { BEFORE, scratchOf, SMALL, TARGET, type Scratch } from './scratch.js';
import { closeSource, openSource, Reading, readSmall, removeSource, reportUnstable, settle } from './source.js';
import { discardStage, finishStage, openStage } from './stage.js';

const READ: OpenFlags = { read: true, nonBlock: true };

/** Brings a file's content and attributes to its place. False after a Problem, or where the run was ended in the middle. */
export function replaceFile(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  for (;;) {
    const fd = openSource(ctx, folder, op);
    if (fd < 0) return false;
    scratchOf(ctx).received = undefined;
    scratchOf(ctx).change = undefined;
    const result = carryOver(ctx, folder, op, fd);
    if (result === 'again') continue; // once in a context: the temporary folder does not serve
    if (result === 'failed') return false;
    countFile(ctx, op);
    const s = scratchOf(ctx);
    if (s.unstable) reportUnstable(ctx, folder, op.name);
    else if (s.received !== undefined || s.change !== undefined) ctx.wrote?.(folder, op.name, s.received, s.change);
    if (ctx.options.replace.partialDir !== undefined) dropPartial(ctx, folder, op.name);
    if (result === 'done') removeSource(ctx, folder, op, true);
    return true;
  }
}

/** Builds the new file from the open source, which is closed. */
function carryOver(ctx: ApplyContext, folder: FolderContext, op: Operation, fd: number): Built {
  const { remote } = ctx.source;
  try {
    return remote === undefined || scratchOf(ctx).fromAlt ? build(ctx, folder, op, fd) : buildRemote(ctx, remote, folder, op);
  } finally {
    closeSource(ctx);
  }
}

/** A file is in place. */
export function countFile(ctx: ApplyContext, op: Operation): void {
  ctx.counters.transferredFiles++;
  ctx.counters.transferredSize += op.size;
  if (op.expected.mode === 0 || (op.item & Item.New) !== 0) ctx.counters.created.files++;
}

type Built = 'done' | 'failed' | 'again' | 'attributes';

function build(ctx: ApplyContext, folder: FolderContext, op: Operation, source: number): Built {
  const s = scratchOf(ctx);
  const { sparse, preallocate, wholeFile } = ctx.options.replace;
  if (s.size <= SMALL && !sparse && !preallocate && wholeFile !== false && s.table.isFile(BEFORE) && !looksSparse(s)) {
    const got = readSmall(ctx, folder, op, source);
    if (got === -1) return 'failed';
    if (got >= 0) {
      const kept = keepIfSame(ctx, s, folder, op, source, got);
      if (kept !== undefined) return kept;
      if (!openStage(ctx, folder, op)) return 'failed';
      const error = got === 0 ? 0 : writeAll(ctx, s, s.stage.fd, s.small, 0, got, -1);
      if (error < 0) {
        discardStage(ctx);
        targetFailed(ctx, folder, op.name, error, 'write it');
        return 'failed';
      }
      ctx.addBytes(got);
      ctx.throttle?.(got);
      return finishStage(ctx, folder, op, s.fromAlt ? -1 : source);
    }
  }
  return buildLarge(ctx, s, folder, op, source);
}

function buildLarge(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, source: number): Built {
  const kept = keepIfSame(ctx, s, folder, op, source, -1);
  if (kept !== undefined) return kept;
  // What an earlier run kept in --partial-dir is continued; its bytes are compared first.
  let start = openPartial(ctx, folder, op, source);
  if (start === ABORTED) return 'failed';
  if (start < 0) {
    start = 0;
    if (!openStage(ctx, folder, op)) return 'failed';
  }
  const task: CopyTask = { reader: readerOf(ctx), from: source, to: s.stage.fd, start, size: s.size, oldSize: start, mayClone: true, toEnd: s.table.type(BEFORE) === S_IFBLK, fixedLength: false };
  for (let attempt = 1; ; attempt++) {
    task.size = s.size;
    const basis = attempt === 1 && start === 0 ? openBasis(ctx, s, folder, op) : -1;
    const covered = basis >= 0 ? copyOverBasis(ctx, s, task, basis) : copyContent(ctx, task);
    if (basis >= 0) ctx.posix.close(basis);
    if (covered < 0) {
      copyFailed(ctx, s, folder, op, covered);
      return 'failed';
    }
    const reading = task.toEnd ? Reading.Stable : settle(ctx, folder, op, source, covered, attempt);
    if (reading === Reading.Failed) {
      discardStage(ctx);
      return 'failed';
    }
    if (reading !== Reading.Again) break;
    ctx.addBytes(-covered);
    const error = ctx.posix.truncate(s.stage.fd, 0);
    if (error < 0) {
      discardStage(ctx);
      targetFailed(ctx, folder, op.name, error, 'write it');
      return 'failed';
    }
    task.start = 0;
    task.oldSize = 0;
  }
  return finishStage(ctx, folder, op, s.fromAlt ? -1 : source);
}

/** The copy ended early: an interrupted file is kept where that was asked for, anything else leaves nothing behind. */
function copyFailed(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, result: number): void {
  if (result === ABORTED) {
    if (!keepPartial(ctx, folder, op)) discardStage(ctx);
    return;
  }
  discardStage(ctx);
  if (s.failedSide === 'source') sourceFailed(ctx, folder, op.name, result, 'read it');
  else targetFailed(ctx, folder, op.name, result, 'write it');
}

/**
 * The old file on the target where its content can serve: with --no-whole-file, and where it looks like what --partial kept
 * of an interrupted transfer (shorter, its time the epoch). -1 without one.
 */
function openBasis(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation): number {
  const { wholeFile, partial } = ctx.options.replace;
  const e = op.expected;
  if ((e.mode & S_IFMT) !== S_IFREG || !s.table.isFile(BEFORE)) return -1;
  const kept = partial && e.mtimeSec === 0 && e.mtimeNsec === 0 && e.size < op.size;
  if (wholeFile !== false && !kept) return -1;
  const fd = ctx.posix.open(folder.fd, op.name, READ);
  if (fd < 0) return -1; // it only would have saved work
  if (ctx.posix.fstat(fd, s.table, TARGET) < 0 || !s.table.isFile(TARGET)) {
    ctx.posix.close(fd);
    return -1;
  }
  return fd;
}

/** Builds the new file from the old one: as its clone where the file system has that, writing only what differs. */
function copyOverBasis(ctx: ApplyContext, s: Scratch, task: CopyTask, basis: number): number {
  const size = s.table.size(TARGET);
  const cloned = ctx.posix.clone(basis, task.to) === 0;
  if (!cloned && ctx.options.replace.sparse) return copyContent(ctx, task);
  return copyDiffering(ctx, task, basis, size, cloned);
}

