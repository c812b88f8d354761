/**
 * --usermap, --groupmap and --chown → rules in order. Names stay bytes. Which of the options may stand
 * together is decided here too: each map can be set once, by one of them.
 */
import type { IdMapRule } from '../../plan/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import type { Draft } from './draft.js';

const MAX_ID = 4294967295;

/** `FROM:TO,FROM:TO…`: FROM is a name (perhaps with wildcards), an id, a range of ids, `*`, or empty for ids without a name. */
export function parseIdMap(option: string, text: ByteString): IdMapRule[] {
  const rules: IdMapRule[] = [];
  for (const item of text.split(',')) {
    const colon = item.indexOf(':');
    if (colon < 0) throw usageError(`${option}: "${displayName(item as ByteString)}" has no colon`, `Write ${option}=FROM:TO, with commas between several.`);
    const to = item.slice(colon + 1);
    if (to === '') throw usageError(`${option}: "${displayName(item as ByteString)}" does not say what to map to`);
    rules.push({ match: parseMatch(option, item.slice(0, colon)), to: parseTarget(option, to) });
  }
  return rules;
}

function parseMatch(option: string, from: string): IdMapRule['match'] {
  if (from === '') return { kind: 'unnamed' };
  if (!/^[0-9]/.test(from)) return { kind: 'name', pattern: from };
  const parts = /^([0-9]+)(?:-([0-9]+))?$/.exec(from);
  if (parts === null) throw usageError(`${option}: "${displayName(from as ByteString)}" is neither a name nor an id nor a range of ids`);
  const low = parseId(option, parts[1] ?? '');
  return { kind: 'range', low, high: parts[2] === undefined ? low : parseId(option, parts[2]) };
}

function parseTarget(option: string, to: string): IdMapRule['to'] {
  return /^[0-9]+$/.test(to) ? { kind: 'id', id: parseId(option, to) } : { kind: 'name', name: to };
}

function parseId(option: string, digits: string): number {
  const id = Number(digits);
  if (id >= MAX_ID) throw usageError(`${option}: ${digits} is not an id`);
  return id;
}

/** --usermap or --groupmap. */
export function setIdMap(draft: Draft, which: 'user' | 'group', text: ByteString): void {
  const option = `--${which}map`;
  claim(draft, which, option);
  if (which === 'user') draft.session.attributes.userMap = parseIdMap(option, text);
  else draft.session.attributes.groupMap = parseIdMap(option, text);
}

/** --chown=USER:GROUP, either part may be missing; the same as `--usermap=*:USER --groupmap=*:GROUP`. */
export function setChown(draft: Draft, text: ByteString): void {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? '' : text.slice(colon + 1);
  const everyone: IdMapRule['match'] = { kind: 'name', pattern: '*' };
  if (user !== '') {
    claim(draft, 'user', '--chown');
    draft.session.attributes.userMap = [{ match: everyone, to: parseTarget('--chown', user) }];
  }
  if (group !== '') {
    claim(draft, 'group', '--chown');
    draft.session.attributes.groupMap = [{ match: everyone, to: parseTarget('--chown', group) }];
  }
}

function claim(draft: Draft, which: 'user' | 'group', option: string): void {
  const by = which === 'user' ? draft.userMapBy : draft.groupMapBy;
  if (by !== undefined) {
    throw usageError(by === option ? `${option} can set the ${which} map only once` : `${option} conflicts with the earlier ${by}`, 'Join the rules in one option, with commas.');
  }
  // A map is no use without the owner (group) being kept: it turns -o (-g) on, as an earlier option that a later --no-o takes back.
  if (which === 'user') {
    draft.userMapBy = option;
    draft.session.attributes.owner = true;
  } else {
    draft.groupMapBy = option;
    draft.session.attributes.group = true;
  }
}
