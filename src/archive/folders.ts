/**
 * Folders of the tree that is restored: made when the first thing in them comes, left last, the deepest first, so that their own attributes
 * and times stay. A folder that no member has told of is made as any program makes one; nothing is done behind what is no folder.
 */
import { describeFolder, enterFolder, isTempName, leaveFolder, recoverFolder, type FolderContext } from '../endpoint/index.js';
import type { NameList, Posix } from '../fs/index.js';
import { copyOperation, emptyOperation, OpKind, Reason, SetBits, type Operation } from '../plan/index.js';
import { baseOf, EMPTY, parentOf, S_IFDIR, StatTable, type RelPath } from '../tree/index.js';
import { HANDLE } from './archive-source.js';
import type { Member } from './member.js';
import type { Restorer } from './restorer.js';

interface Entered { context: FolderContext; op: Operation | undefined; member: Member | undefined; made: boolean }

export class Folders {
  private readonly entered = new Map<RelPath, Entered | 'refused'>();
  private readonly table = new StatTable(1);
  private readonly names: NameList = { names: [], types: [] };
  /** Folders that were made, or whose attributes a member told. */
  created = 0;

  constructor(private readonly posix: Posix, private readonly restorer: Restorer, private readonly umask: number, private readonly recovers: boolean) {}

  /** The folder that a path's entry stands in; made where it is missing. Undefined after a problem (told once). */
  parent(path: RelPath): FolderContext | undefined {
    return this.folder(parentOf(path));
  }

  has(path: RelPath): boolean {
    const known = this.entered.get(path);
    return known !== undefined && known !== 'refused';
  }

  /** What stood at the path is no folder any more. */
  forget(path: RelPath): void {
    this.entered.delete(path);
    this.restorer.context.targetFolders.forget(path);
  }

  /** A folder that a member tells of. The operation, or undefined after a problem. */
  member(member: Member): Operation | undefined {
    const { path } = member;
    const { restorer } = this;
    const before = this.entered.get(path);
    const parent = path === EMPTY ? undefined : this.parent(path);
    if (path !== EMPTY && parent === undefined) return undefined;
    restorer.source.set(member);
    restorer.tellAcl(path);
    if (before !== undefined && before !== 'refused') {
      before.op = copyOperation(this.plan(path, before.made ? undefined : before.context.fd));
      before.member = member;
      return before.op;
    }
    const stands = path === EMPTY ? restorer.context.targetRoot : -1;
    const op = copyOperation(stands >= 0 ? this.plan(path, stands) : this.planAt(path, parent as FolderContext));
    const wasFolder = (op.expected.mode & 0o170000) === S_IFDIR;
    const context = enterFolder(restorer.context, parent, op);
    if (context === undefined) {
      this.entered.set(path, 'refused');
      return undefined;
    }
    if (wasFolder) this.tidy(context);
    else this.created++;
    this.entered.set(path, { context, op, member, made: !wasFolder });
    return op;
  }

  /** Sets the folders' own attributes. All that is in them must be done. */
  leave(): void {
    const { restorer } = this;
    for (const path of [...this.entered.keys()].sort().toReversed()) {
      const entered = this.entered.get(path);
      if (entered === undefined || entered === 'refused') continue;
      const { context, member } = entered;
      if (member !== undefined) restorer.source.set(member);
      if (entered.op !== undefined) leaveFolder(restorer.context, context, entered.op);
      else if (context.narrow !== undefined) leaveFolder(restorer.context, context, { ...emptyOperation(), kind: OpKind.Folder, name: path });
    }
  }

  private folder(path: RelPath): FolderContext | undefined {
    const known = this.entered.get(path);
    if (known === 'refused') return undefined;
    if (known !== undefined) return known.context;
    const made = path === EMPTY ? this.standing(path) : this.made(path);
    this.entered.set(path, made ?? 'refused');
    return made?.context;
  }

  private standing(path: RelPath): Entered | undefined {
    const context = describeFolder(this.restorer.context, path, false);
    if (context === undefined) return undefined;
    this.tidy(context);
    return { context, op: undefined, member: undefined, made: false };
  }

  private made(path: RelPath): Entered | undefined {
    const parent = this.parent(path);
    if (parent === undefined) return undefined;
    const { context: ctx } = this.restorer;
    const at = ctx.targetFolders.open(parent.path);
    if (at >= 0 && this.posix.stat(at, baseOf(path), this.table, 0) === 0) {
      if (this.table.isDir(0)) return this.standing(path);
      ctx.problem({ code: 'escaped', phase: 'apply', side: 'target', path, severity: 'error', message: 'is no folder, but the archive has entries in a folder of this name; they are not restored' });
      return undefined;
    }
    const op = { ...emptyOperation(), kind: OpKind.Folder, name: path, reason: Reason.New, mode: S_IFDIR | (0o777 & ~this.umask), set: SetBits.Mode };
    const context = enterFolder(ctx, parent, op);
    if (context === undefined) return undefined;
    this.created++;
    return { context, op, member: undefined, made: true };
  }

  private planAt(path: RelPath, parent: FolderContext): Operation {
    const at = this.restorer.context.targetFolders.open(parent.path);
    const stands = at >= 0 && this.posix.stat(at, baseOf(path), this.table, 0) === 0;
    if (!stands) return this.restorer.planner.folder(path, this.restorer.source.table, 0, undefined, -1, false, this.restorer.probe.none());
    if (!this.table.isDir(0)) return this.restorer.planner.folder(path, this.restorer.source.table, 0, this.table, 0, true, this.restorer.probe.none());
    const fd = this.restorer.context.targetFolders.open(path);
    return this.plan(path, fd < 0 ? undefined : fd);
  }

  /** Plans a folder that stands, or is new where it has no handle. */
  private plan(path: RelPath, fd: number | undefined): Operation {
    const { planner, source, probe } = this.restorer;
    const stands = fd !== undefined && this.posix.fstat(fd, this.table, 0) === 0;
    if (stands) probe.folders(HANDLE, fd);
    return planner.folder(path, source.table, 0, stands ? this.table : undefined, stands ? 0 : -1, false, stands ? probe : probe.none());
  }

  /** What an earlier run was killed over is put right, or goes. */
  private tidy({ fd }: FolderContext): void {
    if (!this.recovers || this.posix.list(fd, this.names) < 0) return;
    recoverFolder(this.posix, fd, this.names.names);
    for (const name of this.names.names) if (isTempName(name)) this.posix.unlink(fd, name);
  }
}
