/**
 * The rule language: text of `-f`, `--exclude`, `--include` and rule files → `FilterRule`s, as rsync(1), FILTER RULES, has it.
 *
 * A rule is a prefix (`-`, `exclude`, …), modifiers and a pattern or file name. A file is split into lines, words or
 * NUL-ended entries. `merge` rules are replaced by what their file says, through the reader that is handed in.
 */
import { baseOf, displayName, EMPTY, fromBytes, TwintreeError, type ByteString } from '../tree/index.js';
import type { FileReader, FilterRule, RuleFileFormat, RuleOrigin, RuleSides } from './rule.js';

/** How deep files may merge files; deeper is a file that merges itself. */
const MAX_MERGE_DEPTH = 32;

/** What the container of a rule (an option, a rule file) decides for it. */
export interface RuleDefaults {
  readonly format: RuleFileFormat;
  /** Only `- ` and `+ ` are prefixes, and `!` alone: --exclude, --include and their files. */
  readonly oldPrefixes: boolean;
  readonly sides: RuleSides;
  readonly absolute: boolean;
  readonly perishable: boolean;
}

/** A rule as it stands in the text: a FilterRule, or a `merge` that is still to be replaced by its file. */
export interface WrittenRule extends Omit<FilterRule, 'kind'> {
  readonly kind: FilterRule['kind'] | 'merge';
  /** Of `merge` and `dir-merge`: the file itself is excluded (`e`). */
  readonly excludeSelf: boolean;
}

/** How entries of a file end, where they are not words. */
export interface EntryOptions {
  /** Entries end with NUL instead of line ends (`-0`). */
  readonly nul: boolean;
}

const RULES: RuleFileFormat = { syntax: 'rules', words: false, cvs: false, inherit: true };

/** Defaults of a `-f` argument. */
const FILTER_DEFAULTS: RuleDefaults = { format: RULES, oldPrefixes: false, sides: 'default', absolute: false, perishable: false };
const EXCLUDE_DEFAULTS: RuleDefaults = { ...FILTER_DEFAULTS, oldPrefixes: true, format: { ...RULES, syntax: 'exclude' } };
const INCLUDE_DEFAULTS: RuleDefaults = { ...FILTER_DEFAULTS, oldPrefixes: true, format: { ...RULES, syntax: 'include' } };

/**
 * One argument of `-f`/`--filter`. `read` opens the file of a `merge` rule by the name as written (`-` is standard input).
 * Throws FILTER_SYNTAX for what is no rule, IO where a merged file is absent.
 */
export function parseFilterRule(text: ByteString, origin: RuleOrigin, read?: FileReader, options: EntryOptions = { nul: false }): FilterRule[] {
  if (text === '') return [];
  return expandMerges(parseWritten(text, FILTER_DEFAULTS, origin), read, options, 0);
}

/** `--exclude=PATTERN`. As in rsync the prefixes `- ` and `+ ` count, and `!` alone clears the list. */
export function excludeRule(pattern: ByteString, origin: RuleOrigin): FilterRule {
  return oldRule(pattern, EXCLUDE_DEFAULTS, origin);
}

/** `--include=PATTERN`; prefixes as in `excludeRule`. */
export function includeRule(pattern: ByteString, origin: RuleOrigin): FilterRule {
  return oldRule(pattern, INCLUDE_DEFAULTS, origin);
}

/**
 * The content of a rule file: `filter` for a merged file, `exclude`/`include` for --exclude-from/--include-from.
 * `origin.line` is not used: each rule gets its own line (its number, where entries are words or end with NUL).
 */
export function parseRuleFile(content: Buffer, kind: 'filter' | 'include' | 'exclude', options: EntryOptions, origin: RuleOrigin, read?: FileReader): FilterRule[] {
  const defaults = kind === 'filter' ? FILTER_DEFAULTS : kind === 'include' ? INCLUDE_DEFAULTS : EXCLUDE_DEFAULTS;
  return parseContent(content, defaults, options, origin, read);
}

