/**
 * Restores members in one thread: each is planned beside what stands at its place, and carried out, by the planner and the engine of every
 * session. Folders are entered by whoever keeps them (folders.ts); what is already there in full is left.
 */
import { ApplyRunner, EntryProbe, execute, idMapper, PushedFile, type ApplyContext, type ApplySetup, type FolderContext, type SharedState } from '../endpoint/index.js';
import { gidOfName, uidOfName, type Posix } from '../fs/index.js';
import { copyOperation, OpKind, Planner, SetBits, typeIsWanted, type IdMapper, type Operation } from '../plan/index.js';
import { EMPTY, joinPath, S_IFMT, StatTable, type ByteString, type Problem, type RelPath } from '../tree/index.js';
import { ArchiveSource, HANDLE } from './archive-source.js';
import type { Member } from './member.js';
import type { SparseMap } from './sparse.js';

/** What all threads of an import share beside the engine's own. */
export interface RestoreSetup {
  apply: ApplySetup;
  /** Nanoseconds that the target's times are rounded to. */
  granularityNs: number;
}

/** Names of the archive's users and groups, as its members tell them. */
export class ArchiveNames {
  readonly users = new Map<number, ByteString>();
  readonly groups = new Map<number, ByteString>();

  nameOfUid(uid: number): ByteString | undefined { return this.users.get(uid); }
  nameOfGid(gid: number): ByteString | undefined { return this.groups.get(gid); }
}

/** What became of a member: 'same' needed nothing. */
export type Restored = 'done' | 'same' | 'left' | 'failed';

export class Restorer {
  readonly source: ArchiveSource;
  readonly names = new ArchiveNames();
  readonly planner: Planner;
  readonly probe: EntryProbe;
  private readonly runner: ApplyRunner;
  private readonly ids: IdMapper;
  readonly table = new StatTable(1);

  constructor(readonly posix: Posix, setup: RestoreSetup, shared: SharedState, slot: number) {
    const { options, umask } = setup.apply;
    const { numericIds } = options.attributes;
    this.source = new ArchiveSource((kind, name, number) => {
      const byName = (): number | undefined => (kind === 'user' ? uidOfName(name as ByteString) : gidOfName(name as ByteString));
      return numericIds ? number ?? byName() : byName() ?? number;
    });
    this.runner = new ApplyRunner(posix, setup.apply, shared, slot, this.source);
    this.ids = idMapper(options, this.names);
    this.runner.context.ids = this.ids;
    const root = posix.euid === 0;
    this.planner = new Planner(options, { granularityNs: setup.granularityNs, setsOwner: root || options.attributes.fakeSuper.target, groups: new Set([...posix.groups, posix.egid]), umask, makesDevices: root }, this.ids);
    this.probe = new EntryProbe(posix, this.source, options, () => shared.aborted, this.ids);
  }

  get context(): ApplyContext {
    return this.runner.context;
  }
  takeProblems(): Problem[] {
    return this.runner.takeProblems();
  }
  close(): void {
    this.runner.close();
  }

  /** What a member asks for in a folder; the operation is the planner's own, good until the next. Undefined: it is left out by an option. */
  plan(folder: FolderContext, name: ByteString, member: Member, content?: Buffer, map?: SparseMap): Operation | undefined {
    const { posix, source, table, probe, context } = this;
    if (!typeIsWanted(member.mode & S_IFMT, context.options)) return undefined;
    source.set(member, content, map);
    this.tellAcl(joinPath(folder.path, name));
    const fd = context.targetFolders.open(folder.path);
    const stands = fd >= 0 && posix.stat(fd, name, table, 0) === 0;
    const type = member.mode & S_IFMT;
    if (stands) probe.entries(HANDLE, name, fd, name, member.size, type);
    else probe.none();
    const op = this.planner.entry(name, source.table, 0, stands ? table : undefined, stands ? 0 : -1, stands && table.type(0) !== type, member.link, probe);
    if (op.kind === OpKind.File) this.spare(op, folder, member);
    return op;
  }

