/**
 * Options as plain JSON and back: how a session's options reach the other host or a file. Reading is closed: a member that is unknown,
 * missing, of another type or out of range is an error, so that nothing is ever done with options that were understood only in part.
 * What the options may ask for is not decided here.
 */
import { TwintreeError, type ByteString } from '../tree/index.js';
import type { FilterRule, RuleFileFormat, RuleOrigin } from '../filter/index.js';
import type {
  AttributeOptions, CompareOptions, DeleteOptions, IdMapRule, ReplaceOptions, SessionOptions, SymlinkOptions, WalkOptions,
} from './options.js';

/** Reads one value of JSON; `at` says where it stands. */
type Read<T> = (value: unknown, at: string) => T;

/** Longest path, pattern or rule, and longest sentence, in units. */
const MAX_TEXT = 1 << 16;
const MAX_RULES = 1 << 18;
const MAX_FILES_FROM = 1 << 21;
const MAX_ID_RULES = 1 << 16;
const MAX_DIRS = 64;
/** Sizes on the command line go up to 2^63; above 2^53 they are not exact, and need not be. */
const MAX_SIZE = 2 ** 63;
/** The last moment that a Date can hold, ms. */
const MAX_TIME = 8.64e15;
const MAX_I32 = 2 ** 31 - 1;
/** 4294967295 is chown(2)'s "leave alone" and can be no one's id. */
const MAX_ID = 0xfffffffe;

function broken(at: string, what: string): TwintreeError {
  return new TwintreeError('WIRE', `the options sent by the other end cannot be read: ${at} ${what}`, { advice: 'Use the same version of twintree on both hosts.' });
}

const bool: Read<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw broken(at, 'is neither true nor false');
  return value;
};

/** A whole number from `least` to `most`. */
function whole(least: number, most: number): Read<number> {
  return (value, at) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw broken(at, `is no whole number from ${least} to ${most}`);
    return value;
  };
}

/** Any number from `least` to `most`. */
function real(least: number, most: number): Read<number> {
  return (value, at) => {
    if (typeof value !== 'number' || !(value >= least && value <= most)) throw broken(at, `is no number from ${least} to ${most}`);
    return value;
  };
}

/** A byte string without NUL. */
const bytes: Read<ByteString> = (value, at) => {
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  if (typeof value !== 'string' || value.length > MAX_TEXT || !/^[\x01-\xff]*$/.test(value)) throw broken(at, 'is no byte string');
  return value as ByteString;
};

/** The text of a rule. A line of a rule file may hold a NUL: then it matches nothing. */
const ruleText: Read<ByteString> = (value, at) => {
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  if (typeof value !== 'string' || value.length > MAX_TEXT || !/^[\x00-\xff]*$/.test(value)) throw broken(at, 'is no byte string');
  return value as ByteString;
};

/** Text for people. */
const sentence: Read<string> = (value, at) => {
  if (typeof value !== 'string' || value.length > MAX_TEXT) throw broken(at, 'is no text');
  return value;
};

function oneOf<const T extends string | number | boolean>(...allowed: readonly T[]): Read<T> {
  return (value, at) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw broken(at, `is none of ${allowed.join(', ')}`);
    return found;
  };
}

function list<T>(read: Read<T>, most: number): Read<T[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > most) throw broken(at, `is no list of at most ${most}`);
    return value.map((item, i) => read(item, `${at}[${i}]`));
  };
}

/** A member that is undefined in memory and left out in JSON. */
interface Maybe<T> { readonly maybe: Read<T> }
/** A member that is not there in either. */
interface Optional<T> { readonly optional: Read<T> }
const maybe = <T>(read: Read<T>): Maybe<T> => ({ maybe: read });
const optional = <T>(read: Read<T>): Optional<T> => ({ optional: read });

/** How each member of T is read: the type makes sure that none is forgotten. */
type Shape<T> = {
  [K in keyof T]-?: T extends Record<K, T[K]>
    ? (undefined extends T[K] ? Maybe<Exclude<T[K], undefined>> : Read<T[K]>)
    : Optional<Exclude<T[K], undefined>>;
};

/** What is read so may be left out where it is false: most switches are off. */
const ABSENT_IS_FALSE = new Set<unknown>([bool]);
/** Names of members of which absence says something else. */
const ABSENT_IS_OTHER = new Set<string>();

