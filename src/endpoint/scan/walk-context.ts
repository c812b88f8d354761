/**
 * What the parts of a walk share: both trees' handles and listings, the planner, the streams that the plan goes to, what was found.
 * One for each walker; it holds state and small answers, and decides nothing.
 */
import { errnoText, Errno, FolderCache, type Posix } from '../../fs/index.js';
import { mungeLink, OperationWriter, Planner, Renames, unmungeLink, type IdMapper, type SessionOptions } from '../../plan/index.js';
import { EMPTY, STAT_WORDS, StatTable, type ByteString, type Problem, type RelPath } from '../../tree/index.js';
import { ContentHashes } from '../content-hashes.js';
import { PlaceNotes } from '../place-notes.js';
import type { SourceFs } from '../source/index.js';
import { AltDests } from './alt-dest.js';
import { WalkFilters, type Scopes } from './filters.js';
import { emptyFindings } from './findings.js';
import { followRule, withFollowed } from './follow.js';
import { Listing, type SourceLayer } from './listing.js';
import { NameTwins } from './name-twins.js';
import { PlanStream } from './plan-stream.js';
import { EntryProbe } from './probe.js';
import { RenamedFolders } from './renamed-folders.js';
import { RemovalList, type RemovalContext } from './removal.js';
import type { Open, SelectionNode } from './selection.js';
import type { FolderRun, Lost, LostClass, PlanSink, ScanFindings, ScanSetup } from './types.js';
import { WidenedFolders } from './widen.js';

/** How a walker and its surroundings talk while it works. */
export interface WalkSignals {
  aborted(): boolean;
  /** Entries seen since the last call. */
  scanned(entries: number): void;
  /** True where another walker waits for work. */
  hungry(): boolean;
}

export interface Folder {
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

/** Shared by the parts of one walker. */
export class WalkContext {
  readonly findings: ScanFindings;
  readonly planner: Planner;
  readonly cannotHold: ReadonlySet<LostClass>;
  /** Folders of the source, by mount. */
  readonly mounts: FolderCache[];
  readonly target: FolderCache | undefined;
  /** What comes before all else: the target is looked at as if it were done. */
  readonly renames: Renames | undefined;
  readonly widened: WidenedFolders;
  readonly filters: WalkFilters;
  readonly probe: EntryProbe;
  /** What earlier runs know of contents; with --state. */
  readonly hashes: ContentHashes | undefined;
  /** Where the source's inodes are. */
  readonly places: PlaceNotes | undefined;
  readonly alts: AltDests;
  readonly listing: Listing;
  readonly targetListing: Listing;
  readonly own = new StatTable(2); // the folder itself: 0 source, 1 target
  readonly plan: PlanStream;
  readonly deletions: PlanStream;
  readonly scratch = new OperationWriter(1 << 10);
  readonly removals = new RemovalList();
  /** What broken connections left in the folder. */
  readonly cutOffs = new RemovalList();
  readonly removal: RemovalContext;
  readonly follow: ReturnType<typeof followRule>; // by options
  readonly listingFollow: ReturnType<typeof followRule>; // and what the user named a way through
  readonly twins: NameTwins | undefined;
  readonly rootDevice = new StatTable(1);
  private readonly lastDevice = new StatTable(1); // of the target's folder before
  readonly outside = new StatTable(1);
  readonly deletes: boolean;
  readonly lost = new Map<string, Lost>();
  /** -m: the source's folders that would be empty, where they were looked for in a pass of their own. */
  empty: ReadonlySet<RelPath> | undefined;
  /** The last answer of `inheritedPerms`: neighbours ask for the same folder. */
  inherited: { path: RelPath | undefined; perms: number } = { path: undefined, perms: -1 };

