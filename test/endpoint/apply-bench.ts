/**
 * A workshop for tests of apply: two real folders, the real planner over real stats, and apply on top. It is a
 * session in small: one thread, folder by folder, moves and hard links by hand.
 */
import { threadId } from 'node:worker_threads';
import {
  EMPTY, fromText, joinPath, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, StatTable, type ByteString, type Problem, type RelPath,
} from '../../src/tree/index.js';
import { copyOperation, emptyOperation, IdMapper, Item, OpKind, Planner, Reason, type Operation, type Probe, type SessionOptions } from '../../src/plan/index.js';
import { FolderCache, loadPosix, type NameList, type Posix } from '../../src/fs/index.js';
import { localSource } from '../../src/endpoint/source/local.js';
import type { SourceFs } from '../../src/endpoint/source/types.js';
import {
  closeContext, describeFolder, enterFolder, execute, finishDelayed, isTempName, leaveFolder, newCounters, removeEntry, removeSource, type ApplyContext,
  type FolderContext,
} from '../../src/endpoint/apply/index.js';

/** Options of `-a` on a local pair, to be changed by the test. */
export function archive(change: (o: SessionOptions) => void = () => {}): SessionOptions {
  const o: SessionOptions = {
    dryRun: false,
    compare: { mode: 'quick', modifyWindow: 0, update: false, existing: false, ignoreExisting: false, ignoreNonExisting: false, maxSize: undefined, minSize: undefined },
    attributes: {
      perms: true, executability: false, times: true, atimes: false, owner: true, group: true, devices: true, specials: true, links: true, hardLinks: false,
      acls: false, xattrs: false, omitDirTimes: false, omitLinkTimes: false, openNoatime: false, numericIds: true, userMap: [], groupMap: [], chmod: undefined,
      fakeSuper: { source: false, target: false }, copyDevices: false, writeDevices: false,
    },
    symlinks: { copyLinks: false, copyUnsafeLinks: false, safeLinks: false, copyDirlinks: false, keepDirlinks: false, mungeLinks: false },
    walk: { recursive: true, dirs: false, oneFileSystem: 0, relative: false, impliedDirs: true, pruneEmptyDirs: false, gitignore: false },
    filters: [], filesFrom: undefined,
    delete: { when: undefined, excluded: false, ignoreErrors: false, force: false, maxDelete: undefined, limit: undefined, missingArgs: 'error', detectMoves: true },
    replace: {
      inplace: false, append: false, wholeFile: undefined, sparse: false, preallocate: false, tempDir: undefined, delayUpdates: false, partial: false,
      partialDir: undefined, backup: false, backupDir: undefined, suffix: fromText('~'), altDest: undefined, removeSourceFiles: false, fsync: false, mkpath: false,
    },
    guard: { root: false, reserveBytes: 0 }, lock: false, threads: undefined, bwlimit: 0, stopAt: undefined,
  };
  change(o);
  return o;
}

/** A Posix whose named calls are replaced; the others are the real ones. */
export function tampered(changes: Partial<Posix>, base: Posix = loadPosix()): Posix {
  return Object.assign(Object.create(base) as Posix, changes);
}

export interface BenchOptions {
  /** Where content and attributes are read from; planning looks at the folder itself. */
  source?: SourceFs;
  /** The source's handle of its root, where that is another one's than the kernel's. */
  sourceRoot?: number;
  options?: SessionOptions;
  posix?: Posix;
  marksIncomplete?: boolean;
  altRoots?: string[];
  backupDir?: string;
  tempDir?: string;
  tag?: string;
}

let sessions = 0;

/** One session in small between two folders. `close` gives back what it opened. */
export class Bench {
  readonly posix: Posix;
  readonly options: SessionOptions;
  readonly problems: Problem[] = [];
  readonly planner: Planner;
  readonly ctx: ApplyContext;
  bytes = 0;
  abort = false;
  private readonly roots: number[] = [];
  private readonly sourceRoot: number;
  private readonly sourceFolders: FolderCache;
  private readonly remoteFolders: FolderCache | undefined;
  private readonly s = new StatTable(1);
  private readonly t = new StatTable(1);
  private readonly umask: number;
  /** Plans as with an option of --copy-dest or --link-dest: index of the alternate folder that holds the same file. */
  alt: ((path: RelPath) => { index: number; link: boolean } | undefined) | undefined;