/** An object with these members and no others. */
function members<T extends object>(shape: Shape<T>): Read<T> {
  const entries = Object.entries(shape) as Array<[string, Read<unknown> | Maybe<unknown> | Optional<unknown>]>;
  const known = new Set(entries.map(([name]) => name));
  for (const [name, read] of entries) if (typeof read !== 'function') ABSENT_IS_OTHER.add(name);
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw broken(at, 'is no object');
    const from = value as Record<string, unknown>;
    for (const name of Object.keys(from)) if (!known.has(name)) throw broken(at, `has a member "${name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 64)}" that is not known here`);
    const out: Record<string, unknown> = {};
    for (const [name, read] of entries) {
      const there = Object.hasOwn(from, name) && from[name] !== undefined;
      if (typeof read === 'function') {
        if (!there && !ABSENT_IS_FALSE.has(read)) throw broken(`${at}.${name}`, 'is missing');
        out[name] = there ? read(from[name], `${at}.${name}`) : false;
      } else if ('maybe' in read) out[name] = there ? read.maybe(from[name], `${at}.${name}`) : undefined;
      else if (there) out[name] = read.optional(from[name], `${at}.${name}`);
    }
    return out as T;
  };
}

/** The first shape whose `kind` (or only member) fits. */
function either<A, B>(isFirst: (value: object) => boolean, first: Read<A>, second: Read<B>): Read<A | B> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null) throw broken(at, 'is no object');
    return isFirst(value) ? first(value, at) : second(value, at);
  };
}

const ofKind = (kind: string) => (value: object): boolean => 'kind' in value && value.kind === kind;

const compare = members<CompareOptions>({
  mode: oneOf('quick', 'checksum', 'size-only', 'ignore-times', 'doubt'), modifyWindow: whole(-1, MAX_I32), update: bool, existing: bool, ignoreExisting: bool,
  ignoreNonExisting: bool, maxSize: maybe(whole(0, MAX_SIZE)), minSize: maybe(whole(0, MAX_SIZE)),
});

type Match = IdMapRule['match'];
type To = IdMapRule['to'];
const range = members<Extract<Match, { kind: 'range' }>>({ kind: oneOf('range'), low: whole(0, MAX_ID), high: whole(0, MAX_ID) });
const idMap = list(members<IdMapRule>({
  match: either<Extract<Match, { kind: 'name' }>, Exclude<Match, { kind: 'name' }>>(
    ofKind('name'), members<Extract<Match, { kind: 'name' }>>({ kind: oneOf('name'), pattern: bytes }),
    either<Extract<Match, { kind: 'range' }>, Extract<Match, { kind: 'unnamed' }>>(
      ofKind('range'), (value, at) => {
        const read = range(value, at);
        if (read.high < read.low) throw broken(at, 'ends before it begins');
        return read;
      },
      members<Extract<Match, { kind: 'unnamed' }>>({ kind: oneOf('unnamed') }),
    ),
  ),
  to: either<Extract<To, { kind: 'id' }>, Extract<To, { kind: 'name' }>>(
    ofKind('id'), members<Extract<To, { kind: 'id' }>>({ kind: oneOf('id'), id: whole(0, MAX_ID) }), members<Extract<To, { kind: 'name' }>>({ kind: oneOf('name'), name: bytes }),
  ),
}), MAX_ID_RULES);

const attributes = members<AttributeOptions>({
  perms: bool, executability: bool, times: bool, atimes: bool, owner: bool, group: bool, devices: bool, specials: bool, links: bool, hardLinks: bool, acls: bool,
  xattrs: bool, omitDirTimes: bool, omitLinkTimes: bool, openNoatime: bool, numericIds: bool, userMap: idMap, groupMap: idMap, chmod: maybe(bytes),
  fakeSuper: members<AttributeOptions['fakeSuper']>({ source: bool, target: bool }), copyDevices: bool, writeDevices: bool, allXattrs: optional(bool),
});

const symlinks = members<SymlinkOptions>({
  copyLinks: bool, copyUnsafeLinks: bool, safeLinks: bool, copyDirlinks: bool, keepDirlinks: bool, mungeLinks: bool, unmungeLinks: optional(bool),
});

const walk = members<WalkOptions>({
  recursive: bool, dirs: bool, oneFileSystem: oneOf(0, 1, 2), relative: bool, impliedDirs: bool, pruneEmptyDirs: bool, gitignore: bool, nulRules: optional(bool),
});

