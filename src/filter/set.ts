/**
 * FilterSet: a list of rules, ready for a walk on one side, and the scopes of the folders walked through.
 *
 * A scope knows its folder's rules in their order: global ones, and in the place of each dir-merge what the folders' files say,
 * the deepest first. A folder without a rule file shares its parent's compiled rules. Files are read through the readers handed in.
 */
import { baseOf, displayName, EMPTY, TwintreeError, type ByteString, type RelPath } from '../tree/index.js';
import { Block, type BlockState, type PlacedRule } from './block.js';
import { GITIGNORE, parseGitignore } from './gitignore.js';
import { defaultsWithin, expandMerges, forEachEntry, parseWritten } from './parse.js';
import { expandCvs } from './presets.js';
import type { FileReader, FilterRule } from './rule.js';
import { actsOn, effectiveRules, type Side } from './side.js';

/** What a FilterSet needs to know beside the rules. */
export interface FilterSetOptions {
  readonly side: Side;
  readonly deleteExcluded: boolean;
  /** Reads each folder's `.gitignore` after all rules. */
  readonly gitignore: boolean;
  /** Entries of rule files in folders end with NUL (`-0`). */
  readonly nul?: boolean;
  /**
   * A rule in a folder's file is not valid: it is left out, the others count. `file` is below the transfer's root; a file
   * above the root is named by its absolute path.
   */
  readonly onProblem?: (file: RelPath, message: string) => void;
}

/** Where the transfer's root stands: for rules with the modifier `/`, and for rule files looked for in the parents. */
export interface RootPlace {
  /** Absolute path of the root folder. */
  readonly path: ByteString;
  /** Reads a file by its absolute path. Without it no parents are looked at. */
  readonly read?: FileReader;
}

/** The rules as one folder sees them. */
export interface FilterScope {
  /**
   * The scope of a child folder; `read` reads a file of it, by name (or, for a merge rule in its rule files, by relative path).
   * `dying`: the folder is being deleted, so perishable rules do not count in it and below.
   */
  enter(name: ByteString, read: FileReader, dying?: boolean): FilterScope;
  /** Source side: true = hidden from the transfer. Target side: true = protected from deletion. */
  excludes(name: ByteString, isDir: boolean): boolean;
  /** Which rule decides, and how; undefined: none matches, and the name is not excluded. */
  match(name: ByteString, isDir: boolean): { rule: FilterRule; excluded: boolean } | undefined;
}

/** A dir-merge: the place in a list where the rules of the folders' files stand. */
class DirMerge {
  /** Name of the file in each folder. */
  readonly file: ByteString;

  constructor(
    readonly rule: FilterRule,
    /** Absolute path of the folder from which on the parents are looked at; undefined: they are not. */
    readonly from: ByteString | undefined,
  ) {
    this.file = baseOf(rule.pattern);
  }

  get inherit(): boolean {
    return this.rule.format?.inherit !== false;
  }
}

/** A list of rules, compiled: runs of rules, and dir-merges between them. */
type Items = readonly (Block | DirMerge)[];

const NO_ITEMS: Items = [];
const NOT_THERE: FileReader = () => undefined;

/** Rules for one side. */
export class FilterSet {
  /** True where no rule at all can match: the walk skips every question. */
  readonly empty: boolean;
  /** Whether readers are ever asked for a file. */
  readonly usesDirFiles: boolean;
  private readonly rules: readonly FilterRule[];
  private readonly compiled = new Map<ByteString, Items>(); // by root path

  constructor(rules: readonly FilterRule[], readonly options: FilterSetOptions) {
    const git = options.gitignore ? [gitignoreRule()] : [];
    this.rules = [...effectiveRules(rules), ...git].filter((rule) => rule.kind === 'dir-merge' || this.counts(rule));
    this.usesDirFiles = this.rules.some((rule) => rule.kind === 'dir-merge' && this.counts(rule));
    this.empty = !this.usesDirFiles && !this.rules.some((rule) => rule.kind === 'pattern');
  }

  /**
   * The scope of the transfer's root folder. `read` reads a file of that folder; undefined: the folder only holds what is
   * transferred and is no part of it (a source without a trailing slash, several sources), so only rule files that are looked for in
   * parents are read there, through `place`. Without `place` the root counts as `/` for rules with the modifier `/`.
   */
  root(read: FileReader | undefined, place?: RootPlace): FilterScope {
    const path = cleanAbsolute(place?.path ?? EMPTY);
    let items = this.compiled.get(path);
    if (items === undefined) {
      const list = new ListBuilder(this, path, place?.read, []);
      for (const rule of this.rules) list.add(rule, path, path, false);
      this.compiled.set(path, (items = list.finish()));
    }
    return new Scope(new Walk(this, path, items, place?.read), undefined, EMPTY, path, read, false);
  }

  /** Whether a rule acts on names, on this side. */
  counts(rule: FilterRule): boolean {
    const { side, deleteExcluded } = this.options;
    if (rule.dialect === 'git' && side === 'target' && deleteExcluded) return false;
    return (rule.kind === 'dir-merge' || !rule.xattr) && actsOn(rule, side, deleteExcluded);
  }
}