  /** A new inode has neither attributes nor, without a default list of its folder, an access list: where the member has none either, nobody need look. */
  private spare(op: Operation, folder: FolderContext, member: Member): void {
    if (member.xattrs.length === 0) op.set &= ~SetBits.Xattr;
    if (member.acls.access === undefined && folder.defaultAcl === false) op.set &= ~SetBits.Acl;
  }

  /** Tells of an access list that cannot be made of what the archive says. */
  tellAcl(path: RelPath): void {
    if (!this.source.badAcl || !this.context.options.attributes.acls) return;
    this.context.problem({ code: 'attribute-failed', phase: 'apply', side: 'target', path, severity: 'error', message: 'its access list is none, or names somebody who is not known here; it is not set' });
  }

  /** Restores an entry whose content, if it has any, is at hand. */
  entry(folder: FolderContext, name: ByteString, member: Member, content?: Buffer, map?: SparseMap): { restored: Restored; op: Operation | undefined } {
    const op = this.plan(folder, name, member, content, map);
    if (op === undefined) return { restored: 'left', op };
    if (op.kind === OpKind.Note) return { restored: 'same', op };
    return { restored: execute(this.context, folder, op) ? 'done' : 'failed', op };
  }

  /** Begins a file whose content comes piece by piece. Undefined: it needs none (`restored` says why). */
  begin(folder: FolderContext, name: ByteString, member: Member, map?: SparseMap): { file: PushedFile | undefined; restored: Restored; op: Operation | undefined } {
    const op = this.plan(folder, name, member, undefined, map);
    if (op === undefined) return { file: undefined, restored: 'left', op };
    if (op.kind !== OpKind.File) return { file: undefined, restored: op.kind === OpKind.Note ? 'same' : execute(this.context, folder, op) ? 'done' : 'failed', op };
    const own = copyOperation(op); // the planner's own is used for other entries before the file is finished
    const file = PushedFile.begin(this.context, folder, own);
    return { file, restored: file === undefined ? 'failed' : 'done', op };
  }

  /** Makes a further name of a file that is in its place. */
  link(folder: FolderContext, name: ByteString, leader: RelPath, leaderAt: number, leaderName: ByteString): { restored: Restored; op: Operation } {
    const { posix, table, planner } = this;
    const op = planner.op;
    // The name's type is that of the file it stands for.
    const there = leaderAt < 0 ? -1 : posix.stat(leaderAt, leaderName, table, 0);
    if (there === 0) this.source.set({ ...NOTHING, mode: table.mode(0), size: table.size(0), uid: table.uid(0), gid: table.gid(0), mtimeSec: table.mtimeSec(0), mtimeNsec: table.mtimeNsec(0) });
    const identity = there === 0 ? table.identity(0) : '';
    const fd = this.context.targetFolders.open(folder.path);
    const stands = fd >= 0 && posix.stat(fd, name, table, 0) === 0;
    planner.entry(name, this.source.table, 0, stands ? table : undefined, stands ? 0 : -1, true, EMPTY, this.probe.none());
    op.kind = OpKind.Link;
    op.link = leader;
    if (stands && there === 0 && table.identity(0) === identity) {
      op.kind = OpKind.Note;
      return { restored: 'same', op };
    }
    return { restored: execute(this.context, folder, op) ? 'done' : 'failed', op };
  }
}

const NOTHING: Member = {
  kind: 'entry', path: EMPTY, mode: 0, uid: 0, gid: 0, uname: EMPTY, gname: EMPTY, size: 0, stored: 0, mtimeSec: 0, mtimeNsec: 0, atime: undefined, link: EMPTY, major: 0, minor: 0,
  xattrs: [], acls: { access: undefined, default: undefined }, sparse: undefined,
};
export { NOTHING };
