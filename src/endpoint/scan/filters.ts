/**
 * Filters on the walk: one scope for each side, entered folder by folder, and the reader of filter files
 * in the folders. Where no rule exists nothing is asked.
 */
import { FilterSet, type FileReader, type FilterScope, type RootPlace } from '../../filter/index.js';
import { readFileAt, readRuleFile, type Posix } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import type { SourceFs, TreeReader } from '../source/index.js';
import { TwintreeError, type ByteString, type RelPath } from '../../tree/index.js';

/** Scopes of one folder. */
export interface Scopes { source: FilterScope | undefined; target: FilterScope | undefined }

/** No filters at all. */
export const NO_SCOPES: Scopes = { source: undefined, target: undefined };

/** Handles of a folder on both sides, for filter files in it. */
export interface FolderHandles { source: readonly number[]; target: number }

/** Where the transfer's root stands, as absolute paths. */
export interface FilterPlace {
  /** The root is itself part of the transfer: its own filter files count. */
  contents: boolean;
  source: ByteString;
  target: ByteString;
  /** Where the source is on another host: the rule files above its root, by absolute path, as `rulesAbove` found them there. */
  above?: ReadonlyMap<ByteString, Uint8Array>;
}

/** Most rule files above a root that are sent to another host, bytes of one, and bytes of all. */
export const MOST_ABOVE = 1024;
export const MOST_ABOVE_BYTES = 8 << 20;
const MOST_ABOVE_TOTAL = 64 << 20;

/** The compiled rules of both sides. */
export class WalkFilters {
  readonly active: boolean;
  private readonly source: FilterSet;
  private readonly target: FilterSet;
  private readonly readsFiles: boolean;
  private readonly gitignore: boolean;

  constructor(
    private readonly posix: Posix, private readonly tree: SourceFs, options: SessionOptions, private readonly place: FilterPlace, onProblem: (file: RelPath, message: string) => void,
  ) {
    const common = { deleteExcluded: options.delete.excluded, gitignore: options.walk.gitignore, nul: options.walk.nulRules === true, onProblem };
    this.source = new FilterSet(options.filters, { side: 'source', ...common });
    this.target = new FilterSet(options.filters, { side: 'target', ...common });
    this.gitignore = options.walk.gitignore;
    this.active = !this.source.empty || !this.target.empty;
    this.readsFiles = this.source.usesDirFiles || this.target.usesDirFiles;
  }

  /** Scopes of the transfer's root. */
  root(handles: FolderHandles): Scopes {
    if (!this.active) return NO_SCOPES;
    const { contents, source, target } = this.place;
    return {
      source: this.source.root(contents ? this.reader(this.tree, handles.source) : undefined, placeAt(source, this.tree.remote === undefined ? undefined : (this.place.above ?? NOTHING))),
      target: this.target.root(contents ? this.targetReader(handles) : undefined, placeAt(target)),
    };
  }

  /** Scopes of a folder in the one that `scopes` belong to; `dying`: it is being deleted. */
  enter(scopes: Scopes, name: ByteString, handles: FolderHandles, dying = false): Scopes {
    if (scopes.source === undefined && scopes.target === undefined) return NO_SCOPES;
    return {
      source: scopes.source?.enter(name, this.reader(this.tree, handles.source)),
      target: scopes.target?.enter(name, this.targetReader(handles), dying),
    };
  }

  /**
   * Reader for the target's side. A .gitignore that is about to be copied counts there already: else a first run with --delete
   * would take away what only the source's file names.
   */
  private targetReader(handles: FolderHandles): FileReader {
    const own = this.reader(this.posix, [handles.target]);
    if (!this.gitignore || handles.source.length === 0) return own;
    const copied = this.reader(this.tree, handles.source);
    return (name) => (name === '.gitignore' ? (copied(name) ?? own(name)) : own(name));
  }

  private reader(tree: TreeReader, handles: readonly number[]): FileReader {
    if (!this.readsFiles) return () => undefined;
    return (name) => {
      for (const at of handles) {
        if (at < 0) continue;
        const content = readFileAt(tree, at, name);
        if (content !== undefined) return content;
      }
      return undefined;
    };
  }
}

const NOTHING: ReadonlyMap<ByteString, Uint8Array> = new Map();

/** A root's place, with a reader of rule files above it: on this host, or (`told`) of those that another host has told of. */
function placeAt(path: ByteString, told?: ReadonlyMap<ByteString, Uint8Array>): RootPlace {
  return {
    path,
    read: (name) => {
      if (told === undefined) return ruleFile(name);
      const content = told.get(name);
      return content === undefined ? undefined : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    },
  };
}

function ruleFile(name: ByteString): Buffer | undefined {
  const content = readRuleFile(name);
  return typeof content === 'number' ? undefined : content;
}

/**
 * The rule files above a source's root (`source`: its absolute path) that the rules name, and those that they merge, by absolute path: what a session on
 * another host cannot read itself. Only what the rules of the command line lead to is read. @throws TwintreeError UNSUPPORTED where they are too long to be sent.
 */
export function rulesAbove(options: SessionOptions, source: ByteString): Map<ByteString, Buffer> {
  const found = new Map<ByteString, Buffer>();
  const set = new FilterSet(options.filters, { side: 'source', deleteExcluded: options.delete.excluded, gitignore: false, nul: options.walk.nulRules === true, onProblem: () => undefined }); // the session tells problems
  if (!set.usesDirFiles) return found;
  let total = 0;
  set.root(undefined, {
    path: source,
    read: (name) => {
      const content = ruleFile(name);
      if (content === undefined || found.has(name)) return content;
      total += content.length;
      if (found.size >= MOST_ABOVE || content.length > MOST_ABOVE_BYTES || total > MOST_ABOVE_TOTAL) {
        throw new TwintreeError('UNSUPPORTED', 'the rule files above the source are too long for another host', { path: name, advice: 'Merge them on the command line (--filter=". FILE"), or make them shorter.' });
      }
      found.set(name, content);
      return content;
    },
  });
  return found;
}
