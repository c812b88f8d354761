/**
 * Filling a file in place from what a remote source sends. Ranges that stay where they are are not written; moved ones are read from the old
 * content, which the undo journal keeps of all that was overwritten. Devices, --append and -W are written straight, without journal or basis.
 */
import { Errno } from '../../fs/index.js';
import type { Operation } from '../../plan/index.js';
import { joinPath } from '../../tree/index.js';
import type { RemoteContent } from '../source/types.js';
import { describeBasis, forgetKept, type OpenBasis } from './announce.js';
import type { ApplyContext, FolderContext } from './context.js';
import { leaveHole, readFull, targetError, writeAll, writeSkippingZeros, type CopyTask } from './copy-data.js';
import { ROOM, type BasisReader } from './engine.js';
import { completeInPlace, giveUp, ownerNow } from './inplace.js';
import { FAILED, LEFT } from './inplace-result.js';
import { hashKept, keptLeaves } from './kept-leaves.js';
import { NO_JOURNAL, PatchedFile } from './patched-file.js';
import { judge } from './rebuild.js';
import { CORRUPT, hashHole, receive, type ContentSink } from './receive.js';
import { ABORTED, report } from './report.js';
import { beginResult } from './result-sums.js';
import { scratchOf, TARGET, type Scratch } from './scratch.js';
import { reopenSource } from './source.js';

/** Brings the open file (whose attributes are in TARGET) up to date from `scratch.handle`. One of the results of inplace-result.ts. */
export function fillRemote(ctx: ApplyContext, remote: RemoteContent, folder: FolderContext, op: Operation, fd: number, device: boolean): number {
  const s = scratchOf(ctx);
  const { append, wholeFile } = ctx.options.replace;
  const owner = ownerNow(s, op);
  const appends = append !== false && !device;
  if (appends && s.table.size(TARGET) >= s.size) return LEFT;
  let journals = !device && wholeFile !== true;
  let whole = false;
  for (let attempt = 1; ;) {
    const oldSize = device ? s.size : s.table.size(TARGET);
    if (s.answer.from > 0 && s.answer.from !== oldSize) { // it has grown or shrunk since it was asked for
      if (reopenSource(ctx, remote, folder, op, true) < 0) return FAILED;
      continue;
    }
    const { from } = s.answer;
    const patch = journals && from === 0 ? new PatchedFile(ctx, folder.fd, op.name, fd) : undefined;
    const sink = new InPlace(ctx, s, fd, patch, patch === undefined ? undefined : sameBasis(ctx, s, fd), from, oldSize, device);
    let settled = false;
    try {
      let covered = from > 0 && append === 'verify' ? sink.hashStart() : 0;
      if (from > 0) sink.count(from);
      if (covered >= 0) covered = receive(ctx, remote, sink, from === 0 || append === 'verify');
      if (covered === NO_JOURNAL) {
        journals = false;
        settled = true;
        whole = true; // what was overwritten could not be copied any more
      } else {
        switch (judge(ctx, s, folder, op, covered, attempt)) {
          case 'fine': {
            const error = sink.complete();
            if (error < 0) {
              judge(ctx, s, folder, op, error, attempt);
              return FAILED;
            }
            settled = true;
            return completeInPlace(ctx, s, folder, op, fd, device, owner);
          }
          case 'failed':
            settled = true;
            giveUp(ctx, folder, op, patch, covered === ABORTED);
            return FAILED;
          case 'changed':
            attempt++;
            break;
          case 'corrupt':
            if (forgetKept(ctx, folder, op)) break;
            if (whole) {
              report(ctx, joinPath(folder.path, op.name), 'source', 'corrupt', 'what arrived has another hash than what was sent, also when it was sent again');
              return FAILED;
            }
            whole = true;
            break;
        }
        settled = true;
        if (!giveUp(ctx, folder, op, patch)) return FAILED;
      }
      ctx.addBytes(-sink.position);
    } catch (error) {
      settled = true;
      giveUp(ctx, folder, op, patch, true); // the connection is lost
      throw error;
    } finally {
      if (!settled) giveUp(ctx, folder, op, patch);
    }
    if (reopenSource(ctx, remote, folder, op, whole) < 0) return FAILED;
    if (ctx.posix.fstat(fd, s.table, TARGET) < 0) return FAILED;
  }
}

/** The file as the basis that was signed; undefined where it is another by now, or none was. */
function sameBasis(ctx: ApplyContext, s: Scratch, fd: number): OpenBasis | undefined {
  const now = describeBasis(ctx, s, fd, { kind: 'target' });
  return now !== undefined && now.fingerprint === s.answer.basis?.fingerprint ? now : undefined;
}

