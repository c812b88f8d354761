/**
 * Step: one rule's pattern compiled to the cheapest test that decides it.
 *
 * What rsync(1) says under PATTERN MATCHING RULES is settled here once: which part of the path a pattern is matched
 * against, where a match may begin, and what a trailing slash or `***` asks for.
 */
import { EMPTY, type ByteString } from '../tree/index.js';
import { Automaton } from './automaton.js';
import { isWild, parseGitGlob, parseGlob, type GlobToken } from './glob.js';
import type { FilterRule } from './rule.js';

/** Where a pattern's path begins. */
export type Reference =
  | 'root' // the root of the transfer
  | 'base' // the folder of the rule's file; the transfer's root for a global rule
  | 'absolute'; // the file system's root

/** How a pattern is tested. */
export type Matcher =
  /** Matches nothing. */
  | { readonly type: 'never' }
  /** The name is `name`. */
  | { readonly type: 'name'; readonly name: ByteString }
  /** The name is `name`, in the folder `parent`; floating: in one whose path ends with `parent`. */
  | { readonly type: 'path'; readonly parent: ByteString; readonly name: ByteString; readonly reference: Reference; readonly floating: boolean }
  /** Any name. */
  | { readonly type: 'any' }
  | { readonly type: 'prefix'; readonly text: ByteString }
  | { readonly type: 'suffix'; readonly text: ByteString }
  | { readonly type: 'contains'; readonly text: ByteString }
  /** The name alone, by automaton. */
  | { readonly type: 'glob'; readonly automaton: Automaton; readonly last: number }
  /** The path below the reference, by automaton. With `folderSlash` a folder's path is given a slash behind it. */
  | { readonly type: 'pathGlob'; readonly automaton: Automaton; readonly reference: Reference; readonly last: number; readonly folderSlash: boolean };

/** A rule's pattern, compiled. */
export interface CompiledPattern {
  readonly matcher: Matcher;
  /** Matches folders only. */
  readonly dirOnly: boolean;
}

const NEVER: Matcher = { type: 'never' };

/** Compiles a rule's pattern. `atRoot`: absolute paths begin at `/` itself, as the root of the transfer is `/`. */
export function compilePattern(rule: FilterRule, atRoot: boolean): CompiledPattern {
  return rule.dialect === 'git' ? compileGit(rule.pattern) : compileRsync(rule, atRoot);
}

function compileRsync(rule: FilterRule, atRoot: boolean): CompiledPattern {
  let { pattern } = rule;
  const dirOnly = pattern.length > 1 && pattern.endsWith('/');
  if (dirOnly) pattern = pattern.slice(0, -1) as ByteString;
  const wild = isWild(pattern);
  const spans = wild && pattern.includes('**');
  if (!pattern.includes('/') && !spans) return { matcher: wild ? nameGlob(parseGlob(pattern)) : literalName(pattern), dirOnly };

  const anchored = pattern.startsWith('/');
  const reference: Reference = rule.absolute ? 'absolute' : anchored ? 'base' : 'root';
  const rest = anchored ? (pattern.slice(1) as ByteString) : pattern;
  if (!wild) return { matcher: literalPath(rest, reference, !anchored), dirOnly };

  const tokens = parseGlob(rest);
  if (tokens === undefined) return { matcher: NEVER, dirOnly };
  const leads = !anchored && spans && pattern.startsWith('**');
  // A slash inside a class counts as a level that nothing can ever fill.
  if (!anchored && !spans && slashes(tokens) !== countSlashes(pattern)) return { matcher: NEVER, dirOnly };
  const automaton = new Automaton(tokens, {
    floating: !anchored && !leads,
    leadingSlash: leads && (reference !== 'absolute' || atRoot),
  });
  return { matcher: { type: 'pathGlob', automaton, reference, last: lastByte(tokens), folderSlash: spans && pattern.endsWith('***') }, dirOnly };
}

function compileGit(text: ByteString): CompiledPattern {
  const dirOnly = text.endsWith('/');
  let pattern = dirOnly ? (text.slice(0, -1) as ByteString) : text;
  const wild = /[*?[\\]/.test(pattern);
  if (!pattern.includes('/')) return { matcher: wild ? nameGlob(parseGitGlob(pattern)) : literalName(pattern), dirOnly };
  if (pattern.startsWith('/')) pattern = pattern.slice(1) as ByteString;
  if (!wild) return { matcher: literalPath(pattern, 'base', false), dirOnly };
  const tokens = parseGitGlob(pattern);
  if (tokens === undefined) return { matcher: NEVER, dirOnly };
  const automaton = new Automaton(tokens, { floating: false, leadingSlash: false });
  return { matcher: { type: 'pathGlob', automaton, reference: 'base', last: lastByte(tokens), folderSlash: false }, dirOnly };
}

function literalName(name: ByteString): Matcher {
  return name === '' ? NEVER : { type: 'name', name };
}

function literalPath(path: ByteString, reference: Reference, floating: boolean): Matcher {
  if (path.split('/').includes('')) return NEVER; // no path has an empty part
  const at = path.lastIndexOf('/');
  return { type: 'path', parent: at < 0 ? EMPTY : (path.slice(0, at) as ByteString), name: path.slice(at + 1) as ByteString, reference, floating };
}

/** A wildcard pattern for the name alone: `*`, `*text`, `text*` and `*text*` need no automaton. */
function nameGlob(tokens: GlobToken[] | undefined): Matcher {
  if (tokens === undefined) return NEVER;
  const leads = tokens[0]?.type === 'star';
  const trails = tokens.at(-1)?.type === 'star';
  const inner = tokens.slice(leads ? 1 : 0, trails ? -1 : undefined);
  if (inner.every((token) => token.type === 'byte')) {
    const text = bytesOf(inner);
    if (!leads && !trails) return literalName(text);
    if (text === '') return { type: 'any' };
    return { type: leads && trails ? 'contains' : leads ? 'suffix' : 'prefix', text };
  }
  return { type: 'glob', automaton: new Automaton(tokens, { floating: false, leadingSlash: false }), last: lastByte(tokens) };
}

function bytesOf(tokens: readonly GlobToken[]): ByteString {
  return tokens.map((token) => (token.type === 'byte' ? String.fromCharCode(token.byte) : '')).join('') as ByteString;
}

/** The byte that every match ends with; -1 where there is none. */
function lastByte(tokens: readonly GlobToken[]): number {
  const token = tokens.at(-1);
  const before = tokens.at(-2);
  if (before?.type === 'globstar' && before.folders) return -1; // the slash may be left out
  return token?.type === 'byte' ? token.byte : -1;
}

function slashes(tokens: readonly GlobToken[]): number {
  return tokens.reduce((count, token) => (token.type === 'byte' && token.byte === 47 ? count + 1 : count), 0);
}

function countSlashes(pattern: ByteString): number {
  return pattern.split('/').length - 1;
}