/** The content of a rule file in any format; see `parseRuleFile`. */
export function parseContent(content: Buffer, defaults: RuleDefaults, options: EntryOptions, origin: RuleOrigin, read?: FileReader, depth = 0): FilterRule[] {
  const rules: FilterRule[] = [];
  forEachEntry(content, defaults, options, (text, line) => {
    rules.push(...expandMerges(parseWritten(text, defaults, { source: origin.source, line }), read, options, depth));
  });
  return rules;
}

/** Calls `take` with the text and line number of each entry of a rule file; empty lines and comments are left out. */
export function forEachEntry(content: Buffer, defaults: RuleDefaults, options: EntryOptions, take: (text: ByteString, line: number) => void): void {
  const text = fromBytes(content);
  const { words, syntax } = defaults.format;
  let line = 1;
  let at = 0;
  while (at < text.length) {
    let end = at;
    if (words) {
      const c = text.charCodeAt(at);
      if (isSpace(c) || c === 0) {
        if (c === LF) line++;
        at++;
        continue;
      }
      end = wordEnd(text, at, syntax === 'rules');
    } else {
      while (end < text.length && !isEnd(text.charCodeAt(end), options.nul)) end++;
      const c = text.charCodeAt(at);
      if (end === at || c === SEMICOLON || c === HASH) {
        at = nextLine();
        continue;
      }
    }
    take(text.slice(at, end) as ByteString, line);
    at = words ? end : nextLine();

    function nextLine(): number {
      // "\r\n" ends one line for the numbers that people see
      const crlf = text.charCodeAt(end) === CR && text.charCodeAt(end + 1) === LF;
      if (!crlf || options.nul) line++;
      return end + 1;
    }
  }
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const HASH = 35;
const SEMICOLON = 59;
const UNDERSCORE = 95;

/** White space as isspace(3) has it in the C locale. */
function isSpace(c: number): boolean {
  return c === SPACE || (c >= 9 && c <= 13);
}

function isEnd(c: number, nul: boolean): boolean {
  return nul ? c === 0 : c === LF || c === CR;
}

/** Where a word that starts at `at` ends. The space between a rule's prefix and its pattern does not end it. */
function wordEnd(text: string, at: number, prefixed: boolean): number {
  let end = at;
  const toEnd = (): void => {
    while (end < text.length && !isSpace(text.charCodeAt(end)) && text.charCodeAt(end) !== 0) end++;
  };
  toEnd();
  const word = text.slice(at, end);
  if (prefixed && end < text.length && awaitsPattern(word)) {
    end++;
    toEnd();
  }
  return end;
}

/** Whether a word is a rule's prefix and modifiers, and not one that stands alone (`!`, `-C`, `:C`). */
function awaitsPattern(word: string): boolean {
  if (word.includes('_')) return false;
  const [name = '', modifiers = ''] = /^[a-z][a-z-]+(?:,|$)/.test(word) ? word.split(',') : [word.charAt(0), word.slice(1)];
  const prefix = PREFIXES.get(LONG_NAMES.get(name) ?? name);
  return prefix !== undefined && prefix.kind !== 'clear' && !modifiers.includes('C');
}

/** Long names of rules. */
const LONG_NAMES: ReadonlyMap<string, string> = new Map([
  ['exclude', '-'], ['include', '+'], ['merge', '.'], ['dir-merge', ':'], ['hide', 'H'],
  ['show', 'S'], ['protect', 'P'], ['risk', 'R'], ['clear', '!'],
]);

/** The rule a prefix stands for. */
interface Prefix {
  readonly kind: 'pattern' | 'merge' | 'dir-merge' | 'clear';
  readonly include: boolean;
  readonly sides: RuleSides;
}

const PREFIXES: ReadonlyMap<string, Prefix> = new Map([
  ['-', { kind: 'pattern', include: false, sides: 'default' }],
  ['+', { kind: 'pattern', include: true, sides: 'default' }],
  ['H', { kind: 'pattern', include: false, sides: 'source' }],
  ['S', { kind: 'pattern', include: true, sides: 'source' }],
  ['P', { kind: 'pattern', include: false, sides: 'target' }],
  ['R', { kind: 'pattern', include: true, sides: 'target' }],
  ['.', { kind: 'merge', include: false, sides: 'default' }],
  [':', { kind: 'dir-merge', include: false, sides: 'default' }],
  ['!', { kind: 'clear', include: false, sides: 'default' }],
]);

/** One entry → the rule as written. Throws FILTER_SYNTAX. */
export function parseWritten(text: ByteString, defaults: RuleDefaults, origin: RuleOrigin): WrittenRule {
  const { format } = defaults;
  if (defaults.oldPrefixes || format.syntax !== 'rules') {
    let include = format.syntax === 'include';
    let pattern = text;
    if (defaults.oldPrefixes && (text.startsWith('- ') || text.startsWith('+ '))) {
      include = text.startsWith('+');
      pattern = text.slice(2) as ByteString;
      if (pattern === '') throw syntaxError(text, origin, 'it ends before its pattern');
    }
    const clears = text === '!' && (defaults.oldPrefixes || format.cvs);
    return { ...blank(text, origin, defaults), kind: clears ? 'clear' : 'pattern', pattern: clears ? EMPTY : pattern, include };
  }
  return parsePrefixed(text, defaults, origin);
}

/** A rule with nothing said but what its container says. */
function blank(text: ByteString, origin: RuleOrigin, defaults: RuleDefaults): WrittenRule {
  return {
    kind: 'pattern', text, origin, pattern: EMPTY, dialect: 'rsync', include: false, sides: defaults.sides, negate: false,
    absolute: defaults.absolute, perishable: defaults.perishable, xattr: false, excludeSelf: false,
  };
}

function parsePrefixed(text: ByteString, defaults: RuleDefaults, origin: RuleOrigin): WrittenRule {
  const fail = (why: string): TwintreeError => syntaxError(text, origin, why);
  const name = /^[a-z][a-z-]+(?=[\s_,]|$)/.exec(text)?.[0] ?? '';
  const short = LONG_NAMES.get(name);
  const prefix = PREFIXES.get(short ?? text.charAt(0));
  if (prefix === undefined) throw fail('no such rule');
  let at = short === undefined ? 1 : name.length; // behind the prefix

  if (prefix.kind === 'clear') {
    if (at < text.length) throw fail('the list-clearing rule takes no argument');
    return { ...blank(text, origin, defaults), kind: 'clear' };
  }
  if (text.charAt(at) === ',') at++;

  const merges = prefix.kind !== 'pattern';
  const sided = prefix.sides !== 'default';
  let { absolute, perishable } = defaults;
  let { include } = prefix;
  let syntax: RuleFileFormat['syntax'] = 'rules';
  let words = false, cvs = false, inherit = true, negate = false, xattr = false, excludeSelf = false;
  let source = prefix.sides === 'source', target = prefix.sides === 'target';
  for (; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === UNDERSCORE || c === SPACE || (defaults.format.words && isSpace(c))) break;
    const modifier = text.charAt(at);
    const refused = (): TwintreeError => fail(`the modifier "${displayName(modifier as ByteString)}" does not belong here`);
    switch (modifier) {
      case '-':
      case '+':
        if (!merges || syntax !== 'rules') throw refused();
        syntax = modifier === '-' ? 'exclude' : 'include';
        break;
      case '/':
        absolute = true;
        break;
      case '!':
        if (merges || cvs) throw refused();
        negate = true;
        break;
      case 'C':
        if (sided || cvs || syntax !== 'rules' || negate || xattr) throw refused();
        cvs = true;
        syntax = 'exclude';
        words = true;
        inherit = false;
        break;
      case 'e':
        if (!merges) throw refused();
        excludeSelf = true;
        break;
      case 'n':
        if (!merges) throw refused();
        inherit = false;
        break;
      case 'w':
        if (!merges) throw refused();
        words = true;
        break;
      case 'p':
        perishable = true;
        break;
      case 'r':
        if (sided) throw refused();
        target = true;
        break;
      case 's':
        if (sided) throw refused();
        source = true;
        break;
      case 'x':
        if (cvs) throw refused();
        xattr = true;
        break;
      default:
        throw refused();
    }
  }
  let pattern = text.slice(at + 1) as ByteString;
  let sides: RuleSides = source && target ? 'both' : source ? 'source' : target ? 'target' : 'default';
  if (defaults.sides !== 'default') {
    if (sides !== 'default') throw fail('its file already says which side all of its rules are for');
    sides = defaults.sides;
  }
  let kind: WrittenRule['kind'] = prefix.kind;
  if (cvs && !merges) {
    if (pattern !== '') throw fail('the modifier "C" takes no pattern');
    kind = 'cvs';
  } else if (pattern === '') {
    if (!cvs) throw fail(merges ? 'it ends before its file name' : 'it ends before its pattern');
    pattern = '.cvsignore' as ByteString;
  }
  if (merges) include = false;
  const rule: WrittenRule = { kind, text, origin, pattern, dialect: 'rsync', include, sides, negate, absolute, perishable, xattr, excludeSelf };
  return merges ? { ...rule, format: { syntax, words, cvs, inherit } } : rule;
}