class InPlace implements ContentSink {
  readonly old: BasisReader | undefined;
  position: number;
  private trailing = false;
  private readonly task: CopyTask;

  constructor(
    private readonly ctx: ApplyContext, private readonly s: Scratch, private readonly fd: number, private readonly patch: PatchedFile | undefined,
    readonly basis: OpenBasis | undefined, private readonly from: number, private readonly oldSize: number, private readonly device: boolean,
  ) {
    this.position = from;
    this.old = patch === undefined ? undefined : {
      read: (_fd, buffer, offset, length, position) => patch.readOld(position, buffer.subarray(offset), length),
      seekData: () => -Errno.ENXIO, seekHole: () => -Errno.ENXIO, // it is read as if it had no holes
    };
    beginResult(ctx, s, basis);
    this.task = {
      reader: ctx.posix, from: -1, to: fd, start: from, size: s.size, oldSize, mayClone: false, toEnd: false, fixedLength: device, ...(patch === undefined ? {} : { patch }),
    };
  }

  /** Takes what stands before `from` into the hash. */
  hashStart(): number {
    const { ctx, s } = this;
    for (let at = 0; at < this.from;) {
      if (ctx.aborted()) return ABORTED;
      const n = readFull(ctx.posix, this.fd, s.engine.room, Math.min(ROOM, this.from - at), at);
      if (n <= 0) return n === 0 ? CORRUPT : targetError(s, n);
      s.engine.addRoom(n);
      at += n;
    }
    return 0;
  }

  /** Counts what stays as it is. */
  count(length: number): void {
    this.ctx.counters.matchedBytes += length;
    this.ctx.addBytes(length);
  }

  literal(bytes: Buffer): number {
    this.s.engine.addBytes(bytes);
    const { counters } = this.ctx;
    const before = counters.literalBytes;
    const error = this.put(bytes, bytes.length);
    counters.literalBytes = before + bytes.length;
    return error;
  }

  copy(offset: number, length: number): number {
    if (this.patch === undefined) return CORRUPT;
    if (offset !== this.position) return this.copyRead(this.patch, offset, length);
    const end = offset + length;
    const kept = keptLeaves(this.s, offset, end);
    const error = this.copyRead(this.patch, offset, kept.start - offset);
    if (error < 0 || kept.start === end) return error;
    hashKept(this.s, kept);
    this.position = kept.end;
    this.count(kept.end - kept.start);
    return this.copyRead(this.patch, kept.end, end - kept.end);
  }

  /** A range of the old content that is read and hashed on its way. */
  private copyRead(patch: PatchedFile, offset: number, length: number): number {
    const { ctx, s } = this;
    for (let done = 0; done < length;) {
      if (ctx.aborted()) return ABORTED;
      const n = patch.readOld(offset + done, s.engine.room, Math.min(ROOM, length - done));
      if (n <= 0) return n === 0 ? CORRUPT : n;
      s.engine.addRoom(n);
      if (offset + done === this.position) {
        this.position += n;
        this.ctx.addBytes(n);
      } else {
        const before = ctx.counters.literalBytes;
        const error = this.put(s.engine.room, n);
        ctx.counters.literalBytes = before;
        if (error < 0) return error;
      }
      ctx.counters.matchedBytes += n;
      done += n;
    }
    return 0;
  }

  hole(length: number): number {
    const ended = hashHole(this.ctx, length);
    if (ended < 0) return ended;
    const error = leaveHole(this.ctx, this.s, this.task, this.position, this.position + length);
    if (error < 0) return error;
    this.position += length;
    this.ctx.addBytes(length);
    this.trailing = true;
    return 0;
  }

  /** All has come and was found right: the file gets its length, and the journal goes. */
  complete(): number {
    if (this.patch !== undefined) return this.patch.finish(this.position);
    if (this.device || (this.position >= this.oldSize && !this.trailing && !this.ctx.options.replace.sparse)) return 0;
    const error = this.ctx.posix.truncate(this.fd, this.position);
    return error < 0 ? targetError(this.s, error) : 0;
  }

  private put(bytes: Buffer, length: number): number {
    const { ctx, s, patch } = this;
    const error = ctx.options.replace.sparse
      ? writeSkippingZeros(ctx, s, this.task, bytes, length, this.position)
      : patch !== undefined ? patch.write(bytes, 0, length, this.position) : writeAll(ctx, s, this.fd, bytes, 0, length, this.position);
    if (error < 0) return error;
    this.position += length;
    ctx.addBytes(length);
    return 0;
  }
}
