/**
 * The user's source arguments → mounts (open folders) and the selection of names in them, by rsync's rules:
 * a trailing slash means the content, several sources meet in one tree, -R keeps the path as given.
 */
import { Errno, errnoText, FolderCache, type Posix } from '../fs/index.js';
import { Open, rulesAbove, selectContents, selectionNode, selectPath, type Mount, type SelectionNode } from '../endpoint/index.js';
import type { Rename, SessionOptions } from '../plan/index.js';
import { selectDirty, type DirtyPath } from './dirty.js';
import { baseOf, cleanPath, EMPTY, fromText, parentOf, StatTable, TwintreeError, type ByteString, type Problem, type RelPath } from '../tree/index.js';
import { identityOf, type SealedRoot } from './recorded/roots.js';

/** What the arguments came to. */
export interface Sources {
  mounts: Mount[];
  selection: SelectionNode;
  problems: Problem[];
  /** Sources that do not exist or cannot be opened: nothing may be deleted then, whatever the options say. */
  missing: number;
  /** Folders that were named without -r or -d: they are left out. */
  skipped: ByteString[];
  /** The selection is of dirty paths (dirty.ts). */
  dirty?: boolean;
  /** Said of the source: what is at `to` was moved there from `from`. Nobody believes it unseen. */
  moved?: readonly Rename[];
  /** Set where there is one source and it is not a folder: it may be copied under another name. */
  single: { mount: number; name: ByteString } | undefined;
  /** The mounts by absolute path and identity on their own host, where that is told to another one. */
  roots?: readonly SealedRoot[];
  /** The rule files above the first mount that the filters lead to, where a session on another host has to know them. */
  above?: ReadonlyMap<ByteString, Buffer>;
}

/** The same sources with what a session on another host cannot find out itself. @throws TwintreeError IO, UNSUPPORTED. */
export function tellable(posix: Posix, sources: Sources, options: SessionOptions): Sources {
  const roots = sources.mounts.map((mount) => ({ path: absolute(mount.path), identity: identityOf(posix, mount.fd, mount.path) }));
  const above = rulesAbove(options, sourcePlace({ ...sources, roots }));
  return { ...sources, roots, ...(above.size === 0 ? {} : { above }) };
}

/** Where the first source stands, as an absolute path of its host. */
export function sourcePlace({ mounts, roots }: Pick<Sources, 'mounts' | 'roots'>): ByteString {
  return roots?.[0]?.path ?? absolute(mounts[0]?.path ?? EMPTY);
}

/**
 * Opens the sources. Handles of the mounts belong to the caller. `dirty`: of the one source's content only these paths; `moved`: what is known of moves in them.
 */
export function openSources(posix: Posix, sources: readonly ByteString[], options: SessionOptions, dirty?: readonly DirtyPath[], moved: readonly Rename[] = []): Sources {
  const opened: Sources = { ...new SourceOpener(posix, options).open(sources), ...(moved.length === 0 ? {} : { moved }) };
  const [mount] = opened.mounts;
  if (dirty === undefined || mount === undefined || opened.missing > 0) return opened;
  if (opened.mounts.length !== 1 || opened.selection.open !== Open.Tree) throw new TwintreeError('USAGE', 'changed paths are followed in the content of one folder only', { advice: 'Name one source, with a slash at its end, and -r or -a.' });
  return { ...opened, dirty: true, selection: selectDirty(posix, mount.fd, dirty, options.delete.when !== undefined) };
}

class SourceOpener {
  private readonly mounts: Mount[] = [];
  private readonly selection = selectionNode();
  private readonly problems: Problem[] = [];
  private readonly stat = new StatTable(1);
  private readonly skipped: ByteString[] = [];
  private missing = 0;
  private readonly open0: Open;
  private readonly ways: FolderCache[] = []; // of the mounts, by index
  private readonly known = new Map<number, Set<RelPath>>(); // folders on the way that were looked at

  constructor(private readonly posix: Posix, private readonly options: SessionOptions) {
    this.open0 = options.walk.recursive ? Open.Tree : Open.No;
  }