/** What the rules of the file of a `merge` or `dir-merge` rule start from. */
export function defaultsWithin(rule: Pick<FilterRule, 'format' | 'sides' | 'absolute' | 'perishable'>): RuleDefaults {
  return { format: rule.format ?? RULES, oldPrefixes: false, sides: rule.sides, absolute: rule.absolute, perishable: rule.perishable };
}

/** Replaces a `merge` by the rules of its file, and adds the exclude of `e`. */
export function expandMerges(rule: WrittenRule, read: FileReader | undefined, options: EntryOptions, depth: number): FilterRule[] {
  const { excludeSelf, kind, ...plain } = rule;
  const rules: FilterRule[] = [];
  if (excludeSelf) rules.push(selfRule(rule));
  if (kind !== 'merge') {
    rules.push({ ...plain, kind });
    return rules;
  }
  if (depth >= MAX_MERGE_DEPTH) throw syntaxError(rule.text, rule.origin, 'files merge each other too deeply');
  const content = read?.(rule.pattern);
  if (content === undefined) {
    throw new TwintreeError('IO', `the filter file of the rule "${displayName(rule.text)}" (${place(rule.origin)}) cannot be read`, {
      path: rule.pattern, advice: 'Name a file that exists, or drop the rule.',
    });
  }
  rules.push(...parseContent(content, defaultsWithin(rule), options, { source: `file ${displayName(rule.pattern)}`, line: 1 }, read, depth + 1));
  return rules;
}

/** The exclude of a rule file's own name that the modifier `e` stands for. */
function selfRule(rule: WrittenRule): FilterRule {
  const { excludeSelf: _, format: __, ...plain } = rule;
  return { ...plain, kind: 'pattern', pattern: baseOf(rule.pattern), include: false, sides: 'default', negate: false, absolute: false, perishable: false, xattr: false };
}

function oldRule(text: ByteString, defaults: RuleDefaults, origin: RuleOrigin): FilterRule {
  const { excludeSelf: _, kind, ...plain } = parseWritten(text, defaults, origin);
  return { ...plain, kind: kind === 'clear' ? 'clear' : 'pattern' };
}

/** `--exclude`, or `file NAME, line N`. */
function place(origin: RuleOrigin): string {
  return origin.line > 0 ? `${origin.source}, line ${origin.line}` : origin.source;
}

function syntaxError(text: ByteString, origin: RuleOrigin, why: string): TwintreeError {
  return new TwintreeError('FILTER_SYNTAX', `the filter rule "${displayName(text)}" (${place(origin)}) is not valid: ${why}`, {
    advice: 'Write a rule as rsync(1) has it under FILTER RULES, such as "- *.o" or "dir-merge .rules".',
  });
}
