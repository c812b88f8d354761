/**
 * Building a new file from what a remote source sends: literals, ranges of a basis, holes. The new file starts as a clone of the basis where
 * the file system has that, and then only what differs is written.
 *
 * As long as the tokens say no more than that the file is the old one from its start on, nothing is made: if that is all they say,
 * the old file is kept and only its attributes are set. As soon as something differs the new file begins with what was equal so far.
 */
import { joinPath, TwintreeError } from '../../tree/index.js';
import type { Operation } from '../../plan/index.js';
import { Errno } from '../../fs/index.js';
import type { RemoteContent } from '../source/types.js';
import { describeBasis, forgetKept, openBasis, type OpenBasis } from './announce.js';
import type { ApplyContext, FolderContext } from './context.js';
import { leaveHole, readFull, targetError, writeAll, writeSkippingZeros, type CopyTask } from './copy-data.js';
import { keepCutOff } from './cut-off.js';
import { ROOM } from './engine.js';
import { keep, mayKeep, stillTheSame } from './keep.js';
import { copyKept, hashKept, keptLeaves, type Part } from './kept-leaves.js';
import { keepPartial } from './partial.js';
import { CORRUPT, hashHole, MIXED, receive, TOLD, type ContentSink } from './receive.js';
import { ABORTED, report, sourceFailed, targetFailed } from './report.js';
import { beginResult } from './result-sums.js';
import { BEFORE, scratchOf, type Scratch } from './scratch.js';
import { isReadOnce, Reading, reopenSource, settle, wasWritten } from './source.js';
import { discardStage, finishStage, openStage } from './stage.js';

/** Brings a remote file, open as `scratch.handle`, into its place. */
export function buildRemote(ctx: ApplyContext, remote: RemoteContent, folder: FolderContext, op: Operation): 'done' | 'failed' | 'again' | 'attributes' {
  const s = scratchOf(ctx);
  let whole = false;
  for (let attempt = 1; ;) {
    const basis = s.answer.basis === undefined ? undefined : openBasis(ctx, folder, op.name, s.answer.basis);
    const sink = new Rebuild(ctx, s, folder, op, basis);
    let left = true;
    try {
      const came = receive(ctx, remote, sink, true);
      const completed = came >= 0 || came === MIXED ? sink.complete() : came;
      const covered = completed < 0 ? completed : came;
      const verdict = judge(ctx, s, folder, op, covered, attempt);
      switch (verdict) {
        case 'fine':
          left = false;
          return sink.keeping ? keep(ctx, s, folder, op, basis?.fd ?? -1, s.handle) : finishStage(ctx, folder, op, s.handle);
        case 'failed':
          if (covered === ABORTED && sink.keepUnfinished(ctx.cutOff?.() === true)) left = false;
          return 'failed';
        case 'changed':
          attempt++;
          break;
        case 'corrupt':
          if (forgetKept(ctx, folder, op)) break;
          if (whole) {
            report(ctx, joinPath(folder.path, op.name), 'source', 'corrupt', 'what arrived has another hash than what was sent, also when it was sent again');
            return 'failed';
          }
          whole = true;
          break;
      }
      ctx.addBytes(-sink.position);
    } catch (error) {
      if (sink.keepUnfinished(comesBack(ctx, error))) left = false; // the connection is lost
      throw error;
    } finally {
      if (left && sink.opened) discardStage(ctx);
      if (basis !== undefined) ctx.posix.close(basis.fd);
    }
    if (reopenSource(ctx, remote, folder, op, whole) < 0) return 'failed';
  }
}

/** Whether what ended the transfer was the connection: then the next session goes on from here. */
function comesBack(ctx: ApplyContext, error: unknown): boolean {
  if (!(error instanceof TwintreeError)) return false;
  return error.code === 'CONNECTION_LOST' || error.code === 'TIMEOUT' || (error.code === 'ABORTED' && ctx.cutOff?.() === true);
}

