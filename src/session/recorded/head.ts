/**
 * The head of a sealed plan: what was asked, of which roots, and what the scan found, as JSON. Reading it takes nothing on
 * trust: every member is checked, and none may be unknown.
 */
import { decodeOptions, encodeOptions, type SessionOptions } from '../../plan/index.js';
import type { ScanFindings } from '../../endpoint/index.js';
import { checkedHost, type HostAddress } from '../../transport/index.js';
import { isName, TwintreeError, type ByteString, type RelPath, type TypeCounts } from '../../tree/index.js';
import { Fields } from './fields.js';
import { badPlan } from './format.js';
import { IDENTITY, type SealedRoot } from './roots.js';

/** Most bytes of JSON in all. */
export const MAX_HEAD = 64 << 20;
/** Most sources and alternate folders: what a layer of an operation can name. */
const MAX_ROOTS = 65_535;

/** Findings without the problems themselves: those were told when the plan was made. */
export type SealedFindings = Omit<ScanFindings, 'problems' | 'fileSystems'>;

/** Which end of a plan is on another host, as seen from where the plan is kept. */
export interface OtherHost { side: 'source' | 'target'; host: HostAddress }

/** Everything of a plan that is not a record. */
export interface PlanHead {
  /** When it was made, milliseconds since 1970, and by which user. */
  madeAt: number;
  euid: number;
  umask: number;
  /** As given, but for what concerns only the making of the plan: no dry run, no end in time, no list of names. */
  options: SessionOptions;
  /** The arguments as they were given, for reports, and made absolute. */
  given: { sources: ByteString[]; target: ByteString };
  sources: ByteString[];
  mounts: (SealedRoot & { followed: RelPath[] })[];
  /** `identity` undefined: the root had to be made. */
  target: { path: ByteString; identity: string | undefined; alias: { name: ByteString; source: ByteString } | undefined };
  altRoots: SealedRoot[];
  /** Symlinks of the target that are gone through (--no-implied-dirs). */
  targetFollowed: RelPath[];
  /** The target's root is itself one of the entries. */
  rootChosen: boolean;
  /** Sources that were missing: then nothing is deleted. */
  missing: number;
  /** Problems told while the plan was made. */
  problems: number;
  /** Undefined: both ends are on this host. Paths are those of the host they are on. */
  remote: OtherHost | undefined;
  findings: SealedFindings;
}

/** The head as bytes. */
export function encodeHead(head: PlanHead): Buffer {
  const { identity, alias } = head.target;
  const { remote, ...rest } = head;
  return Buffer.from(JSON.stringify({
    ...rest, ...(remote === undefined ? {} : { remote }), options: encodeOptions(head.options),
    target: { path: head.target.path, ...(identity === undefined ? {} : { identity }), ...(alias === undefined ? {} : { alias }) },
  }), 'utf8');
}

/** @throws PlanFileError. */
export function decodeHead(bytes: Buffer): PlanHead {
  const head = new Fields(parse(bytes), 'head');
  const given = head.object('given');
  const target = head.object('target');
  const decoded: PlanHead = {
    madeAt: head.count('madeAt'), euid: head.count('euid', 0xffffffff), umask: head.count('umask', 0o777),
    options: readOptions(head.take('options')),
    given: { sources: given.byteStrings('sources'), target: given.bytes('target') },
    sources: head.byteStrings('sources'),
    mounts: head.objects('mounts', MAX_ROOTS).map(readMount),
    target: {
      path: target.absolutePath('path'),
      identity: target.has('identity') ? readIdentity(target) : undefined,
      alias: target.has('alias') ? readAlias(target.object('alias')) : undefined,
    },
    altRoots: head.objects('altRoots', MAX_ROOTS).map((root) => ended(root, readRoot(root))),
    targetFollowed: head.relPaths('targetFollowed'),
    rootChosen: head.flag('rootChosen'), missing: head.count('missing'), problems: head.count('problems'),
    remote: head.has('remote') ? readRemote(head.object('remote')) : undefined,
    findings: readFindings(head.object('findings')),
  };
  given.end();
  target.end();
  head.end();
  if (decoded.sources.some((path) => !path.startsWith('/') || path.includes('\0'))) throw head.bad('sources');
  const { altDest } = decoded.options.replace;
  if (decoded.altRoots.length > (altDest?.dirs.length ?? 0)) throw head.bad('altRoots');
  return decoded;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw badPlan('its head is no JSON');
  }
}

function readOptions(value: unknown): SessionOptions {
  try {
    return decodeOptions(value);
  } catch (error) {
    if (error instanceof TwintreeError) throw badPlan(`its options are not understood: ${error.message.replace(/^.*?: /, '')}`);
    throw error;
  }
}

function readRoot(fields: Fields): SealedRoot {
  return { path: fields.absolutePath('path'), identity: readIdentity(fields) };
}

function readMount(fields: Fields): PlanHead['mounts'][number] {
  const { path, identity } = readRoot(fields);
  return ended(fields, { path, identity, followed: fields.relPaths('followed') });
}

function readIdentity(fields: Fields): string {
  const identity = fields.text('identity', 100);
  if (!IDENTITY.test(identity)) throw fields.bad('identity');
  return identity;
}

function readAlias(fields: Fields): { name: ByteString; source: ByteString } {
  const alias = { name: fields.bytes('name'), source: fields.bytes('source') };
  if (!isName(alias.name) || !isName(alias.source)) throw fields.bad('name');
  return ended(fields, alias);
}

function readRemote(fields: Fields): OtherHost {
  const side = fields.text('side', 6);
  if (side !== 'source' && side !== 'target') throw fields.bad('side');
  const of = fields.object('host');
  const kind = of.text('kind', 6);
  if (kind !== 'ssh' && kind !== 'daemon') throw of.bad('kind');
  const host = checkedHost({
    kind, host: of.bytes('host'), user: of.has('user') ? of.bytes('user') : undefined, port: of.has('port') ? of.count('port', 65_535) : undefined, root: of.has('root') ? of.bytes('root', 255) : undefined,
  });
  of.end();
  if (host === undefined) throw fields.bad('host');
  return ended(fields, { side, host });
}

const COUNTS = ['targetEntries', 'totalSize', 'linkedNew', 'removableFiles', 'bytesReplaced', 'bytesRemoved', 'largestReplaced', 'transferFiles', 'transferBytes', 'attributeChanges', 'operations', 'grouped', 'bytesNeeded'] as const;

function readFindings(fields: Fields): SealedFindings {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, fields.count(name)])) as Record<(typeof COUNTS)[number], number>;
  return ended(fields, {
    ...counts, entries: readCounts(fields.object('entries')), creates: readCounts(fields.object('creates')), deletes: readCounts(fields.object('deletes')),
    incomplete: fields.flag('incomplete'),
    lost: fields.objects('lost', 100).map((lost) => ended(lost, { kind: lost.text('kind', 100), count: lost.count('count'), example: lost.bytes('example', 1 << 16) })),
  });
}

function readCounts(fields: Fields): TypeCounts {
  return ended(fields, { files: fields.count('files'), dirs: fields.count('dirs'), links: fields.count('links'), devices: fields.count('devices'), specials: fields.count('specials') });
}

/** The value, once all members were asked for. */
function ended<T>(fields: Fields, value: T): T {
  fields.end();
  return value;
}
