/**
 * The new file: where it is built, and how it gets into its place.
 *
 * By default it is an exclusive temporary file beside its place (or in --temp-dir) that is renamed when content and
 * attributes are complete, so the old one stays until then. In a folder that this session has made, nothing can stand
 * at the name: there the file is created under its final name with mode 01200, the mark of an incomplete file, and
 * completed by its attributes; that saves the rename. With --delay-updates it waits in a folder of its own.
 */
import { SetBits, type Operation } from '../../plan/index.js';
import { Errno, type OpenFlags } from '../../fs/index.js';
import { setAttributes } from './attributes.js';
import type { ApplyContext, FolderContext } from './context.js';
import { delayFolder } from './delay-folder.js';
import { appeared, clearWay, putInPlace, REPORTED } from './place.js';
import { targetFailed } from './report.js';
import { OTHER, scratchOf, TARGET, type Scratch } from './scratch.js';

const CREATE: OpenFlags = { write: true, create: true, exclusive: true };
const MARK = 0o1200;
const TEMP_TRIES = 1000;

/** Opens a new, empty file for the operation in `scratch.stage`. False after a Problem. */
export function openStage(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const s = scratchOf(ctx);
  const st = s.stage;
  if (s.ownersFolder !== folder) lookAtFolder(ctx, s, folder);
  st.uid = s.ownersKnown ? ctx.posix.euid : -1;
  st.gid = s.ownersKnown ? groupOfNew(ctx, folder) : -1;
  st.at = folder.fd;
  const { delayUpdates } = ctx.options.replace;
  if (folder.fresh && ctx.marksIncomplete && op.expected.mode === 0 && ctx.tempRoot < 0 && !delayUpdates) {
    st.name = op.name;
    st.perms = MARK;
    st.fd = ctx.posix.open(folder.fd, op.name, CREATE, MARK);
    if (st.fd !== -Errno.EEXIST) {
      st.direct = true;
      return st.fd >= 0 ? known(ctx, s, folder) : targetFailed(ctx, folder, op.name, st.fd, 'create it');
    }
  }
  if (ctx.options.replace.inplace || ctx.options.replace.append !== false) return openInPlace(ctx, s, folder, op);
  st.direct = false;
  st.perms = creationPerms(ctx, folder, op, st.uid, st.gid);
  if (delayUpdates) {
    st.at = delayFolder(ctx, folder, true);
    if (st.at < 0) return targetFailed(ctx, folder, op.name, st.at, 'make the folder that holds updates back');
    st.name = op.name;
    ctx.posix.unlink(st.at, st.name); // of an earlier try in this session, if any
    st.fd = ctx.posix.open(st.at, st.name, CREATE, st.perms);
    return st.fd >= 0 ? known(ctx, s, folder) : targetFailed(ctx, folder, op.name, st.fd, 'create it');
  }
  if (ctx.tempRoot >= 0 && s.tempServes && !s.tempRefused) {
    st.at = ctx.tempRoot;
    st.uid = -1; // other rules may hold there
    st.gid = -1;
    st.perms &= 0o700;
  }
  st.name = s.tempName;
  st.fd = ctx.posix.open(st.at, st.name, CREATE, st.perms);
  for (let tries = 0; st.fd === -Errno.EEXIST && tries < TEMP_TRIES; tries++) {
    st.name = s.nextTempName();
    st.fd = ctx.posix.open(st.at, st.name, CREATE, st.perms);
  }
  return st.fd >= 0 ? known(ctx, s, folder) : targetFailed(ctx, folder, op.name, st.fd, 'create a temporary file');
}

/** --inplace where no file stands yet: it grows under its own name, marked where the target can. */
function openInPlace(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation): boolean {
  const st = s.stage;
  const cleared = clearWay(ctx, folder, op.name, op.expected.mode);
  if (cleared < 0) return false;
  if (cleared === 0 && op.expected.mode !== 0) {
    const error = ctx.posix.unlink(folder.fd, op.name);
    if (error < 0 && error !== -Errno.ENOENT) return targetFailed(ctx, folder, op.name, error, 'remove what stands in the way');
  }
  st.name = op.name;
  st.direct = true;
  st.perms = ctx.marksIncomplete ? MARK : 0o600;
  st.fd = ctx.posix.open(folder.fd, op.name, CREATE, st.perms);
  if (st.fd >= 0) return known(ctx, s, folder);
  if (st.fd === -Errno.EEXIST) return appeared(ctx, folder, op.name) === 0;
  return targetFailed(ctx, folder, op.name, st.fd, 'create it');
}

