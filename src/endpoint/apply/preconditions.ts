/**
 * Preconditions of a plan that was made some time ago: whether a path still is what the plan saw, on both sides, right before it is
 * carried out. Used where a session executes a kept plan; a session that has just scanned has none, and pays one comparison for that.
 *
 * Target: nothing where nothing stood; else type, inode, permissions, owner, size and mtime. Of folders the inode counts, and
 * permissions and owner where the plan changes them: what was put into a folder changes its times, and has preconditions of its own.
 * Source: inode, size, mtime and ctime; of folders the inode. What has drifted is told and left alone. What stands as the plan
 * would make it was done before, by an earlier run of the same plan: that is no drift, and there is nothing to do.
 *
 * RACE: between the look and the call that acts a path may change once more. What replaces an entry looks again right before its rename,
 * what is new is created exclusively, and a source is compared after it was read too: what is left is a replaced or deleted name within
 * microseconds.
 */
import { baseOf, EMPTY, joinPath, parentOf, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, StatTable, type RelPath } from '../../tree/index.js';
import { OpKind, Reason, SetBits, type Operation } from '../../plan/index.js';
import { Errno } from '../../fs/index.js';
import type { ApplyContext, FolderContext } from './context.js';
import { report } from './report.js';

/** Milliseconds by which a file system's clock may be behind: it ticks with the kernel's timer. */
const CLOCK_STEP = 20;
const NOW = 0;
const OTHER = 1;
const OWN = SetBits.Mode | SetBits.Uid | SetBits.Gid;
const ATTACHED = SetBits.Acl | SetBits.Xattr;

/** What one thread checks with. The caller does nothing where a check says false. */
export class Preconditions {
  private readonly table = new StatTable(2);
  private alreadyDone = false;
  private readonly told = new Set<RelPath>(); // folders that have drifted

  /** @param startedMs when the run began, milliseconds since 1970: an inode of several names that has changed since was changed by the run itself. */
  constructor(private readonly startedMs: number) {}

  /** Whether the last check said false because the operation was done before (then no Problem was told). Asked once for each false. */
  takeDone(): boolean {
    const done = this.alreadyDone;
    this.alreadyDone = false;
    return done;
  }

  /** Before an operation on anything but a folder's own. False after a Problem, or where it was done before. */
  entry(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
    this.alreadyDone = false;
    if (!(folder.fresh && op.expected.mode === 0)) {
      const error = ctx.posix.stat(folder.fd, op.name, this.table, NOW);
      if (error < 0 && error !== -Errno.ENOENT) return this.drifted(ctx, folder, op, 'target', 'cannot be looked at any more', error);
      const stands = error === 0;
      if (!(op.expected.mode === 0 ? !stands : stands && this.isExpected(ctx, op) && !(this.inDoubt() && this.isDone(ctx, folder, op, true)))) {
        if (op.reason === Reason.Incomplete && op.kind === OpKind.Delete) return false; // what a killed run left: nobody misses it
        if (this.isDone(ctx, folder, op, stands)) return this.skip(ctx);
        return this.drifted(ctx, folder, op, 'target', op.expected.mode === 0 ? 'something stands there that was not there when the plan was made' : stands ? 'has changed since the plan was made' : 'is gone since the plan was made');
      }
    }
    if (op.kind === OpKind.Delete) return true;
    if (op.kind === OpKind.Move && !this.isMoved(ctx, op)) return this.drifted(ctx, folder, op, 'target', `its old name ${op.link} has changed since the plan was made`);
    return this.isSource(ctx, folder, op) || this.drifted(ctx, folder, op, 'source', 'has changed or gone since the plan was made');
  }

  /** Whether the folder of a deletion is not there any more (`errno` from opening it): then what was to go has gone. */
  isGone(ctx: ApplyContext, errno: number): boolean {
    if (errno !== -Errno.ENOENT && errno !== -Errno.ENOTDIR && errno !== -Errno.ELOOP) return false;
    this.skip(ctx);
    return true;
  }

  /** The folder of another operation has gone. Always false. */
  lost(ctx: ApplyContext, folder: FolderContext, op: Operation): false {
    return this.drifted(ctx, folder, op, 'target', 'its folder is gone since the plan was made');
  }

  /** A stand-in for a folder that does not open, where it is only named for what is in it: that is told, or was done before. Else undefined. */
  absent(ctx: ApplyContext, path: RelPath): FolderContext | undefined {
    return ctx.targetFolders.open(path) >= 0 ? undefined : { path, fd: -1, fresh: false, setgid: false, gid: -1 };
  }

