/** `twintree migrate …`: moves a tree that is in use: plan, start, rehearse, cutover, rollback, finish. */
import { createInterface } from 'node:readline/promises';
import { nearest } from '../../job/index.js';
import { type MigrationEvent, type OperationName, readJournal, standOf } from '../../migrate/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { HelpRow } from '../help.js';
import { ask, follow } from '../migrate/client.js';
import { isFollowing, lookAtConductor } from '../migrate/control.js';
import { allMigrations, findMigration } from '../migrate/find.js';
import { eventText, QUESTION, standText } from '../migrate/text.js';
import { parseSmall, typed, type SmallArgs } from './small-args.js';

const USAGE = `twintree migrate plan [--json] [--output=DIR] FILE
twintree migrate start [--detach] NAME
twintree migrate status [--json] [NAME...]
twintree migrate guide NAME
twintree migrate rehearse|cutover|rollback|finish|abort [--yes] [--json] NAME
twintree migrate forecast [--json] NAME
twintree migrate report [--output=FILE] NAME

Moves a tree that is in use to another place or host, and can go back at any time until it is finished. FILE defines the migration.

plan surveys both sides, changes nothing, and writes what will be done. start makes the first copy and follows every change. rehearse does a cutover on a copy. cutover
freezes the source, carries over the last changes, verifies both trees, and brings the new side into use; where anything fails, the source goes on. From then on the old side
follows the new one, so that rollback loses nothing. finish ends that. guide leads through all of it. NAME is the migration's name, or its FILE.`;
const ROWS: readonly HelpRow[] = [
  { name: 'yes', help: 'cutover, rollback, finish, abort: do not ask' },
  { name: 'detach', help: 'start: go on in the background' },
  { name: 'json', help: 'lines of JSON' },
  { name: 'output', argument: 'PATH', help: 'plan: folder of the documents (the one of FILE); report: the page (NAME-report.html)' },
  { name: 'undone', help: 'rollback: what the undo hooks do has been done by hand' },
  { name: 'lose-new', help: 'rollback: the new side is gone for good, and with it what it has accepted' },
];
const MORE = 'docs/migrate.md is the guide. Exit code 0: done, 23: it failed, and what the journal tells holds, 1: it does not fit where the migration stands.';

type Action = (args: SmallArgs) => Promise<number>;

const ACTIONS: Readonly<Record<string, { values?: readonly string[]; flags?: readonly string[]; run: Action }>> = {
  plan: {
    values: ['output'], flags: ['json'],
    run: async ({ options, names }) => {
      const { planMigration } = await import('../migrate/plan.js');
      const output = options.get('output');
      return planMigration(one('plan', names, 'the file that defines the migration'), { json: options.has('json'), output: output === undefined ? undefined : typed(output) });
    },
  },
  start: { flags: ['json', 'detach', 'wait'], run: start },
  status: { flags: ['json'], run: status },
  guide: {
    run: async ({ names }) => {
      const { guide } = await import('../migrate/guide.js');
      return guide(findMigration(one('guide', names)));
    },
  },
  rehearse: { flags: ['json'], run: operation('rehearse') },
  cutover: { flags: ['json', 'yes'], run: operation('cutover') },
  rollback: { flags: ['json', 'yes', 'undone', 'lose-new'], run: operation('rollback') },
  forecast: {
    flags: ['json'],
    run: async ({ options, names }) => {
      const { tellForecast } = await import('../migrate/forecast.js');
      await tellForecast(findMigration(one('forecast', names)), options.has('json'));
      return EXIT.ok;
    },
  },
  report: {
    values: ['output'],
    run: async ({ options, names }) => {
      const { writeReport } = await import('../migrate/report.js');
      const output = options.get('output');
      writeReport(findMigration(one('report', names)), output === undefined ? undefined : typed(output));
      return EXIT.ok;
    },
  },
  finish: { flags: ['json', 'yes'], run: operation('finish') },
  abort: { flags: ['json', 'yes'], run: operation('abort') },
};

