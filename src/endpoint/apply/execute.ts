/** Carrying out one operation of a plan: dispatch by kind. */
import { joinPath } from '../../tree/index.js';
import { OpKind, type Operation } from '../../plan/index.js';
import { Errno, errnoText } from '../../fs/index.js';
import { applyAttributes } from './attributes.js';
import type { ApplyContext, FolderContext } from './context.js';
import { dropCutOff } from './cut-off.js';
import { goesInPlace } from './goes-in-place.js';
import { updateInPlace } from './inplace.js';
import { makeLink } from './link.js';
import { moveEntry } from './move.js';
import { makeSpecial } from './nodes.js';
import { removeEntry } from './remove.js';
import { replaceFile } from './replace.js';
import { report } from './report.js';

/**
 * Carries out a File, Symlink, Node, Link, Attributes, Move or Delete operation in `folder`. True: the entry is in its place
 * (an attribute that could not be set is a Problem all the same). False: a Problem was reported and the old entry stands, or
 * the run was ended (`aborted()`).
 */
export function execute(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  if (ctx.aborted()) return false;
  const fd = ctx.targetFolders.open(folder.path); // the last one asked for, nearly always
  if (fd < 0) {
    if (ctx.exact !== undefined && fd === -Errno.ENOENT) return ctx.exact.lost(ctx, folder, op);
    const exchanged = fd === -Errno.ELOOP || fd === -Errno.ENOTDIR;
    return report(
      ctx, joinPath(folder.path, op.name), 'target', exchanged ? 'escaped' : 'write-failed',
      exchanged ? 'a folder on the way was exchanged for something else' : `cannot open its folder: ${errnoText(fd)}`, fd,
    );
  }
  folder.fd = fd;
  if (ctx.exact !== undefined && op.kind !== OpKind.Delete && op.kind !== OpKind.Note && !ctx.exact.entry(ctx, folder, op)) return false;
  switch (op.kind) {
    case OpKind.File: {
      const done = goesInPlace(ctx, op) ? updateInPlace(ctx, folder, op) : replaceFile(ctx, folder, op);
      if (done && ctx.exact !== undefined) dropCutOff(ctx, folder, op);
      return done;
    }
    case OpKind.Symlink: case OpKind.Node: return makeSpecial(ctx, folder, op);
    case OpKind.Link: return makeLink(ctx, folder, op);
    case OpKind.Attributes: return applyAttributes(ctx, folder, op);
    case OpKind.Move: return moveEntry(ctx, folder, op);
    case OpKind.Delete: return removeEntry(ctx, folder, op);
    case OpKind.Folder: throw new Error('a folder is entered and left, not executed');
    case OpKind.Note: return true;
  }
}
