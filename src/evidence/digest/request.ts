/**
 * What a digest of one tree is asked, and what it tells beside the manifest itself: plain data that goes to another host as JSON and is read there, and on the way
 * back, as what it is: written by somebody else.
 */
import { decodeOptions, encodeOptions, type SessionOptions } from '../../plan/index.js';
import type { LostClass } from '../../endpoint/index.js';
import { isCount, isObject, isText, TwintreeError, type ByteString } from '../../tree/index.js';

/** Which tree of the pair it is: the options mean another thing on each side. */
export type TreeSide = 'source' | 'target';

/** How far content is read: all of it, or only what the index does not vouch for, and a sample of the rest. */
export type ReadMode = 'full' | 'index';

/** One tree to be digested. */
export interface DigestRequest {
  /** Path of the root folder on the digest's own host; a relative one is below the folder that its process runs in. */
  readonly root: ByteString;
  readonly side: TreeSide;
  readonly options: SessionOptions;
  /** Where the roots of the pair stand, each on its host: for filter rules with absolute paths. */
  readonly places: { readonly source: ByteString; readonly target: ByteString };
  /** Rule files above the source's root, by absolute path, where that is on another host; undefined: it is on this one. */
  readonly above: ReadonlyMap<ByteString, Buffer> | undefined;
  readonly mode: ReadMode;
  /** Of what the index vouches for, so much is read all the same, chosen at random; percent, 0 to 100. */
  readonly samplePercent: number;
  /** The index of the tree is used and kept, in the state folder of the digest's host. */
  readonly index: boolean;
  /** Nothing is told of the entries: only the index is filled. */
  readonly ahead: boolean;
  /** A folder may be made in the root for a moment, and removed, to find out what its file system holds, where its type does not tell. */
  readonly probe: boolean;
  /** Threads that read and hash; undefined: as many as there are processors. */
  readonly threads: number | undefined;
}

/** What the host of a tree says before the manifest: who it is, and (target) what its file system and user can hold. */
export interface DigestHead {
  readonly host: string;
  readonly root: ByteString;
  readonly euid: number;
  /** ms since 1970, by that host's clock. */
  readonly began: number;
  readonly fileSystem: string;
  readonly facts: TreeFacts;
}

/** As the session knows its target; see `ScanSetup.facts`. */
export interface TreeFacts {
  readonly granularityNs: number;
  readonly setsOwner: boolean;
  readonly groups: readonly number[];
  readonly umask: number;
  readonly makesDevices: boolean;
  readonly cannotHold: readonly LostClass[];
}

/** What was done, known at the end. */
export interface DigestStats {
  entries: number;
  files: number;
  folders: number;
  /** Sum of the sizes of regular files. */
  bytes: number;
  /** Files whose content was read, and the bytes of it; holes are not read. */
  filesRead: number;
  bytesRead: number;
  /** Of these, bytes in pieces of large files that were known by their sums, and not hashed again. */
  bytesKnown: number;
  /** Files that the index vouched for and that were not read, and their bytes. */
  filesBelieved: number;
  bytesBelieved: number;
  /** Of those that the index vouched for, so many were read all the same; so many of them were found to be otherwise. */
  filesSampled: number;
  samplesWrong: number;
  /** Entries with a fault. */
  faults: number;
  /** Rule files that could not be read or parsed, and the like. */
  notices: string[];
  ms: number;
}

const LOST: readonly LostClass[] = ['acls', 'xattrs', 'symlinks', 'owners', 'permissions', 'special files'];
/** Version of what is said: 2 digests large files in pieces. */
const DIGEST = 2;
const MOST_ABOVE = 1024;
const MOST_GROUPS = 1 << 16;
const MOST_NOTICES = 1000;
const COUNTS = ['entries', 'files', 'folders', 'bytes', 'filesRead', 'bytesRead', 'bytesKnown', 'filesBelieved', 'bytesBelieved', 'filesSampled', 'samplesWrong', 'faults'] as const;

/** Nothing done yet. */
export function emptyStats(): DigestStats {
  return { entries: 0, files: 0, folders: 0, bytes: 0, filesRead: 0, bytesRead: 0, bytesKnown: 0, filesBelieved: 0, bytesBelieved: 0, filesSampled: 0, samplesWrong: 0, faults: 0, notices: [], ms: 0 };
}

/** As JSON values. */
export function encodeRequest(request: DigestRequest): unknown {
  const { root, side, options, places, above, mode, samplePercent, index, ahead, probe, threads } = request;
  return {
    digest: DIGEST, root, side, options: encodeOptions(options), places, ...(above === undefined ? {} : { above: [...above].map(([path, content]) => [path, content.toString('base64')]) }), mode, samplePercent, index, ahead, probe,
    ...(threads === undefined ? {} : { threads }),
  };
}