  open(sources: readonly ByteString[]): Sources {
    let single: Sources['single'];
    const { filesFrom } = this.options;
    if (filesFrom !== undefined) {
      for (const source of sources) {
        const at = this.list(source, filesFrom);
        if (sources.length === 1 && filesFrom.length === 1) single = at;
      }
    } else {
      for (const source of sources) {
        const at = this.argument(source);
        if (sources.length === 1 && at !== undefined) single = at;
      }
    }
    for (const way of this.ways) way.closeAll();
    return { mounts: this.mounts, selection: this.selection, problems: this.problems, missing: this.missing, skipped: this.skipped, single };
  }

  /** One argument; returns mount and name where it is not a folder. */
  private argument(source: ByteString): Sources['single'] {
    const { relative } = this.options.walk;
    if (relative) return this.relativePath(source);
    if (meansContents(source)) {
      const mount = this.mount(source, source);
      if (mount >= 0) this.contents(mount, this.options.walk.recursive ? Open.Tree : Open.Listing);
      return undefined;
    }
    const slash = source.lastIndexOf('/');
    const folder = (slash < 0 ? '.' : slash === 0 ? '/' : source.slice(0, slash)) as ByteString;
    const name = source.slice(slash + 1) as ByteString;
    const mount = this.mount(folder, source);
    if (mount < 0) return undefined;
    return this.choose(mount, name, source);
  }

  /** -R: the path as given, or what of it stands after `/./`; returns mount and name where that is one name and no folder. */
  private relativePath(source: ByteString): Sources['single'] {
    const dot = source.indexOf('/./');
    const fromRoot = source.startsWith('/');
    const base = (dot >= 0 ? source.slice(0, dot) || '/' : fromRoot ? '/' : '.') as ByteString;
    const rest = cleanPath((dot >= 0 ? source.slice(dot + 3) : source) as ByteString);
    if (rest === undefined) {
      throw new TwintreeError('USAGE', 'a path with ".." cannot be kept relative', { path: source, advice: 'Put /./ after the last "..": what stands before it is not kept.' });
    }
    const mount = this.mount(base, source);
    if (mount < 0) return undefined;
    const contents = meansContents(source);
    const open = contents && this.open0 === Open.No && this.options.walk.dirs ? Open.Listing : this.open0;
    if (rest === EMPTY) {
      this.contents(mount, open);
      return undefined;
    }
    const rootToo = dot < 0 && this.impliesRoot(source, mount);
    const single = this.choose(mount, rest, source, open, contents);
    return rootToo || rest.includes('/') ? undefined : single;
  }

  /** `./path` kept relative: the folder it starts at is on the way, and gets its attributes as others do. */
  private impliesRoot(path: ByteString, mount: number): boolean {
    if (!path.startsWith('./') || !this.options.walk.impliedDirs || !this.walksFolders) return false;
    selectContents(this.selection, mount, Open.No);
    return true;
  }

  /** --files-from: every entry is a path below the source, with the meaning that an argument has. Returns the last one's mount and name. */
  private list(source: ByteString, entries: readonly ByteString[]): Sources['single'] {
    let single: Sources['single'];
    for (const entry of entries) single = this.listed(source, entry);
    return single;
  }

  private listed(source: ByteString, entry: ByteString): Sources['single'] {
    const { relative, recursive, dirs } = this.options.walk;
    const dot = relative ? entry.indexOf('/./') : -1;
    const base = dot < 0 ? EMPTY : insideRoot(entry.slice(0, dot));
    const path = insideRoot(dot < 0 ? entry : entry.slice(dot + 3));
    const contents = meansContents(entry);
    const open = recursive ? Open.Tree : dirs && contents ? Open.Listing : Open.No;
    const below = (folder: string): ByteString => (folder === '' ? source : `${source}/${folder}`) as ByteString;
    if (relative || path === EMPTY) {
      const mount = this.mount(below(base), entry);
      if (mount < 0) return undefined;
      if (path === EMPTY) {
        this.contents(mount, open);
        return undefined;
      }
      const rootToo = dot < 0 && this.impliesRoot(entry, mount);
      const single = this.choose(mount, path, entry, open, contents);
      return rootToo || path.includes('/') ? undefined : single;
    }
    if (contents) {
      const mount = this.mount(below(path), entry);
      if (mount >= 0) this.contents(mount, open);
      return undefined;
    }
    const mount = this.mount(below(parentOf(path)), entry);
    return mount < 0 ? undefined : this.choose(mount, baseOf(path), entry, open);
  }