  /** Right before something takes the place of what stands: whether that still is what the plan saw. False after a Problem. */
  standing(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
    if (op.expected.mode === 0) return true; // then nothing is replaced anyway
    const error = ctx.posix.stat(folder.fd, op.name, this.table, NOW);
    if (error === 0 && this.isExpected(ctx, op)) return true;
    return this.drifted(ctx, folder, op, 'target', error === 0 ? 'has changed while its new content was made' : 'has gone while its new content was made');
  }

  /** After a source was read (its record i in `table`): whether that is the file the plan saw. False after a Problem. */
  wasRead(ctx: ApplyContext, folder: FolderContext, op: Operation, table: StatTable, i: number): boolean {
    return this.isFingerprint(ctx, op, table, i) || this.drifted(ctx, folder, op, 'source', 'has changed since the plan was made');
  }

  /**
   * Before a folder is entered. False after a Problem: nothing is done in it. Where only its own attributes have drifted the operation loses
   * them; where they are as planned, or it was made before, it is entered and no change is told.
   */
  folder(ctx: ApplyContext, op: Operation): boolean {
    const path = op.name;
    const at = path === EMPTY ? ctx.targetRoot : ctx.targetFolders.open(parentOf(path));
    if (at < 0) return true; // whoever enters it says why it cannot
    const { posix } = ctx;
    const { table } = this;
    const e = op.expected;
    let error = path === EMPTY ? posix.fstat(at, table, NOW) : posix.stat(at, baseOf(path), table, NOW);
    if (error < 0 && error !== -Errno.ENOENT) return this.folderDrifted(ctx, op, 'target', 'cannot be looked at any more', error);
    const wasFolder = (e.mode & S_IFMT) === S_IFDIR;
    if (error === 0 && table.isSymlink(NOW) && wasFolder && ctx.options.symlinks.keepDirlinks) error = posix.statFollow(at, baseOf(path), table, NOW);
    const stands = error === 0;
    if (stands && table.isDir(NOW)) {
      if (wasFolder ? !this.isInode(op) : !this.isFolderAsPlanned(ctx, op)) return this.folderDrifted(ctx, op, 'target', wasFolder ? 'is another folder now' : 'has appeared since the plan was made');
      if (!wasFolder) { // made before: it is entered as one that stands, and its attributes are set again
        e.mode = table.mode(NOW);
        e.uid = table.uid(NOW);
        e.gid = table.gid(NOW);
        if (op.item !== 0) ctx.counters.already++;
        op.item = 0;
      } else this.checkOwn(ctx, op);
    } else if (wasFolder) return this.folderDrifted(ctx, op, 'target', stands ? 'is no folder any more' : 'is gone since the plan was made');
    else if (e.mode === 0 ? stands : !stands || !this.isExpected(ctx, op)) return this.folderDrifted(ctx, op, 'target', 'is not what it was when the plan was made');
    return this.isSourceFolder(ctx, op) || this.folderDrifted(ctx, op, 'source', 'is gone or another folder since the plan was made');
  }

  // ---------------------------------------------------------------- the target

  /** Whether record NOW may have been changed since the run began: by the run itself, as far as that can be known. */
  private changedSince(): boolean {
    return this.changedMs() >= this.startedMs - CLOCK_STEP;
  }

  /** An inode of several names that was changed when the run began: by this run, or by one just before. */
  private inDoubt(): boolean {
    return this.table.nlink(NOW) > 1 && this.changedSince() && this.changedMs() < this.startedMs;
  }

  private changedMs(): number {
    return this.table.ctimeSec(NOW) * 1000 + this.table.ctimeNsec(NOW) / 1e6;
  }

  private isInode(op: Operation): boolean {
    return this.table.inoLow(NOW) === op.expected.inoLow && this.table.inoHigh(NOW) === op.expected.inoHigh;
  }

  /** Whether record NOW is what the plan saw. */
  private isExpected(ctx: ApplyContext, op: Operation): boolean {
    const { table } = this;
    const e = op.expected;
    const fake = ctx.options.attributes.fakeSuper.target; // then mode and owner are kept in an attribute, and the plan speaks of those
    if (!this.isInode(op) || (!fake && table.type(NOW) !== (e.mode & S_IFMT))) return false;
    if (table.isDir(NOW)) return true;
    if (table.nlink(NOW) > 1 && this.changedSince()) return true;
    if ((table.isFile(NOW) || table.isSymlink(NOW)) && table.size(NOW) !== e.size) return false;
    if (table.mtimeSec(NOW) !== e.mtimeSec || table.mtimeNsec(NOW) !== e.mtimeNsec) return false;
    return fake || (table.mode(NOW) === e.mode && table.uid(NOW) === e.uid && table.gid(NOW) === e.gid);
  }

