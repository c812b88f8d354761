/** The description of a definition file: its keys, what they mean, and how they are read. */
import { boolean, choice, commandWords, duration, either, filter, integer, jobOptions, list, made, NAME, plainText, record, text, type Read, type Shape } from '../../job/index.js';
import { parseSizeText } from '../../tree/index.js';
import type { MigrationHook } from '../hooks/hooks.js';

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const HOOK_TIMEOUT_MS = MINUTE;
const HEALTH_TIMEOUT_MS = 5 * SECOND;

const sideShape = choice('source', 'target');
const hookFields = {
  run: { shape: commandWords, required: true, help: 'a line for sh -c, or a list: a program and its arguments' },
  at: { shape: sideShape, help: "on whose host: source (default: where the migration runs) or target" },
  timeout: { shape: duration(100, DAY), help: 'it is ended after so long; 1m unless told otherwise' },
};

const hook: Shape<MigrationHook> = made(record('a hook', hookFields), ({ run, at, timeout }) => (run === undefined ? undefined : { command: run.value, side: at?.value ?? 'source', timeoutMs: timeout?.value ?? HOOK_TIMEOUT_MS }));
const hooks = (help: string): { shape: Shape<readonly MigrationHook[]>; help: string } => ({ shape: made(list(hook, { orOne: true, most: 64 }), (found) => found.map(({ value }) => value)), help });

/** Bytes, with K, M, G or T. */
const size: Shape<number> = {
  read: (node, reading) => {
    const bytes = node.kind === 'scalar' && node.value !== null ? parseSizeText(node.source) : undefined;
    return bytes ?? reading.complain(node.place, 'a size such as 10M is wanted here');
  },
  schema: () => ({ type: ['string', 'number'], examples: ['10M', '1G'] }),
};

/** `2%`, or a number from 0 to 1. */
const share: Shape<number> = {
  read: (node, reading) => {
    if (node.kind === 'scalar' && typeof node.value === 'number' && node.value >= 0 && node.value <= 1) return node.value;
    const match = node.kind === 'scalar' ? /^(\d{1,3}(?:\.\d{1,4})?)\s*%$/.exec(node.source) : null;
    const value = match === null ? undefined : Number(match[1]) / 100;
    if (value !== undefined && value <= 1) return value;
    return reading.complain(node.place, 'a share such as 2% is wanted here');
  },
  schema: () => ({ type: ['string', 'number'], examples: ['2%', 0.02] }),
};

const verifyWord = made(choice('full', 'index'), (mode) => ({ mode, sample: undefined as number | undefined }));
const verifyMap = made(record('verify', {
  mode: { shape: choice('full', 'index'), required: true, help: 'full: every byte of both trees is read in the freeze; index: what was read before and has not been touched since is believed' },
  sample: { shape: share, help: 'with index: so much of it is read all the same; 1% unless told otherwise' },
}), ({ mode, sample }, reading) => {
  if (mode === undefined) return undefined;
  if (mode.value === 'full' && sample !== undefined) return reading.complain(sample.place, 'sample is for the mode index: full reads all');
  return { mode: mode.value, sample: sample?.value };
});

const health = record('health', {
  ...hookFields,
  attempts: { shape: integer(1, 1000), help: 'it is tried so often at most; 10 unless told otherwise' },
  every: { shape: duration(10, HOUR), help: 'time between two attempts; 1s unless told otherwise' },
  timeout: { shape: duration(100, HOUR), help: 'an attempt is ended after so long; 5s unless told otherwise' },
});

export const DEFAULTS = { healthAttempts: 10, healthEveryMs: SECOND, healthTimeoutMs: HEALTH_TIMEOUT_MS, sample: 0.01, lagMs: 2 * SECOND, backlogBytes: 16 << 20, steadyMs: 5 * SECOND, patienceMs: DAY, limitMs: 10 * MINUTE, quietMs: 200 } as const;

const fields = {
  migration: { shape: text<string>('a name', { pattern: NAME.source }, (value, reading, place) => (NAME.test(value) ? value : reading.complain(place(0), `${JSON.stringify(value.slice(0, 80))} is no name`, 'A name is up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit.'))), required: true, help: 'its name, by which commands know it' },
  source: { shape: plainText('a path'), required: true, help: 'the folder whose content moves, with a slash at its end: /srv/files/' },
  target: { shape: plainText('a path'), required: true, help: 'where it goes: a folder of this host, or [USER@]HOST:FOLDER' },
  options: { shape: jobOptions, help: 'options of twintree mirror by their long names; it is as with --archive and --delete' },
  filters: { shape: list(filter), help: 'filter rules, the first that matches decides' },
  converge: { shape: record('converge', {
    lag: { shape: duration(0, DAY), help: 'a cutover begins when the target is at most so far behind; 2s unless told otherwise' },
    backlog: { shape: size, help: 'and when at most so many bytes wait; 16M unless told otherwise' },
    steady: { shape: duration(0, DAY), help: 'for so long; 5s unless told otherwise' },
    patience: { shape: duration(SECOND, 30 * DAY), help: 'a cutover that waits is given up after so long; 1d unless told otherwise' },
  }), help: 'when the target is near enough for a cutover' },
  freeze: { shape: record('freeze', {
    hooks: hooks('what makes the source still: stops services, remounts read-only, freezes a file system'),
    thaw: hooks('what undoes that, also where it was done by half; run by itself when anything fails, when the time is over, and when this program is killed'),
    prepare: hooks('run before the source is frozen, while it is in use: what makes the freeze short, such as a checkpoint of a data base. The target catches up with what they write'),
    release: hooks('run when the switch is decided, before it: ends for good what was only held, and makes a frozen file system writable, for the old tree follows the new one from then on'),
    limit: { shape: duration(SECOND, DAY), help: 'it is thawed by itself after so long; 10m unless told otherwise' },
    quiet: { shape: duration(0, HOUR), help: 'so long nothing may change before the source counts as still; 200ms unless told otherwise' },
  }), help: 'how the source is made still' },
  final: { shape: choice('dirty', 'full'), help: 'what the last pass looks at: what has changed (dirty, default), or everything once more' },
  verify: { shape: either(verifyWord, verifyMap), help: 'how both trees are compared before the switch: full (default) or index, with a sample' },
  switch: { shape: record('switch', {
    hooks: hooks('what brings the new side into use: starts services there, moves an address, changes a name or a mount'),
    undo: hooks('what undoes that, also where it was done by half'),
    health: { shape: health, help: 'a command that succeeds when all is well on the new side; it decides between done and the way back' },
  }), help: 'how the new side is brought into use' },
  rehearse: { shape: record('rehearse', {
    on: { shape: plainText('clone, or a folder'), help: 'clone (default): a clone of the target beside it, where its file system can clone; else a folder on the target\'s host' },
    hooks: hooks('what tests the copy: TWINTREE_TARGET is its folder'),
    undo: hooks('what ends that test'),
  }), help: 'a cutover on a copy, for practice' },
  finish: { shape: record('finish', { hooks: hooks('what is done when there is no way back any more') }), help: 'the end' },
  reverse: { shape: boolean, help: 'false: the old source does not follow the new one after the switch, and rollback loses what was written since' },
  evidence: { shape: record('evidence', { key: { shape: plainText('a path'), help: 'file of the key that evidence is signed with; the user\'s own unless told otherwise' } }), help: 'the proof' },
};

export const definitionShape = record('a migration', fields);
export type DefinitionRead = Read<typeof fields>;
