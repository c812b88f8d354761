/**
 * The walker: goes through source and target together, folder by folder in byte order, and writes the plan.
 *
 * It holds a stack of folder runs (siblings yet to be walked), so its memory follows the depth of the tree and
 * the size of one folder. It works in steps, so that the main thread can walk too, and gives runs away to idle
 * walkers: a hole in its stream marks where their part belongs. All calls are synchronous. It changes nothing.
 */
import { Errno, FolderCache, errnoText, type Posix } from '../../fs/index.js';
import {
  type CompareOptions, DEFAULT_ACL, Item, mungeLink, OpKind, OperationWriter, parseAcl, permsOfAcl, Planner, Reason, SetBits, typeIsWanted, unmungeLink, unsafeSymlink, type IdMapper, type Operation, type SessionOptions,
} from '../../plan/index.js';
import {
  addCounts, countType, EMPTY, joinPath, parentOf, baseOf, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, StatTable, type ByteString, type Problem, type RelPath, typeCounts, type TypeCounts,
} from '../../tree/index.js';
import { DELAY_FOLDER, isTempName } from '../apply/index.js';
import { EntryProbe } from './probe.js';
import { NO_SCOPES, WalkFilters, type Scopes } from './filters.js';
import { overlayFakeStat } from './fake-stat.js';
import { followRule, withFollowed } from './follow.js';
import { AltDests } from './alt-dest.js';
import { Listing, type SourceLayer } from './listing.js';
import { NameTwins } from './name-twins.js';
import { PlanStream } from './plan-stream.js';
import { countRemoval, isSideFolder, RemovalList, type RemovalContext } from './removal.js';
import { Open, type SelectionNode } from './selection.js';
import { spaceFor, type FolderRun, type LostClass, type PlanSink, type ScanFindings, type ScanSetup } from './types.js';

/** How a walker and its surroundings talk while it works. */
export interface WalkSignals {
  aborted(): boolean;
  /** Entries seen since the last call. */
  scanned(entries: number): void;
  /** True where another walker waits for work. */
  hungry(): boolean;
}

interface Frame {
  run: FolderRun;
  at: number; // next name
  end: number; // shrinks when folders are given away
  holes: number[]; // last given first
  scopes: Scopes; // of run.parent
}

/** One folder at hand. */
interface Folder {
  path: RelPath;
  layers: SourceLayer[];
  open: Open;
  node: SelectionNode | undefined;
  target: number; // handle, -1 where the target has no such folder
  targetPerms: number;
  scopes: Scopes;
  header: Uint8Array;
  headerWritten: boolean;
  restore: Uint8Array; // header for the stream of deletions
  restoreWritten: boolean;
  children: FolderRun;
}

/** Walks runs of folders and writes their plan to a sink. */
export class Walker {
  readonly findings: ScanFindings;
  private readonly planner: Planner;
  private readonly cannotHold: ReadonlySet<LostClass>;
  private readonly source: FolderCache[];
  private readonly target: FolderCache | undefined;
  private readonly filters: WalkFilters;
  private readonly probe: EntryProbe;
  private readonly alts: AltDests;
  private readonly listing: Listing;
  private readonly targetListing: Listing;
  private readonly own = new StatTable(2); // the folder itself: 0 source, 1 target
  private readonly plan: PlanStream;
  private readonly deletions: PlanStream;
  private readonly scratch = new OperationWriter(1 << 10);
  private readonly removals = new RemovalList();
  private readonly removal: RemovalContext;
  private readonly follow: ReturnType<typeof followRule>; // by options
  private readonly listingFollow: ReturnType<typeof followRule>; // and what the user named a way through
  private readonly twins: NameTwins | undefined;
  private readonly rootDevice = new StatTable(1);
  private readonly outside = new StatTable(1);
  private readonly deletes: boolean;
  private readonly lost = new Map<string, { count: number; example: ByteString }>();
  /** The last answer of `inheritedPerms`: neighbours ask for the same folder. */
  private inherited: { path: RelPath | undefined; perms: number } = { path: undefined, perms: -1 };
  private stack: Frame[] = [];
  private nextHole = 1;

  constructor(
    private readonly posix: Posix,
    private readonly setup: ScanSetup,
    private readonly sink: PlanSink,
    private readonly signals: WalkSignals,
    ids: IdMapper,
    private readonly holeBase: number, // hole numbers of this walker begin here
  ) {
    const { options } = setup;
    this.targetListing = new Listing(posix);
    this.findings = emptyFindings();
    this.cannotHold = new Set(setup.facts.cannotHold);
    this.planner = new Planner(withoutLost(options, this.cannotHold), { ...setup.facts, groups: new Set(setup.facts.groups) }, ids);
    this.follow = followRule(posix, options);
    this.listingFollow = withFollowed(posix, this.follow, setup.mounts);
    this.source = setup.mounts.map((m) => new FolderCache(posix, m.fd, { follow: this.follow !== undefined, ...(m.followed === undefined ? {} : { followed: m.followed }) }));
    this.target = setup.target < 0 ? undefined : new FolderCache(posix, setup.target, { follow: options.symlinks.keepDirlinks, beneath: true, followed: setup.targetFollowed });
    this.filters = new WalkFilters(posix, options, setup.filterPlace, (file, message) => {
      this.problem({ code: 'filter-file', phase: 'scan', side: 'source', path: file, message, severity: 'error' });
      this.findings.incomplete = true;
    });
    this.probe = new EntryProbe(posix, options, () => signals.aborted(), ids);
    this.alts = new AltDests(posix, options, setup.altRoots);
    this.listing = new Listing(posix);
    this.listing.alias = setup.alias;
    this.listing.copyDevices = options.attributes.copyDevices;
    this.listing.fake = options.attributes.fakeSuper.source;
    this.targetListing.fake = options.attributes.fakeSuper.target;
    this.plan = new PlanStream((bytes) => sink.chunk(0, bytes));
    this.deletions = new PlanStream((bytes) => sink.chunk(1, bytes));
    this.twins = setup.foldsNames === 'no' ? undefined : new NameTwins(setup.foldsNames);
    this.deletes = options.delete.when !== undefined;
    this.removal = {
      posix, planner: this.planner, filters: this.filters, target: this.target ?? new FolderCache(posix, -1), findings: this.findings,
      keptSuffix: options.replace.backup && options.replace.backupDir === undefined ? options.replace.suffix : undefined,
      sideFolders: setup.sideFolders,
      problem: (p) => this.problem(p),
    };
  }

