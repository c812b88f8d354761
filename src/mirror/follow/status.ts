/**
 * What a mirror says of itself in its pair's state folder, for `twintree status`: written by the mirror every second, read by anyone who may.
 * What is read is checked: another version, or damage, is no status.
 */
import { namesIn, readWholeFile, replaceFile, type Posix } from '../../fs/index.js';
import { lockHolder, pairFolder } from '../../state/index.js';
import { isHeldView, type HeldView } from '../control/index.js';
import { isObject, type ByteString } from '../../tree/index.js';

export const STATUS_VERSION = 2;
const NAME = 'mirror.json';
/** Longest status file that is read, bytes. */
const LONGEST = 1 << 18;
/** Failing paths that are named. */
export const MOST_NAMED = 20;

/**
 * `starting`: watches are set. `copying`: a full session runs. `following`: equal, or a batch is under way. `waiting`: the last session
 * failed, the next attempt is due at `retryAt`. `held`: a guard refused, a person decides. `paused`: until it is resumed. `source-lost`: the source is not there. `stopped`.
 */
export const PHASES = ['starting', 'copying', 'following', 'waiting', 'held', 'paused', 'source-lost', 'stopped'] as const;
export type Phase = (typeof PHASES)[number];

/** All times are milliseconds since 1970, all names text for people. */
export interface MirrorStatus {
  version: typeof STATUS_VERSION;
  pid: number;
  source: string;
  target: string;
  phase: Phase;
  startedAt: number;
  /** When this was written. */
  at: number;
  /** How it follows: the backend's name. */
  backend: string;
  /** Age of the oldest change that is not on the target yet, ms; 0: none. */
  lagMs: number;
  /**
   * Paths that wait, those that failed among them; `whole`: everything is in doubt. `bytes`: of the files that wait, `exact` where each was looked at, and no
   * folder waits as a whole.
   */
  backlog: { paths: number; failed: number; whole: boolean; bytes: number; exact: boolean };
  /** Reasons why no session begins (`asked`: a person; `timetable`), and since when a person has paused it. */
  pauses: string[];
  pausedSince: number | null;
  /** Most bytes a second now; null: no limit; 0: nothing is sent. */
  rate: number | null;
  /** What waits for an approval. */
  held: HeldView | null;
  events: number;
  overflows: number;
  /** Sessions that went through, full ones among them. */
  sessions: number;
  fullSessions: number;
  /** Sessions by what became of them: all is well, some paths failed, it failed as a whole. */
  results: { clean: number; partial: number; failed: number };
  /** Files carried and their sizes, content bytes that were new to the target, entries deleted. */
  files: number;
  bytes: number;
  literalBytes: number;
  deleted: number;
  lastSuccess: number | null;
  lastFull: number | null;
  /** Why it waits or is held. */
  failure: { code: string; message: string; retryAt: number | null } | null;
  /** The first paths that fail; `code`: of the problem. */
  failing: { path: string; code: string; message: string }[];
  /** How many paths fail, by the code of what is wrong with them. */
  failingBy: Record<string, number>;
  /** Files that change while they are read, the first of them by name: put off since `since`; `sentAt`: the target has them as they were then. */
  deferred: { count: number; files: { path: string; since: number; sentAt: number | null }[] };
  /** What other hands had changed on the target, when it was last looked for: the first by name; `total`: since the start. Null: it was not looked for. */
  drift: { at: number; count: number; repaired: boolean; total: number; unseenTotal: number; paths: { path: string; what: string }[] } | null;
}

/** Writes it. 0 or a negated errno. */
export function writeStatus(folder: ByteString, status: MirrorStatus): number {
  return replaceFile(`${folder}/${NAME}` as ByteString, `${JSON.stringify(status)}\n`);
}

/** What is found of a mirror. */
export interface FoundStatus {
  status: MirrorStatus;
  /** The mirror is at work now. */
  alive: boolean;
}

