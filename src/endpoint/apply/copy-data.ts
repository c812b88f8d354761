/**
 * Copying the bytes of a large file from one handle to another: cloned where the file system can, else by
 * copy_file_range, else by read and write; holes stay holes, and with -S runs of zeros become holes.
 *
 * Results: bytes of the source that were covered (fewer than `size` where it ended early), ABORTED, or -errno
 * with `scratch.failedSide` telling which side failed. Positions are explicit: handles' own places do not matter.
 */
import { Errno, type Posix } from '../../fs/index.js';
import type { ApplyContext } from './context.js';
import type { PatchedFile } from './patched-file.js';
import { ABORTED } from './report.js';
import { BEFORE, BLOCK, LONG_SLICE, scratchOf, SLICE, type Scratch } from './scratch.js';

/** Unit of the search for zeros with -S. */
const ZERO_UNIT = 4096;
/** A source whose allocation falls short of its size by this much is searched for holes. */
const HOLES_WORTH = 32 * 1024;
/** Unit in which a differing block is written. */
const PAGE = 4096;
/** With --bwlimit less is copied at a time, so that the rate is even. */
const THROTTLED_SLICE = 64 * 1024;

/** What is asked of the file that is read: the source's own calls, or those of this host for a file that lies here. */
export type Reader = Pick<Posix, 'read' | 'fstat' | 'seekData' | 'seekHole' | 'close'>;

/** How and what is copied. */
export interface CopyTask {
  /** Whose handle `from` is. It is one of this host's kernel: what comes over a connection is not copied but rebuilt (rebuild.ts). */
  reader: Reader;
  /** The source, whose attributes are in BEFORE of the scratch space. */
  from: number;
  to: number;
  /** First byte to copy; what lies before is in place. */
  start: number;
  /** Size of the source. */
  size: number;
  /** Size the target file has: holes below it must be made, above it they need nothing. */
  oldSize: number;
  /** Whether the file may be cloned whole (nothing of the target file matters). */
  mayClone: boolean;
  /** Read until the end whatever `size` says (block devices). */
  toEnd: boolean;
  /** The target is a device: its length stays as it is. */
  fixedLength: boolean;
  /** `to` is patched under a journal: it is written by this, which also gives it its length (its owner calls `finish`). */
  patch?: PatchedFile;
}

/** Copies [start, size) and gives the target file the length that was covered. */
export function copyContent(ctx: ApplyContext, task: CopyTask): number {
  const { posix } = ctx;
  const { sparse, preallocate } = ctx.options.replace;
  const s = scratchOf(ctx);
  if (task.toEnd) return copyToEnd(ctx, s, task);
  if (task.mayClone && !sparse && !preallocate && task.start === 0 && clone(ctx, s, task)) return task.size;
  if (preallocate && task.size > task.start) {
    const error = posix.allocate(task.to, task.start, task.size - task.start);
    if (error === -Errno.ENOSPC || error === -Errno.EDQUOT || error === -Errno.EFBIG) return targetError(s, error);
    // Any other answer means that this file system cannot: --preallocate asks for no more than it can.
  }
  const holes = sparse || looksSparse(s);
  let at = task.start;
  while (at < task.size) {
    let from = at;
    let to = task.size;
    if (holes) {
      const data = task.reader.seekData(task.from, at);
      if (data === -Errno.ENXIO) from = task.size; // only a hole is left
      else if (data >= 0) {
        from = Math.min(data, task.size);
        const hole = from < task.size ? task.reader.seekHole(task.from, from) : -1;
        if (hole > from) to = Math.min(hole, task.size);
      }
      if (from > at) {
        const error = leaveHole(ctx, s, task, at, from);
        if (error < 0) return error;
        ctx.addBytes(from - at);
        if (from === task.size) { at = from; break; }
      }
    }
    const reached = sparse ? copyByReading(ctx, s, task, from, to, true) : copyRange(ctx, s, task, from, to);
    if (reached < 0) return reached;
    at = reached;
    if (reached < to) break; // the source has become shorter
  }
  const error = finishLength(ctx, s, task, at, holes);
  return error < 0 ? error : at;
}

