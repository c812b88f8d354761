/**
 * OpKind.Folder: entering a folder of the target (making it, or making it usable) and leaving it (its own attributes,
 * times last). Between the two a new folder is 0700, and a read-only one of the user's own is u+rwx.
 */
import { baseOf, joinPath, parentOf, S_IFDIR, S_IFLNK, S_IFMT, type ByteString, type RelPath } from '../../tree/index.js';
import { DEFAULT_ACL, INCOMPLETE_MODE, SetBits, type Operation } from '../../plan/index.js';
import { Errno, errnoText } from '../../fs/index.js';
import { setAttributes, useTimes } from './attributes.js';
import { makeBackup } from './backup.js';
import type { ApplyContext, FolderContext } from './context.js';
import { report, targetFailed } from './report.js';
import { scratchOf, TARGET } from './scratch.js';

/**
 * Opens the folder of an OpKind.Folder operation (`op.name` is its whole path; `parent` is its parent's context, undefined for the
 * root or where it is not at hand), making it 0700 where nothing stands and replacing what is no folder. Undefined after a Problem.
 */
export function enterFolder(ctx: ApplyContext, parent: FolderContext | undefined, op: Operation): FolderContext | undefined {
  const path = op.name;
  if (ctx.exact !== undefined && !ctx.exact.folder(ctx, op)) return undefined;
  if (path === '') return describeFolder(ctx, path, false) ?? undefined;
  const at = ctx.targetFolders.open(parentOf(path));
  if (at < 0) {
    cannotOpen(ctx, path, at);
    return undefined;
  }
  const name = baseOf(path);
  const type = op.expected.mode & S_IFMT;
  // --keep-dirlinks: a symlink to a folder counts as that folder, `targetFolders` follows it; one to anything else is in the way.
  const stands = type === S_IFDIR || (type === S_IFLNK && ctx.options.symlinks.keepDirlinks && ctx.targetFolders.open(path) >= 0);
  let made = false;
  let narrow: number | undefined;
  if (!stands) {
    const up: FolderContext = parent ?? { path: parentOf(path), fd: at, fresh: false, setgid: false, gid: -1 };
    up.fd = at;
    const error = make(ctx, up, name, op.expected.mode);
    if (error < 0) return undefined;
    made = error === MADE;
  } else if (ctx.posix.euid !== 0 && (op.expected.mode & 0o700) !== 0o700 && op.expected.uid === ctx.posix.euid && type === S_IFDIR) {
    const perms = op.expected.mode & 0o7777;
    if (ctx.posix.chmod(at, name, perms | 0o700) === 0) narrow = perms; // it may not even be readable; a failure shows on opening
  }
  const folder = describeFolder(ctx, path, made, made ? parent?.defaultAcl : undefined);
  if (folder !== undefined && narrow !== undefined) folder.narrow = narrow;
  return folder;
}

const MADE = 1;

/** mkdir in place of nothing or of an obstacle. MADE, 0 where a folder has appeared meanwhile, below zero after a Problem. */
function make(ctx: ApplyContext, parent: FolderContext, name: ByteString, standing: number): number {
  const { posix } = ctx;
  if (standing !== 0) {
    const { backup } = ctx.options.replace;
    const kept = backup && standing !== INCOMPLETE_MODE ? makeBackup(ctx, parent, name, 'rename') : 'kept';
    if (kept === 'failed') return -1;
    if (kept === 'kept') {
      const error = posix.unlink(parent.fd, name);
      if (error < 0 && error !== -Errno.ENOENT && error !== -Errno.EISDIR) {
        targetFailed(ctx, parent, name, error, 'remove what stands in the folder\'s place');
        return -1;
      }
    }
  }
  const error = posix.mkdir(parent.fd, name, 0o700);
  ctx.targetFolders.forget(joinPath(parent.path, name));
  if (error === 0) {
    ctx.counters.created.dirs++;
    return MADE;
  }
  if (error === -Errno.EEXIST) {
    const { table } = scratchOf(ctx);
    if (posix.stat(parent.fd, name, table, TARGET) === 0 && table.isDir(TARGET)) return 0;
  }
  targetFailed(ctx, parent, name, error, 'make the folder');
  return -1;
}

