/**
 * Which owner and group an entry gets on the target: rules of --usermap, --groupmap and --chown, else the
 * id that the source's name has on the target, else the number itself. Parsing is in `parseIdMap` and `parseChown`,
 * deciding in `IdMapper`, which asks for names through functions it is given and remembers each id's answer.
 * Whether the process may set the owner or group at all is not decided here. Follows rsync 3.5.
 */
import { TwintreeError } from '../tree/index.js';
import type { IdMapRule } from './options.js';

/** 4294967295 is chown(2)'s "leave alone" and can be no one's id. */
const MAX_ID = 0xfffffffe;

/**
 * Parses one --usermap or --groupmap: `FROM:TO` rules separated by commas. FROM is a name (also with wildcards `*?[`), an id, a range
 * `LOW-HIGH` (inclusive), or nothing for ids without a name; TO is a name or an id.
 * @param option the option's name for the message, such as `--usermap`.
 * @throws TwintreeError USAGE.
 */
export function parseIdMap(text: string, option: string): IdMapRule[] {
  return text.split(',').map((rule) => parseRule(rule, option));
}

/**
 * Parses --chown=USER:GROUP, USER or :GROUP: the rule `*:USER` for all owners and `*:GROUP` for all groups.
 * A side that was not given, or is empty, has no rules. @throws TwintreeError USAGE.
 */
export function parseChown(text: string): { userMap: IdMapRule[]; groupMap: IdMapRule[] } {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? '' : text.slice(colon + 1);
  return {
    userMap: user === '' ? [] : parseIdMap(`*:${user}`, '--chown'),
    groupMap: group === '' ? [] : parseIdMap(`*:${group}`, '--chown'),
  };
}

function parseRule(rule: string, option: string): IdMapRule {
  const colon = rule.indexOf(':');
  if (colon < 0) throw refused(option, rule, 'has no colon');
  const from = rule.slice(0, colon);
  const to = rule.slice(colon + 1);
  if (to === '') throw refused(option, rule, 'has nothing after the colon');
  return { match: parseMatch(from, rule, option), to: parseTarget(to, rule, option) };
}

function parseMatch(from: string, rule: string, option: string): IdMapRule['match'] {
  if (from === '') return { kind: 'unnamed' };
  if (!/^[0-9]/.test(from)) return { kind: 'name', pattern: from };
  // What begins with a digit is a number or a range, never a name.
  const parts = /^([0-9]+)(?:-([0-9]+))?$/.exec(from);
  if (!parts) throw refused(option, rule, 'has neither an id nor a range LOW-HIGH before the colon');
  const low = parseId(parts[1] as string, rule, option);
  const high = parts[2] === undefined ? low : parseId(parts[2], rule, option);
  if (high < low) throw refused(option, rule, 'has a range that ends before it begins');
  return { kind: 'range', low, high };
}

function parseTarget(to: string, rule: string, option: string): IdMapRule['to'] {
  return /^[0-9]+$/.test(to) ? { kind: 'id', id: parseId(to, rule, option) } : { kind: 'name', name: to };
}

function parseId(digits: string, rule: string, option: string): number {
  const id = Number(digits);
  if (id > MAX_ID) throw refused(option, rule, `has an id above ${MAX_ID}`);
  return id;
}

function refused(option: string, rule: string, what: string): TwintreeError {
  return new TwintreeError('USAGE', `${option}: "${rule}" ${what}`, { advice: 'Rules are FROM:TO, separated by commas; see the documentation of the option.' });
}

/** Names of one kind, users or groups, on both sides. Names are byte strings, as the rules' patterns are. */
export interface NameLookup {
  /** Name of an id on the source, undefined without one. */
  nameOfSource(id: number): string | undefined;
  /** Id of a name on the target, undefined without one. */
  idOfTarget(name: string): number | undefined;
}

/** What an IdMapper is made of. */
export interface IdMapperOptions {
  userMap: readonly IdMapRule[];
  groupMap: readonly IdMapRule[];
  /** --numeric-ids: names are not looked at; only rules on numbers, `*` and the empty name match. */
  numericIds: boolean;
  /** Source and target ask the same database of names: without rules every id stays itself. */
  sameNames: boolean;
  users: NameLookup;
  groups: NameLookup;
}

