/**
 * RuleAudit: what filter rules do on a tree that is listed whole, what they leave out with it: how often each decides, and of those that never do, which rule
 * stands before them. The engine of the session decides (FilterSet); nothing here matches by itself. Pure: rule files in folders are handed in.
 */
import { FilterSet, type FileReader, type FilterRule, type FilterScope, type FilterSetOptions } from '../filter/index.js';
import { baseOf, EMPTY, joinPath, parentOf, type ByteString, type RelPath } from '../tree/index.js';

export interface AuditOptions {
  readonly rules: readonly FilterRule[];
  readonly deleteExcluded: boolean;
  readonly gitignore: boolean;
  readonly nul: boolean;
  /** Absolute path of the transfer's root, and whether its own rule files count (`SRC/`). */
  readonly root: ByteString;
  readonly contents: boolean;
  /** Reads a rule file of a folder of the transfer; above the root by its absolute path. */
  readonly read: (folder: RelPath, name: ByteString) => Buffer | undefined;
  readonly readAbove: FileReader | undefined;
}

/** What stood in a rule's way. */
export interface Shadow {
  readonly by: FilterRule;
  readonly path: RelPath;
  /** `entry`: the other rule decided for this path; `folder`: it left out the folder that the path lies in. */
  readonly how: 'entry' | 'folder';
}

export interface Audited {
  readonly rule: FilterRule;
  /** Entries that it decided for. */
  readonly decided: number;
  /** Of one that decided for none: where it would have. */
  readonly shadow: Shadow | undefined;
}

/** Rules that are looked into one by one; beyond, it is only told that they decide nothing. */
const MOST_SINGLES = 50;
/** Folders whose scopes are kept; beyond, they are made anew. */
const MOST_FOLDERS = 1000;

interface Folder {
  readonly scope: FilterScope;
  readonly singles: Map<FilterRule, FilterScope>;
  /** The rule that left it out, or a folder above. */
  readonly hidden: FilterRule | undefined;
}

export class RuleAudit {
  private readonly set: FilterSet;
  private readonly sets = new Map<FilterRule, FilterSet>();
  private readonly decided = new Map<FilterRule, number>();
  private readonly shadows = new Map<FilterRule, Shadow>();
  private readonly folders = new Map<RelPath, Folder>();
  /** Rules that are looked into, in their order. */
  private readonly subjects: readonly FilterRule[];
  private readonly files = new Map<FilterRule, boolean>();

  constructor(private readonly options: AuditOptions) {
    const { rules } = options;
    const cleared = rules.findLastIndex((rule) => rule.kind === 'clear') + 1;
    const standing = rules.slice(cleared).filter(isOwn);
    this.set = new FilterSet(rules, { ...this.setOptions(), gitignore: options.gitignore });
    this.subjects = standing.filter((rule) => rule.kind === 'pattern' && this.set.counts(rule));
    for (const rule of this.subjects) this.decided.set(rule, 0);
    for (const rule of this.subjects.slice(0, MOST_SINGLES)) this.sets.set(rule, new FilterSet([rule], { ...this.setOptions(), gitignore: false }));
    for (const rule of standing) if (rule.kind === 'dir-merge' && !rule.pattern.includes('/')) this.files.set(rule, false); // others are looked for in the parents too
  }

  /** Whether there is anything to be found out. */
  get idle(): boolean {
    return this.subjects.length === 0 && this.files.size === 0;
  }

  /** An entry, each folder before what is in it. Whether it is copied. */
  see(path: RelPath, isDir: boolean): boolean {
    if (path === EMPTY) return true;
    const folder = this.folder(parentOf(path));
    const name = baseOf(path);
    if (folder.hidden !== undefined) {
      this.test(folder, name, isDir, { by: folder.hidden, path, how: 'folder' });
      return false;
    }
    for (const rule of this.files.keys()) if (rule.pattern === name && !isDir) this.files.set(rule, true);
    const match = folder.scope.match(name, isDir);
    if (match === undefined) return true;
    const before = this.decided.get(match.rule);
    if (before !== undefined) {
      this.decided.set(match.rule, before + 1);
      this.sets.delete(match.rule);
      this.shadows.delete(match.rule);
    }
    this.test(folder, name, isDir, { by: match.rule, path, how: 'entry' });
    return !match.excluded;
  }

  get result(): { rules: Audited[]; missingFiles: FilterRule[] } {
    return {
      rules: this.subjects.map((rule) => ({ rule, decided: this.decided.get(rule) ?? 0, shadow: this.shadows.get(rule) })),
      missingFiles: [...this.files].filter(([, seen]) => !seen).map(([rule]) => rule),
    };
  }

  /** Whether rules that have decided nothing yet would match here. */
  private test(folder: Folder, name: ByteString, isDir: boolean, shadow: Shadow): void {
    for (const rule of this.sets.keys()) {
      if (rule === shadow.by || this.shadows.has(rule)) continue;
      if (this.single(folder, rule).match(name, isDir) !== undefined) this.shadows.set(rule, shadow);
    }
  }

  private single(folder: Folder, rule: FilterRule): FilterScope {
    const scope = folder.singles.get(rule);
    if (scope === undefined) throw new Error('a rule without its scope');
    return scope;
  }

  private folder(path: RelPath): Folder {
    const known = this.folders.get(path);
    if (known !== undefined) return known;
    const made = path === EMPTY ? this.rootFolder() : this.below(this.folder(parentOf(path)), path);
    if (this.folders.size >= MOST_FOLDERS) this.folders.clear();
    this.folders.set(path, made);
    return made;
  }

  private rootFolder(): Folder {
    const { root, contents, readAbove } = this.options;
    const place = { path: root, ...(readAbove === undefined ? {} : { read: readAbove }) };
    const scope = this.set.root(contents ? this.reader(EMPTY) : undefined, place);
    return { scope, singles: new Map([...this.sets].map(([rule, set]) => [rule, set.root(undefined, place)])), hidden: undefined };
  }

  private below(above: Folder, path: RelPath): Folder {
    const name = baseOf(path);
    const match = above.hidden === undefined ? above.scope.match(name, true) : undefined;
    const hidden = above.hidden ?? (match?.excluded === true ? match.rule : undefined);
    const singles = new Map<FilterRule, FilterScope>();
    for (const rule of this.sets.keys()) {
      const scope = above.singles.get(rule);
      if (scope !== undefined) singles.set(rule, scope.enter(name, NO_FILES));
    }
    return { scope: hidden === undefined ? above.scope.enter(name, this.reader(path)) : above.scope, singles, hidden };
  }

  private reader(folder: RelPath): FileReader {
    return (name) => this.options.read(folder, joinPath(EMPTY, name));
  }

  private setOptions(): Omit<FilterSetOptions, 'gitignore'> {
    const { deleteExcluded, nul } = this.options;
    return { side: 'source', deleteExcluded, nul };
  }
}

const NO_FILES: FileReader = () => undefined;

/** Where rules come from that other options stand for. */
const IMPLIED: ReadonlySet<string> = new Set(['-F', '-FF', '--gitignore', '--cvs-exclude', 'CVS defaults', '$CVSIGNORE', 'file ~/.cvsignore', '--backup', '--partial-dir', '--delay-updates']);

/** Written by the user, and not what another option stands for. */
function isOwn({ origin: { source }, xattr }: FilterRule): boolean {
  return !xattr && !IMPLIED.has(source);
}