  /** Begins with a run: `rootRun`, or one that another walker gave away. */
  startRun(run: FolderRun): void {
    this.stack.push({ run, at: 0, end: run.names.length, holes: [], scopes: this.scopesOf(run.parent) });
  }

  /** Walks until `deadline` (by performance.now) or the end. True when everything is walked. */
  step(deadline: number): boolean {
    for (;;) {
      const frame = this.stack[this.stack.length - 1];
      if (frame === undefined) {
        this.plan.flush();
        this.deletions.flush();
        return true;
      }
      if (frame.at >= frame.end || this.signals.aborted()) {
        this.leave(frame);
        continue;
      }
      const k = frame.at++;
      this.folder(frame, k);
      if (this.signals.hungry()) return false; // the caller gives something away
      if (performance.now() >= deadline) return false;
    }
  }

  /** Splits off the last half of the largest piece of work that is left; undefined where there is nothing to give. */
  give(): { hole: number; run: FolderRun } | undefined {
    for (const frame of this.stack) {
      const left = frame.end - frame.at;
      const last = frame === this.stack[this.stack.length - 1];
      if (left < (last ? 2 : 1)) continue;
      const from = frame.at + (last ? Math.ceil(left / 2) : Math.floor(left / 2));
      const { run } = frame;
      const given: FolderRun = {
        parent: run.parent, names: run.names.slice(from, frame.end), mounts: run.mounts.slice(from, frame.end),
        owners: run.owners.slice(from, frame.end), onTarget: run.onTarget.slice(from, frame.end), open: run.open.slice(from, frame.end),
      };
      frame.end = from;
      const hole = this.holeBase + this.nextHole++;
      frame.holes.push(hole);
      return { hole, run: given };
    }
    return undefined;
  }

  /** Closes all handles; the findings stay. */
  close(): void {
    for (const cache of this.source) cache.closeAll();
    this.target?.closeAll();
    this.alts.close();
    this.findings.lost = [...this.lost].map(([kind, { count, example }]) => ({ kind, count, example }));
  }

  private leave(frame: Frame): void {
    this.stack.pop();
    while (frame.holes.length > 0) {
      this.plan.interrupt();
      this.deletions.interrupt();
      this.sink.hole(frame.holes.pop() as number);
    }
  }

  // ---------------------------------------------------------------- one folder

  private folder(frame: Frame, k: number): void {
    const { run } = frame;
    const name = run.names[k] as ByteString;
    const path = joinPath(run.parent, name);
    const folder = this.openFolder(frame, k, path, name);
    if (folder === undefined) return;
    this.signals.scanned(1);
    if (folder.open !== Open.No || folder.node?.children !== undefined) this.merge(folder);
    if (folder.children.names.length > 0) {
      this.stack.push({ run: folder.children, at: 0, end: folder.children.names.length, holes: [], scopes: folder.scopes });
    }
  }

