/** Which rules of a list count: those that were not cleared, on the side that asks. */
import { expandCvs } from './presets.js';
import type { FilterRule } from './rule.js';

/** The side that asks: what is hidden on the source, or protected on the target. */
export type Side = 'source' | 'target';

/** Whether a rule acts on a side. --delete-excluded makes rules that name no side the source's alone. */
export function actsOn(rule: FilterRule, side: Side, deleteExcluded: boolean): boolean {
  switch (rule.sides) {
    case 'both': return true;
    case 'default': return side === 'source' || !deleteExcluded || rule.kind === 'dir-merge';
    case 'source':
    case 'target': return rule.sides === side;
  }
}

/** The rules behind the last `!`, with CVS's patterns in their places. */
export function effectiveRules(rules: readonly FilterRule[]): FilterRule[] {
  const from = rules.findLastIndex((rule) => rule.kind === 'clear') + 1;
  return expandCvs(rules.slice(from), undefined, undefined);
}
