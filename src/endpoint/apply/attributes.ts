/**
 * Owner, permissions, ACL, extended attributes and times of one entry, by handle or by name.
 *
 * The order matters: owner first (a change of owner takes setuid, setgid and capabilities away), then extended
 * attributes and ACL (which a file without write permission would refuse to its own user), then the mode, then the
 * times. A file whose owner could not be set never gets setuid or setgid: they would mean another user.
 */
import { joinPath, S_IFLNK, S_IFMT, S_IFREG, type ByteString, type RelPath } from '../../tree/index.js';
import { FAKE_STAT, fakeStatFor, OpKind, SetBits, storedMode, type Operation } from '../../plan/index.js';
import { Errno, UTIME_OMIT, type OpenFlags } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { attributeFailed, report, targetFailed } from './report.js';
import { OTHER, scratchOf, TARGET, type Scratch } from './scratch.js';
import { folderFailed, removeSource } from './source.js';
import type { Subject } from './subject.js';
import { followsLeaf } from '../xattrs.js';
import { copyAcl, copyXattrs } from './xattrs.js';

const SPECIAL = 0o6000;

/** Path of the operation's entry. */
function pathOf(folder: FolderContext, op: Operation): RelPath {
  return op.kind === OpKind.Folder ? op.name : joinPath(folder.path, op.name);
}

/**
 * Sets the attributes that `bits` names on `subject`. `perms`, `uid` and `gid` are what it has now, -1 where that is not known;
 * what is right already is not set again. The times are those in the scratch space (`useTimes`, or the source's own after openSource).
 * `sourceFd` is an open handle of the source for ACL and xattrs, -1 where it is to be looked up by name. False after a Problem.
 */
export function setAttributes(
  ctx: ApplyContext, folder: FolderContext, op: Operation, subject: Subject, bits: number,
  perms: number, uid: number, gid: number, sourceFd: number,
): boolean {
  const s = scratchOf(ctx);
  const isLink = (op.mode & S_IFMT) === S_IFLNK;
  const fake = ctx.options.attributes.fakeSuper.target;
  let wanted = op.mode & 0o7777;
  let whole = true;

  if (fake) {
    if (!setFakeStat(ctx, s, folder, op, subject, bits)) whole = false;
  } else if ((bits & (SetBits.Uid | SetBits.Gid)) !== 0) {
    const newUid = (bits & SetBits.Uid) !== 0 && op.uid !== uid ? op.uid : -1;
    const newGid = (bits & SetBits.Gid) !== 0 && op.gid !== gid ? op.gid : -1;
    if (newUid >= 0 || newGid >= 0) {
      const error = subject.chown(newUid, newGid);
      if (error < 0) {
        attributeFailed(ctx, pathOf(folder, op), newUid >= 0 ? 'its owner' : 'its group', error);
        wanted &= ~SPECIAL;
        whole = false;
      }
      if (perms < 0 || (perms & SPECIAL) !== 0) perms = -1;
    }
  }

  if ((bits & (SetBits.Xattr | SetBits.Acl)) !== 0) {
    if (!findModel(ctx, s, folder, op, sourceFd)) whole = false;
    else {
      if ((bits & SetBits.Xattr) !== 0) {
        if (ctx.posix.euid !== 0 && !isLink && !fake && perms >= 0 && (perms & 0o200) === 0) {
          subject.chmod(perms | 0o600); // else the kernel refuses user.* to the file's own user; a failure shows below
          perms = -1;
        }
        if (!copyXattrs(ctx, pathOf(folder, op), s.model, subject)) whole = false;
      }
      if ((bits & SetBits.Acl) !== 0 && !isLink) {
        if (!copyAcl(ctx, pathOf(folder, op), s.model, subject, op.mode)) whole = false;
        perms = -1; // a list sets permissions too
      }
    }
  }

  if (!fake && !isLink && ((bits & SetBits.Mode) !== 0 || perms < 0) && wanted !== perms) {
    const error = subject.chmod(wanted);
    if (error < 0) {
      attributeFailed(ctx, pathOf(folder, op), 'its permissions', error);
      whole = false;
    }
  }

  if ((bits & (SetBits.Mtime | SetBits.Atime)) !== 0) {
    const error = subject.utimes(
      op.atimeSec, (bits & SetBits.Atime) !== 0 ? op.atimeNsec : UTIME_OMIT,
      s.mtimeSec, (bits & SetBits.Mtime) !== 0 ? s.mtimeNsec : UTIME_OMIT,
    );
    if (error < 0) {
      attributeFailed(ctx, pathOf(folder, op), isLink ? 'the times of symlinks' : 'its times', error);
      whole = false;
    }
  }
  return whole;
}

/** The times that `setAttributes` sets are the plan's. */
export function useTimes(s: Scratch, op: Operation): void {
  s.mtimeSec = op.mtimeSec;
  s.mtimeNsec = op.mtimeNsec;
}