  /** Opens both sides, plans the folder itself; undefined where there is nothing to walk. */
  private openFolder(frame: Frame, k: number, path: RelPath, name: ByteString): Folder | undefined {
    const { run } = frame;
    const { options } = this.setup;
    const owners = run.owners[k] as number[];
    const openMounts = run.mounts[k] as number[];
    const node = this.nodeAt(path);
    let open = run.open[k] as Open;
    const layers: SourceLayer[] = [];
    let attributesFrom = -1;
    for (const mount of path === '' ? mountsAtRoot(node, owners) : owners) {
      const fd = (this.source[mount] as FolderCache).open(path);
      if (fd < 0) {
        if (attributesFrom < 0 && this.statByParent(mount, path) === 0) attributesFrom = -2;
        this.readFailure(path, -fd, 'the folder cannot be opened');
        open = Open.No;
        continue;
      }
      if (attributesFrom === -1 && owners.includes(mount)) {
        const error = this.posix.fstat(fd, this.own, 0);
        if (error < 0) {
          this.readFailure(path, -error, 'its attributes cannot be read');
          continue;
        }
        if (this.listing.fake) overlayFakeStat(this.posix, fd, EMPTY, this.own, 0);
        attributesFrom = fd;
      }
      layers.push({ mount, fd, listed: openMounts.includes(mount) });
    }
    if (owners.length > 0 && attributesFrom === -1) return undefined;

    // The target's side.
    let target = -1;
    let obstacle = false;
    let present = false;
    if ((run.onTarget[k] as boolean) && this.target !== undefined) {
      target = this.target.open(path);
      if (target >= 0) {
        present = this.posix.fstat(target, this.own, 1) === 0;
        if (present && this.targetListing.fake) overlayFakeStat(this.posix, target, EMPTY, this.own, 1);
      } else if (target === -Errno.ENOTDIR || target === -Errno.ELOOP || (target === -Errno.ENOENT && options.symlinks.keepDirlinks)) {
        // With --keep-dirlinks a symlink that leads nowhere says ENOENT: it is in the way all the same.
        const parent = this.target.open(parentOf(path));
        obstacle = parent >= 0 && this.posix.stat(parent, baseOf(path), this.own, 1) === 0;
        if (obstacle && options.symlinks.keepDirlinks && this.own.isSymlink(1) && this.leadsOut(parent, baseOf(path))) {
          this.problem({
            code: 'escaped', phase: 'scan', side: 'target', path, severity: 'error',
            message: 'the symlink leads out of the target and is not followed; nothing is done in it',
          });
          return undefined;
        }
      } else if (target !== -Errno.ENOENT) {
        this.problem({ code: 'unreadable', phase: 'scan', side: 'target', path, errno: -target, severity: 'error', message: `the folder cannot be opened: ${errnoText(-target)}` });
        return undefined;
      }
      if (target < 0) target = -1;
    }
    this.planner.parentSetgid = this.parentSetgid(path);
    this.planner.dirDefault = path === '' ? this.setup.newRootPerms : this.inheritedPerms(parentOf(path));

    // The folder's own operation.
    let op: Operation;
    const probe = this.probe;
    const implied = node?.implied === true && !options.walk.impliedDirs;
    if (owners.length === 0) {
      // The transfer's root where only names were chosen: it exists or is made, its attributes are nobody's.
      this.own.words.fill(0, 0, 64);
      op = this.planner.folder(path, this.own, 0, this.own, present ? 1 : 0, false, probe.none());
      op.item = present ? 0 : Item.New | Item.Local;
      op.reason = present ? Reason.Unchanged : Reason.New;
      op.set = present ? 0 : SetBits.Mode;
      op.mode = S_IFDIR | (present ? this.own.perms(1) : 0o777 & ~this.setup.facts.umask);
    } else {
      const skips = !present && leftAlone(options.compare, obstacle);
      if (skips !== false) {
        if (this.setup.notes) {
          this.plan.within(parentOf(path));
          this.plan.write(named(this.planner.note(path, this.own, 0, skips), name));
        }
        return undefined;
      }
      countType(this.findings.entries, S_IFDIR);
      if (present && path !== '') this.findings.targetEntries++; // the root is never deleted: it is no part of a share
      probe.folders(attributesFrom === -2 ? -1 : attributesFrom, target);
      op = this.planner.folder(path, this.own, 0, present || obstacle ? this.own : undefined, 1, obstacle, probe);
      op.layer = owners[0] as number;
      if (!present && this.alts.active) this.alts.answerFolder(this.planner, path, attributesFrom === -2 ? -1 : attributesFrom, this.own, 0, probe);
      if (implied) {
        op.item = 0; // nothing is told of it, as in rsync
        op.set = present ? 0 : SetBits.Mode;
        if (!present) op.mode = S_IFDIR | (0o777 & ~this.setup.facts.umask);
      }
      this.noteLost(op, path);
    }
    if (!present) countType(this.findings.creates, S_IFDIR);
    else if (op.item !== 0) this.findings.attributeChanges++;
    if (op.item !== 0) this.findings.operations++;

    this.scratch.reset();
    this.scratch.write(op);
    const header = this.scratch.take();
    const own = op.item !== 0 || (implied && !present);
    op.item = 0;
    op.reason = Reason.Extraneous;
    op.set &= SetBits.Mtime;
    this.scratch.write(op);
    const restore = this.scratch.take();

    if (open !== Open.No && path !== '' && options.walk.oneFileSystem > 0 && owners.length > 0 && !this.own.sameDevice(0, this.deviceOf(owners[0] as number, path), 0)) open = Open.No;
    const handles = { source: layers.map((l) => l.fd), target };
    const scopes = path === '' ? this.filters.root(handles) : this.filters.enter(frame.scopes, name, handles);
    const folder: Folder = {
      path, layers, open, node, target, targetPerms: present ? this.own.perms(1) : op.mode & 0o7777, scopes, header, headerWritten: false, restore, restoreWritten: false,
      children: { parent: path, names: [], mounts: [], owners: [], onTarget: [], open: [] },
    };
    if (own || this.setup.notes) this.useFolder(folder);
    return folder;
  }

