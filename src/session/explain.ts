/**
 * Which filter rule decides for a path, on each side, and where that rule stands; parents included, for
 * what is below a left-out folder is left out with it. The same FilterSet decides as in a sync.
 *
 * Filter files in folders are read from the source; the target is taken to hold the same ones.
 */
import { FilterSet, type FileReader, type FilterRule, type FilterScope, type RootPlace } from '../filter/index.js';
import { FolderCache, loadPosix, MAX_FILE_IN_TREE, readFileAt, readWholeFile, type Posix } from '../fs/index.js';
import type { SessionOptions } from '../plan/index.js';
import {
  EMPTY, StatTable, TwintreeError, baseOf, cleanPath, fromText, joinPath, parentOf, type ByteString, type RelPath,
} from '../tree/index.js';

/** What a side says of a path. */
export interface Verdict {
  /** Source: left out of the transfer. Target: protected from deletion. */
  excluded: boolean;
  /** The path that the deciding rule matched: the path itself, or the folder above it that settles everything below. */
  at: RelPath;
  /** The rule that decided; undefined: none matched, and the path is not excluded. */
  rule: FilterRule | undefined;
}

export interface Explanation {
  /** Below the transfer's root, as rules see it. */
  path: RelPath;
  type: 'directory' | 'other' | 'missing';
  source: Verdict;
  target: Verdict;
}

/**
 * Explains paths of one source. `paths` are below the source, or begin with it as it was given. Throws
 * where the source cannot be opened or a path is not below it. `onProblem` hears of filter files with mistakes.
 */
export function explainPaths(
  source: ByteString, paths: readonly ByteString[], options: SessionOptions, onProblem: (file: RelPath, message: string) => void,
): Explanation[] {
  const posix = loadPosix();
  const contents = /(?:^|\/)\.{0,2}$/.test(source); // `src/`, `.`, `src/.`: the folder's content; else the folder itself, by its name
  const name = contents ? EMPTY : baseOf(source);
  const slash = source.lastIndexOf('/');
  const folder = contents ? source : ((slash < 0 ? '.' : slash === 0 ? '/' : source.slice(0, slash)) as ByteString);
  const root = posix.openRoot(folder);
  if (root < 0) throw new TwintreeError('SOURCE_MISSING', 'the source cannot be opened', { path: source });
  const cache = new FolderCache(posix, root);
  try {
    const explainer = new Explainer(posix, cache, options, contents, absolute(folder), onProblem);
    return paths.map((path) => explainer.explain(belowRoot(path, source, name)));
  } finally {
    cache.closeAll();
    posix.close(root);
  }
}

function absolute(path: ByteString): ByteString {
  if (path.startsWith('/')) return path;
  const here = fromText(process.cwd());
  return (path === '.' || path === '' ? here : `${here}/${path}`) as ByteString;
}

/** A path as the user gave it → below the transfer's root, with a trailing slash where one was given. */
function belowRoot(path: ByteString, source: ByteString, name: ByteString): { path: RelPath; saidFolder: boolean } {
  const stem = source.replace(/\/+$/, '');
  const inSource = stem !== '' && (path === stem || path.startsWith(`${stem}/`));
  const rest = inSource ? path.slice(stem.length) : path;
  if (!inSource && path.startsWith('/')) throw new TwintreeError('USAGE', 'the path is not below the source', { path });
  const below = cleanPath(rest as ByteString);
  if (below === undefined) throw new TwintreeError('USAGE', 'the path holds ".." or a NUL byte', { path });
  return { path: name === '' ? below : joinPath(name, below), saidFolder: path.endsWith('/') };
}

class Explainer {
  private readonly sets: { source: FilterSet; target: FilterSet };
  private readonly stat = new StatTable(1);

  constructor(
    private readonly posix: Posix, private readonly cache: FolderCache, options: SessionOptions,
    private readonly contents: boolean, private readonly rootPath: ByteString, onProblem: (file: RelPath, message: string) => void,
  ) {
    const common = { deleteExcluded: options.delete.excluded, gitignore: options.walk.gitignore };
    this.sets = {
      source: new FilterSet(options.filters, { ...common, side: 'source', onProblem }),
      target: new FilterSet(options.filters, { ...common, side: 'target' }),
    };
  }

  explain(asked: { path: RelPath; saidFolder: boolean }): Explanation {
    const { path } = asked;
    const type = this.typeOf(path);
    const isFolder = type === 'directory' || (type === 'missing' && asked.saidFolder);
    const source = this.decide(this.sets.source, path, isFolder);
    // Where a folder is not transferred and its copy is protected, deleting never looks into it.
    const target = this.decide(this.sets.target, path, isFolder, source.excluded ? source.at : undefined);
    return { path, type, source, target };
  }

  /**
   * Walks down to the path. A parent that is excluded decides, with `hidden` only one that is not transferred:
   * a protected folder that is transferred does not protect what is in it.
   */
  private decide(set: FilterSet, path: RelPath, isFolder: boolean, hidden?: RelPath): Verdict {
    if (path === '') return { excluded: false, at: path, rule: undefined };
    const place: RootPlace = { path: this.rootPath, read: fileAt };
    let scope: FilterScope = set.root(this.contents ? this.reader(EMPTY) : undefined, place);
    const parts = path.split('/') as ByteString[];
    let here: RelPath = EMPTY;
    for (const [index, part] of parts.entries()) {
      here = joinPath(here, part);
      const last = index === parts.length - 1;
      const match = scope.match(part, last ? isFolder : true);
      const settles = last || (match?.excluded === true && (set.options.side === 'source' || (hidden !== undefined && covers(hidden, here))));
      if (settles) return { excluded: match?.excluded ?? false, at: here, rule: match?.rule };
      scope = scope.enter(part, this.reader(here));
    }
    return { excluded: false, at: path, rule: undefined };
  }

  private typeOf(path: RelPath): Explanation['type'] {
    if (path === '') return 'directory';
    const folder = this.cache.open(parentOf(path));
    if (folder < 0 || this.posix.stat(folder, baseOf(path), this.stat, 0) < 0) return 'missing';
    return this.stat.isDir(0) ? 'directory' : 'other';
  }

  /** Reads files of a folder of the source, by name or by a path below it. */
  private reader(folder: RelPath): FileReader {
    return (name) => {
      const clean = cleanPath(name);
      if (clean === undefined || clean === '') return undefined;
      const path = joinPath(folder, clean);
      const at = this.cache.open(parentOf(path));
      return at < 0 ? undefined : readFileAt(this.posix, at, baseOf(path));
    };
  }
}

/** Whether `path` is `folder` or lies below it. */
function covers(folder: RelPath, path: RelPath): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** A rule file in a parent of the root, by its absolute path; one that is not there or not readable says nothing. */
function fileAt(path: ByteString): Buffer | undefined {
  const content = readWholeFile(path, MAX_FILE_IN_TREE);
  return typeof content === 'number' ? undefined : content;
}
