/**
 * Rules that an option stands for: `-C` (what CVS ignores) and `-F` (a rule file in each folder).
 */
import { fromBytes, toBytes, type ByteString } from '../tree/index.js';
import { parseContent, parseFilterRule, type RuleDefaults } from './parse.js';
import type { FilterRule, RuleOrigin } from './rule.js';

/** What CVS ignores by itself, as rsync(1), --cvs-exclude, lists it. */
const CVS_NAMES =
  'RCS SCCS CVS CVS.adm RCSLOG cvslog.* tags TAGS .make.state .nse_depinfo *~ #* .#* ,* _$* *$ *.old *.bak *.BAK *.orig *.rej ' +
  '.del-* *.a *.olb *.o *.obj *.so *.exe *.Z *.elc *.ln core .svn/ .git/ .hg/ .bzr/';

const CVS_OPTION: RuleOrigin = { source: '--cvs-exclude', line: 0 };

/**
 * What `-C` adds: the dir-merge of `.cvsignore` (`:C`), then the patterns of `-C`. The caller puts them after all
 * other rules, wherever the option stood. Home file and variable are whitespace-separated patterns; `!` among
 * them drops those before it.
 */
export function cvsRules(homeCvsignore: Buffer | undefined, cvsignoreEnv: ByteString | undefined): FilterRule[] {
  const rules = [':C', '-C'].flatMap((text) => parseFilterRule(text as ByteString, CVS_OPTION));
  return expandCvs(rules, homeCvsignore, cvsignoreEnv);
}

/** Puts CVS's patterns in the place of each `-C` rule. A FilterSet does so too, with the built-in ones alone. */
export function expandCvs(rules: readonly FilterRule[], homeCvsignore: Buffer | undefined, cvsignoreEnv: ByteString | undefined): FilterRule[] {
  return rules.flatMap((rule) => (rule.kind === 'cvs' ? cvsPatterns(rule, homeCvsignore, cvsignoreEnv) : [rule]));
}

function cvsPatterns(rule: FilterRule, home: Buffer | undefined, env: ByteString | undefined): FilterRule[] {
  const defaults: RuleDefaults = {
    format: { syntax: rule.include ? 'include' : 'exclude', words: true, cvs: true, inherit: false },
    oldPrefixes: false, sides: rule.sides, absolute: rule.absolute, perishable: rule.perishable,
  };
  const read = (content: Buffer, source: string, perishable: boolean): FilterRule[] =>
    parseContent(content, { ...defaults, perishable }, { nul: false }, { source, line: 1 });
  const patterns = [
    ...read(Buffer.from(CVS_NAMES, 'latin1'), 'CVS defaults', true),
    ...(home === undefined ? [] : read(home, 'file ~/.cvsignore', rule.perishable)),
    ...(env === undefined ? [] : read(toBytes(env), '$CVSIGNORE', rule.perishable)),
  ];
  // "!" clears CVS's own list, not the rules around it.
  return patterns.slice(patterns.findLastIndex((pattern) => pattern.kind === 'clear') + 1);
}

/**
 * What `-F` stands for, or `-FF` (count 2): the dir-merge of `.rsync-filter`, looked for in the parents too, and the exclude
 * of these files. A second `-F` that stands later among the rules adds the last of the two there.
 */
export function perDirFilterRules(count: 1 | 2): FilterRule[] {
  const texts = ['dir-merge /.rsync-filter', 'exclude .rsync-filter'].slice(0, count);
  return texts.flatMap((text) => parseFilterRule(fromBytes(Buffer.from(text)), { source: count === 1 ? '-F' : '-FF', line: 0 }));
}