  private merge(folder: Folder): void {
    const { listing, targetListing } = this;
    const error = listing.readSource(folder.layers, folder.node, this.listingFollow, folder.path);
    let removes = this.deletes && folder.open !== Open.No;
    if (error < 0) {
      this.readFailure(folder.path, -error, 'the folder cannot be listed');
      removes = false;
    }
    let targetLength = 0;
    if (folder.target >= 0) {
      const targetError = targetListing.readFolder(folder.target);
      if (targetError < 0) {
        this.problem({ code: 'unreadable', phase: 'scan', side: 'target', path: folder.path, errno: -targetError, severity: 'error', message: `the folder cannot be listed: ${errnoText(-targetError)}` });
        return;
      }
      targetLength = targetListing.length;
    }
    this.twins?.begin(listing.names);
    this.planner.parentSetgid = (folder.targetPerms & 0o2000) !== 0;
    this.planner.dirDefault = folder.target >= 0 ? this.defaultPerms(folder.target) : this.inheritedPerms(folder.path);
    const names = listing.names;
    const targetNames = targetListing.names;
    let i = 0;
    let j = 0;
    while (i < names.length || j < targetLength) {
      const s = names[i];
      const t = j < targetLength ? targetNames[j] : undefined;
      if (t === undefined || (s !== undefined && s < t)) {
        this.sourceEntry(folder, i++, -1, removes);
      } else if (s === undefined || t < s) {
        this.extraneous(folder, j++, removes, Reason.Extraneous);
      } else {
        this.sourceEntry(folder, i++, j++, removes);
      }
    }
    this.signals.scanned(names.length + targetLength);
    if (!this.removals.empty) this.writeRemovals(folder);
  }

  // ---------------------------------------------------------------- one entry

  private sourceEntry(folder: Folder, i: number, j: number, removes: boolean): void {
    const { listing } = this;
    const name = listing.names[i] as ByteString;
    const r = listing.record(i);
    if (r < 0) {
      this.missingEntry(folder, name, -r, j);
      return;
    }
    const s = listing.table;
    const type = s.type(r);
    const isDir = type === S_IFDIR;
    const child = folder.node?.children?.get(name);
    if (folder.scopes.source !== undefined && child?.implied !== true && folder.scopes.source.excludes(name, isDir)) {
      if (j >= 0) this.extraneous(folder, j, removes, Reason.ExcludedDeleted);
      return;
    }
    if (this.twins !== undefined) {
      const twin = this.twins.of(name);
      if (twin !== undefined) {
        this.problem({ code: 'name-twin', phase: 'plan', side: 'target', path: joinPath(folder.path, name), severity: 'error', message: `the target cannot tell this name from "${twin}"; it is not copied` });
        return;
      }
    }
    if (isDir) this.childFolder(folder, i, r, j, name, child, removes);
    else this.leaf(folder, i, r, j, name, type);
  }

  private childFolder(folder: Folder, i: number, r: number, j: number, name: ByteString, child: SelectionNode | undefined, removes: boolean): void {
    const { options } = this.setup;
    const layers = this.listing.layersOf(i);
    const owners: number[] = [];
    const mounts: number[] = [];
    for (const layer of layers) {
      if (owners.length > 0 && this.posix.stat(layer.fd, name, this.own, 0) === 0 && !this.own.isDir(0) && this.follow === undefined) continue;
      owners.push(layer.mount);
      if ((layer.listed && folder.open === Open.Tree) || child?.openMounts.includes(layer.mount) === true) mounts.push(layer.mount);
    }
    owners.sort((a, b) => a - b);
    mounts.sort((a, b) => a - b);
    const inherited = folder.open === Open.Tree && layers.some((l) => l.listed) ? Open.Tree : Open.No;
    const open = Math.max(inherited, child?.open ?? Open.No) as Open;
    const chosen = options.walk.recursive || options.walk.dirs || child?.implied === true || child?.named === true;
    const path = joinPath(folder.path, name);
    if (!chosen || (!options.walk.recursive && !options.walk.dirs && child?.implied !== true)) {
      this.skipped(folder, name, r, Reason.NotRegular);
      return;
    }
    if (options.walk.oneFileSystem > 1 && options.walk.recursive && child?.named !== true && !this.listing.table.sameDevice(r, this.deviceOf(owners[0] as number, path), 0)) {
      this.skipped(folder, name, r, Reason.MountPoint);
      if (j >= 0) this.extraneous(folder, j, removes, Reason.Extraneous);
      return;
    }
    if (options.walk.pruneEmptyDirs && folder.scopes.target?.excludes(name, true) !== true && !this.holdsFiles(owners, path, folder.scopes, name, open, child)) {
      if (j >= 0) this.extraneous(folder, j, removes, Reason.Extraneous);
      return;
    }
    let onTarget = false;
    if (j >= 0) {
      const tr = this.targetListing.record(j);
      onTarget = tr >= 0;
      if (onTarget && !this.targetListing.table.isDir(tr)) this.useFolder(folder);
    }
    if (!onTarget && leftAlone(options.compare, false) === false) this.useFolder(folder);
    const c = folder.children;
    c.names.push(name);
    c.mounts.push(mounts);
    c.owners.push(owners);
    c.onTarget.push(onTarget);
    c.open.push(open);
  }

