/**
 * PushedFile: a file whose content comes piece by piece from whoever has it, in place of being read from a source: it is staged, gets its
 * attributes and takes its place as any other (stage.ts). The attributes are those that `ctx.source` tells while it is begun and finished.
 */
import type { Operation } from '../../plan/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { writeAll } from './copy-data.js';
import { countFile } from './replace.js';
import { targetFailed } from './report.js';
import { scratchOf } from './scratch.js';
import { closeSource, openSource } from './source.js';
import { discardStage, finishStage, openStage } from './stage.js';

export class PushedFile {
  private length = 0;
  private failed = false;

  private constructor(private readonly ctx: ApplyContext, private readonly folder: FolderContext, private readonly op: Operation, private readonly source: number) {}

  /** Opens the new file. Undefined after a Problem. One is begun and finished or discarded before the context does anything else. */
  static begin(ctx: ApplyContext, folder: FolderContext, op: Operation): PushedFile | undefined {
    const fd = ctx.targetFolders.open(folder.path);
    if (fd < 0) {
      targetFailed(ctx, folder, op.name, fd, 'open its folder');
      return undefined;
    }
    folder.fd = fd;
    const source = openSource(ctx, folder, op);
    if (source < 0) return undefined;
    if (openStage(ctx, folder, op)) return new PushedFile(ctx, folder, op, source);
    closeSource(ctx);
    return undefined;
  }

  /** Writes bytes at a place at or behind the last ones; what lies between is a hole. False after a Problem: the file is given up. */
  write(bytes: Buffer, offset: number, length: number, position: number): boolean {
    if (this.failed) return false;
    const { ctx } = this;
    const error = writeAll(ctx, scratchOf(ctx), scratchOf(ctx).stage.fd, bytes, offset, length, position);
    if (error < 0) return this.fail(error);
    this.length = position + length;
    ctx.addBytes(length);
    return true;
  }

  /** All is there: the file takes its place. False after a Problem. */
  finish(size: number): boolean {
    const { ctx, folder, op } = this;
    if (this.failed) return false;
    if (this.length < size) {
      const error = ctx.posix.truncate(scratchOf(ctx).stage.fd, size);
      if (error < 0) return this.fail(error);
    }
    const result = finishStage(ctx, folder, op, this.source);
    closeSource(ctx);
    if (result === 'failed' || result === 'again') return false;
    countFile(ctx, op);
    return true;
  }

  /** Nothing is left of it. */
  discard(): void {
    if (!this.failed) discardStage(this.ctx);
    this.failed = true;
    closeSource(this.ctx);
  }

  private fail(error: number): false {
    this.discard();
    return targetFailed(this.ctx, this.folder, this.op.name, error, 'write it');
  }
}