/** The status of a pair; undefined: no mirror has run. */
export function readStatus(posix: Posix, stateFolder: ByteString, pair: { source: ByteString; target: ByteString }): FoundStatus | undefined {
  return readAt(posix, pairFolder(stateFolder, pair));
}

/** Of all pairs that this user's state folder knows. */
export function readAllStatus(posix: Posix, stateFolder: ByteString): FoundStatus[] {
  const pairs = `${stateFolder}/pairs` as ByteString;
  const names = namesIn(pairs);
  if (typeof names === 'number') return [];
  return names.flatMap((name) => readAt(posix, `${pairs}/${name}` as ByteString) ?? []);
}

function readAt(posix: Posix, folder: ByteString): FoundStatus | undefined {
  const content = readWholeFile(`${folder}/${NAME}` as ByteString, LONGEST);
  if (typeof content === 'number') return undefined;
  const status = parseStatus(content.toString('utf8'));
  return status === undefined ? undefined : { status, alive: lockHolder(posix, folder)?.pid === status.pid };
}

/** Checks every field. */
export function parseStatus(text: string): MirrorStatus | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // not JSON: no status
  }
  if (!isObject(value) || value['version'] !== STATUS_VERSION) return undefined;
  const { source, target, phase, backend, backlog, lastSuccess, lastFull, failure, failing, pauses, rate, held } = value;
  const numbers = ['pid', 'startedAt', 'at', 'lagMs', 'events', 'overflows', 'sessions', 'fullSessions', 'files', 'bytes', 'literalBytes', 'deleted'] as const;
  if (!numbers.every((key) => isCount(value[key]))) return undefined;
  if (typeof source !== 'string' || typeof target !== 'string' || typeof backend !== 'string' || !PHASES.includes(phase as Phase)) return undefined;
  if (!isObject(backlog) || !isCount(backlog['paths']) || !isCount(backlog['failed']) || typeof backlog['whole'] !== 'boolean' || !isCount(backlog['bytes']) || typeof backlog['exact'] !== 'boolean') return undefined;
  if (!Array.isArray(pauses) || pauses.length > MOST_NAMED || !pauses.every((each) => typeof each === 'string') || !isTime(value['pausedSince']) || !isTime(rate)) return undefined;
  if (held !== null && !isHeldView(held)) return undefined;
  if (!isTime(lastSuccess) || !isTime(lastFull)) return undefined;
  if (failure !== null && !(isObject(failure) && typeof failure['code'] === 'string' && typeof failure['message'] === 'string' && isTime(failure['retryAt']))) return undefined;
  if (!Array.isArray(failing) || failing.length > MOST_NAMED) return undefined;
  if (!failing.every((each: unknown) => isObject(each) && typeof each['path'] === 'string' && typeof each['code'] === 'string' && typeof each['message'] === 'string')) return undefined;
  const { results } = value;
  if (!isObject(results) || !isCount(results['clean']) || !isCount(results['partial']) || !isCount(results['failed'])) return undefined;
  if (!isObject(value['failingBy']) || !Object.values(value['failingBy']).every(isCount) || !isDeferred(value['deferred']) || !isDrift(value['drift'])) return undefined;
  return value as unknown as MirrorStatus;
}

function isDeferred(value: unknown): boolean {
  if (!isObject(value) || !isCount(value['count'])) return false;
  const { files } = value;
  return Array.isArray(files) && files.length <= MOST_NAMED && files.every((each: unknown) => isObject(each) && typeof each['path'] === 'string' && isCount(each['since']) && isTime(each['sentAt']));
}

function isDrift(value: unknown): boolean {
  if (value === null) return true;
  if (!isObject(value) || !['at', 'count', 'total', 'unseenTotal'].every((key) => isCount(value[key])) || typeof value['repaired'] !== 'boolean') return false;
  const { paths } = value;
  return Array.isArray(paths) && paths.length <= MOST_NAMED && paths.every((each: unknown) => isObject(each) && typeof each['path'] === 'string' && typeof each['what'] === 'string');
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function isTime(value: unknown): boolean {
  return value === null || isCount(value);
}
