/**
 * Reading a file's content from a remote source as an operation would, against the basis that it would use, and keeping nothing of it: what
 * goes by is recorded where the connection is owned (--only-write-batch). The target is read and not changed.
 */
import { joinPath } from '../../tree/index.js';
import type { Operation } from '../../plan/index.js';
import { openBasis, type OpenBasis } from './announce.js';
import type { ApplyContext, FolderContext } from './context.js';
import { receive, type ContentSink } from './receive.js';
import { judge } from './rebuild.js';
import { report } from './report.js';
import { countFile } from './replace.js';
import { scratchOf } from './scratch.js';
import { closeSource, openSource, reopenSource } from './source.js';

/** Reads the content of a File operation. False after a Problem, or where the run was ended. */
export function fetchContent(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const { remote } = ctx.source;
  if (remote === undefined || op.alt > 0 || openSource(ctx, folder, op) < 0) return false;
  const s = scratchOf(ctx);
  let whole = false;
  try {
    for (let attempt = 1; ;) {
      const basis = s.answer.basis === undefined ? undefined : openBasis(ctx, folder, op.name, s.answer.basis);
      s.engine.begin();
      const sink = new Passed(ctx, basis);
      let verdict;
      try {
        verdict = judge(ctx, s, folder, op, receive(ctx, remote, sink, false), attempt);
      } finally {
        if (basis !== undefined) ctx.posix.close(basis.fd);
      }
      switch (verdict) {
        case 'fine':
          countFile(ctx, op);
          return true;
        case 'failed': return false;
        case 'changed':
          attempt++;
          break;
        case 'corrupt':
          if (whole) return report(ctx, joinPath(folder.path, op.name), 'source', 'corrupt', 'what arrived cannot be right, also when it was sent again');
          whole = true;
          break;
      }
      ctx.addBytes(-sink.position);
      if (reopenSource(ctx, remote, folder, op, whole) < 0) return false;
    }
  } finally {
    closeSource(ctx);
  }
}

/** Counts what goes by. */
class Passed implements ContentSink {
  readonly old = undefined;
  position = 0;

  constructor(private readonly ctx: ApplyContext, readonly basis: OpenBasis | undefined) {}

  literal(bytes: Buffer): number {
    this.ctx.counters.literalBytes += bytes.length;
    return this.pass(bytes.length);
  }

  copy(_offset: number, length: number): number {
    this.ctx.counters.matchedBytes += length;
    return this.pass(length);
  }

  hole(length: number): number {
    return this.pass(length);
  }

  private pass(length: number): number {
    this.position += length;
    this.ctx.addBytes(length);
    return 0;
  }
}