/**
 * The context of a folder that stands. `made`: by this session just now (then it counts as fresh if it really is ours
 * alone). Also for sessions that come back to a folder later. Undefined after a Problem.
 */
export function describeFolder(ctx: ApplyContext, path: RelPath, made: boolean, inheritedAcl?: boolean, toWrite = true): FolderContext | undefined {
  const { posix } = ctx;
  const { table } = scratchOf(ctx);
  const fd = ctx.targetFolders.open(path);
  if (fd < 0) {
    cannotOpen(ctx, path, fd);
    return undefined;
  }
  const error = posix.fstat(fd, table, TARGET);
  if (error < 0) {
    cannotOpen(ctx, path, error);
    return undefined;
  }
  const perms = table.perms(TARGET);
  const uid = table.uid(TARGET);
  // What opened under the name is taken for the folder just made only if it looks like that; else nothing is assumed of it.
  const fresh = made && uid === posix.euid && (perms & 0o1777) === 0o700;
  const widens = toWrite && !fresh && posix.euid !== 0 && uid === posix.euid && (perms & 0o700) !== 0o700;
  if (widens) posix.fchmod(fd, perms | 0o700);
  const defaultAcl = inheritedAcl ?? typeof posix.fgetXattr(fd, DEFAULT_ACL) !== 'number';
  return { path, fd, fresh, setgid: (perms & 0o2000) !== 0, gid: table.gid(TARGET), defaultAcl, ...(widens ? { narrow: perms } : {}) };
}

/** Sets a folder's own attributes when all below it is done, and takes back what entering it has widened. */
export function leaveFolder(ctx: ApplyContext, folder: FolderContext, op: Operation): void {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const passed = op.mode === 0; // it was only opened for what is below: it has no attributes of its own in the plan
  const fd = ctx.targetFolders.open(folder.path);
  if (fd < 0) {
    if (!passed || fd !== -Errno.ENOENT) cannotOpen(ctx, folder.path, fd); // what was deleted meanwhile needs nothing any more
    return;
  }
  folder.fd = fd;
  if (ctx.options.replace.fsync) {
    const error = posix.fsync(fd);
    if (error < 0) report(ctx, folder.path, 'target', 'write-failed', `cannot write the folder to disk: ${errnoText(error)}`, error);
  }
  if (passed) {
    if (folder.narrow !== undefined) posix.fchmod(fd, folder.narrow);
    return;
  }
  const error = posix.fstat(fd, s.table, TARGET);
  if (error < 0) {
    cannotOpen(ctx, folder.path, error);
    return;
  }
  const perms = s.table.perms(TARGET);
  const e = op.expected;
  const bits = folder.fresh || folder.narrow !== undefined || (e.mode & S_IFMT) !== S_IFDIR ? op.set | SetBits.Mode : op.set;
  if (bits === 0) return;
  // Without -p a new folder keeps the setgid bit that its parent handed down.
  const handedDown = folder.fresh && !ctx.options.attributes.perms && folder.setgid ? 0o2000 : 0;
  const mode = op.mode;
  op.mode |= handedDown;
  useTimes(s, op);
  setAttributes(ctx, folder, op, s.subject.byHandle(fd), bits, perms, s.table.uid(TARGET), s.table.gid(TARGET), -1);
  op.mode = mode;
}

function cannotOpen(ctx: ApplyContext, path: RelPath, errno: number): void {
  if (errno === -Errno.ELOOP || errno === -Errno.ENOTDIR) {
    report(ctx, path, 'target', 'escaped', 'the folder or one on the way to it was exchanged for something else; nothing is done in it', errno);
  } else report(ctx, path, 'target', 'write-failed', `cannot open the folder: ${errnoText(errno)}`, errno);
}