/** Whether the source in BEFORE takes clearly less space than its size: it may have holes. */
export function looksSparse(s: Scratch): boolean {
  return s.table.blocks(BEFORE) * 512 <= s.size - HOLES_WORTH;
}

/** Sets the file's length where the copying itself did not. */
function finishLength(ctx: ApplyContext, s: Scratch, task: CopyTask, length: number, holes: boolean): number {
  if (task.fixedLength) return 0;
  if (!holes && length >= task.oldSize && !(ctx.options.replace.preallocate && length < task.size)) return 0;
  const error = ctx.posix.truncate(task.to, length);
  return error < 0 ? targetError(s, error) : 0;
}

/** Tries FICLONE; where a device once refuses it is not asked again. */
function clone(ctx: ApplyContext, s: Scratch, task: CopyTask): boolean {
  if (task.size === 0) return false;
  const device = deviceKey(s);
  if (s.cloneRefused.has(device)) return false;
  const error = ctx.posix.clone(task.from, task.to);
  if (error < 0) {
    s.cloneRefused.add(device);
    return false;
  }
  ctx.counters.matchedBytes += task.size;
  ctx.addBytes(task.size);
  return true;
}

/** Identity of the source's device. */
export function deviceKey(s: Scratch): string {
  return `${s.table.devMajor(BEFORE)}:${s.table.devMinor(BEFORE)}`;
}

/** How much is copied at once: asked for each piece, as a limit may come and go while a file is copied. */
function sliceOf(ctx: ApplyContext, most: number): number {
  return ctx.throttle === undefined || ctx.throttles?.() === false ? most : THROTTLED_SLICE;
}

/** Copies [from, to) in the kernel, or by reading where it cannot. Returns the place reached. */
function copyRange(ctx: ApplyContext, s: Scratch, task: CopyTask, from: number, to: number): number {
  const device = deviceKey(s);
  if (s.rangeRefused.has(device)) return copyByReading(ctx, s, task, from, to, false);
  let at = from;
  while (at < to) {
    if (ctx.aborted()) { s.reached = at; return ABORTED; }
    const n = ctx.posix.copyRange(task.from, at, task.to, at, Math.min(sliceOf(ctx, LONG_SLICE), to - at));
    if (n <= 0) {
      // Refused (another file system, a special one), or an error whose side is not told: reading and writing tells.
      if (n === -Errno.EXDEV || n === -Errno.EINVAL || n === -Errno.EOPNOTSUPP || n === -Errno.ENOSYS) s.rangeRefused.add(device);
      return copyByReading(ctx, s, task, at, to, false);
    }
    at += n;
    ctx.counters.literalBytes += n;
    ctx.addBytes(n);
    ctx.throttle?.(n);
  }
  return at;
}

/** Copies [from, to) through a buffer; with `zeros` runs of zeros are left as holes. Returns the place reached. */
export function copyByReading(ctx: ApplyContext, s: Scratch, task: CopyTask, from: number, to: number, zeros: boolean): number {
  const buffer = s.large;
  let at = from;
  while (at < to) {
    if (ctx.aborted()) { s.reached = at; return ABORTED; }
    const n = task.reader.read(task.from, buffer, 0, Math.min(sliceOf(ctx, SLICE), to - at), at);
    if (n < 0) return sourceError(s, n);
    if (n === 0) return at;
    const error = zeros ? writeSkippingZeros(ctx, s, task, buffer, n, at) : writeAll(ctx, s, task.to, buffer, 0, n, at);
    if (error < 0) return error;
    at += n;
    ctx.addBytes(n);
    ctx.throttle?.(n);
  }
  return at;
}

/** Copies from a device: to its end, whatever size it reports. */
function copyToEnd(ctx: ApplyContext, s: Scratch, task: CopyTask): number {
  const reached = copyByReading(ctx, s, task, task.start, Number.MAX_SAFE_INTEGER, ctx.options.replace.sparse);
  if (reached < 0) return reached;
  return finishLength(ctx, s, { ...task, size: reached }, reached, ctx.options.replace.sparse) < 0 ? -Errno.EIO : reached;
}

