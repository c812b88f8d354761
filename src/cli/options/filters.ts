/**
 * Filter options → rules, in command-line order. Files the user names are read here, at the place
 * of their option, so that `!` and `-0` act as they stand on the command line.
 *
 * Rules that other options imply (-C, the backup suffix, the partial folder) come after all of the
 * user's own: `impliedRules`.
 */
import {
  cvsRules, excludeRule, expandCvs, includeRule, parseFilterRule, parseRuleFile, type FileReader, type FilterRule, type RuleOrigin,
} from '../../filter/index.js';
import { errnoText } from '../../fs/index.js';
import { displayName, fromText, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Draft } from './draft.js';
import type { ParseContext } from './spec.js';

const ENOENT = 2;

function typed(source: string): RuleOrigin {
  return { source, line: 0 };
}

/** Reads merge files that a rule names; an absent one is the filter room's to judge, another failure stops the run. */
function reader(context: ParseContext): FileReader {
  return (name) => {
    const content = context.readFile(name);
    if (typeof content !== 'number') return content;
    if (content === -ENOENT) return undefined;
    throw unreadable('the merge file', name, content);
  };
}

function unreadable(what: string, name: ByteString, errno: number): CommandError {
  return new CommandError('IO', `${what} cannot be read: ${errnoText(-errno)}`, { path: name, exitCode: EXIT.fileIo });
}

/** --filter: one rule, or a merge file's. */
export function addFilter(draft: Draft, text: ByteString, context: ParseContext, source = '--filter'): void {
  draft.filters.push(...parseFilterRule(text, typed(source), reader(context), { nul: draft.from0 }));
}

/** --exclude and --include. */
export function addPattern(draft: Draft, kind: 'exclude' | 'include', pattern: ByteString): void {
  draft.filters.push(kind === 'exclude' ? excludeRule(pattern, typed('--exclude')) : includeRule(pattern, typed('--include')));
}

/** --exclude-from and --include-from. */
export function addRuleFile(draft: Draft, kind: 'exclude' | 'include', file: ByteString, context: ParseContext): void {
  const content = context.readFile(file);
  if (typeof content === 'number') throw unreadable(`the file of --${kind}-from`, file, content);
  const source = file === '-' ? 'standard input' : `file ${displayName(file)}`;
  draft.filters.push(...parseRuleFile(content, kind, { nul: draft.from0 }, { source, line: 0 }, reader(context)));
}

/** -F: the first time per-folder `.rsync-filter` files, the second time they are left out of the transfer; then nothing more. */
export function addFilterShorthand(draft: Draft, context: ParseContext): void {
  draft.filterShorthand++;
  if (draft.filterShorthand === 1) addFilter(draft, fromText(': /.rsync-filter'), context, '-F');
  else if (draft.filterShorthand === 2) addFilter(draft, fromText('- .rsync-filter'), context, '-F');
}

/**
 * All rules of the run: the user's own in order, then those that other options bring, whatever the place of
 * their option: the backup suffix, the partial folder, last CVS's.
 */
export function allRules(draft: Draft, context: ParseContext): FilterRule[] {
  const { replace, delete: del } = draft.session;
  const rules = [...draft.filters];
  const add = (text: string, source: string): void => { rules.push(...parseFilterRule(text as ByteString, typed(source))); };
  if (replace.backup && replace.backupDir === undefined && draft.deleting && !del.excluded) add(`P *${replace.suffix}`, '--backup');
  const partial = replace.partialDir ?? (replace.delayUpdates ? '.~tmp~' : undefined);
  if (partial !== undefined && !partial.startsWith('/')) add(`-p ${partial}/`, replace.partialDir === undefined ? '--delay-updates' : '--partial-dir');
  const cvsAsked = draft.cvsExclude || rules.some((rule) => rule.kind === 'cvs');
  if (!cvsAsked) return rules;
  const home = context.env('HOME');
  const content = home === undefined ? undefined : context.readFile(`${home}/.cvsignore` as ByteString);
  const own = typeof content === 'number' ? undefined : content;
  const listed = context.env('CVSIGNORE');
  return [...expandCvs(rules, own, listed), ...(draft.cvsExclude ? cvsRules(own, listed) : [])];
}

/**
 * --files-from: the entries as given. Ended by NUL with -0, else by newline or carriage return;
 * empty ones and those that begin with `#` or `;` are comments.
 */
export function readFileList(file: ByteString, nul: boolean, context: ParseContext): ByteString[] {
  const content = context.readFile(file);
  if (typeof content === 'number') {
    throw new CommandError('FILE_LIST', `the file of --files-from cannot be read: ${errnoText(-content)}`, { path: file });
  }
  const text = content.latin1Slice(0, content.length);
  const entries = text.split(nul ? '\0' : /[\n\r]/).filter((entry) => entry !== '' && !/^[#;]/.test(entry)) as ByteString[];
  const bad = entries.find((entry) => entry.includes('\0'));
  if (bad !== undefined) throw usageError(`${displayName(file)} holds a NUL byte`, 'Say -0 where the names are ended by NUL.');
  return entries;
}