/** Makes `Items` of rules in their order. */
class ListBuilder {
  private items: (Block | DirMerge)[] = [];
  private run: PlacedRule[] = [];
  /** A `!` was met: what the list inherits is dropped too. */
  cleared = false;

  constructor(
    private readonly set: FilterSet,
    private readonly root: ByteString,
    private readonly readAbove: FileReader | undefined,
    /** Names of files that have a dir-merge already; the first one holds. */
    private readonly known: readonly ByteString[],
    /** What the list will be followed by, unless it is cleared. */
    private readonly inherited: Items = NO_ITEMS,
  ) {}

  /**
   * Adds a rule whose leading slash means `base` (absolute). `folder` is where it was written; `above`: outside the
   * transfer, so that a file it names is looked for from there on.
   */
  add(rule: FilterRule, base: ByteString, folder: ByteString, above: boolean): void {
    switch (rule.kind) {
      case 'clear':
        this.items = [];
        this.run = [];
        this.cleared = true;
        return;
      case 'cvs':
        for (const pattern of expandCvs([rule], undefined, undefined)) this.add(pattern, base, folder, above);
        return;
      case 'pattern':
        if (this.set.counts(rule)) this.run.push({ rule, base });
        return;
      case 'dir-merge': {
        const merge = new DirMerge(rule, this.scanStart(rule, folder, above));
        const key = keyOf(merge);
        if (this.known.includes(key) || holds(this.items, key) || (!this.cleared && holds(this.inherited, key))) return;
        this.closeRun();
        this.items.push(merge);
      }
    }
  }

  /** Where the look at the parents begins for a dir-merge written in `folder`. */
  private scanStart(rule: FilterRule, folder: ByteString, above: boolean): ByteString | undefined {
    if (this.readAbove === undefined || rule.dialect === 'git' || (!above && !rule.pattern.includes('/'))) return undefined;
    const at = rule.pattern.lastIndexOf('/');
    const path = rule.pattern.slice(0, at + 1);
    return cleanAbsolute((path.startsWith('/') ? path : `${folder}/${path}`) as ByteString);
  }

  private closeRun(): void {
    if (this.run.length > 0) this.items.push(new Block(this.run, this.root));
    this.run = [];
  }

  finish(): Items {
    this.closeRun();
    return this.items;
  }
}

/** What all scopes of one walk share, and how a rule file becomes a list. */
class Walk {
  constructor(readonly set: FilterSet, readonly root: ByteString, readonly items: Items, readonly readAbove: FileReader | undefined) {}

  /** The list of a dir-merge where `folder` has (or has not) its file: the file's rules before the inherited ones. */
  withFile(merge: DirMerge, inherited: Items, folder: ByteString, read: FileReader, known: readonly ByteString[]): Items {
    const content = this.set.counts(merge.rule) ? read(merge.file) : undefined;
    if (content === undefined) return inherited;
    const above = !isBelow(folder, this.root);
    const path = `${folder}/${merge.file}` as ByteString;
    const file = above ? path : (path.slice(this.root.length + 1) as RelPath);
    const source = `file ${displayName(file)}`;
    const list = new ListBuilder(this.set, this.root, this.readAbove, known, inherited);
    if (merge.rule.dialect === 'git') {
      for (const rule of parseGitignore(content, { source, line: 1 })) list.add(rule, folder, folder, above);
    } else {
      const defaults = defaultsWithin(merge.rule);
      const options = { nul: this.set.options.nul === true };
      const readNamed: FileReader = (name) => (name.startsWith('/') ? this.readAbove?.(name) : read(name));
      forEachEntry(content, defaults, options, (text, line) => {
        try {
          const written = parseWritten(text, defaults, { source, line });
          // As in rsync, the leading slash in a file merged from here means the transfer's root.
          const base = written.kind === 'merge' ? this.root : folder;
          for (const rule of expandMerges(written, readNamed, options, 0)) list.add(rule, base, folder, above);
        } catch (error) {
          if (!(error instanceof TwintreeError)) throw error;
          this.set.options.onProblem?.(file, error.message);
        }
      });
    }
    const own = list.finish();
    return list.cleared ? own : [...own, ...inherited];
  }

  /** The list that a dir-merge brings along from the parents of `folder`; with `inclusive` from `folder` itself too. */
  fromParents(merge: DirMerge, folder: ByteString, inclusive: boolean, known: readonly ByteString[]): Items {
    const { from } = merge;
    const above = this.readAbove;
    if (above === undefined || from === undefined || !merge.inherit || !isBelow(folder, from)) return NO_ITEMS;
    let items: Items = NO_ITEMS;
    const look = (at: ByteString): void => {
      items = this.withFile(merge, items, at, (name) => above(`${at}/${name}` as ByteString), known);
    };
    for (let at = from; at.length < folder.length; at = nextToward(at, folder)) look(at);
    if (inclusive) look(folder);
    return items;
  }
}