/** Writes buffer[offset, offset + length) at `position`, whole. 0 or -errno. */
export function writeAll(ctx: ApplyContext, s: Scratch, fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const n = ctx.posix.write(fd, buffer, offset + done, length - done, position < 0 ? -1 : position + done);
    if (n <= 0) return targetError(s, n === 0 ? -Errno.EIO : n);
    done += n;
  }
  ctx.counters.literalBytes += length;
  return 0;
}

/** Writes buffer[offset, offset + length) of a task's content at `position`. 0 or -errno. */
function put(ctx: ApplyContext, s: Scratch, task: CopyTask, buffer: Buffer, offset: number, length: number, position: number): number {
  return task.patch === undefined ? writeAll(ctx, s, task.to, buffer, offset, length, position) : task.patch.write(buffer, offset, length, position);
}

/** Writes what is not zero of buffer[0, length), which belongs at `position`; whole units of zeros become holes. */
export function writeSkippingZeros(ctx: ApplyContext, s: Scratch, task: CopyTask, buffer: Buffer, length: number, position: number): number {
  let start = 0; // of the run not yet dealt with
  let zero = false; // the run is zeros
  for (let at = 0; at <= length; ) {
    const end = Math.min(length, at + ZERO_UNIT - ((position + at) % ZERO_UNIT));
    const isZero = at < length && buffer.compare(s.zeros, 0, end - at, at, end) === 0;
    if (at === length || isZero !== zero) {
      if (at > start) {
        const error = zero
          ? leaveHole(ctx, s, task, position + start, position + at)
          : put(ctx, s, task, buffer, start, at - start, position + start);
        if (error < 0) return error;
      }
      start = at;
      zero = isZero;
    }
    if (at === length) break;
    at = end;
  }
  return 0;
}

/** Makes [from, to) read as zeros: nothing to do above the old content, a hole or zeros below. 0 or -errno. */
export function leaveHole(ctx: ApplyContext, s: Scratch, task: CopyTask, from: number, to: number): number {
  if (task.patch !== undefined) return task.patch.hole(from, to);
  const preallocated = ctx.options.replace.preallocate ? task.size : 0;
  const end = Math.min(to, Math.max(task.oldSize, ctx.options.replace.sparse ? preallocated : 0));
  if (end <= from) return 0;
  if (ctx.posix.punchHole(task.to, from, end - from) >= 0) return 0;
  if (from >= task.oldSize) return 0; // preallocated space reads as zeros already
  for (let at = from; at < end; at += BLOCK) {
    const error = writeAll(ctx, s, task.to, s.zeros, 0, Math.min(BLOCK, end - at), at);
    if (error < 0) return error;
  }
  return 0;
}

/**
 * Brings a file that already holds old content up to date block by block: what is equal is not written. The source is read
 * from 0; `basis` is where the old content is read (it may be the same file as `to`). With `unequalOnly` equal blocks are
 * in place in `to` and only counted, else they are written too (from the source: it has been read anyway).
 */