/** Maps ids of the source to ids of the target. */
export class IdMapper {
  /** Ids stay as they are: no call is needed. */
  readonly uidsUnchanged: boolean;
  readonly gidsUnchanged: boolean;
  /** TO names of rules that the target does not know; such a rule never matches. For a notice or a refusal. */
  readonly unknownNames: readonly string[];
  private readonly users: OneMap;
  private readonly groups: OneMap;

  constructor(options: IdMapperOptions) {
    const byName = !options.numericIds && !options.sameNames;
    const unknown: string[] = [];
    this.users = new OneMap(options.userMap, options.users, options.numericIds, byName, unknown);
    this.groups = new OneMap(options.groupMap, options.groups, options.numericIds, byName, unknown);
    this.uidsUnchanged = options.userMap.length === 0 && !byName;
    this.gidsUnchanged = options.groupMap.length === 0 && !byName;
    this.unknownNames = unknown;
  }

  /** The user id on the target for one of the source. */
  mapUid(uid: number): number {
    return this.uidsUnchanged ? uid : this.users.map(uid);
  }

  /** The group id on the target for one of the source. */
  mapGid(gid: number): number {
    return this.gidsUnchanged ? gid : this.groups.map(gid);
  }
}

/** A rule with its pattern compiled and its target resolved. */
interface ReadyRule {
  name: RegExp | undefined; // undefined: by number
  low: number;
  high: number;
  to: number;
}

class OneMap {
  private readonly rules: ReadyRule[] = [];
  private readonly known = new Map<number, number>();
  private lastFrom = -1;
  private lastTo = -1;

  constructor(
    rules: readonly IdMapRule[],
    private readonly names: NameLookup,
    private readonly numericIds: boolean,
    private readonly byName: boolean,
    unknown: string[],
  ) {
    for (const rule of rules) {
      const to = rule.to.kind === 'id' ? rule.to.id : names.idOfTarget(rule.to.name);
      if (to === undefined) {
        if (rule.to.kind === 'name') unknown.push(rule.to.name);
        continue;
      }
      const match = rule.match;
      switch (match.kind) {
        case 'name': this.rules.push({ name: namePattern(match.pattern), low: 0, high: 0, to }); break;
        case 'unnamed': this.rules.push({ name: /^$/, low: 0, high: 0, to }); break;
        case 'range': this.rules.push({ name: undefined, low: match.low, high: match.high, to }); break;
      }
    }
  }

  map(id: number): number {
    if (id === this.lastFrom) return this.lastTo; // neighbours mostly share an owner
    let to = this.known.get(id);
    if (to === undefined) {
      to = this.decide(id);
      this.known.set(id, to);
    }
    this.lastFrom = id;
    this.lastTo = to;
    return to;
  }

  private decide(id: number): number {
    const name = this.numericIds ? '' : (this.names.nameOfSource(id) ?? '');
    for (const rule of this.rules) {
      if (rule.name === undefined ? id >= rule.low && id <= rule.high : rule.name.test(name)) return rule.to;
    }
    // root and its group stay what they are, whatever they are called.
    if (!this.byName || id === 0 || name === '') return id;
    return this.names.idOfTarget(name) ?? id;
  }
}

/**
 * A shell pattern over a whole name; `*?[` make it one, else it is taken literally, backslashes included.
 * Named classes (`[:digit:]`) cannot occur: a rule ends its pattern at the first colon.
 */
function namePattern(pattern: string): RegExp {
  if (!/[*?[]/.test(pattern)) return new RegExp(`^${escape(pattern)}$`);
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    if (c === '*') out += '.*';
    else if (c === '?') out += '.';
    else if (c === '\\' && i + 1 < pattern.length) out += escape(pattern[++i] as string);
    else if (c === '[') {
      const set = /^\[([!^]?)(\]?(?:\\[^]|[^\]\\])*)\]/.exec(pattern.slice(i));
      if (!set) return /(?!)/; // an unclosed class matches nothing
      const body = (set[2] as string).replace(/\\([^])|[[\]\\^]/g, (all, escaped?: string) => (escaped ?? all).replace(/\W/, '\\$&'));
      out += `[${set[1] === '' ? '' : '^'}${body}]`;
      i += set[0].length - 1;
    } else out += escape(c);
  }
  try {
    return new RegExp(`^${out}$`, 's');
  } catch {
    return /(?!)/; // a class with a range that ends before it begins (`[z-a]`) matches nothing
  }
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
