/**
 * Turns a failed step into a Problem: the right code for the errno, one sentence, and `false` as result.
 */
import { joinPath, type ByteString, type ProblemCode, type RelPath } from '../../tree/index.js';
import { Errno, errnoText } from '../../fs/index.js';
import { NO_CONTENT, OTHER_BASIS } from '../recorded/errnos.js';
import type { ApplyContext, FolderContext } from './context.js';
import { scratchOf } from './scratch.js';

/** Result of a copy that was ended by `aborted()`; reported by nobody, the session knows. */
export const ABORTED = -125;

/** Reports a problem with one path; always false. `errno` of either sign, 0 without one. */
export function report(
  ctx: ApplyContext, path: RelPath, side: 'source' | 'target', code: ProblemCode, message: string, errno = 0,
  severity: 'error' | 'warning' = 'error',
): false {
  const phase = code === 'delete-failed' || code === 'not-empty' ? 'delete' : 'apply';
  const base = { code, phase, path, side, message, severity } as const;
  ctx.problem(errno === 0 ? base : { ...base, errno: Math.abs(errno) });
  return false;
}

/** A step on the target failed: `doing` completes "cannot …". */
export function targetFailed(ctx: ApplyContext, folder: FolderContext, name: ByteString, errno: number, doing: string): false {
  return report(ctx, joinPath(folder.path, name), 'target', targetCode(errno), `cannot ${doing}: ${errnoText(errno)}`, errno);
}

/** A step on the source failed. */
export function sourceFailed(ctx: ApplyContext, folder: FolderContext, name: ByteString, errno: number, doing: string): false {
  const path = joinPath(folder.path, name);
  if (ctx.source.remote?.recorded === true) {
    if (errno === -OTHER_BASIS) return report(ctx, path, 'target', 'drifted', 'is not the file that the recorded change is for; left as it is');
    if (errno === -NO_CONTENT) return report(ctx, path, 'source', 'unreadable', 'the batch has no content for it: when it was recorded the target had this file already');
  }
  if (errno === -Errno.ENOENT) return report(ctx, path, 'source', 'vanished', 'was gone when it was to be read', errno, 'warning');
  return report(ctx, path, 'source', 'unreadable', `cannot ${doing}: ${errnoText(errno)}`, errno);
}

/** An attribute could not be set. What the file system does not know at all is told once per class, then only counted. */
export function attributeFailed(ctx: ApplyContext, path: RelPath, attribute: string, errno: number): false {
  const unsupported = errno === -Errno.EOPNOTSUPP || errno === -Errno.ENOSYS;
  if (unsupported) {
    ctx.counters.attributesLost++;
    const told = scratchOf(ctx).told;
    if (told.has(attribute)) return false;
    told.add(attribute);
    return report(ctx, path, 'target', 'attribute-failed', `the target cannot hold ${attribute}; further ones are only counted`, errno);
  }
  return report(ctx, path, 'target', 'attribute-failed', `cannot set ${attribute}: ${errnoText(errno)}`, errno);
}

function targetCode(errno: number): ProblemCode {
  switch (-errno) {
    case Errno.ENOSPC: case Errno.EDQUOT: return 'no-space';
    case Errno.ENAMETOOLONG: case Errno.EILSEQ: return 'name-refused';
    default: return 'write-failed';
  }
}