  constructor(source: string, target: string, more: BenchOptions = {}) {
    this.posix = more.posix ?? loadPosix();
    this.options = more.options ?? archive();
    this.umask = process.umask(0);
    const { posix } = this;
    const lookup = { nameOfSource: () => undefined, idOfTarget: () => undefined };
    this.planner = new Planner(
      this.options,
      { granularityNs: 1, setsOwner: posix.euid === 0 || this.options.attributes.fakeSuper.target, groups: posix.groups, umask: this.umask, makesDevices: posix.euid === 0 },
      new IdMapper({ numericIds: true, sameNames: true, userMap: [], groupMap: [], users: lookup, groups: lookup }),
    );
    this.sourceRoot = this.root(source);
    this.sourceFolders = new FolderCache(posix, this.sourceRoot);
    if (more.source !== undefined && more.sourceRoot !== undefined) this.remoteFolders = new FolderCache(more.source, more.sourceRoot);
    const targetRoot = this.root(target);
    this.ctx = {
      posix, source: more.source ?? localSource(posix), options: this.options, umask: this.umask, targetRoot,
      altRoots: (more.altRoots ?? []).map((p) => this.root(p)),
      backupRoot: more.backupDir === undefined ? -1 : this.root(more.backupDir),
      tempRoot: more.tempDir === undefined ? -1 : this.root(more.tempDir),
      targetFolders: new FolderCache(posix, targetRoot, { follow: this.options.symlinks.keepDirlinks, beneath: true }),
      sourceFolder: (_layer, path) => (this.remoteFolders ?? this.sourceFolders).open(path),
      sessionTag: more.tag ?? (process.pid * 4096 + sessions++ * 16 + threadId).toString(16),
      marksIncomplete: more.marksIncomplete ?? true,
      aborted: () => this.abort,
      addBytes: (n) => { this.bytes += n; },
      counters: newCounters(),
      problem: (p) => this.problems.push(p),
    };
  }

  private root(path: string): number {
    const fd = this.posix.openRoot(fromText(path));
    if (fd < 0) throw new Error(`cannot open ${path}: ${fd}`);
    this.roots.push(fd);
    return fd;
  }

  close(): void {
    closeContext(this.ctx);
    this.sourceFolders.closeAll();
    this.remoteFolders?.closeAll();
    this.ctx.targetFolders.closeAll();
    for (const fd of this.roots) this.posix.close(fd);
    process.umask(this.umask);
  }

  /** Codes of the problems so far, with their paths. */
  get told(): string[] {
    return this.problems.map((p) => `${p.code} ${p.path}`);
  }

  /** Plans the entry at `path` as it stands now on both sides. */
  plan(path: string): Operation {
    const rel = path as RelPath;
    const at = rel.lastIndexOf('/');
    const folder = (at < 0 ? '' : rel.slice(0, at)) as RelPath;
    return this.planEntry(folder, rel.slice(at + 1) as ByteString);
  }

  private planEntry(folder: RelPath, name: ByteString): Operation {
    const { posix, s, t } = this;
    const from = this.sourceFolders.open(folder);
    const to = this.ctx.targetFolders.open(folder);
    const { copyLinks } = this.options.symlinks;
    if (from < 0 || (copyLinks ? posix.statFollow(from, name, s, 0) : posix.stat(from, name, s, 0)) < 0) throw new Error(`no source ${folder}/${name}`);
    const there = to >= 0 && posix.stat(to, name, t, 0) === 0;
    const obstacle = there && s.type(0) !== t.type(0) && !(s.isDir(0) && t.isSymlink(0) && this.options.symlinks.keepDirlinks);
    const path = joinPath(folder, name);
    const probe: Probe = {
      sameContent: () => false, sameAcl: () => false, sameXattrs: () => false,
      targetLink: () => { const text = posix.readlink(to, name); return typeof text === 'number' ? EMPTY : text; },
    };
    if (s.isDir(0)) return copyOperation(this.planner.folder(path, s, 0, there ? t : undefined, there ? 0 : -1, obstacle, probe));
    const text = s.isSymlink(0) ? posix.readlink(from, name) : EMPTY;
    const op = copyOperation(this.planner.entry(name, s, 0, there ? t : undefined, there ? 0 : -1, obstacle, typeof text === 'number' ? EMPTY : text, probe));
    if (s.nlink(0) > 1 && this.options.attributes.hardLinks && !s.isDir(0)) op.group = s.identity(0);
    return op;
  }

  /** Enters the folder `path` ('' for the root) as a session does. */
  enter(path = ''): FolderContext {
    const folder = path === '' ? describeFolder(this.ctx, EMPTY, false) : enterFolder(this.ctx, undefined, this.plan(path));
    if (folder === undefined) throw new Error(`cannot enter ${path}: ${this.told.join()}`);
    return folder;
  }

  /** Plans and carries out one entry, in its folder entered anew. */
  apply(path: string): boolean {
    const at = path.lastIndexOf('/');
    return execute(this.ctx, this.enter(at < 0 ? '' : path.slice(0, at)), this.plan(path));
  }

  /** A Delete operation for a name of the target. */
  removal(path: string): Operation {
    const at = path.lastIndexOf('/');
    const to = this.ctx.targetFolders.open((at < 0 ? '' : path.slice(0, at)) as RelPath);
    if (this.posix.stat(to, path.slice(at + 1) as ByteString, this.t, 0) < 0) throw new Error(`no target ${path}`);
    return copyOperation(this.planner.removal(path.slice(at + 1) as ByteString, this.t, 0, Reason.Extraneous));
  }

