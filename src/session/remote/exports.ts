/**
 * Exports: the configuration of a daemon, read from JSON. Every member is checked and an unknown one is an error: a misspelt limit must not be
 * no limit. Also which root a peer gets, and what it may do there.
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import { parseFilterRule, type FilterRule } from '../../filter/index.js';
import type { IdMapRule } from '../../plan/index.js';
import { parseFingerprint } from '../../transport/index.js';
import { displayName, fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { REFUSABLE, type AgentLimits } from './confine.js';

export type Access = 'read-only' | 'write-only' | 'read-write';

/** A folder under a name. */
export interface ExportedRoot {
  readonly name: string;
  readonly path: ByteString;
  readonly access: Access;
  /** Who may use it: `sha256:…` of a certificate, or `token:NAME`. */
  readonly peers: ReadonlySet<string>;
  readonly refuse: readonly string[];
  readonly filters: readonly FilterRule[];
  /** Who the serving process becomes; undefined: it stays who it is. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly userMap: readonly IdMapRule[];
  readonly groupMap: readonly IdMapRule[];
  /** Connections at once; undefined: as many as the daemon takes. */
  readonly connections: number | undefined;
}

/** A daemon's configuration. */
export interface Exports {
  /** `[HOST:]PORT`. */
  readonly listen: string | undefined;
  /** Files, absolute. */
  readonly identity: string | undefined;
  readonly tokens: string | undefined;
  readonly roots: ReadonlyMap<string, ExportedRoot>;
  readonly connections: number;
  readonly handshakeTimeoutMs: number;
}

/** Reads owners' rules as the command line has them. */
export type IdMapParser = (option: string, text: ByteString) => IdMapRule[];

const ROOT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DEFAULT_CONNECTIONS = 64;
const DEFAULT_HANDSHAKE_S = 15;

/**
 * @param text the file's content. @param file its path, for errors and for names relative to its folder.
 * @throws TwintreeError USAGE that names the member.
 */
