/**
 * Filters: rules in rsync's language (and .gitignore's) → which names are hidden from the transfer, protected
 * from deletion, or left out as attributes. Pure: the content of rule files is handed in.
 */
export type { FileReader, FilterRule, RuleFileFormat, RuleOrigin, RuleSides } from './rule.js';
export { excludeRule, includeRule, parseFilterRule, parseRuleFile } from './parse.js';
export { cvsRules, expandCvs, perDirFilterRules } from './presets.js';
export { FilterSet, type FilterScope, type FilterSetOptions, type RootPlace } from './set.js';
export type { Side } from './side.js';
export { xattrFilter } from './xattr.js';
