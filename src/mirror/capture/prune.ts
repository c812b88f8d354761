/**
 * Which folders filter rules leave out for certain, so that they need no watch. Only rules count whose verdict no rule file in a
 * folder can change: those before the first of these. Pure.
 */
import { FilterSet, type FilterRule, type FilterScope } from '../../filter/index.js';
import { EMPTY, type ByteString, type RelPath } from '../../tree/index.js';
import type { Prune } from './types.js';

export interface PruneRules {
  /** The source's rules, in their order. */
  readonly rules: readonly FilterRule[];
  readonly deleteExcluded: boolean;
  /** Absolute path of the root, for rules with the modifier `/`. */
  readonly root: ByteString;
  /** Where the root stands in the transfer: `''` for `SRC/`, its name for `SRC`. */
  readonly anchor: RelPath;
}

/** Scopes kept; beyond, they are made anew. */
const MOST_SCOPES = 10_000;

export function pruneOf({ rules, deleteExcluded, root, anchor }: PruneRules): Prune {
  const cleared = rules.slice(rules.findLastIndex((rule) => rule.kind === 'clear') + 1);
  const open = cleared.findIndex((rule) => rule.kind !== 'pattern');
  const set = new FilterSet(open < 0 ? cleared : cleared.slice(0, open), { side: 'source', deleteExcluded, gitignore: false });
  if (set.empty) return () => false;
  const above = anchor === '' ? root : (root.slice(0, Math.max(root.length - anchor.length - 1, 0)) as ByteString);
  const scopes = new Map<RelPath, FilterScope>();
  const scopeOf = (path: RelPath): FilterScope => {
    const known = scopes.get(path);
    if (known !== undefined) return known;
    let scope: FilterScope;
    if (path === '') {
      scope = set.root(() => undefined, { path: above });
      if (anchor !== '') for (const part of anchor.split('/')) scope = scope.enter(part as ByteString, () => undefined);
    } else {
      const slash = path.lastIndexOf('/');
      scope = scopeOf(slash < 0 ? EMPTY : (path.slice(0, slash) as RelPath)).enter(path.slice(slash + 1) as ByteString, () => undefined);
    }
    if (scopes.size >= MOST_SCOPES) scopes.clear();
    scopes.set(path, scope);
    return scope;
  };
  return (path) => {
    const slash = path.lastIndexOf('/');
    return scopeOf(slash < 0 ? EMPTY : (path.slice(0, slash) as RelPath)).excludes(path.slice(slash + 1) as ByteString, true);
  };
}
