/** Filter rules that options bring with them, as in rsync: what an option keeps on the target is not extraneous. */
import { parseFilterRule, type FilterRule } from '../filter/index.js';
import type { SessionOptions } from '../plan/index.js';
import type { ByteString } from '../tree/index.js';

/** Rules that come after the user's. */
export function impliedFilters(options: SessionOptions): FilterRule[] {
  const { replace, delete: deletion } = options;
  const rules: FilterRule[] = [];
  const add = (text: string, option: string): void => {
    rules.push(...parseFilterRule(text as ByteString, { source: option, line: 0 }, () => undefined));
  };
  if (deletion.when === undefined) return rules;
  if (replace.backup && replace.backupDir === undefined && !deletion.excluded) add(`P *${escape(replace.suffix)}`, '--backup');
  if (replace.partialDir !== undefined && !replace.partialDir.startsWith('/')) add(`P ${escape(replace.partialDir)}/`, '--partial-dir');
  if (replace.delayUpdates) add('P .~tmp~/', '--delay-updates');
  if (replace.backup && replace.backupDir !== undefined && !replace.backupDir.startsWith('/')) {
    const inside = replace.backupDir.replace(/\/+$/, '');
    if (!inside.split('/').includes('..')) add(`P /${escape(inside)}/`, '--backup-dir');
  }
  return rules;
}

function escape(text: string): string {
  return /[*?[]/.test(text) ? text.replace(/[\\*?[]/g, '\\$&') : text;
}