const rule: Read<FilterRule> = members<FilterRule>({
  kind: oneOf('pattern', 'dir-merge', 'clear', 'cvs'), text: ruleText, origin: members<RuleOrigin>({ source: sentence, line: whole(0, Number.MAX_SAFE_INTEGER) }), pattern: ruleText,
  dialect: oneOf('rsync', 'git'), include: bool, sides: oneOf('default', 'source', 'target', 'both'), negate: bool, absolute: bool, perishable: bool, xattr: bool,
  format: optional(members<RuleFileFormat>({ syntax: oneOf('rules', 'exclude', 'include'), words: bool, cvs: bool, inherit: bool })),
});

/** A dir-merge names its file and says how it is read; no other rule does. */
const checkedRule: Read<FilterRule> = (value, at) => {
  const read = rule(value, at);
  const merges = read.kind === 'dir-merge';
  if (merges !== (read.format !== undefined)) throw broken(at, merges ? 'is a dir-merge without a format' : 'has the format of a dir-merge and is none');
  if (merges && (read.pattern === '' || read.pattern.includes('\0'))) throw broken(at, 'is a dir-merge of no file');
  return read;
};

type Limit = Exclude<DeleteOptions['limit'], undefined>;
const deletes = members<DeleteOptions>({
  when: maybe(oneOf('before', 'during', 'delay', 'after')), excluded: bool, ignoreErrors: bool, force: bool, maxDelete: maybe(whole(0, Number.MAX_SAFE_INTEGER)),
  limit: maybe(either<Extract<Limit, { count: number }>, Extract<Limit, { percent: number }>>(
    (value) => 'count' in value, members<Extract<Limit, { count: number }>>({ count: whole(0, Number.MAX_SAFE_INTEGER) }),
    members<Extract<Limit, { percent: number }>>({ percent: real(0, 100) }),
  )),
  missingArgs: oneOf('error', 'ignore', 'delete'), detectMoves: bool,
});

/** What a backup adds to a name: it stays in the folder. */
const suffix: Read<ByteString> = (value, at) => {
  const read = bytes(value, at);
  if (read.includes('/')) throw broken(at, 'holds a slash');
  return read;
};

const append = oneOf<ReplaceOptions['append']>(false, 'append', 'verify');
ABSENT_IS_FALSE.add(append);
const replace = members<ReplaceOptions>({
  inplace: bool, append, wholeFile: maybe(bool), sparse: bool, preallocate: bool, tempDir: maybe(bytes), delayUpdates: bool,
  partial: bool, partialDir: maybe(bytes), backup: bool, backupDir: maybe(bytes), suffix,
  backupKeep: optional(members<Exclude<ReplaceOptions['backupKeep'], undefined>>({ ageMs: maybe(whole(0, Number.MAX_SAFE_INTEGER)), bytes: maybe(whole(0, MAX_SIZE)) })),
  altDest: maybe(members<Exclude<ReplaceOptions['altDest'], undefined>>({ kind: oneOf('link', 'copy', 'compare'), dirs: list(bytes, MAX_DIRS) })),
  fuzzy: optional(oneOf(1, 2)), deferChanging: optional(bool), removeSourceFiles: bool, fsync: bool, durable: optional(bool), mkpath: bool,
});

const session = members<SessionOptions>({
  dryRun: bool, contentOnly: optional(bool), compare, attributes, symlinks, walk, filters: list(checkedRule, MAX_RULES), filesFrom: maybe(list(bytes, MAX_FILES_FROM)), delete: deletes, replace,
  guard: members<SessionOptions['guard']>({ root: bool, reserveBytes: whole(0, MAX_SIZE) }), lock: bool, state: optional(bool), cloneDir: optional(bytes), threads: maybe(whole(1, 4096)), bwlimit: whole(0, MAX_SIZE),
  stopAt: maybe(real(0, MAX_TIME)),
});

/**
 * Options → plain JSON values: members that are undefined or false are left out, a moment past the end of time counts as none.
 * @throws TwintreeError WIRE where `decodeOptions` would refuse them.
 */
export function encodeOptions(options: SessionOptions): unknown {
  const stopAt = options.stopAt !== undefined && options.stopAt > MAX_TIME ? undefined : options.stopAt;
  return terse(session({ ...options, stopAt }, 'options'));
}

/** Plain JSON values → options. @throws TwintreeError WIRE for anything unknown, missing or out of range. */
export function decodeOptions(json: unknown): SessionOptions {
  return session(json, 'options');
}

/** Leaves out what a reader puts back: members that are undefined, and switches that are off. */
function terse(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(terse);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, member]) => member !== undefined && (member !== false || ABSENT_IS_OTHER.has(name))).map(([name, member]) => [name, terse(member)]));
}