  private leaf(folder: Folder, i: number, r: number, j: number, name: ByteString, type: number): void {
    const { options } = this.setup;
    const s = this.listing.table;
    const findings = this.findings;
    const at = this.listing.handleOf(i);
    countType(findings.entries, type);
    if (type === S_IFREG || type === S_IFLNK) findings.totalSize += s.size(r);

    let t: StatTable | undefined;
    let tr = -1;
    if (j >= 0) {
      tr = this.targetListing.record(j);
      if (tr >= 0) {
        t = this.targetListing.table;
        findings.targetEntries++;
      }
    }
    const path = joinPath(folder.path, name);
    const reason = this.whySkipped(s, r, type, t, tr, path, at, name);
    if (reason !== 0) {
      this.skipped(folder, name, r, reason, at);
      return;
    }
    const probe = this.probe;
    probe.entries(at, this.sourceName(name), folder.target, name, s.size(r), type);
    const link = type === S_IFLNK ? probe.sourceLink() : EMPTY;
    if (typeof link === 'number') {
      this.readFailure(path, -link, 'the link cannot be read');
      return;
    }
    const text = type === S_IFLNK ? this.linkText(link) : link;
    const obstacle = t !== undefined && t.type(tr) !== type;
    if (obstacle && t !== undefined && t.isDir(tr) && !this.clearObstacle(folder, name, path)) {
      this.problem({ code: 'not-empty', phase: 'plan', side: 'target', path, severity: 'warning', message: 'the folder is not empty: it is not deleted' });
      this.problem({ code: 'write-failed', phase: 'plan', side: 'target', path, errno: Errno.ENOTEMPTY, severity: 'error', message: 'a folder that is not empty stands in the way' });
      return;
    }
    const op = this.planner.entry(name, s, r, t, tr, obstacle, text, probe);
    op.layer = this.listing.mountOf(i);
    const lacks = t === undefined || obstacle || op.reason === Reason.Incomplete;
    if (lacks && this.alts.active && !this.alts.answer(this.planner, folder.path, name, s, r, probe)) {
      this.skipped(folder, name, r, Reason.AltDestSame, at);
      return;
    }
    if (options.attributes.hardLinks && s.nlink(r) > 1) {
      op.group = s.identity(r);
      findings.grouped++;
    }
    this.writeEntry(folder, op, path);
  }

  /** Writes what the planner decided for a leaf, and counts it. */
  private writeEntry(folder: Folder, op: Operation, path: RelPath): void {
    const findings = this.findings;
    if (op.kind === OpKind.Note) {
      if (!this.setup.notes && op.group === '') return;
    } else {
      findings.operations++;
      if ((op.item & Item.New) !== 0 || (op.expected.mode === 0 && op.kind !== OpKind.Link)) countType(findings.creates, op.mode);
      if (op.kind === OpKind.File && op.alt === 0) {
        findings.transferFiles++;
        findings.transferBytes += op.size;
        const need = spaceFor(op.size, op.allocated);
        findings.bytesNeeded += need;
        if (op.expected.mode !== 0) {
          const given = Math.min(op.expected.size, need);
          findings.bytesReplaced += given;
          findings.largestReplaced = Math.max(findings.largestReplaced, given);
        }
      } else if (op.kind === OpKind.Attributes) findings.attributeChanges++;
      this.noteLost(op, path);
    }
    this.useFolder(folder);
    this.plan.write(op);
  }

  /** Why a leaf is left alone though it was chosen; 0 where it is not. */
  private whySkipped(s: StatTable, r: number, type: number, t: StatTable | undefined, tr: number, path: RelPath, at: number, name: ByteString): Reason | 0 {
    const { options, facts } = this.setup;
    const { compare, symlinks } = options;
    if (!typeIsWanted(type, options)) return Reason.NotRegular;
    if ((type === 0o060000 || type === 0o020000) && !facts.makesDevices && !options.attributes.copyDevices && !options.attributes.fakeSuper.target) {
      this.lose('devices', path);
      return Reason.NotRegular;
    }
    if (type === S_IFLNK && this.cannotHold.has('symlinks')) {
      this.lose('symlinks', path);
      return Reason.NotRegular;
    }
    if ((type === S_IFIFO || type === S_IFSOCK) && this.cannotHold.has('special files')) {
      this.lose('special files', path);
      return Reason.NotRegular;
    }
    if (type === S_IFLNK && symlinks.safeLinks) {
      const text = this.posix.readlink(at, name);
      if (typeof text !== 'number' && unsafeSymlink(symlinks.unmungeLinks === true ? unmungeLink(text) : text, path)) return Reason.UnsafeLink;
    }
    if (type === S_IFREG) {
      if (compare.maxSize !== undefined && s.size(r) > compare.maxSize) return Reason.TooLarge;
      if (compare.minSize !== undefined && s.size(r) < compare.minSize) return Reason.TooSmall;
    }
    if (t === undefined) return compare.existing || compare.ignoreNonExisting ? Reason.TargetMissing : 0;
    if (compare.ignoreExisting && !(t.mode(tr) === 0o101200 && type === S_IFREG)) return Reason.TargetExists;
    if (compare.update && type === S_IFREG && t.isFile(tr) && t.mode(tr) !== 0o101200 && this.planner.targetIsNewer(s, r, t, tr)) return Reason.TargetNewer;
    return 0;
  }

  private skipped(folder: Folder, name: ByteString, r: number, reason: Reason, at = -1): void {
    if (!this.setup.notes) return;
    const op = this.planner.note(name, this.listing.table, r, reason);
    if (at >= 0 && this.listing.table.isSymlink(r)) {
      const text = this.posix.readlink(at, name);
      if (typeof text !== 'number') op.link = text;
    }
    this.useFolder(folder);
    this.plan.write(op);
  }