/** What to make of the result of a transfer. */
export function judge(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, covered: number, attempt: number): 'fine' | 'changed' | 'corrupt' | 'failed' {
  if (covered === CORRUPT || covered === MIXED) {
    // A file that changes while it is read may look so: then its new state says it.
    switch (settle(ctx, folder, op, s.handle, s.size, attempt)) {
      case Reading.Stable: return 'corrupt';
      case Reading.Again: return 'changed';
      case Reading.Unstable: return covered === MIXED && isReadOnce(ctx, s) && wasWritten(s) ? 'fine' : 'corrupt'; // parts of two states: as good as one reading of a file that changes
      case Reading.Failed: return 'failed';
    }
  }
  if (covered === ABORTED || covered === TOLD) return 'failed';
  if (covered < 0) {
    if (s.failedSide === 'source') sourceFailed(ctx, folder, op.name, covered, 'read it');
    else targetFailed(ctx, folder, op.name, covered, 'write it');
    return 'failed';
  }
  if (!s.table.isFile(BEFORE)) return 'fine'; // a device: its size and times say nothing
  switch (settle(ctx, folder, op, s.handle, covered, attempt)) {
    case Reading.Stable: case Reading.Unstable: return 'fine';
    case Reading.Again: return 'changed';
    case Reading.Failed: return 'failed';
  }
}

class Rebuild implements ContentSink {
  readonly old = undefined;
  position = 0;
  /** So far the file is the old one, and nothing was made. */
  keeping: boolean;
  /** There is a new file in `scratch.stage`. */
  opened = false;
  private cloned = false;
  private trailing = false; // the file may not have its length yet
  private unread = false; // leaves of the basis count with their sums
  private task: CopyTask | undefined;

  constructor(
    private readonly ctx: ApplyContext, private readonly s: Scratch, private readonly folder: FolderContext, private readonly op: Operation,
    readonly basis: OpenBasis | undefined,
  ) {
    beginResult(ctx, s, basis);
    this.keeping = basis !== undefined && basis.place.kind === 'target' && mayKeep(ctx, s, op);
  }