/** --fake-super: what only root may set goes into an attribute, the rest is set as far as it stays accessible. */
function setFakeStat(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, subject: Subject, bits: number): boolean {
  const error = subject.stat(s.table, TARGET);
  if (error < 0) return attributeFailed(ctx, pathOf(folder, op), 'its attributes', error);
  const mode = storedMode(op.mode);
  if ((mode & 0o7777) !== s.table.perms(TARGET)) {
    const changed = subject.chmod(mode & 0o7777);
    if (changed < 0) return attributeFailed(ctx, pathOf(folder, op), 'its permissions', changed);
  }
  const stored = { mode, uid: s.table.uid(TARGET), gid: s.table.gid(TARGET) };
  const was = existingOwner(op);
  const wanted = {
    mode: op.mode, rdevMajor: op.rdevMajor, rdevMinor: op.rdevMinor,
    uid: (bits & SetBits.Uid) !== 0 ? op.uid : was?.uid ?? stored.uid,
    gid: (bits & SetBits.Gid) !== 0 ? op.gid : was?.gid ?? stored.gid,
  };
  const value = fakeStatFor(wanted, stored);
  const result = value === undefined ? subject.removeXattr(FAKE_STAT) : subject.setXattr(FAKE_STAT, value);
  if (result >= 0 || (value === undefined && (result === -Errno.ENODATA || result === -Errno.EOPNOTSUPP))) return true;
  return attributeFailed(ctx, pathOf(folder, op), 'the attribute that stands for its owner and mode', result);
}

/** Owner that an entry which is kept (not made anew) pretends to have. */
function existingOwner(op: Operation): { uid: number; gid: number } | undefined {
  const kept = op.kind === OpKind.Attributes || op.kind === OpKind.Folder || op.kind === OpKind.Move;
  return kept && op.expected.mode !== 0 ? op.expected : undefined;
}

/** Points `scratch.model` at the source. False after a Problem. */
function findModel(ctx: ApplyContext, s: Scratch, folder: FolderContext, op: Operation, sourceFd: number): boolean {
  if (sourceFd >= 0) {
    s.model.byHandle(sourceFd);
    return true;
  }
  const isFolder = op.kind === OpKind.Folder;
  const at = ctx.sourceFolder(op.layer, isFolder ? op.name : folder.path);
  if (at < 0) {
    folderFailed(ctx, folder, isFolder ? ('' as ByteString) : op.name, at);
    return false;
  }
  if (isFolder) {
    s.model.byHandle(at);
    return true;
  }
  const name = ctx.sourceName === undefined ? op.name : ctx.sourceName(op.layer, folder.path, op.name);
  s.model.byName(at, name, followsLeaf(ctx.options, op.mode));
  return true;
}

const READ: OpenFlags = { read: true, nonBlock: true };

/**
 * OpKind.Attributes: only metadata of an entry that stays. The entry must still be the one the plan saw.
 *
 * RACE: an entry that cannot be opened (symlink, device, unreadable file) is compared by name and then changed by
 * name; whoever may write the folder can put another inode there in between (at worst a hard link to a file that is not his,
 * where the system allows such links). Regular files are changed by handle for that reason.
 */
export function applyAttributes(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
  const done = attributesInPlace(ctx, folder, op, op.name, true);
  if (done === undefined) return false;
  ctx.counters.attributesSet++;
  if (done) removeSource(ctx, folder, op);
  return true;
}

/** Sets `op.set` on what stands at `name`. Undefined where it could not be reached, false where an attribute failed. */
export function attributesInPlace(ctx: ApplyContext, folder: FolderContext, op: Operation, name: ByteString, compare: boolean): boolean | undefined {
  const { posix } = ctx;
  const s = scratchOf(ctx);
  const isFile = (op.mode & S_IFMT) === S_IFREG;
  const fd = isFile ? posix.open(folder.fd, name, READ) : -1;
  const error = fd >= 0 ? posix.fstat(fd, s.table, OTHER) : posix.stat(folder.fd, name, s.table, OTHER);
  if (error < 0) {
    if (fd >= 0) posix.close(fd);
    targetFailed(ctx, folder, op.name, error, 'read its attributes');
    return undefined;
  }
  const e = op.expected;
  if (compare && e.mode !== 0 && (s.table.inoLow(OTHER) !== e.inoLow || s.table.inoHigh(OTHER) !== e.inoHigh)) {
    if (fd >= 0) posix.close(fd);
    report(ctx, joinPath(folder.path, op.name), 'target', 'changed', 'was exchanged on the target since the scan; left for the next run');
    return undefined;
  }
  useTimes(s, op);
  const subject = fd >= 0 ? s.subject.byHandle(fd) : s.subject.byName(folder.fd, name);
  const fine = setAttributes(ctx, folder, op, subject, op.set, s.table.perms(OTHER), s.table.uid(OTHER), s.table.gid(OTHER), -1);
  if (fd >= 0) posix.close(fd);
  return fine;
}