export function copyDiffering(ctx: ApplyContext, task: CopyTask, basis: number, basisSize: number, unequalOnly: boolean): number {
  const s = scratchOf(ctx);
  const mine = s.large;
  const old = s.other;
  const { sparse } = ctx.options.replace;
  const holes = sparse || looksSparse(s);
  const over: CopyTask = { ...task, oldSize: unequalOnly ? basisSize : 0 };
  let at = 0;
  let dataEnd = 0; // of the source's run of data at hand
  while (at < task.size) {
    if (ctx.aborted()) { s.reached = at; return ABORTED; }
    if (at >= dataEnd) {
      dataEnd = task.size;
      const data = holes ? task.reader.seekData(task.from, at) : at;
      const from = data === -Errno.ENXIO ? task.size : data > at ? Math.min(data, task.size) : at;
      if (from > at) {
        const error = leaveHole(ctx, s, over, at, from);
        if (error < 0) {
          s.reached = at;
          return error;
        }
        ctx.addBytes(from - at);
        at = from;
        if (at === task.size) break;
      }
      const hole = holes ? task.reader.seekHole(task.from, at) : -1;
      if (hole > at) dataEnd = Math.min(hole, task.size);
    }
    const length = readFull(task.reader, task.from, mine, Math.min(SLICE, dataEnd - at), at);
    if (length < 0) return sourceError(s, length);
    if (length === 0) break;
    const had = at < basisSize ? readFull(ctx.posix, basis, old, Math.min(length, basisSize - at), at) : 0;
    if (had < 0) return targetError(s, had);
    for (let b = 0; b < length; b += BLOCK) {
      const end = Math.min(length, b + BLOCK);
      const equal = end <= had && mine.compare(old, b, end, b, end) === 0;
      if (equal) ctx.counters.matchedBytes += end - b;
      if (equal && unequalOnly) continue;
      const error = sparse && !equal
        ? writeSkippingZeros(ctx, s, over, mine.subarray(b, end), end - b, at + b)
        : !equal && unequalOnly && end <= had
        ? writePages(ctx, s, task, mine, old, b, end, at)
        : put(ctx, s, task, mine, b, end - b, at + b);
      if (error < 0) {
        s.reached = at;
        return error;
      }
      if (equal) ctx.counters.literalBytes -= end - b;
    }
    at += length;
    ctx.addBytes(length);
    ctx.throttle?.(length);
  }
  const error = task.fixedLength || task.patch !== undefined ? 0 : ctx.posix.truncate(task.to, at);
  return error < 0 ? targetError(s, error) : at;
}

/** Writes only the pages of a block in which old and new differ, neighbours together. 0 or -errno. */
function writePages(ctx: ApplyContext, s: Scratch, task: CopyTask, mine: Buffer, old: Buffer, from: number, end: number, base: number): number {
  for (let p = from; p < end;) {
    let q = p;
    while (q < end && mine.compare(old, q, Math.min(end, q + PAGE), q, Math.min(end, q + PAGE)) !== 0) q = Math.min(end, q + PAGE);
    if (q > p) {
      const error = put(ctx, s, task, mine, p, q - p, base + p);
      if (error < 0) return error;
      p = q;
    } else {
      p = Math.min(end, p + PAGE);
      ctx.counters.matchedBytes += p - q;
    }
  }
  return 0;
}

/** Length of the common prefix of the source at hand and `other`, a handle of this host, looked for in whole blocks up to `limit`; -errno, or ABORTED. */
export function equalPrefix(ctx: ApplyContext, source: number, other: number, limit: number): number {
  const s = scratchOf(ctx);
  const reader = readerOf(ctx);
  let at = 0;
  while (at < limit) {
    if (ctx.aborted()) { s.reached = 0; return ABORTED; }
    const want = Math.min(SLICE, limit - at);
    const a = readFull(reader, source, s.large, want, at);
    if (a < 0) return sourceError(s, a);
    const b = readFull(ctx.posix, other, s.other, want, at);
    if (b < 0) return targetError(s, b);
    const n = Math.min(a, b);
    for (let k = 0; k < n; k += BLOCK) {
      const end = Math.min(n, k + BLOCK);
      if (s.large.compare(s.other, k, end, k, end) !== 0) return at + k;
    }
    at += n;
    if (n < want) return at;
  }
  return at;
}

/** Who reads the handle that openSource gave. */
export function readerOf(ctx: ApplyContext): Reader {
  return scratchOf(ctx).fromAlt ? ctx.posix : ctx.source;
}

/** Reads up to `length` bytes at `position` into buffer[offset …), fewer only at the end of the file. */
export function readFull(reader: Pick<Reader, 'read'>, fd: number, buffer: Buffer, length: number, position: number, offset = 0): number {
  let got = 0;
  while (got < length) {
    const n = reader.read(fd, buffer, offset + got, length - got, position + got);
    if (n < 0) return n;
    if (n === 0) break;
    got += n;
  }
  return got;
}

export function sourceError(s: Scratch, errno: number): number {
  s.failedSide = 'source';
  return errno;
}
export function targetError(s: Scratch, errno: number): number {
  s.failedSide = 'target';
  return errno;
}