class Scope implements FilterScope {
  private readonly lists: ReadonlyMap<DirMerge, Items>;
  private readonly states: readonly BlockState[];

  constructor(
    private readonly walk: Walk,
    parent: Scope | undefined,
    name: ByteString,
    /** Absolute path. */
    private readonly folder: ByteString,
    read: FileReader | undefined,
    private readonly dying: boolean,
  ) {
    const lists = walk.set.usesDirFiles ? this.readFiles(parent, read) : NO_LISTS;
    this.lists = lists;
    if (parent !== undefined && parent.lists === lists && parent.dying === dying) {
      const { states } = parent;
      this.states = states.length === 0 ? states : states.map((state) => state.block.enter(state, name, folder));
    } else {
      this.states = this.flatten(walk.items, parent, name, []);
    }
  }

  /** Reads the folder's rule files. The parent's own map where nothing changes. */
  private readFiles(parent: Scope | undefined, read: FileReader | undefined): ReadonlyMap<DirMerge, Items> {
    const { walk, folder } = this;
    const lists = new Map<DirMerge, Items>();
    let same = parent !== undefined;
    const queue: DirMerge[] = [];
    const known: ByteString[] = [];
    const enqueue = (items: Items): void => {
      for (const item of items) {
        if (item instanceof DirMerge && !queue.includes(item)) {
          queue.push(item);
          known.push(keyOf(item));
        }
      }
    };
    enqueue(walk.items);
    for (let i = 0; i < queue.length; i++) { // grows: a rule file may name further rule files
      const merge = queue[i] as DirMerge;
      const above = parent?.lists.get(merge);
      const inherited = above === undefined ? walk.fromParents(merge, folder, read === undefined, known) : merge.inherit ? above : NO_ITEMS;
      const items = walk.withFile(merge, inherited, folder, read ?? NOT_THERE, known);
      lists.set(merge, items);
      same &&= items === above || (above?.length === 0 && items.length === 0);
      enqueue(items);
    }
    return same && parent !== undefined && parent.lists.size === lists.size ? parent.lists : lists;
  }

  /** The blocks in the order of their rules, seen from this folder. */
  private flatten(items: Items, parent: Scope | undefined, name: ByteString, states: BlockState[]): BlockState[] {
    for (const item of items) {
      if (item instanceof DirMerge) {
        this.flatten(this.lists.get(item) ?? NO_ITEMS, parent, name, states);
        continue;
      }
      const block = this.dying ? item.lasting() : item;
      const before = parent?.states.find((state) => state.block === block);
      states.push(before === undefined ? block.at(this.folder) : block.enter(before, name, this.folder));
    }
    return states;
  }

  enter(name: ByteString, read: FileReader, dying = false): FilterScope {
    return new Scope(this.walk, this, name, `${this.folder}/${name}` as ByteString, read, this.dying || dying);
  }

  excludes(name: ByteString, isDir: boolean): boolean {
    const { states } = this;
    for (let i = 0; i < states.length; i++) {
      const state = states[i] as BlockState;
      const index = state.find(name, isDir);
      if (index >= 0) return state.block.verdicts[index] === 1;
    }
    return false;
  }

  match(name: ByteString, isDir: boolean): { rule: FilterRule; excluded: boolean } | undefined {
    for (const state of this.states) {
      const rule = state.block.rules[state.find(name, isDir)];
      if (rule !== undefined) return { rule, excluded: !rule.include };
    }
    return undefined;
  }
}

const NO_LISTS: ReadonlyMap<DirMerge, Items> = new Map();

/** The dir-merge that --gitignore stands for. */
function gitignoreRule(): FilterRule {
  return {
    kind: 'dir-merge', text: GITIGNORE, origin: { source: '--gitignore', line: 0 }, pattern: GITIGNORE, dialect: 'git', include: false,
    sides: 'default', negate: false, absolute: false, perishable: false, xattr: false,
    format: { syntax: 'exclude', words: false, cvs: false, inherit: true },
  };
}

/** A dir-merge's file; a .gitignore in the two languages is two. */
function keyOf(merge: DirMerge): ByteString {
  return `${merge.rule.dialect}/${merge.file}` as ByteString;
}

function holds(items: Items, key: ByteString): boolean {
  return items.some((item) => item instanceof DirMerge && keyOf(item) === key);
}

/** Absolute path without `.`, `..`, double or trailing slashes; `/` is `''`. */
function cleanAbsolute(path: ByteString): ByteString {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.map((part) => `/${part}`).join('') as ByteString;
}

/** Whether `path` is `folder` or below it; both absolute, without trailing slash. */
function isBelow(path: ByteString, folder: ByteString): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** The folder one part further from `at` toward `folder`. */
function nextToward(at: ByteString, folder: ByteString): ByteString {
  const end = folder.indexOf('/', at.length + 1);
  return end < 0 ? folder : (folder.slice(0, end) as ByteString);
}
