/**
 * What a hint means for the rest: for a session (dirty paths), for the durable set (marks), and where a rule file changed, for the folder
 * that it rules. Pure.
 */
import { isWorkPath } from '../../endpoint/index.js';
import type { FilterRule } from '../../filter/index.js';
import type { DirtyPath } from '../../session/index.js';
import { DirtyReason, type DirtyMark } from '../../state/index.js';
import { baseOf, EMPTY, fromText, parentOf, type ByteString, type RelPath } from '../../tree/index.js';
import type { Hint, HintScope } from '../hint.js';

const DEPTH = { entry: 'entry', listing: 'listing', subtree: 'tree' } as const satisfies Record<HintScope, DirtyPath['depth']>;

/** What a session over these hints looks at. The folder of each path comes too: its own times have changed. */
export function dirtyPaths(hints: readonly Hint[]): DirtyPath[] {
  const out: DirtyPath[] = [];
  const parents = new Set<RelPath>();
  for (const { path, scope } of hints) {
    out.push({ path, depth: DEPTH[scope] });
    if (path !== EMPTY) parents.add(parentOf(path));
  }
  for (const path of parents) out.push({ path, depth: 'entry' });
  return out;
}

/** Marks of the durable set. It knows no listings: those are the whole below. */
export function marksOf(hints: readonly Hint[]): DirtyMark[] {
  return hints.map(({ path, scope, reason }) => ({
    path, subtree: scope !== 'entry', reasons: reason === 'overflow' ? DirtyReason.Overflow : reason === 'storm' ? DirtyReason.Storm : DirtyReason.Event,
  }));
}

/** Whether a hint is about everything: then a full session answers it. */
export function isWhole({ path, scope }: Hint): boolean {
  return path === EMPTY && scope === 'subtree';
}

/** Whether what `hint` names can hold `path`, or lies at or below it. */
export function touches({ path: at, scope }: Hint, path: RelPath): boolean {
  if (at === path || isBelow(at, path)) return true; // the path itself, or it went wrong above the hint
  if (!isBelow(path, at)) return false;
  return scope === 'subtree' || (scope === 'listing' && parentOf(path) === at);
}

/** Whether `path` lies below `folder`. */
export function isBelow(path: RelPath, folder: RelPath): boolean {
  return folder === EMPTY ? path !== EMPTY : path.startsWith(`${folder}/`);
}

/** Names of files whose content rules what is copied of the folder they stand in. */
export function ruleFileNames(filters: readonly FilterRule[], gitignore: boolean): ReadonlySet<ByteString> {
  const names = new Set<ByteString>();
  if (gitignore) names.add(fromText('.gitignore'));
  for (const { kind, pattern } of filters) {
    if (kind === 'dir-merge') names.add(baseOf(pattern));
    if (kind === 'cvs') names.add(fromText('.cvsignore'));
  }
  return names;
}

/** What the program makes for a moment in a tree that is another mirror's target is nothing of the tree. Undefined: there is nothing else in the hint. */
export function ofTheTree(hint: Hint): Hint | undefined {
  if (isWorkPath(hint.path)) return undefined;
  const { from, to, ...rest } = hint;
  const [stays, went] = [from !== undefined && !isWorkPath(from), to !== undefined && !isWorkPath(to)];
  return { ...rest, ...(stays ? { from } : {}), ...(went ? { to } : {}) };
}

/** A changed rule file makes all of its folder dirty. */
export function widened(hint: Hint, ruleFiles: ReadonlySet<ByteString>): Hint {
  if (ruleFiles.size === 0 || hint.path === EMPTY || !ruleFiles.has(baseOf(hint.path))) return hint;
  return { path: parentOf(hint.path), scope: 'subtree', reason: hint.reason, at: hint.at, gone: false };
}