  /** Whether what stands (record NOW), or that nothing does, is what the operation would bring about. */
  private isDone(ctx: ApplyContext, folder: FolderContext, op: Operation, stands: boolean): boolean {
    const { table } = this;
    if (op.kind === OpKind.Delete) return !stands;
    if (!stands) return false;
    if (op.kind === OpKind.Link && op.alt === 0) return this.isLeader(ctx, op);
    const fake = ctx.options.attributes.fakeSuper.target;
    if (!fake && table.type(NOW) !== (op.mode & S_IFMT)) return false;
    switch (op.kind) {
      case OpKind.File: case OpKind.Move: case OpKind.Link: // without a time there is no telling
        return (op.set & SetBits.Mtime) !== 0 && table.size(NOW) === op.size && this.isPlanned(ctx, op);
      case OpKind.Symlink: if (fake) return this.isFake(ctx, op); return ctx.posix.readlink(folder.fd, op.name) === op.link && this.isPlanned(ctx, op);
      case OpKind.Node: if (fake) return this.isFake(ctx, op); return table.rdevMajor(NOW) === op.rdevMajor && table.rdevMinor(NOW) === op.rdevMinor && this.isPlanned(ctx, op);
      case OpKind.Attributes: return this.isInode(op) && this.isPlanned(ctx, op);
      case OpKind.Folder: case OpKind.Note: return false;
    }
  }

  /** Whether record NOW has the attributes that the operation sets. */
  private isPlanned(ctx: ApplyContext, op: Operation): boolean {
    const { table } = this;
    if ((op.set & SetBits.Mtime) !== 0 && (table.mtimeSec(NOW) !== op.mtimeSec || !holds(op.mtimeNsec, table.mtimeNsec(NOW)))) return false;
    if (ctx.options.attributes.fakeSuper.target) return true;
    if ((op.set & SetBits.Mode) !== 0 && !table.isSymlink(NOW) && table.perms(NOW) !== (op.mode & 0o7777)) return false;
    return ((op.set & SetBits.Uid) === 0 || table.uid(NOW) === op.uid) && ((op.set & SetBits.Gid) === 0 || table.gid(NOW) === op.gid);
  }

  /** A symlink or special file that a fake-super target keeps as a regular one. */
  private isFake(ctx: ApplyContext, op: Operation): boolean {
    return (op.set & SetBits.Mtime) !== 0 && this.table.isFile(NOW) && this.table.size(NOW) === op.link.length && this.isPlanned(ctx, op);
  }

  private isLeader(ctx: ApplyContext, op: Operation): boolean {
    const at = ctx.targetFolders.open(parentOf(op.link));
    return at >= 0 && ctx.posix.stat(at, baseOf(op.link), this.table, OTHER) === 0 && this.table.sameInode(NOW, this.table, OTHER);
  }

  /** The old name of a move: `expected` of the operation holds its inode, size and time are the operation's own. */
  private isMoved(ctx: ApplyContext, op: Operation): boolean {
    const { table } = this;
    const at = ctx.targetFolders.open(parentOf(op.link));
    if (at < 0 || ctx.posix.stat(at, baseOf(op.link), table, NOW) < 0) return false;
    return table.isFile(NOW) && this.isInode(op) && table.size(NOW) === op.size && table.mtimeSec(NOW) === op.mtimeSec && table.mtimeNsec(NOW) === op.mtimeNsec;
  }

  /** A folder that the plan would make and that stands: as an earlier run of the plan has left it, finished or not. */
  private isFolderAsPlanned(ctx: ApplyContext, op: Operation): boolean {
    const { table } = this;
    const perms = table.perms(NOW);
    if (perms === 0o700 && table.uid(NOW) === ctx.posix.euid) return true;
    if (ctx.options.attributes.fakeSuper.target) return true;
    if (((perms ^ op.mode) & 0o5777) !== 0) return false; // setgid may be handed down
    return ((op.set & SetBits.Uid) === 0 || table.uid(NOW) === op.uid) && ((op.set & SetBits.Gid) === 0 || table.gid(NOW) === op.gid);
  }