  /** Selects a path below a mount, if it exists. */
  private choose(mount: number, path: RelPath, argument: ByteString, open = this.open0, contents = false): Sources['single'] {
    const { copyLinks, copyDirlinks } = this.options.symlinks;
    const at = this.wayTo(mount, parentOf(path));
    const name = baseOf(path);
    let error = at < 0 ? at : copyLinks ? this.posix.statFollow(at, name, this.stat, 0) : this.posix.stat(at, name, this.stat, 0);
    if (error === 0 && contents && !copyLinks && !copyDirlinks && this.stat.isSymlink(0)) {
      // `link/` is what the link points to, under the link's name.
      error = this.posix.statFollow(at, name, this.stat, 0);
      if (error === 0 && this.stat.isDir(0)) this.follow(mount, path);
      else if (error === 0) error = -Errno.ENOTDIR;
    }
    if (error < 0) {
      const missing = this.options.delete.missingArgs;
      if (error === -Errno.ENOENT && missing !== 'error') {
        if (missing === 'delete') selectPath(this.selection, mount, path, Open.No, true);
        return undefined;
      }
      this.fail(argument, -error, `the source cannot be found: ${errnoText(-error)}`);
      return undefined;
    }
    if (this.stat.isDir(0) && !this.walksFolders) {
      this.skipped.push(path);
      return undefined;
    }
    selectPath(this.selection, mount, path, open);
    return this.stat.isDir(0) ? undefined : { mount, name: path };
  }

  /** The folder of a mount itself. */
  private contents(mount: number, open: Open): void {
    if (this.walksFolders) selectContents(this.selection, mount, open);
    else this.skipped.push('.' as ByteString);
  }

  private get walksFolders(): boolean {
    const { recursive, dirs } = this.options.walk;
    return recursive || dirs;
  }

  /** Handle of a folder on the way to what was chosen; symlinks on it are followed, and noted for the walk. Or -errno. */
  private wayTo(mount: number, path: RelPath): number {
    if (path === EMPTY) return (this.mounts[mount] as Mount).fd;
    const way = this.ways[mount] as FolderCache;
    const fd = way.open(path);
    if (fd < 0) return fd;
    let known = this.known.get(mount);
    if (known === undefined) this.known.set(mount, (known = new Set()));
    for (let part = path; part !== EMPTY && !known.has(part); part = parentOf(part)) {
      known.add(part);
      const at = way.open(parentOf(part));
      if (at >= 0 && this.posix.stat(at, baseOf(part), this.stat, 0) === 0 && this.stat.isSymlink(0)) this.follow(mount, part);
    }
    return fd;
  }

  private follow(mount: number, path: RelPath): void {
    const at = this.mounts[mount] as Mount;
    at.followed ??= new Set();
    at.followed.add(path);
  }

  /** Index of the mount for a folder, opened once; -1 after a problem. */
  private mount(folder: ByteString, argument: ByteString): number {
    const known = this.mounts.findIndex((m) => m.path === folder);
    if (known >= 0) return known;
    const fd = this.posix.openRoot(folder);
    if (fd < 0) {
      this.fail(argument, -fd, `the source cannot be opened: ${errnoText(-fd)}`);
      return -1;
    }
    this.mounts.push({ fd, path: folder });
    this.ways.push(new FolderCache(this.posix, fd, { follow: true }));
    return this.mounts.length - 1;
  }

  private fail(path: ByteString, errno: number, message: string): void {
    this.missing++;
    this.problems.push({ code: 'unreadable', phase: 'scan', side: 'source', path, errno, severity: 'error', message });
  }
}

/** A path of a list, with `..` undone where it can be: no path leads out of the source. */
function insideRoot(path: string): RelPath {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/') as RelPath;
}

/** Whether a source argument stands for the content of a folder. */
export function meansContents(source: ByteString): boolean {
  return source.endsWith('/') || source === '.' || source === '..' || source.endsWith('/.') || source.endsWith('/..');
}

/** A path as bytes, made absolute. */
export function absolute(path: ByteString): ByteString {
  if (path.startsWith('/')) return path;
  const here = fromText(process.cwd());
  return (path === '' || path === '.' ? here : `${here === '/' ? '' : here}/${path}`) as ByteString;
}