export function parseExports(text: string, file: string, parseIdMap: IdMapParser): Exports {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(file, `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const top = new Reader(file, '', value, ['listen', 'identity', 'tokens', 'roots', 'connections', 'handshakeTimeout']);
  const beside = (name: string): string | undefined => {
    const path = top.text(name);
    return path === undefined ? undefined : resolve(dirname(file), path);
  };
  const roots = new Map<string, ExportedRoot>();
  for (const [name, root] of Object.entries(top.object('roots'))) {
    if (!ROOT_NAME.test(name)) throw wrong(file, `roots: ${JSON.stringify(name)} is no name for a root`, 'Letters, digits, dots, dashes and underscores; at most 64.');
    roots.set(name, readRoot(file, name, root, parseIdMap));
  }
  if (roots.size === 0) throw wrong(file, 'roots: there are none');
  return {
    listen: top.text('listen'), identity: beside('identity'), tokens: beside('tokens'), roots,
    connections: top.count('connections') ?? DEFAULT_CONNECTIONS, handshakeTimeoutMs: 1000 * (top.count('handshakeTimeout', 600) ?? DEFAULT_HANDSHAKE_S),
  };
}

function readRoot(file: string, name: string, value: unknown, parseIdMap: IdMapParser): ExportedRoot {
  const of = new Reader(file, `roots.${name}`, value, ['path', 'access', 'peers', 'refuse', 'filters', 'user', 'group', 'usermap', 'groupmap', 'connections']);
  const path = of.text('path') ?? of.missing('path');
  if (!isAbsolute(path)) throw of.wrong('path', 'is not absolute');
  const access = of.text('access') ?? of.missing('access');
  if (access !== 'read-only' && access !== 'write-only' && access !== 'read-write') throw of.wrong('access', 'is none of read-only, write-only, read-write');
  const peers = new Set(of.texts('peers').map((peer) => readPeer(of, peer)));
  if (peers.size === 0) throw of.wrong('peers', 'names nobody', 'Each is sha256: and the fingerprint of a certificate (twintree cert show), or token: and a name.');
  const refuse = of.texts('refuse');
  for (const option of refuse) checkRefusable(option, (what) => of.wrong('refuse', what));
  const user = of.text('user');
  const group = of.text('group');
  if (group !== undefined && user === undefined) throw of.wrong('group', 'stands without user');
  const maps = (member: 'usermap' | 'groupmap'): IdMapRule[] => of.texts(member).flatMap((text) => of.reading(member, () => parseIdMap(`--${member}`, fromText(text))));
  return {
    name, path: fromText(path), access, peers, refuse, user, group, userMap: maps('usermap'), groupMap: maps('groupmap'), connections: of.count('connections'),
    filters: of.texts('filters').flatMap((text) => hidingRules(fromText(text), `roots.${name}.filters`, (what) => of.wrong('filters', what))),
  };
}

function readPeer(of: Reader, peer: string): string {
  if (/^token:./.test(peer)) return peer;
  const fingerprint = /^sha256:/i.test(peer) ? parseFingerprint(peer) : undefined;
  if (fingerprint === undefined) throw of.wrong('peers', `${JSON.stringify(peer)} is neither sha256: and 64 hexadecimal digits nor token: and a name`);
  return fingerprint;
}

/** @throws what `refusal` makes, for a name that cannot be refused. */
export function checkRefusable(option: string, refusal: (what: string) => Error): void {
  if (!REFUSABLE.includes(option)) throw refusal(`${JSON.stringify(option)} is no option that can be refused; these can: ${REFUSABLE.join(', ')}`);
}

/** One rule that hides names from everybody. It stands alone: it reads no files, and means both sides. */
function hidingRules(text: ByteString, where: string, refusal: (what: string) => Error): FilterRule[] {
  let rules: FilterRule[];
  try {
    rules = parseFilterRule(text, { source: where, line: 0 }, () => undefined);
  } catch (error) {
    throw refusal(`${JSON.stringify(displayName(text))}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const [rule] = rules;
  if (rule === undefined || rules.length > 1 || rule.kind !== 'pattern' || rule.sides !== 'default' || rule.xattr) {
    throw refusal(`${JSON.stringify(displayName(text))} is no plain rule: "- PATTERN" hides names, "+ PATTERN" spares them`);
  }
  return [rule];
}

/** The root of that name, for that peer. @throws TwintreeError REFUSED, in the same words whether it is not there or not for this peer. */
export function rootFor(exports: Exports, name: ByteString | undefined, peer: string): ExportedRoot {
  const root = name === undefined ? undefined : exports.roots.get(name);
  if (root === undefined || !root.peers.has(peer)) throw new TwintreeError('REFUSED', `there is no root "${displayName(name ?? ('' as ByteString))}" here for ${peer}`);
  return root;
}

/** Everybody whom some root lets in. */
export function everyPeer(exports: Exports): Set<string> {
  const all = new Set<string>();
  for (const root of exports.roots.values()) for (const peer of root.peers) all.add(peer);
  return all;
}

/** What a peer may do in a root. */
export function limitsOf(root: ExportedRoot): AgentLimits {
  return {
    root: root.path, mayRead: root.access !== 'write-only', mayWrite: root.access !== 'read-only', refused: root.refuse, hidden: root.filters,
    userMap: root.userMap, groupMap: root.groupMap,
  };
}

function wrong(file: string, what: string, advice?: string): TwintreeError {
  return new TwintreeError('USAGE', what, { path: fromText(file), ...(advice === undefined ? {} : { advice }) });
}

/** The members of one object; each reading says where it is when it fails. */
class Reader {
  private readonly of: Readonly<Record<string, unknown>>;

  constructor(private readonly file: string, private readonly where: string, value: unknown, known: readonly string[]) {
    this.of = objectOf(value) ?? ((): never => { throw wrong(file, `${where === '' ? 'it' : where} is no object`); })();
    for (const name of Object.keys(this.of)) {
      if (!known.includes(name)) throw this.wrong(name, 'is not known', `Known are ${known.join(', ')}.`);
    }
  }

  wrong(member: string, what: string, advice?: string): TwintreeError {
    return wrong(this.file, `${this.where === '' ? '' : `${this.where}.`}${member} ${what}`, advice);
  }

  missing(member: string): never {
    throw this.wrong(member, 'is missing');
  }

  text(member: string): string | undefined {
    const value = this.of[member];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '' || value.includes('\0')) throw this.wrong(member, 'is no text');
    return value;
  }

  texts(member: string): string[] {
    const value = this.of[member];
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.wrong(member, 'is no list');
    return value.map((item) => {
      if (typeof item !== 'string' || item === '' || item.includes('\0')) throw this.wrong(member, 'holds what is no text');
      return item;
    });
  }

  /** A whole number from 1. */
  count(member: string, most = 100_000): number | undefined {
    const value = this.of[member];
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) throw this.wrong(member, `is no whole number from 1 to ${most}`);
    return value;
  }

  object(member: string): Readonly<Record<string, unknown>> {
    if (this.of[member] === undefined) return this.missing(member);
    return objectOf(this.of[member]) ?? ((): never => { throw this.wrong(member, 'is no object'); })();
  }

  /** Runs a parser of somebody else's; its error is told with the member. */
  reading<T>(member: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      throw this.wrong(member, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}