  private missingEntry(folder: Folder, name: ByteString, errno: number, j: number): void {
    const path = joinPath(folder.path, name);
    const chosen = folder.node?.children?.get(name);
    if (chosen?.missing === true) {
      if (j >= 0) this.requestedRemoval(folder, j, name, path);
      return;
    }
    if (errno === Errno.ENOENT && chosen?.named === true) {
      const missing = this.setup.options.delete.missingArgs;
      if (missing !== 'error') return; // gone since it was looked for: as if it never was there
      this.readFailure(path, errno, 'the source does not exist');
      return;
    }
    if (errno === Errno.ENOENT && this.follow === undefined) {
      this.problem({ code: 'vanished', phase: 'scan', side: 'source', path, errno, severity: 'warning', message: 'it vanished while the folder was read' });
      return;
    }
    this.readFailure(path, errno, errno === Errno.ENOENT ? 'the symlink points nowhere' : 'its attributes cannot be read');
  }

  // ---------------------------------------------------------------- removal

  /** --delete-missing-args: the target's entry goes, whatever --delete says; a folder with something in it needs --delete or --force. */
  private requestedRemoval(folder: Folder, j: number, name: ByteString, path: RelPath): void {
    const t = this.targetListing.table;
    const r = this.targetListing.record(j);
    if (r < 0) return;
    this.findings.targetEntries++;
    if (folder.scopes.target?.excludes(name, t.isDir(r)) === true) return;
    if (t.isDir(r) && !this.deletes && !this.setup.options.delete.force && !this.isEmptyOnTarget(path)) {
      this.problem({ code: 'not-empty', phase: 'plan', side: 'target', path, severity: 'warning', message: 'the folder is not empty: it is not deleted' });
      return;
    }
    countRemoval(this.findings, t, r);
    this.removals.add(this.planner, name, t, r, Reason.Extraneous);
  }

  private isEmptyOnTarget(path: RelPath): boolean {
    const fd = this.target?.open(path) ?? -1;
    const listing = new Listing(this.posix);
    return fd >= 0 && listing.readFolder(fd) === 0 && listing.length === 0;
  }

  private extraneous(folder: Folder, j: number, removes: boolean, reason: Reason): void {
    const t = this.targetListing.table;
    const r = this.targetListing.record(j);
    if (r < 0) return;
    const name = this.targetListing.names[j] as ByteString;
    this.findings.targetEntries++;
    if (this.setup.options.lock && (t.isDir(r) ? name === DELAY_FOLDER : isTempName(name))) {
      // A temporary file, or the waiting folder, of a run that was killed: the lock says that nobody works on it now.
      this.removals.add(this.planner, name, t, r, Reason.Incomplete);
      return;
    }
    if (!removes) return;
    if (folder.scopes.target?.excludes(name, t.isDir(r)) === true || isSideFolder(this.setup.sideFolders, t, r)) return;
    countRemoval(this.findings, t, r);
    this.removals.add(this.planner, name, t, r, reason);
  }

  private writeRemovals(folder: Folder): void {
    const stream = this.setup.options.delete.when === 'during' ? this.plan : this.deletions;
    const open = (): void => {
      if (stream === this.plan) this.useFolder(folder);
      else if (!folder.restoreWritten) {
        folder.restoreWritten = true;
        stream.folder(folder.path, folder.restore);
      } else stream.within(folder.path);
    };
    this.removals.write(this.removal, folder.path, stream, folder.scopes, open);
  }

  /**
   * A folder stands where the source has something else: what is in it goes first, with --delete or --force. False where
   * something stays in it, so that it cannot go.
   */
  private clearObstacle(folder: Folder, name: ByteString, path: RelPath): boolean {
    const fd = this.target?.open(path) ?? -1;
    if (fd < 0) return true; // whoever removes it tells why that cannot be
    const inner = new Listing(this.posix);
    if (inner.readFolder(fd) < 0) return true;
    const { delete: deletion, replace } = this.setup.options;
    if (!this.deletes && !deletion.force) return inner.length === 0;
    this.useFolder(folder);
    const list = new RemovalList();
    const before = leaves(this.findings.deletes);
    let all = true;
    const scopes = this.filters.enter(folder.scopes, name, { source: [], target: fd }, true);
    for (let k = 0; k < inner.length; k++) {
      const r = inner.record(k);
      if (r < 0) continue;
      if (scopes.target?.excludes(inner.names[k] as ByteString, inner.table.isDir(r)) === true) {
        all = false;
        continue;
      }
      countRemoval(this.findings, inner.table, r);
      list.add(this.planner, inner.names[k] as ByteString, inner.table, r, Reason.ObstacleInWay);
    }
    if (!list.write(this.removal, path, this.plan, scopes, () => this.plan.within(path))) all = false;
    // Backups stay beside what they are of: then the folder is not empty either.
    return all && !(replace.backup && replace.backupDir === undefined && leaves(this.findings.deletes) > before);
  }

  // ---------------------------------------------------------------- small things

  /** Makes sure the folder's own operation stands before what is written next. */
  private useFolder(folder: Folder): void {
    if (folder.headerWritten) {
      this.plan.within(folder.path);
      return;
    }
    folder.headerWritten = true;
    this.plan.folder(folder.path, folder.header);
  }

