/**
 * The statement of an evidence file: what was compared, when and how, and what came of it, with the digests that bind the rest of the file. It is one line of JSON; the
 * signature is over that line. Reading is closed: what is unknown, missing or out of range is refused.
 */
import { decodeOptions, encodeOptions, type SessionOptions } from '../../plan/index.js';
import type { LostClass } from '../../endpoint/index.js';
import { isCount, isObject, isText, TwintreeError, type ByteString } from '../../tree/index.js';
import { NOTE_DETAILS, NOTE_KINDS, type NoteCounts } from '../compare/notes.js';
import { decodeStats, type DigestStats, type ReadMode } from '../digest/request.js';
import { asciiJson, digestText, ManifestError } from '../manifest/entry.js';

/**
 * - `equal`: everything was read or vouched for, and nothing differs, is missing or too much.
 * - `different`: something is.
 * - `incomplete`: nothing was found to differ, but not everything could be read or judged.
 */
export type EvidenceResult = 'equal' | 'different' | 'incomplete';

/** One of the two trees. */
export interface StatedTree {
  readonly host: string;
  readonly path: ByteString;
  readonly fileSystem: string;
  readonly euid: number;
  /** When its digest began, by its own host's clock, ms since 1970. */
  readonly began: number;
  /** Digest of its manifest, hex. */
  readonly root: string;
  readonly stats: DigestStats;
}

export interface Statement {
  /** When it was made, ms since 1970; and what made it. */
  readonly made: number;
  readonly program: string;
  readonly source: StatedTree;
  readonly target: StatedTree;
  readonly options: SessionOptions;
  /** The filter rules as they were written, for people. */
  readonly exclusions: readonly ByteString[];
  readonly mode: ReadMode;
  /** Percent of what the index vouched for that was read all the same. */
  readonly samplePercent: number;
  /** Classes of attributes that the target cannot hold. */
  readonly cannotHold: readonly LostClass[];
  readonly counts: NoteCounts;
  /** How often each thing is lost. */
  readonly losses: Readonly<Record<string, number>>;
  /** Milliseconds that it took. */
  readonly ms: number;
  readonly result: EvidenceResult;
  /** SHA-256 of the note lines, each with its line end, in order; hex. */
  readonly notes: string;
  /** What the maker wants to have signed with it: a migration's name, its phase. */
  readonly subject: string;
}

/** An evidence file that is not what it should be: damaged, forged, of another version, or signed by another key. */
export function badEvidence(what: string, path?: ByteString, advice?: string): TwintreeError {
  return new TwintreeError('EVIDENCE', what, { ...(path === undefined ? {} : { path }), ...(advice === undefined ? {} : { advice }) });
}

/** The line, without its end. */
export function encodeStatement(s: Statement): string {
  return asciiJson({ statement: { ...s, options: encodeOptions(s.options) } });
}

/** What the signature is over. */
export function signedBytes(line: string): Buffer {
  return Buffer.from(`twintree evidence 1\n${line}\n`, 'latin1');
}

const LOST: readonly LostClass[] = ['acls', 'xattrs', 'symlinks', 'owners', 'permissions', 'special files'];
const MOST_RULES = 1 << 18;
const MEMBERS = ['made', 'program', 'source', 'target', 'options', 'exclusions', 'mode', 'samplePercent', 'cannotHold', 'counts', 'losses', 'ms', 'result', 'notes', 'subject'];
const TREE_MEMBERS = ['host', 'path', 'fileSystem', 'euid', 'began', 'root', 'stats'];

/** Reads a statement. @throws ManifestError. */
export function decodeStatement(line: string): Statement {
  const top = object(parse(line), ['statement'], 'the statement');
  const s = object(top['statement'], MEMBERS, 'the statement');
  const counts = object(s['counts'], NOTE_KINDS, 'counts');
  const losses = s['losses'];
  if (!isObject(losses) || !Object.entries(losses).every(([name, count]) => NOTE_DETAILS.some((one) => one === name) && isCount(count))) throw new ManifestError('losses are none');
  const { made, program, exclusions, mode, samplePercent, cannotHold, ms, result, subject } = s;
  if (!isCount(made) || !isText(program, 256) || typeof ms !== 'number' || !(ms >= 0) || !isText(subject, 1 << 16)) throw new ManifestError('the statement lacks something');
  if (mode !== 'full' && mode !== 'index') throw new ManifestError('a mode is none');
  if (result !== 'equal' && result !== 'different' && result !== 'incomplete') throw new ManifestError('a result is none');
  if (typeof samplePercent !== 'number' || !(samplePercent >= 0 && samplePercent <= 100)) throw new ManifestError('a share is none');
  if (!Array.isArray(exclusions) || exclusions.length > MOST_RULES || !exclusions.every((one) => isText(one, 1 << 16))) throw new ManifestError('exclusions are none');
  if (!Array.isArray(cannotHold) || cannotHold.length > LOST.length) throw new ManifestError('losses are none');
  const statement: Statement = {
    made, program, source: tree(s['source']), target: tree(s['target']), options: foreign(() => decodeOptions(s['options'])), exclusions: exclusions as ByteString[], mode, samplePercent,
    cannotHold: cannotHold.map((kind: unknown) => LOST.find((one) => one === kind)).filter((kind) => kind !== undefined),
    counts: Object.fromEntries(NOTE_KINDS.map((kind) => [kind, whole(counts[kind])])) as NoteCounts, losses: losses as Record<string, number>, ms, result, notes: digestText(s['notes']), subject,
  };
  if (result !== resultOf(statement.counts)) throw new ManifestError('the result is not what the counts say');
  return statement;
}

/** What came of a comparison. */
export function resultOf(counts: NoteCounts): EvidenceResult {
  if (counts.difference + counts.missing + counts.extra > 0) return 'different';
  return counts.unread + counts.unjudged > 0 ? 'incomplete' : 'equal';
}

function tree(value: unknown): StatedTree {
  const t = object(value, TREE_MEMBERS, 'a tree');
  const { host, path, fileSystem } = t;
  if (!isText(host, 1024) || !isText(path, 1 << 16) || !isText(fileSystem, 64)) throw new ManifestError('a tree is none');
  return { host, path: path as ByteString, fileSystem, euid: whole(t['euid']), began: whole(t['began']), root: digestText(t['root']), stats: foreign(() => decodeStats(t['stats'])) };
}

function whole(value: unknown): number {
  if (!isCount(value)) throw new ManifestError('a figure is none');
  return value;
}

function object(value: unknown, members: readonly string[], what: string): Record<string, unknown> {
  if (!isObject(value)) throw new ManifestError(`${what} is no object`);
  const found = Object.keys(value);
  if (found.length !== members.length || !members.every((name) => Object.hasOwn(value, name))) throw new ManifestError(`${what} has other members than it has to have`);
  return value;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new ManifestError('a line is no JSON');
  }
}

/** What readers of the wire refuse, an evidence file may not hold either. */
function foreign<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof TwintreeError ? new ManifestError(error.message) : error;
  }
}