  /** The folder's own permissions and owner, where the plan changes them; and whether all of it was done before. */
  private checkOwn(ctx: ApplyContext, op: Operation): void {
    if (op.item === 0 || ctx.options.attributes.fakeSuper.target) return;
    const { table } = this;
    const e = op.expected;
    const same = table.mode(NOW) === e.mode && table.uid(NOW) === e.uid && table.gid(NOW) === e.gid;
    const asPlanned = this.isPlanned(ctx, op);
    // Where only the time was to be set, deletions of this very run may have set it already.
    if (same ? !asPlanned || (op.set & ATTACHED) !== 0 || this.changedSince() : !asPlanned && (op.set & OWN) === 0) return;
    e.mode = table.mode(NOW); // what is worked with below it is what there is
    e.uid = table.uid(NOW);
    e.gid = table.gid(NOW);
    op.item = 0;
    if (asPlanned) {
      ctx.counters.already++;
      return;
    }
    op.set = 0;
    op.mode = 0;
    this.folderDrifted(ctx, op, 'target', 'its permissions or owner have changed since the plan was made; they are left', 0, false);
  }

  // ---------------------------------------------------------------- the source

  private isSource(ctx: ApplyContext, folder: FolderContext, op: Operation): boolean {
    const at = ctx.sourceFolder(op.layer, folder.path);
    if (at < 0) return false;
    const name = ctx.sourceName === undefined ? op.name : ctx.sourceName(op.layer, folder.path, op.name);
    const { table } = this;
    let error = ctx.source.stat(at, name, table, OTHER);
    const { copyLinks, copyUnsafeLinks, copyDirlinks } = ctx.options.symlinks;
    if (error === 0 && table.isSymlink(OTHER) && (op.mode & S_IFMT) !== S_IFLNK && (copyLinks || copyUnsafeLinks || copyDirlinks)) {
      error = ctx.source.statFollow(at, name, table, OTHER);
    }
    return error === 0 && this.isFingerprint(ctx, op, table, OTHER);
  }

  private isFingerprint(ctx: ApplyContext, op: Operation, table: StatTable, i: number): boolean {
    if (table.inoLow(i) !== op.inoLow || table.inoHigh(i) !== op.inoHigh) return false;
    if (table.isFile(i) && (op.mode & S_IFMT) === S_IFREG && table.size(i) !== op.size) return false;
    if (table.mtimeSec(i) !== op.mtimeSec || table.mtimeNsec(i) !== op.mtimeNsec) return false;
    // Removing one name of an inode changes the ctime of the others, and that may have been this run.
    return ctx.options.replace.removeSourceFiles || (table.ctimeSec(i) === op.ctimeSec && table.ctimeNsec(i) === op.ctimeNsec);
  }

  private isSourceFolder(ctx: ApplyContext, op: Operation): boolean {
    if (op.inoLow === 0 && op.inoHigh === 0) return true; // a root that is nobody's: only names below it were chosen
    const at = ctx.sourceFolder(op.layer, op.name);
    const { table } = this;
    return at >= 0 && ctx.source.fstat(at, table, OTHER) === 0 && table.isDir(OTHER) && table.inoLow(OTHER) === op.inoLow && table.inoHigh(OTHER) === op.inoHigh;
  }

  // ---------------------------------------------------------------- telling

  private skip(ctx: ApplyContext): false {
    this.alreadyDone = true;
    ctx.counters.already++;
    return false;
  }

  private drifted(ctx: ApplyContext, folder: FolderContext, op: Operation, side: 'source' | 'target', message: string, errno = 0): false {
    return report(ctx, joinPath(folder.path, op.name), side, 'drifted', `${message}; it is left alone`, errno, 'warning');
  }

  private folderDrifted(ctx: ApplyContext, op: Operation, side: 'source' | 'target', message: string, errno = 0, all = true): false {
    if (this.told.has(op.name)) return false; // it is entered once more for its deletions
    this.told.add(op.name);
    return report(ctx, op.name, side, 'drifted', all ? `${message}; nothing is done in it` : message, errno, 'warning');
  }
}

/** Whether a file system that was given `wanted` nanoseconds may say `stored`: it may keep fewer digits. */
function holds(wanted: number, stored: number): boolean {
  return stored === wanted || stored === 0 || stored === wanted - (wanted % 100) || stored === wanted - (wanted % 1000);
}
