/**
 * survey: looks at every entry of a source that a session would copy, by the session's own listing and filters, and says what lies there. One folder's names
 * and the way to it are held in memory, whatever the size of the tree. Nothing is read but attributes. It lets the event loop run, and ends on a signal.
 */
import { posix as path } from 'node:path';
import { Listing, localSource, NameTwins, NO_SCOPES, WalkFilters, type Scopes } from '../../endpoint/index.js';
import { Errno, errnoText, FolderCache, loadPosix, nameOfGid, nameOfUid, readMounts, type Posix } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { meansContents } from '../../session/index.js';
import { displayName, EMPTY, fromText, joinPath, StatTable, TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';
import { Collector, growthBetween, type Sample } from './collect.js';
import type { EarlierSurvey, Survey } from './types.js';

export interface SurveyRequest {
  /** A folder of this host whose content moves, with a slash at its end. */
  readonly source: ByteString;
  /** The session's; filters, -x and -X, -A count. */
  readonly options: SessionOptions;
  /** An earlier survey of the same source. */
  readonly earlier?: EarlierSurvey | undefined;
  /** Paths kept of each kind; default 1000. */
  readonly paths?: number;
  /** ms since 1970; the clock's own without it. */
  readonly now?: number;
  readonly signal?: AbortSignal;
  /** Called now and then. */
  progress?(entries: number): void;
}

export interface SurveyResult {
  readonly survey: Survey;
  /** Inodes with further names outside of what is copied, for `openFilesBelow`. */
  readonly shared: ReadonlySet<string>;
  /** Files taken by chance, for measuring. */
  readonly samples: readonly Sample[];
}

const PATHS = 1000;
/** ms of work between two turns of the event loop. */
const SLICE = 12;

/** @throws TwintreeError SOURCE_MISSING, ABORTED. */
export async function surveySource(request: SurveyRequest): Promise<SurveyResult> {
  const posix = loadPosix();
  const root = posix.openRoot(request.source);
  if (root < 0) throw new TwintreeError('SOURCE_MISSING', `the source cannot be opened: ${errnoText(-root)}`, { path: request.source });
  const walk = new SurveyWalk(posix, root, request);
  try {
    return await walk.run();
  } finally {
    walk.close();
    posix.close(root);
  }
}

/** Folders of one parent that are still to be walked. */
interface Frame { readonly parent: RelPath; readonly names: ByteString[]; at: number; readonly scopes: Scopes }

class SurveyWalk {
  private readonly cache: FolderCache;
  private readonly listing: Listing;
  private readonly filters: WalkFilters;
  private readonly twins = new NameTwins('both');
  private readonly collector: Collector;
  private readonly own = new StatTable(2);
  private readonly place: ByteString;
  private entries = 0;

  constructor(private readonly posix: Posix, root: number, private readonly request: SurveyRequest) {
    const { source, options, paths = PATHS, now = Date.now() } = request;
    this.cache = new FolderCache(posix, root);
    const tree = localSource(posix);
    this.listing = new Listing(tree);
    this.place = path.resolve(source.startsWith('/') ? '/' : fromText(process.cwd()), source) as ByteString;
    this.filters = new WalkFilters(posix, tree, options, { contents: meansContents(source), source: this.place, target: this.place }, (file, message) => {
      this.collector.note('unreadable', file, message);
    });
    this.collector = new Collector({ now, source: displayName(source), paths, nameOfUid, nameOfGid });
  }

  close(): void {
    this.cache.closeAll();
  }

  async run(): Promise<SurveyResult> {
    const { request, filters } = this;
    const began = performance.now();
    const stack: Frame[] = [{ parent: EMPTY, names: [EMPTY], at: 0, scopes: NO_SCOPES }];
    let turn = began + SLICE;
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const name = frame.names[frame.at++];
      if (name === undefined) {
        stack.pop();
        continue;
      }
      const at = joinPath(frame.parent, name);
      const fd = this.cache.open(at);
      if (fd < 0) this.unreadable(at, fd);
      else {
        const scopes = at === '' ? filters.root({ source: [fd], target: -1 }) : filters.enter(frame.scopes, name, { source: [fd], target: -1 });
        const names = this.folder(at, fd, scopes);
        if (names.length > 0) stack.push({ parent: at, names, at: 0, scopes });
      }
      if (performance.now() >= turn) {
        request.progress?.(this.entries);
        await new Promise((resolve) => { setImmediate(resolve); });
        if (request.signal?.aborted === true) throw new TwintreeError('ABORTED', 'the survey was ended by a signal');
        turn = performance.now() + SLICE;
      }
    }
    this.mounts();
    const { survey, shared, samples } = this.collector.finish(performance.now() - began);
    if (request.earlier !== undefined) survey.growth = growthBetween(request.earlier, survey);
    return { survey, shared, samples };
  }

  /** What could not be looked at. A source is in use: what has gone since it was listed is no part of it. */
  private unreadable(at: RelPath, error: number): void {
    if (error !== -Errno.ENOENT || at === EMPTY) this.collector.note('unreadable', at, errnoText(-error));
  }

  /** Looks at a folder and what is in it; its subfolders that are walked. */
  private folder(at: RelPath, fd: number, scopes: Scopes): ByteString[] {
    const { listing, collector, own, posix } = this;
    const { walk } = this.request.options;
    if (posix.fstat(fd, own, 1) === 0) collector.see(at, own, 1, this.xattrs(fd, EMPTY));
    if (at === '') own.copyFrom(0, own, 1);
    else if (walk.oneFileSystem > 0 && !own.sameDevice(1, own, 0)) return [];
    const error = listing.readSource([{ mount: 0, fd, listed: true }], undefined, undefined, at);
    if (error < 0) this.unreadable(at, error);
    this.twins.begin(listing.names);
    const folders: ByteString[] = [];
    for (let k = 0; k < listing.length; k++) {
      const name = listing.names[k] as ByteString;
      const r = listing.record(k);
      const entry = joinPath(at, name);
      if (r < 0) {
        this.unreadable(entry, r);
        continue;
      }
      const isDir = listing.table.isDir(r);
      if (scopes.source?.excludes(name, isDir) === true) continue;
      this.entries++;
      const twin = this.twins.of(name);
      if (twin !== undefined) collector.note('twins', entry, `differs from ${twin} only in capitals or forms of Unicode`);
      if (isDir) folders.push(name);
      else collector.see(entry, listing.table, r, this.xattrs(fd, name));
    }
    return walk.recursive ? folders : [];
  }

  private xattrs(fd: number, name: ByteString): readonly ByteString[] {
    const { posix } = this;
    if (posix.lacks.has('xattrs')) return [];
    const names = name === '' ? posix.flistXattrs(fd) : posix.listXattrs(fd, name);
    return typeof names === 'number' ? [] : names;
  }

  /** File systems below; with -x they are left out. */
  private mounts(): void {
    const { oneFileSystem } = this.request.options.walk;
    const real = this.place;
    for (const { point, type } of readMounts()) {
      if (!point.startsWith(real === '/' ? '/' : `${real}/`)) continue;
      this.collector.survey.mounts.push({ path: displayName(point.slice(real.length + 1) as ByteString), type: displayName(type), copied: oneFileSystem === 0 });
    }
  }
}
