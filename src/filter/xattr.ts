/** Rules with the modifier `x`: which extended attributes are left out, by name. */
import { EMPTY, type ByteString } from '../tree/index.js';
import { Block } from './block.js';
import type { FilterRule } from './rule.js';
import { actsOn, effectiveRules, type Side } from './side.js';

/**
 * The test of attribute names that the `x` rules make: true is excluded. Undefined where no rule has the modifier: the caller's own
 * defaults hold then. Rules in folders' files are not asked.
 */
export function xattrFilter(rules: readonly FilterRule[], side: Side, deleteExcluded = false): ((attribute: ByteString) => boolean) | undefined {
  if (!rules.some((rule) => rule.xattr)) return undefined;
  const acting = effectiveRules(rules).filter((rule) => rule.kind === 'pattern' && rule.xattr && actsOn(rule, side, deleteExcluded));
  const block = new Block(acting.map((rule) => ({ rule, base: EMPTY })), EMPTY);
  const root = block.at(EMPTY);
  return (attribute) => {
    const slash = attribute.lastIndexOf('/'); // a name may hold one; patterns see it as a path
    const state = slash < 0 ? root : block.at(`/${attribute.slice(0, slash)}` as ByteString);
    const index = state.find(attribute.slice(slash + 1) as ByteString, false);
    return index >= 0 && block.verdicts[index] === 1;
  };
}