/** Owner group a new entry of the folder gets. */
export function groupOfNew(ctx: ApplyContext, folder: FolderContext): number {
  return folder.setgid ? folder.gid : ctx.posix.egid;
}

/** Once per folder: what does not change from file to file. */
function lookAtFolder(ctx: ApplyContext, s: Scratch, folder: FolderContext): void {
  s.ownersFolder = folder;
  s.ownersKnown = false; // decided by the first file
  s.tempServes = false;
  if (ctx.tempRoot < 0) return;
  s.tempServes =
    ctx.posix.fstat(ctx.tempRoot, s.table, TARGET) === 0 && ctx.posix.fstat(folder.fd, s.table, OTHER) === 0 &&
    s.table.sameDevice(TARGET, s.table, OTHER);
}

/** The first file of a folder tells whether new files get the owner that is expected (not so with grpid, squashed or mapped ids). */
function known(ctx: ApplyContext, s: Scratch, folder: FolderContext): true {
  if (s.ownersKnown || ctx.posix.fstat(s.stage.fd, s.table, TARGET) < 0) return true;
  s.stage.uid = s.table.uid(TARGET);
  s.stage.gid = s.table.gid(TARGET);
  s.ownersKnown = s.stage.at === folder.fd && s.stage.uid === ctx.posix.euid && s.stage.gid === groupOfNew(ctx, folder);
  return true;
}

/** Permissions to create with: the final ones where nothing else has to be done first that could be read or refused meanwhile. */
function creationPerms(ctx: ApplyContext, folder: FolderContext, op: Operation, uid: number, gid: number): number {
  const ownerComes = ((op.set & SetBits.Uid) !== 0 && op.uid !== uid) || ((op.set & SetBits.Gid) !== 0 && op.gid !== gid);
  if (ownerComes || (op.set & (SetBits.Xattr | SetBits.Acl)) !== 0 || ctx.options.attributes.fakeSuper.target || folder.defaultAcl !== false) {
    return 0o600;
  }
  return op.mode & 0o777;
}

/**
 * Completes the file in `scratch.stage` (attributes, --fsync), closes it and puts it into its place. `sourceFd` is the
 * open source, whose ACL and xattrs are taken, -1 without. 'again': the temporary folder turned out not to serve.
 */
export function finishStage(ctx: ApplyContext, folder: FolderContext, op: Operation, sourceFd: number): 'done' | 'failed' | 'again' | 'attributes' {
  const s = scratchOf(ctx);
  const st = s.stage;
  const whole = setAttributes(ctx, folder, op, s.subject.byHandle(st.fd), op.set | SetBits.Mode, st.perms, st.uid, st.gid, sourceFd);
  if (ctx.options.replace.fsync) {
    const error = ctx.posix.fsync(st.fd);
    if (error < 0) {
      discardStage(ctx);
      targetFailed(ctx, folder, op.name, error, 'write it to disk');
      return 'failed';
    }
  }
  const error = ctx.posix.close(st.fd);
  st.fd = -1;
  if (error < 0) { // a quota or a network file system may say only now that the content did not fit
    discardStage(ctx);
    targetFailed(ctx, folder, op.name, error, 'write it');
    return 'failed';
  }
  const done = whole ? 'done' : 'attributes';
  if (st.direct || (ctx.options.replace.delayUpdates && st.at !== folder.fd)) return done;
  const placed = putInPlace(ctx, folder, op, st.at, st.name);
  if (placed === 0) return done;
  discardStage(ctx);
  if (placed === -Errno.EXDEV && st.at === ctx.tempRoot) {
    s.tempRefused = true; // a bind mount of the same device
    return 'again';
  }
  if (placed !== REPORTED) targetFailed(ctx, folder, op.name, placed, 'rename it into place');
  return 'failed';
}

/** Closes and removes what is in `scratch.stage`. */
export function discardStage(ctx: ApplyContext): void {
  const st = scratchOf(ctx).stage;
  if (st.fd >= 0) ctx.posix.close(st.fd);
  st.fd = -1;
  ctx.posix.unlink(st.at, st.name); // fails only where nothing is left to remove, or nothing can be
}