  private nodeAt(path: RelPath): SelectionNode | undefined {
    let node: SelectionNode | undefined = this.setup.selection;
    if (path === '') return node;
    for (const part of path.split('/')) {
      node = node.children?.get(part as ByteString);
      if (node === undefined) return undefined;
    }
    return node;
  }

  private scopesOf(path: RelPath): Scopes {
    if (!this.filters.active) return NO_SCOPES;
    const handles = (p: RelPath): { source: number[]; target: number } => ({
      source: this.source.map((cache) => cache.open(p)).filter((fd) => fd >= 0), target: this.target?.open(p) ?? -1,
    });
    let scopes = this.filters.root(handles(EMPTY));
    if (path === '') return scopes;
    let at = EMPTY;
    for (const part of path.split('/') as ByteString[]) {
      at = joinPath(at, part);
      scopes = this.filters.enter(scopes, part, handles(at));
    }
    return scopes;
  }

  private statByParent(mount: number, path: RelPath): number {
    if (path === '') return -1;
    const parent = (this.source[mount] as FolderCache).open(parentOf(path));
    return parent < 0 ? parent : this.posix.stat(parent, baseOf(path), this.own, 0);
  }

  /** Whether a symlink that could not be followed below the root leads to a folder all the same. */
  private leadsOut(parent: number, name: ByteString): boolean {
    return this.posix.statFollow(parent, name, this.outside, 0) === 0 && this.outside.isDir(0);
  }

  private parentSetgid(path: RelPath): boolean {
    if (path === '' || this.target === undefined || this.setup.options.attributes.perms) return false;
    const parent = this.target.open(parentOf(path));
    return parent >= 0 && this.posix.fstat(parent, this.rootDevice, 0) === 0 && (this.rootDevice.perms(0) & 0o2000) !== 0;
  }

  /** Permission bits that a folder of the target gives to what is made in it, -1 where the umask rules. */
  private defaultPerms(target: number): number {
    if (target < 0 || this.setup.options.attributes.perms) return -1;
    const value = this.posix.fgetXattr(target, DEFAULT_ACL);
    const acl = typeof value === 'number' ? undefined : parseAcl(value);
    return acl === undefined ? -1 : permsOfAcl(acl);
  }

  /** The same for a folder that may yet have to be made: the kernel hands a default list down to each new folder. */
  private inheritedPerms(path: RelPath): number {
    if (this.setup.options.attributes.perms) return -1;
    if (this.inherited.path === path) return this.inherited.perms;
    const fd = this.target === undefined ? -1 : this.target.open(path);
    const perms = fd >= 0 ? this.defaultPerms(fd) : path === '' ? this.setup.newRootPerms : this.inheritedPerms(parentOf(path));
    this.inherited = { path, perms };
    return perms;
  }

  /** The file system that -x keeps to at a path: that of the argument it lies in (or, on the way to one, leads to). */
  private deviceOf(mount: number, path: RelPath): StatTable {
    let node: SelectionNode | undefined = this.setup.selection;
    let argument = EMPTY;
    let at = EMPTY;
    for (const part of path === '' ? [] : (path.split('/') as ByteString[])) {
      node = node.children?.get(part);
      if (node === undefined) break;
      at = joinPath(at, part);
      if (node.named || node.implied) argument = at;
    }
    const fd = (this.source[mount] as FolderCache).open(argument);
    if (fd >= 0) this.posix.fstat(fd, this.rootDevice, 0);
    return this.rootDevice;
  }

  /** A link's text as it shall stand on the target. */
  private linkText(link: ByteString): ByteString {
    const { mungeLinks, unmungeLinks } = this.setup.options.symlinks;
    const plain = unmungeLinks === true ? unmungeLink(link) : link;
    return mungeLinks ? mungeLink(plain) : plain;
  }

  private sourceName(name: ByteString): ByteString {
    return this.setup.alias !== undefined && this.setup.alias.name === name ? this.setup.alias.source : name;
  }

  /** Whether the transfer has anything in a folder but folders, after the filters (-m); a protected folder counts. */
  private holdsFiles(mounts: readonly number[], path: RelPath, outer: Scopes, name: ByteString, open: Open, node: SelectionNode | undefined): boolean {
    if (open === Open.No && node?.children === undefined) return false;
    for (const mount of mounts) {
      const fd = (this.source[mount] as FolderCache).open(path);
      if (fd < 0) return true; // let the walk report it
      const listing = new Listing(this.posix);
      if (listing.readSource([{ mount, fd, listed: open !== Open.No }], node, this.listingFollow, path) < 0) return true;
      const scopes = this.filters.enter(outer, name, { source: [fd], target: -1 });
      const folders: ByteString[] = [];
      for (let k = 0; k < listing.length; k++) {
        const r = listing.record(k);
        if (r < 0) continue;
        const entry = listing.names[k] as ByteString;
        const isDir = listing.table.isDir(r);
        if (scopes.source?.excludes(entry, isDir) === true && node?.children?.get(entry)?.implied !== true) continue;
        if (!isDir || scopes.target?.excludes(entry, true) === true) return true;
        folders.push(entry);
      }
      for (const entry of folders) {
        const child = node?.children?.get(entry);
        const inner = open === Open.Tree ? Open.Tree : (child?.open ?? Open.No);
        if (this.holdsFiles([mount], joinPath(path, entry), scopes, entry, inner, child)) return true;
      }
    }
    return false;
  }

