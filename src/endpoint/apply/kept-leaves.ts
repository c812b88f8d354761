/**
 * What of a basis need not be looked at again. Where the hash of the new file is its root (delta/leaf-root.ts), whole leaves at their own place
 * count with the sums that were made when the basis was read: they are copied in the kernel, or stay where they are. So do they where their sums are kept
 * between runs, and the file is checked by the root of its tree (result-sums.ts).
 */
import type { OpenBasis } from './announce.js';
import type { ApplyContext } from './context.js';
import { readFull, targetError, writeAll, writeSkippingZeros, type CopyTask } from './copy-data.js';
import { CORRUPT } from './receive.js';
import { ABORTED } from './report.js';
import { LONG_SLICE, type Scratch } from './scratch.js';

/** A part of a file, bytes. */
export interface Part { readonly start: number; readonly end: number }

/** The whole leaves in a range of the basis that goes to its own place; empty (start = end) where there is none, or the hash is of all bytes. */
export function keptLeaves(s: Scratch, start: number, end: number): Part {
  const leaf = s.answer.leaves === undefined ? undefined : s.engine.rootLeaf;
  return wholeLeaves(leaf ?? s.sums?.knownLeaf, start, end);
}

function wholeLeaves(leaf: number | undefined, start: number, end: number): Part {
  if (leaf === undefined) return { start: end, end };
  const from = Math.ceil(start / leaf) * leaf;
  const to = Math.floor(end / leaf) * leaf; // a short last leaf is one only where the new file ends there, too
  return from < to ? { start: from, end: to } : { start: end, end };
}

/** Takes whole leaves into the hash without reading them. */
export function hashKept(s: Scratch, { start, end }: Part): void {
  const leaf = s.engine.rootLeaf === undefined ? s.sums?.knownLeaf : undefined;
  if (leaf !== undefined) return s.engine.pass((end - start) / leaf);
  const sums = s.answer.leaves?.between(start, end);
  if (sums !== undefined) s.engine.addKnown(sums);
}

/** Copies a part of the basis to its place in a new file; its holes stay holes. 0, ABORTED, CORRUPT where the basis ends before, or -errno. */
export function copyKept(ctx: ApplyContext, s: Scratch, task: CopyTask, basis: OpenBasis, { start, end }: Part): number {
  const { posix } = ctx;
  const zeros = ctx.options.replace.sparse || basis.sparse;
  let inKernel = !zeros;
  for (let at = start; at < end;) {
    if (ctx.aborted()) return ABORTED;
    if (inKernel) {
      const n = posix.copyRange(basis.fd, at, task.to, at, Math.min(LONG_SLICE, end - at));
      if (n > 0) at += n;
      else inKernel = false; // refused, or an error of one of the two: reading and writing tells
      continue;
    }
    const n = readFull(posix, basis.fd, s.large, Math.min(s.large.length, end - at), at);
    if (n <= 0) return n === 0 ? CORRUPT : targetError(s, n);
    const before = ctx.counters.literalBytes;
    const error = zeros ? writeSkippingZeros(ctx, s, task, s.large, n, at) : writeAll(ctx, s, task.to, s.large, 0, n, at);
    ctx.counters.literalBytes = before; // it is matched data
    if (error < 0) return error;
    at += n;
  }
  return 0;
}