  constructor(
    readonly posix: Posix,
    readonly source: SourceFs,
    readonly setup: ScanSetup,
    sink: PlanSink,
    readonly signals: WalkSignals,
    ids: IdMapper,
  ) {
    const { options } = setup;
    this.targetListing = new Listing(posix);
    this.findings = emptyFindings();
    this.cannotHold = new Set(setup.facts.cannotHold);
    this.planner = new Planner(withoutLost(options, this.cannotHold), { ...setup.facts, groups: new Set(setup.facts.groups) }, ids);
    this.follow = followRule(source, options);
    this.listingFollow = withFollowed(source, this.follow, setup.mounts);
    this.mounts = setup.mounts.map((m) => new FolderCache(source, m.fd, { follow: this.follow !== undefined, ...(m.followed === undefined ? {} : { followed: m.followed }) }));
    this.renames = setup.renames === undefined || setup.renames.length === 0 ? undefined : new Renames(setup.renames);
    const how = { follow: options.symlinks.keepDirlinks, beneath: true, followed: setup.targetFollowed };
    this.target = setup.target < 0 ? undefined : this.renames === undefined ? new FolderCache(posix, setup.target, how) : new RenamedFolders(posix, setup.target, this.renames, how);
    this.widened = new WidenedFolders(posix, this.target, !options.dryRun);
    this.filters = new WalkFilters(posix, source, options, setup.filterPlace, (file, message) => {
      this.problem({ code: 'filter-file', phase: 'scan', side: 'source', path: file, message, severity: 'error' });
      this.findings.incomplete = true;
    });
    this.hashes = setup.hashes === undefined ? undefined : new ContentHashes(setup.hashes, (message) => {
      this.problem({ code: 'write-failed', phase: 'record', side: 'target', path: EMPTY, severity: 'warning', message: `the state cannot be used: ${message}` });
    });
    this.places = setup.places === undefined ? undefined : new PlaceNotes(setup.places, (message) => {
      this.problem({ code: 'write-failed', phase: 'record', side: 'target', path: EMPTY, severity: 'warning', message: `the state cannot be used: ${message}` });
    });
    this.probe = new EntryProbe(posix, source, options, () => signals.aborted(), ids, this.hashes);
    this.alts = new AltDests(posix, options, setup.altRoots);
    this.listing = new Listing(source);
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
      sideFolders: setup.sideFolders, renames: this.renames,
      problem: (p) => this.problem(p),
    };
  }

  /** Makes sure the folder's own operation stands before what is written next. */
  useFolder(folder: Folder): void {
    if (folder.headerWritten) {
      this.plan.within(folder.path);
      return;
    }
    folder.headerWritten = true;
    this.plan.folder(folder.path, folder.header);
  }

  nodeAt(path: RelPath): SelectionNode | undefined {
    let node: SelectionNode | undefined = this.setup.selection;
    if (path === '') return node;
    for (const part of path.split('/')) {
      node = node.children?.get(part as ByteString);
      if (node === undefined) return undefined;
    }
    return node;
  }

  /** A link's text as it shall stand on the target. */
  linkText(link: ByteString): ByteString {
    const { mungeLinks, unmungeLinks } = this.setup.options.symlinks;
    const plain = unmungeLinks === true ? unmungeLink(link) : link;
    return mungeLinks ? mungeLink(plain) : plain;
  }

  sourceName(name: ByteString): ByteString {
    return this.setup.alias !== undefined && this.setup.alias.name === name ? this.setup.alias.source : name;
  }

  readFailure(path: RelPath, errno: number, what: string): void {
    if (errno === Errno.ENOENT && what.startsWith('the folder')) {
      this.problem({ code: 'vanished', phase: 'scan', side: 'source', path, errno, severity: 'warning', message: 'the folder vanished before it was read' });
    } else {
      this.problem({ code: 'unreadable', phase: 'scan', side: 'source', path, errno, severity: 'error', message: `${what}: ${errnoText(errno)}` });
    }
    this.findings.incomplete = true;
  }

  problem(problem: Problem): void {
    this.findings.problems.push(problem);
  }

  /** A folder of the target, whose attributes are `own`'s second row. */
  sawTarget(path: RelPath): void {
    if (this.own.sameDevice(1, this.lastDevice, 0)) return;
    this.lastDevice.words.set(this.own.words.subarray(STAT_WORDS, 2 * STAT_WORDS));
    const device = this.own.device(1);
    const { fileSystems } = this.findings;
    if (!fileSystems.some((seen) => seen.device === device)) fileSystems.push({ device, path });
  }
}

/** The options without what the target cannot hold: it is told once, and not tried again for each entry and each run. */
export function withoutLost(options: SessionOptions, lost: ReadonlySet<LostClass>): SessionOptions {
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