  /** A Move operation from the target's `old` to the source's `path`. */
  move(old: string, path: string): Operation {
    const op = this.plan(path);
    if (op.kind === OpKind.Folder) op.name = path.slice(path.lastIndexOf('/') + 1) as ByteString;
    op.kind = OpKind.Move;
    op.link = old as RelPath;
    return op;
  }

  /** Makes the target equal, with deletion where the options say so. */
  sync(): void {
    const root = this.ctx.targetFolders.open(EMPTY);
    this.posix.fstat(this.sourceRoot, this.s, 0);
    this.posix.fstat(root, this.t, 0);
    const probe: Probe = { sameContent: () => false, sameAcl: () => false, sameXattrs: () => false, targetLink: () => EMPTY };
    const op = copyOperation(this.planner.folder(EMPTY, this.s, 0, this.t, 0, false, probe));
    const folder = enterFolder(this.ctx, undefined, op);
    if (folder === undefined) return;
    this.leaders.clear();
    this.folder(folder, op);
  }

  private readonly leaders = new Map<string, RelPath>();

  private folder(folder: FolderContext, op: Operation): void {
    const { ctx } = this;
    const wanted = this.names(this.sourceFolders.open(folder.path));
    const removing = this.options.delete.when !== undefined;
    if (!folder.fresh) {
      for (const name of this.names(ctx.targetFolders.open(folder.path))) {
        if (wanted.includes(name)) {
          this.clearObstacle(folder, name);
        } else if (removing) this.removeAll(folder, name);
      }
    }
    for (const name of wanted) {
      const next = this.planEntry(folder.path, name);
      if (next.kind === OpKind.Folder) {
        const inner = enterFolder(ctx, folder, next);
        if (inner !== undefined) this.folder(inner, next);
        continue;
      }
      this.one(folder, next);
    }
    if (this.options.replace.delayUpdates) finishDelayed(ctx, folder);
    folder.fd = ctx.targetFolders.open(folder.path);
    leaveFolder(ctx, folder, op);
  }

  private one(folder: FolderContext, op: Operation): void {
    const path = joinPath(folder.path, op.name);
    const alt = this.alt?.(path);
    const leader = op.group === '' ? undefined : this.leaders.get(op.group);
    if (leader !== undefined) {
      op.kind = OpKind.Link;
      op.link = leader;
      op.item |= Item.HardLink;
    } else if (alt !== undefined && op.expected.mode === 0) {
      op.alt = alt.index + 1;
      if (alt.link) { op.kind = OpKind.Link; op.link = path; }
    }
    let done = true;
    if (op.kind === OpKind.Note) removeSource(this.ctx, folder, op);
    else done = execute(this.ctx, folder, op);
    if (done && op.group !== '' && leader === undefined) this.leaders.set(op.group, path);
  }

  /** A folder where the source has none: its contents are deleted first, as a plan does. */
  private clearObstacle(folder: FolderContext, name: ByteString): void {
    const to = this.ctx.targetFolders.open(folder.path);
    this.posix.stat(to, name, this.t, 0);
    const isFolder = this.t.isDir(0);
    this.posix.stat(this.sourceFolders.open(folder.path), name, this.s, 0);
    if (!isFolder || this.s.isDir(0) || (!this.options.delete.force && this.options.delete.when === undefined)) return;
    const inner = describeFolder(this.ctx, joinPath(folder.path, name), false);
    if (inner === undefined) return;
    for (const child of this.names(inner.fd)) this.removeAll(inner, child);
  }

  private removeAll(folder: FolderContext, name: ByteString): void {
    const path = joinPath(folder.path, name);
    const op = this.removal(path);
    if ((op.expected.mode & S_IFMT) === S_IFDIR) {
      const inner = describeFolder(this.ctx, path, false);
      if (inner !== undefined) for (const child of this.names(inner.fd)) this.removeAll(inner, child);
    }
    removeEntry(this.ctx, folder, op);
  }

  private names(fd: number): ByteString[] {
    const list: NameList = { names: [], types: [] };
    const error = this.posix.list(fd, list);
    if (error < 0) throw new Error(`cannot list: ${error}`);
    return list.names.slice().sort();
  }
}

/** Runs `work` on a bench that is closed afterwards. */
export function withBench<T>(source: string, target: string, more: BenchOptions, work: (bench: Bench) => T): T {
  const bench = new Bench(source, target, more);
  try {
    return work(bench);
  } finally {
    bench.close();
  }
}

/** Temporary names in a listing of paths: what no run may leave. */
export function leftovers(paths: Iterable<string>): string[] {
  return [...paths].filter((p) => p.split('/').some((part) => isTempName(part as ByteString) || part === '.~tmp~'));
}

/** An operation with the given fields, the rest empty. */
export function operation(fields: Partial<Operation>): Operation {
  return { ...emptyOperation(), ...fields };
}

/** Modes of a file and a symlink, for hand-made operations. */
export const FILE = S_IFREG;
export const LINK = S_IFLNK;
