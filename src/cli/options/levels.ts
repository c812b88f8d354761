/**
 * The levels of --info and --debug: rsync's names, what each step of -v adds, and the words of a
 * FLAGS argument (`progress2`, `all0`, `none`). What the user names always wins over what -v implies.
 */
import { usageError } from '../errors.js';
import { DEBUG_MAX, INFO_MAX, type DebugName, type InfoName } from './output.js';

export const INFO_NAMES = Object.keys(INFO_MAX) as InfoName[];
export const DEBUG_NAMES = Object.keys(DEBUG_MAX) as DebugName[];

/** What each count of -v sets, from 0 up. */
const INFO_BY_VERBOSITY: readonly Partial<Record<InfoName, number>>[] = [
  { NONREG: 1 },
  { COPY: 1, DEL: 1, FLIST: 1, MISC: 1, NAME: 1, STATS: 1, SYMSAFE: 1 },
  { BACKUP: 1, MISC: 2, MOUNT: 1, NAME: 2, REMOVE: 1, SKIP: 1 },
];
const DEBUG_BY_VERBOSITY: readonly Partial<Record<DebugName, number>>[] = [
  {},
  {},
  { BIND: 1, CONNECT: 1, CMD: 1, DEL: 1, DELTASUM: 1, DUP: 1, FILTER: 1, FLIST: 1, ICONV: 1 },
  {
    ACL: 1, BACKUP: 1, CONNECT: 2, DEL: 2, DELTASUM: 2, EXIT: 1, FILTER: 2, FLIST: 2, FUZZY: 1, GENR: 1, OWN: 1, RECV: 1, SEND: 1, TIME: 1,
  },
  { CMD: 2, DEL: 3, DELTASUM: 3, EXIT: 2, FLIST: 3, ICONV: 2, OWN: 2, PROTO: 1, TIME: 2 },
  { CHDIR: 1, DELTASUM: 4, FLIST: 4, FUZZY: 2, HASH: 1, HLINK: 1 },
];

/** All names at level 0. */
export function silent<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** Levels for a count of -v, then what was asked by name. */
export function infoLevels(verbosity: number, asked: ReadonlyMap<string, number>): Record<InfoName, number> {
  return levels(INFO_NAMES, INFO_BY_VERBOSITY, verbosity, asked);
}
export function debugLevels(verbosity: number, asked: ReadonlyMap<string, number>): Record<DebugName, number> {
  return levels(DEBUG_NAMES, DEBUG_BY_VERBOSITY, verbosity, asked);
}

function levels<Name extends string>(
  names: readonly Name[], steps: readonly Partial<Record<Name, number>>[], verbosity: number, asked: ReadonlyMap<string, number>,
): Record<Name, number> {
  const out = silent(names);
  for (const step of steps.slice(0, verbosity + 1)) Object.assign(out, step);
  for (const name of names) {
    const level = asked.get(name);
    if (level !== undefined) out[name] = level;
  }
  return out;
}

/**
 * Reads one FLAGS argument into `asked`. Returns true where `help` was among the words. Names are
 * whole and in any case; a number after the name is its level, 1 without one.
 */
export function readLevels(option: 'info' | 'debug', flags: string, asked: Map<string, number>): boolean {
  const names: readonly string[] = option === 'info' ? INFO_NAMES : DEBUG_NAMES;
  let help = false;
  for (const word of flags.split(',')) {
    if (word === '') continue;
    const parts = /^([A-Za-z]+)([0-9]*)$/.exec(word);
    const name = parts?.[1]?.toUpperCase();
    const level = parts?.[2] === undefined || parts[2] === '' ? 1 : Number(parts[2]);
    if (name === 'HELP') help = true;
    else if (name === 'ALL') for (const each of names) asked.set(each, level);
    else if (name === 'NONE') for (const each of names) asked.set(each, 0);
    else if (name !== undefined && names.includes(name)) asked.set(name, level);
    else throw usageError(`--${option} does not know the flag "${word}"`, `--${option}=help lists the flags.`);
  }
  return help;
}

const INFO_TEXT: Record<InfoName, string> = {
  BACKUP: 'files that were backed up', COPY: 'files copied from an alternate folder', DEL: 'deletions', FLIST: 'the scan (levels 1-2)',
  MISC: 'miscellaneous information (levels 1-2)', MOUNT: 'mount points found or skipped', NAME: '1) updated names, 2) unchanged ones too',
  NONREG: 'skipped special files (on unless 0)', PROGRESS: '1) progress of each file, 2) of the whole run', REMOVE: 'files removed from the source',
  SKIP: 'files left alone because of an option (levels 1-2)', STATS: 'statistics at the end (levels 1-3)', SYMSAFE: 'unsafe symlinks',
};

/** The text of --info=help or --debug=help. */
export function levelsHelp(option: 'info' | 'debug'): string {
  const lines = [`Flags of --${option}: NAME is level 1, NAME2 level 2, and so on; NAME0 silences.`, ''];
  if (option === 'info') for (const name of INFO_NAMES) lines.push(`${name.padEnd(10)} ${INFO_TEXT[name]}`);
  else for (const name of DEBUG_NAMES) lines.push(`${name.padEnd(10)} levels 1-${DEBUG_MAX[name]}`);
  lines.push('', `${'ALL'.padEnd(10)} all of them (all2: all at level 2)`, `${'NONE'.padEnd(10)} silences all`, `${'HELP'.padEnd(10)} this list`, '');
  lines.push('Added by each -v:');
  const steps: readonly Partial<Record<string, number>>[] = option === 'info' ? INFO_BY_VERBOSITY : DEBUG_BY_VERBOSITY;
  steps.forEach((step, count) => {
    const words = Object.entries(step).map(([name, level]) => (level === 1 ? name : `${name}${level}`));
    if (words.length > 0) lines.push(`${count}) ${words.join(',')}`);
  });
  if (option === 'debug') lines.push('', 'A flag about which there is nothing to say is accepted and stays quiet.');
  return `${lines.join('\n')}\n`;
}