export async function run(args: readonly ByteString[]): Promise<number> {
  const [name] = args;
  const action = name === undefined || !Object.hasOwn(ACTIONS, name) ? undefined : ACTIONS[name];
  const given = parseSmall('migrate', action === undefined ? args : args.slice(1), ['help', ...(action?.flags ?? [])], action?.values ?? []);
  if (given.options.has('help')) {
    const { smallHelp } = await import('../help.js');
    process.stdout.write(await smallHelp(USAGE, ROWS, MORE));
    return EXIT.ok;
  }
  if (action === undefined) {
    const known = Object.keys(ACTIONS);
    if (name === undefined) throw usageError(`migrate wants to know what: ${known.join(', ')}`, 'twintree migrate --help tells more.');
    const near = nearest(displayName(name), known);
    throw usageError(`"${displayName(name)}" is nothing that migrate does`, near === undefined ? `It does ${known.join(', ')}.` : `Did you mean ${near}?`);
  }
  return action.run(given);
}

function one(what: string, names: readonly ByteString[], which = 'the name of a migration'): string {
  const [name, more] = names;
  if (name === undefined || more !== undefined) throw usageError(`migrate ${what} wants ${which}`, 'twintree migrate --help tells more.');
  return typed(name);
}

function teller(json: boolean): (event: MigrationEvent) => void {
  return (event) => {
    const text = json ? JSON.stringify({ type: 'migration', ...event }) : eventText(event);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  };
}

async function start({ options, names }: SmallArgs): Promise<number> {
  const found = findMigration(one('start', names));
  const json = options.has('json');
  if (options.has('detach')) {
    const stand = standOf(readJournal(found.folder).events);
    if (stand !== undefined && !isFollowing(stand.state) && !['switching', 'rolling-back'].includes(stand.state)) return carryOut(found, 'start', options, json);
    const { startConductor } = await import('../migrate/client.js');
    await startConductor(found.folder, found.name);
    return EXIT.ok;
  }
  const { startHere } = await import('../migrate/start.js');
  return startHere(found, { wait: options.has('wait'), tell: teller(json) });
}

async function status({ options, names }: SmallArgs): Promise<number> {
  const chosen = names.length === 0 ? allMigrations() : names.map(typed);
  let exitCode: number = EXIT.ok;
  if (chosen.length === 0 && !options.has('json')) process.stdout.write('there is no migration; twintree migrate plan FILE makes one\n');
  for (const word of chosen) {
    const { name, folder } = findMigration(word);
    const { events } = readJournal(folder);
    const stand = standOf(events);
    if (stand === undefined) continue;
    const live = await lookAtConductor(folder);
    const last = events.filter(({ event }) => event === 'problem' || event === 'operation' || event === 'downtime' || event === 'evidence').slice(-5);
    process.stdout.write(options.has('json') ? `${JSON.stringify({ type: 'migration-status', name, ...stand, operation: live?.operation ?? stand.operation ?? null, conductor: live !== undefined, direction: live?.direction ?? null, following: live?.following ?? null })}\n` : standText(name, stand, live, last));
    if (stand.thawFailed || (live === undefined && (isFollowing(stand.state) || stand.operation !== undefined))) exitCode = EXIT.partial;
  }
  return exitCode;
}

function operation(what: Exclude<OperationName, 'start'>): Action {
  return async ({ options, names }) => {
    const found = findMigration(one(what, names));
    if (what !== 'rehearse' && !options.has('yes') && !await sure(found.name, what)) return EXIT.partial;
    return carryOut(found, what, options, options.has('json'));
  };
}

async function carryOut({ folder, name }: { folder: ByteString; name: string }, what: OperationName, options: SmallArgs['options'], json: boolean): Promise<number> {
  const from = readJournal(folder).events.length;
  const controller = new AbortController();
  const leave = (): void => { controller.abort(new Error('left')); };
  process.once('SIGINT', leave);
  try {
    await ask(folder, name, { what, undone: options.has('undone'), loseNew: options.has('lose-new') });
    return await follow(folder, from, what, teller(json), controller.signal) ? EXIT.ok : EXIT.partial;
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    process.stderr.write(`twintree: ${what} goes on; twintree migrate status ${name} tells how, twintree migrate rollback ${name} ends it\n`);
    return EXIT.signal;
  } finally {
    process.off('SIGINT', leave);
  }
}

async function sure(name: string, what: keyof typeof QUESTION): Promise<boolean> {
  if (process.stdin.isTTY !== true) throw usageError(`migrate ${what} asks before it begins, and there is no terminal`, 'Say --yes.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${QUESTION[what]}\n${what} ${name}? [y/N] `)).trim().toLowerCase() === 'y';
  } finally {
    terminal.close();
  }
}
