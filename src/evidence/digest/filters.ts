/**
 * Filters on the walk of one tree: which entries are no part of the comparison, and (target) which may stand there without the source having them. The same rules
 * as in a session, asked for one side: what the source hides is left out of both manifests, unless the target would lose it.
 */
import { FilterSet, type FileReader, type FilterScope, type RootPlace } from '../../filter/index.js';
import { readFileAt, readRuleFile, type Posix } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import type { DigestRequest } from './request.js';

/** The rules as one folder sees them; undefined: there are none. */
export interface FolderRules { readonly source: FilterScope; readonly target: FilterScope | undefined }

/** What becomes of an entry. */
export type Standing = 'counts' | 'hidden' | 'protected';

export class DigestFilters {
  private readonly source: FilterSet;
  private readonly target: FilterSet | undefined;

  constructor(private readonly posix: Posix, private readonly request: DigestRequest, onProblem: (file: ByteString, message: string) => void) {
    const { options, side } = request;
    const common = { deleteExcluded: options.delete.excluded, gitignore: options.walk.gitignore, nul: options.walk.nulRules === true, onProblem };
    this.source = new FilterSet(options.filters, { side: 'source', ...common });
    this.target = side === 'target' ? new FilterSet(options.filters, { side: 'target', ...common }) : undefined;
  }

  /** Rules of the root folder. */
  root(handle: number): FolderRules | undefined {
    if (this.source.empty && this.target?.empty !== false) return undefined;
    const { places, above, side } = this.request;
    const read = this.reader(handle);
    const told: RootPlace = { path: places.source, read: side === 'source' || above === undefined ? ruleFile : (name) => above.get(name) };
    return { source: this.source.root(read, told), target: this.target?.root(read, { path: places.target, read: ruleFile }) };
  }

  /** Rules of a folder in the one that `rules` belong to. */
  enter(rules: FolderRules | undefined, name: ByteString, handle: number): FolderRules | undefined {
    if (rules === undefined) return undefined;
    const read = this.reader(handle);
    return { source: rules.source.enter(name, read), target: rules.target?.enter(name, read) };
  }

  private reader(handle: number): FileReader {
    if (!this.source.usesDirFiles && this.target?.usesDirFiles !== true) return () => undefined;
    return (name) => readFileAt(this.posix, handle, name);
  }
}

/** What the rules say of an entry. */
export function standing(rules: FolderRules | undefined, name: ByteString, isDir: boolean): Standing {
  if (rules === undefined) return 'counts';
  const hidden = rules.source.excludes(name, isDir);
  if (rules.target === undefined) return hidden ? 'hidden' : 'counts';
  const kept = rules.target.excludes(name, isDir);
  return hidden ? (kept ? 'hidden' : 'counts') : kept ? 'protected' : 'counts';
}

function ruleFile(path: ByteString): Buffer | undefined {
  const content = readRuleFile(path);
  return typeof content === 'number' ? undefined : content;
}
