/**
 * Standby: what the host of a mirror's target knows by itself of that mirror: who mirrors here, and up to which moment of the source's clock the tree is
 * complete. The mirror tells it while it follows; where the source is gone with all its state, `twintree promote` reads it here. An old note says less than was true,
 * never more.
 */
import { errnoText, makeFolders, readFileAt, replaceFile, writeWholeFile, type Posix } from '../fs/index.js';
import { isCount, isObject, isText, TwintreeError, type ByteString } from '../tree/index.js';

/** How the mirror stood when it told. */
export const STANDBY_PHASES = ['copying', 'following', 'waiting', 'held', 'paused', 'source-lost', 'ended'] as const;
export type StandbyPhase = (typeof STANDBY_PHASES)[number];

/** Paths that are named of those that fail. */
export const MOST_STANDBY_NAMES = 20;
/** Longest text in it, bytes. */
export const LONGEST_STANDBY_TEXT = 65_536;

/** What a mirror tells of a target. Times are milliseconds since 1970 by the clock of the source's host, names are bytes. */
export interface StandbyPoint {
  /** The source: its host's name, the root there, and which folder that is (`StatTable.lastingIdentity`). */
  readonly source: { readonly host: ByteString; readonly path: ByteString; readonly identity: string };
  /** When this was told. */
  readonly at: number;
  /** Each change that happened until then is on the target, but for the paths that fail; null: not known, since everything is being compared. */
  readonly upTo: number | null;
  /** Capture sees every change (it is not chokidar, and each folder has its watch). */
  readonly exact: boolean;
  /** It is on the target's disk, not only in its kernel's memory. */
  readonly durable: boolean;
  /** What was deleted at the source is deleted on the target. */
  readonly deletes: boolean;
  /** The first copy is complete. */
  readonly copied: boolean;
  readonly phase: StandbyPhase;
  /** Paths that wait, and an estimate of their bytes. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Paths that fail or were put off, and the first of their names: for them `upTo` does not hold. */
  readonly failing: number;
  readonly names: readonly ByteString[];
  /** Deletions that a guard holds back. */
  readonly held: number;
}

/** A point as it is kept. */
export interface StandbyNote extends StandbyPoint {
  /** Path of the target's root when it was told. */
  readonly target: ByteString;
  /** When it was heard, by this host's clock. */
  readonly heardAt: number;
}

const VERSION = 1;
const LIMIT = 4 << 20;
/** Milliseconds between two notes that are written through to the disk; those between go to the file system alone. */
const THROUGH_EVERY = 10_000;
const IDENTITY = /^i\d{1,10}:\d{1,10}-(?:b-?\d{1,15}\.\d{1,9}|d\d{1,10}:\d{1,10})$/;

/** The note of one target root. */
export class Standby {
  private readonly folder: ByteString;
  private readonly name: string;
  private throughAt = -Infinity;

  /** @param state the state folder. @param identity the target root's, `StatTable.lastingIdentity`. */
  constructor(private readonly posix: Posix, state: ByteString, identity: string) {
    this.folder = `${state}/standby` as ByteString;
    this.name = identity.replaceAll(':', '_');
  }

  /** The newest note; undefined where nobody has told anything, or what stands there cannot be read. */
  read(): StandbyNote | undefined {
    const at = this.posix.openRoot(this.folder);
    if (at < 0) return undefined;
    const [now, through] = [this.load(at, '.now.json'), this.load(at, '.json')];
    this.posix.close(at);
    return now === undefined || (through !== undefined && through.heardAt > now.heardAt) ? through : now;
  }

  private load(at: number, suffix: string): StandbyNote | undefined {
    const content = readFileAt(this.posix, at, `${this.name}${suffix}` as ByteString);
    return content === undefined || content.length > LIMIT ? undefined : parseStandbyNote(content.toString('utf8'));
  }

  /**
   * Keeps what the mirror tells: of the same source what was known and is not told anew stays. Every ten seconds, and where `through` says so, it is
   * written through to the disk; the old file stands beside it until then. @throws TwintreeError IO.
   */
  write(point: StandbyPoint, target: ByteString, now: number, through = false): void {
    const before = this.read();
    const same = before !== undefined && sameSource(before, point) ? before : undefined;
    const note: StandbyNote = { ...point, upTo: point.upTo ?? same?.upTo ?? null, copied: point.copied || same?.copied === true, target, heardAt: now };
    const fd = makeFolders(this.posix, this.folder, 0o700);
    if (fd < 0) throw new TwintreeError('IO', `the state folder cannot be made: ${errnoText(-fd)}`, { path: this.folder, advice: 'Set TWINTREE_STATE_DIR to a folder that can be written.' });
    this.posix.close(fd);
    const text = `${JSON.stringify({ version: VERSION, ...note })}\n`;
    const deep = through || Math.abs(now - this.throughAt) >= THROUGH_EVERY;
    const file = (suffix: string): ByteString => `${this.folder}/${this.name}${suffix}` as ByteString;
    const error = deep ? writeWholeFile(file('.json'), text, 0o600) : replaceFile(file('.now.json'), text);
    if (error < 0) throw new TwintreeError('IO', `the note of how far the standby is cannot be written: ${errnoText(-error)}`, { path: file('.json') });
    if (deep) this.throughAt = now;
  }
}

/** Whether both are told of the same tree. */
export function sameSource({ source: a }: Pick<StandbyPoint, 'source'>, { source: b }: Pick<StandbyPoint, 'source'>): boolean {
  return a.host === b.host && a.path === b.path && a.identity === b.identity;
}

/** Checks every field; undefined: it is none. */
export function parseStandbyNote(text: string): StandbyNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // cut off by a crash: the other file says what was known before
  }
  return isStandbyNote(value) ? value : undefined;
}

/** Checks every field. */
export function isStandbyNote(value: unknown): value is StandbyNote & { version: number } {
  if (!isObject(value) || value['version'] !== VERSION) return false;
  return isStandbyPoint(value) && isBytes(value['target']) && isCount(value['heardAt']);
}

/** Checks every field of what a mirror tells. */
export function isStandbyPoint(value: unknown): value is StandbyPoint {
  if (!isObject(value)) return false;
  const { source, upTo, phase, names } = value;
  if (!isObject(source) || !isBytes(source['host'], 255) || !isBytes(source['path']) || !isText(source['identity'], 64) || !IDENTITY.test(source['identity'])) return false;
  if (!isTime(value['at']) || (upTo !== null && !isTime(upTo)) || !['exact', 'durable', 'deletes', 'copied'].every((key) => typeof value[key] === 'boolean')) return false;
  if (!(STANDBY_PHASES as readonly unknown[]).includes(phase) || !['waiting', 'waitingBytes', 'failing', 'held'].every((key) => isCount(value[key]))) return false;
  return Array.isArray(names) && names.length <= MOST_STANDBY_NAMES && names.every((each) => isBytes(each));
}

/** Latest moment that a clock may tell: the end of JavaScript's time, ms. */
const LATEST = 8.64e15;

function isTime(value: unknown): value is number {
  return isCount(value) && value <= LATEST;
}

/** Bytes as text, without NUL. */
function isBytes(value: unknown, longest = LONGEST_STANDBY_TEXT): value is ByteString {
  // oxlint-disable-next-line no-control-regex -- every unit is one byte
  return isText(value, longest) && /^[\u0001-\u00ff]*$/.test(value);
}