  literal(bytes: Buffer): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    this.s.engine.addBytes(bytes);
    const { counters } = this.ctx;
    const before = counters.literalBytes;
    const error = this.put(bytes, bytes.length);
    counters.literalBytes = before + bytes.length;
    return error;
  }

  copy(offset: number, length: number): number {
    const basis = this.basis;
    if (basis === undefined) return CORRUPT;
    if (!this.keeping || offset !== this.position) {
      const begun = this.begin();
      if (begun < 0) return begun;
    }
    if (offset !== this.position) return this.copyRead(basis, offset, length);
    const end = offset + length;
    const kept = keptLeaves(this.s, offset, end);
    const error = this.copyRead(basis, offset, kept.start - offset);
    if (error < 0) return error;
    if (kept.start === end) return 0;
    const copied = this.keepLeaves(basis, kept);
    return copied < 0 ? copied : this.copyRead(basis, kept.end, end - kept.end);
  }

  /** Whole leaves that go to their own place. */
  private keepLeaves(basis: OpenBasis, kept: Part): number {
    const { ctx, s } = this;
    this.unread = true;
    if (!this.keeping && !this.cloned) {
      const error = copyKept(ctx, s, this.task as CopyTask, basis, kept);
      if (error < 0) return error;
      if (basis.sparse) this.trailing = true;
    }
    hashKept(s, kept);
    ctx.counters.matchedBytes += kept.end - kept.start;
    this.skip(kept.end - kept.start);
    return 0;
  }

  /** A range of the basis that is read and hashed on its way. */
  private copyRead(basis: OpenBasis, offset: number, length: number): number {
    const { ctx, s } = this;
    for (let done = 0; done < length;) {
      if (ctx.aborted()) return ABORTED;
      const { room } = s.engine;
      const n = readFull(ctx.posix, basis.fd, room, Math.min(ROOM, length - done), offset + done);
      if (n < 0) return targetError(s, n);
      if (n === 0) return CORRUPT; // it has become shorter
      s.engine.addRoom(n);
      if (this.keeping || (this.cloned && offset + done === this.position)) this.skip(n);
      else {
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
    const keeps = this.keeping && this.emptyInBasis(length);
    const begun = keeps ? 0 : this.begin();
    if (begun < 0) return begun;
    const ended = hashHole(this.ctx, length);
    if (ended < 0) return ended;
    if (keeps) {
      this.skip(length);
      return 0;
    }
    const error = leaveHole(this.ctx, this.s, this.task as CopyTask, this.position, this.position + length);
    if (error < 0) return error;
    this.skip(length);
    this.trailing = true;
    return 0;
  }

  /** All has come: gives the new file its length. */
  complete(): number {
    if (this.unread && this.basisChanged()) return CORRUPT;
    // Where the old file goes on behind, or has other names, what is equal is taken over after all.
    if (this.keeping && (this.position !== this.basis?.size || !stillTheSame(this.ctx, this.s, this.op, this.basis.fd))) this.keeping = false;
    if (this.keeping) return this.position;
    const begun = this.begin();
    if (begun < 0) return begun;
    const { sparse, preallocate } = this.ctx.options.replace;
    if (!this.cloned && !this.trailing && !sparse && !preallocate) return this.position;
    const error = this.ctx.posix.truncate(this.s.stage.fd, this.position);
    return error < 0 ? targetError(this.s, error) : this.position;
  }

  /** Whether the basis may have been written to since its leaves were read, which was after it was opened here. */
  private basisChanged(): boolean {
    const { ctx, s, basis } = this;
    if (basis === undefined) return true;
    const now = describeBasis(ctx, s, basis.fd, basis.place);
    return now === undefined || now.fingerprint !== basis.fingerprint || now.changed !== basis.changed;
  }

  /** The run ends here: what was built is kept as --partial says, or for a client that comes back (`cutOff`). False where it is to be thrown away. */
  keepUnfinished(cutOff: boolean): boolean {
    const { ctx, folder, op } = this;
    if (this.keepsMore() && keepPartial(ctx, folder, op)) return true;
    return cutOff && this.opened && keepCutOff(ctx, folder, op, this.basis, this.cloned);
  }

  /** What was built is worth more to a later run than what was there. */
  private keepsMore(): boolean {
    const place = this.basis?.place.kind;
    const left = place === 'partial' || (place === 'target' && this.op.expected.mtimeSec === 0 && this.op.expected.mtimeNsec === 0);
    this.s.reached = this.position;
    return this.opened && !(left && this.position < (this.basis?.size ?? 0));
  }

  private skip(length: number): void {
    this.position += length;
    this.ctx.addBytes(length);
  }

  /** Writes bytes at the place reached. */
  private put(bytes: Buffer, length: number): number {
    const { ctx, s, task } = this;
    const { sparse } = ctx.options.replace;
    const error = sparse
      ? writeSkippingZeros(ctx, s, task as CopyTask, bytes, length, this.position)
      : writeAll(ctx, s, s.stage.fd, bytes, 0, length, this.position);
    if (error < 0) return error;
    this.skip(length);
    return 0;
  }

  /** Makes the new file, with what was equal so far. */
  private begin(): number {
    if (this.opened) return 0;
    const { ctx, s, basis } = this;
    const { preallocate } = ctx.options.replace;
    this.keeping = false;
    if (!openStage(ctx, this.folder, this.op)) return TOLD;
    this.opened = true;
    const { fd } = s.stage;
    if (preallocate && s.size > 0) {
      const error = ctx.posix.allocate(fd, 0, s.size);
      if (error === -Errno.ENOSPC || error === -Errno.EDQUOT || error === -Errno.EFBIG) return targetError(s, error);
    } else if (basis !== undefined) this.cloned = ctx.posix.clone(basis.fd, fd) === 0;
    this.task = { reader: ctx.posix, from: -1, to: fd, start: 0, size: s.size, oldSize: this.cloned ? (basis?.size ?? 0) : 0, mayClone: false, toEnd: false, fixedLength: false };
    if (this.cloned || basis === undefined) return 0;
    const error = copyKept(ctx, s, this.task, basis, { start: 0, end: this.position });
    if (error < 0) return error;
    if (basis.sparse) this.trailing = true;
    return 0;
  }

  /** Whether the basis has zeros, too, in what the source says is a hole. */
  private emptyInBasis(length: number): boolean {
    const { ctx, s, basis } = this;
    const end = this.position + length;
    if (basis === undefined || end > basis.size) return false;
    for (let at = this.position; at < end;) {
      const data = ctx.posix.seekData(basis.fd, at);
      if (data === -Errno.ENXIO || data >= end) return true;
      if (data > at) at = data;
      const n = readFull(ctx.posix, basis.fd, s.large, Math.min(s.zeros.length, end - at), at);
      if (n <= 0 || s.large.compare(s.zeros, 0, n, 0, n) !== 0) return false;
      at += n;
    }
    return true;
  }
}
