/**
 * The journal: what a migration has done and seen, a line of JSON for each event, appended and synced before anything is done because of it. It is all that a
 * restart knows. A last line that a crash tore is no event; a line that is none of ours is told and passed over, never guessed at.
 */
import { appendDurably, Errno, readWholeFile, truncateFile } from '../../fs/index.js';
import { isCount, isObject, isText, parsedObject, TwintreeError, type ByteString } from '../../tree/index.js';
import { standAfter, type Stand } from './machine.js';
import { HOOK_PARTS, OPERATIONS, PARTS, STATES, type MigrationEvent, type MigrationFact } from './events.js';

/** Longest journal that is read, bytes: years of one event a minute. */
const LONGEST = 256 << 20;
const LONGEST_TEXT = 64 << 10;
const NAME = 'journal.jsonl';

export class Journal {
  private readonly listeners = new Set<(event: MigrationEvent) => void>();
  private standing: Stand | undefined;
  private reduced = 0; // events that `standing` is of

  private constructor(private readonly path: ByteString, readonly events: MigrationEvent[], private readonly clock: () => number) {}

  /** Opens the journal of a folder; what a crash has torn is cut off. @throws TwintreeError IO. */
  static open(folder: ByteString, clock: () => number = Date.now): Journal {
    const path = journalPath(folder);
    const { events, whole, length } = readJournal(folder);
    if (whole < length) truncateFile(path, whole);
    return new Journal(path, [...events], clock);
  }

  /** Where the migration stands. It is asked for several times a second, and a journal of weeks is long: only what has come since is looked at. */
  get stand(): Stand | undefined {
    for (; this.reduced < this.events.length; this.reduced++) this.standing = standAfter(this.standing, this.events[this.reduced] as MigrationEvent);
    return this.standing;
  }

  /** Adds an event; when it returns, it is on the disk. @throws TwintreeError IO. */
  add(fact: MigrationFact): MigrationEvent {
    const event: MigrationEvent = { at: this.clock(), ...fact };
    const error = appendDurably(this.path, `${JSON.stringify(event)}\n`);
    if (error < 0) throw new TwintreeError('IO', 'the journal of the migration cannot be written', { path: this.path, advice: 'Nothing is done that is not in the journal: make room, then go on with twintree migrate start.' });
    this.events.push(event);
    for (const listener of this.listeners) listener(event);
    return event;
  }

  /** Takes up what another process (the guard) has added since. */
  refresh(folder: ByteString): void {
    const known = new Set(this.events.map((event) => JSON.stringify(event)));
    const { events } = readJournal(folder);
    this.events.splice(0, this.events.length, ...events); // in the order of the file
    this.standing = undefined;
    this.reduced = 0;
    for (const event of events) if (!known.has(JSON.stringify(event))) for (const listener of this.listeners) listener(event);
  }

  /** Told of each event that is added. Returns what ends that. */
  follow(listener: (event: MigrationEvent) => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }
}

export function journalPath(folder: ByteString): ByteString {
  return `${folder}/${NAME}` as ByteString;
}

/** All events of a folder's journal, and how many bytes of it are whole lines. @throws TwintreeError IO. */
export function readJournal(folder: ByteString): { events: MigrationEvent[]; whole: number; length: number } {
  const content = readWholeFile(journalPath(folder), LONGEST);
  if (typeof content === 'number') {
    if (content === -Errno.ENOENT) return { events: [], whole: 0, length: 0 };
    throw new TwintreeError('IO', 'the journal of the migration cannot be read', { path: journalPath(folder) });
  }
  const whole = content.lastIndexOf(10) + 1;
  const events: MigrationEvent[] = [];
  for (const line of content.toString('utf8', 0, whole).split('\n')) {
    const event = line === '' ? undefined : readEvent(line);
    if (event !== undefined) events.push(event);
  }
  return { events, whole, length: content.length };
}

/** An event of a line; undefined: it is none. */
export function readEvent(line: string): MigrationEvent | undefined {
  const value = parsedObject(line);
  if (value === undefined || !isTime(value['at'])) return undefined;
  return isFact(value) ? (value as unknown as MigrationEvent) : undefined;
}

const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 8.64e15;
const isAmount = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const text = (value: unknown): boolean => isText(value, LONGEST_TEXT);
const orNull = (check: (value: unknown) => boolean) => (value: unknown): boolean => value === null || check(value);
const flag = (value: unknown): boolean => typeof value === 'boolean';
const word = (words: readonly string[]) => (value: unknown): boolean => typeof value === 'string' && words.includes(value);
const parts = (value: unknown): boolean => Array.isArray(value) && value.length <= PARTS.length && value.every((each) => isObject(each) && word(PARTS)(each['part']) && isAmount(each['ms']));
const side = word(['source', 'target']);

type Checks = Readonly<Record<string, (value: unknown) => boolean>>;
/** Every field of every event. */
const FIELDS: Readonly<Record<MigrationFact['event'], Checks>> = {
  planned: { name: text, source: text, target: text, host: orNull(text), entries: isCount, bytes: isCount, lost: (value) => Array.isArray(value) && value.length <= 100 && value.every((each) => isText(each, 100)) },
  state: { state: word(STATES), reason: orNull(text) },
  operation: { what: word(OPERATIONS), phase: word(['began', 'ended']), ok: flag, message: text },
  hook: { part: word(HOOK_PARTS), command: text, side, ms: isAmount, ok: flag, trouble: orNull(text), output: text, rehearsal: flag },
  thawed: { ok: flag, reason: text },
  part: { part: word(PARTS), ms: isAmount, files: isCount, bytes: isCount, rehearsal: flag },
  session: { kind: word(['full', 'batch', 'final', 'back']), ms: isAmount, entries: isCount, files: isCount, bytes: isCount, sent: isCount },
  lag: { lagMs: isAmount, backlogFiles: isCount, backlogBytes: isCount, changedFiles: isCount, changedBytes: isCount },
  forecast: { ms: isAmount, plusMinusMs: isAmount, parts },
  downtime: { ms: isAmount, parts, rehearsal: flag, ok: flag },
  evidence: { file: text, root: text, key: text, mode: word(['full', 'index']), sample: isAmount, entries: isCount, bytes: isCount, differences: isCount, extras: isCount, missing: isCount, losses: isCount, ok: flag },
  problem: { code: text, message: text, path: orNull(text) },
  writer: { pid: isCount, command: text, path: text },
};

function isFact(value: Record<string, unknown>): boolean {
  const kind = value['event'];
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) return false;
  return Object.entries(FIELDS[kind as MigrationFact['event']]).every(([name, check]) => check(value[name]));
}