  private readFailure(path: RelPath, errno: number, what: string): void {
    if (errno === Errno.ENOENT && what.startsWith('the folder')) {
      this.problem({ code: 'vanished', phase: 'scan', side: 'source', path, errno, severity: 'warning', message: 'the folder vanished before it was read' });
    } else {
      this.problem({ code: 'unreadable', phase: 'scan', side: 'source', path, errno, severity: 'error', message: `${what}: ${errnoText(errno)}` });
    }
    this.findings.incomplete = true;
  }

  private problem(problem: Problem): void {
    this.findings.problems.push(problem);
  }

  /** Notes attributes that are wanted and cannot be set, by class. */
  private noteLost(op: Operation, path: RelPath): void {
    const { facts, options } = this.setup;
    const a = options.attributes;
    if (this.cannotHold.size > 0) this.noteUnheld(op, path);
    if (facts.setsOwner || this.cannotHold.has('owners')) return;
    if (a.owner && op.uid !== this.posix.euid) this.lose('owner', path);
    if (a.group && !this.planner.setsGroup(op.gid)) this.lose('group', path);
  }

  /** The same for what the file system cannot hold: asked for each entry only on such a target. */
  private noteUnheld(op: Operation, path: RelPath): void {
    if (this.cannotHold.has('owners') && (op.uid !== this.posix.euid || op.gid !== this.posix.egid)) this.lose('owners', path);
    if (this.cannotHold.has('permissions') && (op.mode & 0o7000) !== 0) this.lose('permissions', path);
    if (this.cannotHold.has('acls') && this.probe.sourceHasAcl()) this.lose('acls', path);
    if (this.cannotHold.has('xattrs') && this.probe.sourceHasXattrs()) this.lose('xattrs', path);
  }

  private lose(kind: string, path: ByteString): void {
    const known = this.lost.get(kind);
    if (known === undefined) this.lost.set(kind, { count: 1, example: path });
    else known.count++;
  }
}

/** The options without what the target cannot hold: it is told once, and not tried again for each entry and each run. */
function withoutLost(options: SessionOptions, lost: ReadonlySet<LostClass>): SessionOptions {
  if (lost.size === 0) return options;
  const a = options.attributes;
  const owners = !lost.has('owners');
  return {
    ...options,
    attributes: {
      ...a, owner: a.owner && owners, group: a.group && owners, perms: a.perms && !lost.has('permissions'),
      acls: a.acls && !lost.has('acls'), xattrs: a.xattrs && !lost.has('xattrs'),
    },
  };
}

/** The run of the transfer's root alone. */
export function rootRun(setup: ScanSetup): FolderRun {
  const node = setup.selection;
  return { parent: EMPTY, names: [EMPTY], mounts: [node.openMounts], owners: [node.mounts], onTarget: [setup.target >= 0], open: [node.open] };
}

/** Mounts that anything of the root's selection comes from. */
function mountsAtRoot(node: SelectionNode | undefined, owners: readonly number[]): number[] {
  const all = new Set(owners);
  for (const child of node?.children?.values() ?? []) for (const mount of child.mounts) all.add(mount);
  return [...all].sort((a, b) => a - b);
}

/** Why a folder that does not stand on the target is not made; false where it is. `obstacle`: something else stands there. */
function leftAlone(compare: CompareOptions, obstacle: boolean): Reason | false {
  if (obstacle) return compare.ignoreExisting ? Reason.TargetExists : false;
  return compare.existing || compare.ignoreNonExisting ? Reason.TargetMissing : false;
}

/** Entries that are no folders. */
function leaves(counts: TypeCounts): number {
  return counts.files + counts.links + counts.devices + counts.specials;
}

function named(op: Operation, name: ByteString): Operation {
  op.name = name;
  return op;
}

/** Findings of a walk that has not begun. */
export function emptyFindings(): ScanFindings {
  return {
    entries: typeCounts(), targetEntries: 0, totalSize: 0, problems: [], incomplete: false, grouped: 0, linkedNew: 0, removableFiles: 0,
    bytesNeeded: 0, bytesReplaced: 0, bytesRemoved: 0, largestReplaced: 0, transferFiles: 0, transferBytes: 0, creates: typeCounts(), deletes: typeCounts(),
    attributeChanges: 0, operations: 0, lost: [],
  };
}

/** Adds the findings of another walker. */
export function addFindings(into: ScanFindings, more: ScanFindings): void {
  addCounts(into.entries, more.entries);
  addCounts(into.creates, more.creates);
  addCounts(into.deletes, more.deletes);
  into.targetEntries += more.targetEntries;
  into.totalSize += more.totalSize;
  into.problems.push(...more.problems);
  into.incomplete ||= more.incomplete;
  into.grouped += more.grouped;
  into.removableFiles += more.removableFiles;
  into.bytesNeeded += more.bytesNeeded;
  into.bytesReplaced += more.bytesReplaced;
  into.bytesRemoved += more.bytesRemoved;
  into.largestReplaced = Math.max(into.largestReplaced, more.largestReplaced);
  into.transferFiles += more.transferFiles;
  into.transferBytes += more.transferBytes;
  into.attributeChanges += more.attributeChanges;
  into.operations += more.operations;
  for (const lost of more.lost) {
    const known = into.lost.find((l) => l.kind === lost.kind);
    if (known === undefined) into.lost.push({ ...lost });
    else known.count += lost.count;
  }
}

