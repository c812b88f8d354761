/** Judges filter rules by what they did on the source as it is now. Pure. */
import type { FilterRule } from '../filter/index.js';
import { displayName, type ByteString, type Problem } from '../tree/index.js';
import type { Audited } from './audit.js';
import { counted, found, named, word, type Finding } from './finding.js';

export interface FilterFacts {
  readonly rules: readonly Audited[];
  /** Rules for files in folders of which there is none. */
  readonly missingFiles: readonly FilterRule[];
  /** Rules that stand before a `!`. */
  readonly cleared: number;
  /** Why nobody looked; undefined: all was looked at. */
  readonly notLooked: string | undefined;
  /** Rule files with mistakes. */
  readonly problems: readonly Problem[];
}

/** Findings told for one by one, of each kind. */
const MOST_TOLD = 20;

export function judgeFilters(facts: FilterFacts): Finding[] {
  const findings: Finding[] = [];
  for (const { path, message } of facts.problems.slice(0, MOST_TOLD)) findings.push(found('filters.file', 'warning', `${named([path])}: ${message}; the rule is left out and nothing is deleted.`, 'mend the rule in that file'));
  if (facts.notLooked !== undefined) return [...findings, found('filters.not-looked', 'note', `Whether filter rules match anything was not looked at: ${facts.notLooked}.`)];
  if (facts.cleared > 0) findings.push(found('filters.cleared', 'note', `${counted(facts.cleared, 'rule')} before "!" ${facts.cleared === 1 ? 'counts' : 'count'} no more.`));
  const idle = facts.rules.filter(({ decided }) => decided === 0);
  const shadowed = idle.filter(({ shadow }) => shadow !== undefined);
  const unused = idle.filter(({ shadow }) => shadow === undefined);
  for (const each of shadowed.slice(0, MOST_TOLD)) findings.push(judgeShadowed(each));
  if (shadowed.length > MOST_TOLD) findings.push(found('filters.shadowed', 'warning', `${counted(shadowed.length - MOST_TOLD, 'more rule')} never decide anything, for others stand before them.`));
  for (const { rule } of unused.slice(0, MOST_TOLD)) findings.push(judgeUnused(rule));
  if (unused.length > MOST_TOLD) findings.push(found('filters.unused', 'note', `${counted(unused.length - MOST_TOLD, 'more rule')} match nothing in the source.`));
  for (const rule of facts.missingFiles) findings.push(found('filters.merge-missing', 'note', `No folder of the source has a file ${displayName(rule.pattern)}, which ${written(rule)} asks for.`));
  if (facts.rules.length > 0 && findings.length === 0) findings.push(found('filters.used', 'ok', `Each of ${counted(facts.rules.length, 'filter rule')} decides for something.`));
  return findings;
}

/** The rule and where it stands. */
function written({ text, origin: { source, line } }: FilterRule): string {
  return `"${displayName(text)}" (${line > 0 ? `${source}, line ${line}` : source})`;
}

function judgeUnused(rule: FilterRule): Finding {
  const { pattern } = rule;
  const anchored = pattern.replace(/\/$/, '').includes('/');
  const plain = !/[*?[]/.test(pattern);
  // A name that is spelled out to its place and is not there is most likely a mistake; a pattern waits for what may come.
  return found('filters.unused', anchored && plain && !rule.negate ? 'warning' : 'note', `${written(rule)} matches nothing in the source${rule.absolute || !pattern.startsWith('/') ? '' : '; its first slash means the folder that is copied'}.`, anchored && plain ? 'correct the path, or take the rule away' : undefined);
}

function judgeShadowed({ rule, shadow }: Audited): Finding {
  if (shadow === undefined) throw new RangeError('a rule without a shadow');
  const { by, path, how } = shadow;
  const shown = displayName(path);
  if (how === 'entry') {
    const same = by.include === rule.include;
    return found('filters.shadowed', same ? 'note' : 'warning', `${written(rule)} never decides: ${written(by)} stands before it, for ${shown} for example.`, same ? 'take it away' : `put it before ${written(by)}`);
  }
  const settled = rule.include ? `nothing below it is looked at, such as ${shown}` : `${shown} goes with it anyway`;
  return found('filters.unreached', rule.include ? 'warning' : 'note', `${written(rule)} is never reached: ${written(by)} leaves out a whole folder, and ${settled}.`, rule.include ? `exclude what is in the folder and not the folder: --exclude=${word(`${by.pattern.replace(/\/+$/, '')}/*` as ByteString)} behind it; include the folders on the way` : 'take it away');
}