/** Reads a request of another host. @throws TwintreeError WIRE, VERSION. */
export function decodeRequest(value: unknown): DigestRequest {
  if (!isObject(value)) throw brokenDigest('a request is no object');
  if (value['digest'] !== DIGEST) throw new TwintreeError('VERSION', 'the other end asks for a digest of another version', { advice: 'Use the same version of twintree on both hosts.' });
  const places = value['places'];
  if (!isObject(places)) throw brokenDigest('the roots are missing');
  const above = value['above'];
  if (above !== undefined && (!Array.isArray(above) || above.length > MOST_ABOVE)) throw brokenDigest('rule files are no list');
  const { samplePercent, threads, mode, side } = value;
  if (typeof samplePercent !== 'number' || !(samplePercent >= 0 && samplePercent <= 100)) throw brokenDigest('a share is none');
  if (mode !== 'full' && mode !== 'index') throw brokenDigest('a mode is none');
  if (side !== 'source' && side !== 'target') throw brokenDigest('a side is none');
  if (threads !== undefined && (!isCount(threads) || threads < 1 || threads > 1024)) throw brokenDigest('a number of threads is none');
  return {
    root: anyPath(value['root']), side, options: decodeOptions(value['options']), places: { source: anyPath(places['source']), target: anyPath(places['target']) },
    above: above === undefined ? undefined : new Map(above.map((pair: unknown) => {
      if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[1] !== 'string') throw brokenDigest('a rule file is none');
      return [anyPath(pair[0]), Buffer.from(pair[1], 'base64')];
    })),
    mode, samplePercent, index: value['index'] === true, ahead: value['ahead'] === true, probe: value['probe'] === true, threads,
  };
}

/** Reads the head of another host's digest. @throws TwintreeError WIRE. */
export function decodeHead(value: unknown): DigestHead {
  const facts = isObject(value) ? value['facts'] : undefined;
  if (!isObject(value) || !isObject(facts)) throw brokenDigest('its head is no object');
  const { host, fileSystem, euid, began } = value;
  if (!isText(host, 1024) || !isText(fileSystem, 64) || !isCount(euid) || !isCount(began)) throw brokenDigest('its head lacks something');
  const { granularityNs, setsOwner, groups, umask, makesDevices, cannotHold } = facts;
  if (!isCount(granularityNs) || typeof setsOwner !== 'boolean' || !isCount(umask) || typeof makesDevices !== 'boolean') throw brokenDigest('its facts lack something');
  if (!Array.isArray(groups) || groups.length > MOST_GROUPS || !groups.every(isCount)) throw brokenDigest('its groups are no list');
  if (!Array.isArray(cannotHold) || cannotHold.length > LOST.length) throw brokenDigest('its losses are no list');
  const lost = cannotHold.map((kind: unknown) => LOST.find((one) => one === kind));
  if (lost.includes(undefined)) throw brokenDigest('it names a loss that is not known here');
  return {
    host, root: anyPath(value['root']), euid, began, fileSystem,
    facts: { granularityNs: Math.max(1, granularityNs), setsOwner, groups, umask: umask & 0o777, makesDevices, cannotHold: lost.filter((kind) => kind !== undefined) },
  };
}

/** Reads the figures of another host's digest. @throws TwintreeError WIRE. */
export function decodeStats(value: unknown): DigestStats {
  if (!isObject(value)) throw brokenDigest('its figures are no object');
  const stats = emptyStats();
  for (const name of COUNTS) {
    const count = value[name];
    if (!isCount(count)) throw brokenDigest(`its figure "${name}" is none`);
    stats[name] = count;
  }
  const { ms, notices } = value;
  if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 0) throw brokenDigest('its time is none');
  if (!Array.isArray(notices) || notices.length > MOST_NOTICES || !notices.every((one) => isText(one, 1 << 16))) throw brokenDigest('its notices are no list');
  stats.ms = ms;
  stats.notices = notices;
  return stats;
}

/** The other end of a digest broke its form. */
export function brokenDigest(what: string): TwintreeError {
  return new TwintreeError('WIRE', `a digest from another host breaks its form: ${what}`, { advice: 'Use the same version of twintree on both hosts.' });
}

function anyPath(value: unknown): ByteString {
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  if (typeof value !== 'string' || value.length > 1 << 16 || !/^[\u0001-\u00ff]*$/.test(value)) throw brokenDigest('a path is none');
  return value as ByteString;
}
