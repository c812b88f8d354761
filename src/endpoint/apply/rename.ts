/**
 * Carries out the renames that a plan begins with: folders as a whole, and files that become others or go elsewhere. Nothing has been changed
 * before them. The first one that is refused ends it: what was done stands, and the caller compares anew.
 *
 * RACE: a name that appears under a new one within microseconds is replaced only where a file was to be replaced there.
 */
import { Errno, errnoText } from '../../fs/index.js';
import { renameSteps, type Operation, type Rename } from '../../plan/index.js';
import { baseOf, parentOf, type ByteString, type RelPath } from '../../tree/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { enterFolder } from './folders.js';
import { renameWidened } from './move.js';
import { renameToFree } from './place.js';
import { report } from './report.js';
import { OTHER, scratchOf } from './scratch.js';
import { waitingName } from './temp-name.js';

/** What was done. */
export interface RenamesDone {
  /** Indexes of the renames that are done, in that order. */
  done: number[];
  /** Folders that had to be made for them, as they were entered. */
  made: Map<RelPath, FolderContext>;
  /** One was refused (a Problem was told): the plan does not fit the target any more. */
  refused: boolean;
}

/** @param folderOp the plan's own operation for a folder that is to be made */
export function carryOutRenames(ctx: ApplyContext, renames: readonly Rename[], folderOp: (path: RelPath) => Operation | undefined): RenamesDone {
  const result: RenamesDone = { done: [], made: new Map(), refused: false };
  const steps = renameSteps(renames, (n) => waitingName(ctx.sessionTag, n));
  for (const { from, to, rename } of steps) {
    if (ctx.aborted()) {
      result.refused = true;
      return result;
    }
    const error = makeWay(ctx, parentOf(to), result.made, folderOp) ? one(ctx, from, to, rename >= 0) : REPORTED;
    if (error < 0) {
      if (error !== REPORTED) report(ctx, renames[rename]?.to ?? from, 'target', 'write-failed', `cannot be renamed from ${from} (${errnoText(-error)}): it is copied`, error, 'warning');
      result.refused = true;
      return result;
    }
    if (rename < 0) continue;
    ctx.counters.moved++;
    result.done.push(rename);
  }
  return result;
}

const REPORTED = -400000;

function one(ctx: ApplyContext, from: RelPath, to: RelPath, replaces: boolean): number {
  const { posix, targetFolders } = ctx;
  const at = targetFolders.open(parentOf(from));
  if (at < 0) return at;
  const toAt = targetFolders.open(parentOf(to)); // the handle before stays open for some more calls
  if (toAt < 0) return toAt;
  const name = baseOf(from);
  const newName = baseOf(to);
  const { table } = scratchOf(ctx);
  let result = renameToFree(ctx, at, name, toAt, newName);
  if (result === -Errno.EEXIST && replaces && posix.stat(toAt, newName, table, OTHER) === 0 && table.isFile(OTHER)) result = posix.rename(at, name, toAt, newName);
  if (result === -Errno.EACCES && posix.euid !== 0) result = intoWidened(ctx, at, name, toAt, newName);
  targetFolders.forget(from);
  targetFolders.forget(to);
  return result;
}

/** A plain user's own folders, the old one, the new one or the moved one itself, may be read-only: made writable for the rename. */
function intoWidened(ctx: ApplyContext, at: number, name: ByteString, toAt: number, to: ByteString): number {
  const { table } = scratchOf(ctx);
  if (ctx.posix.fstat(toAt, table, OTHER) < 0) return -Errno.EACCES;
  const perms = table.perms(OTHER);
  const widens = (perms & 0o700) !== 0o700;
  if (widens) ctx.posix.fchmod(toAt, perms | 0o700);
  const result = renameWidened(ctx, { fd: toAt }, { name: to }, at, name);
  if (widens) ctx.posix.fchmod(toAt, perms);
  return result;
}

/** Makes the folders that a new name lies in, where they are new themselves. False after a Problem. */
function makeWay(ctx: ApplyContext, path: RelPath, made: Map<RelPath, FolderContext>, folderOp: (path: RelPath) => Operation | undefined): boolean {
  if (path === '' || ctx.targetFolders.open(path) >= 0) return true;
  if (!makeWay(ctx, parentOf(path), made, folderOp)) return false;
  const op = folderOp(path);
  if (op === undefined) return report(ctx, path, 'target', 'write-failed', 'the folder is not there any more', -Errno.ENOENT, 'warning');
  const entered = enterFolder(ctx, made.get(parentOf(path)), op);
  if (entered === undefined) return false;
  entered.fresh = false; // what comes in is not new
  made.set(path, entered);
  return true;
}
