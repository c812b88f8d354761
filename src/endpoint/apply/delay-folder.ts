/** The folders in which --delay-updates keeps things of one target folder until the end: `.~tmp~/<of this session>/`. */
import { joinPath, type ByteString } from '../../tree/index.js';
import { Errno } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { DELAY_FOLDER, sourcesName, stageName } from './temp-name.js';

/** Tag of what waits; the same in all contexts of a session. */
function tagOf(ctx: ApplyContext): string {
  return ctx.delayTag ?? ctx.sessionTag;
}

/** Name of this session's folder of complete files. */
export function stageOf(ctx: ApplyContext): ByteString {
  return stageName(tagOf(ctx));
}

/** Name of this session's folder of notes on sources to remove. */
export function notesOf(ctx: ApplyContext): ByteString {
  return sourcesName(tagOf(ctx));
}

/** Handle of this session's folder `name` below `folder`, made where `make`; owned by the folder cache. -errno without one. */
export function delayFolder(ctx: ApplyContext, folder: FolderContext, make: boolean, name = stageOf(ctx)): number {
  const outerPath = joinPath(folder.path, DELAY_FOLDER);
  const path = joinPath(outerPath, name);
  const there = ctx.targetFolders.open(path);
  if (there >= 0 || !make || there !== -Errno.ENOENT) return there;
  const outer = ctx.posix.mkdir(folder.fd, DELAY_FOLDER, 0o700);
  if (outer < 0 && outer !== -Errno.EEXIST) return outer;
  const at = ctx.targetFolders.open(outerPath);
  if (at < 0) return at;
  const made = ctx.posix.mkdir(at, name, 0o700);
  if (made < 0 && made !== -Errno.EEXIST) return made; // EEXIST: another thread of the session was faster
  return ctx.targetFolders.open(path);
}
