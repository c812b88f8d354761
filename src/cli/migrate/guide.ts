/** The guided way: on a terminal, step by step. It says where the migration stands, what comes next, what that touches and how long it takes, and asks. */
import { createInterface } from 'node:readline/promises';
import { type MigrationState, type OperationName, readJournal, type Request, type Stand, standOf } from '../../migrate/index.js';
import { TwintreeError } from '../../tree/index.js';
import { usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { ask, follow, startConductor } from './client.js';
import { lookAtConductor } from './control.js';
import type { FoundMigration } from './find.js';
import { foretell } from './forecast.js';
import { eventText, QUESTION, secondsText, standText } from './text.js';

interface Step { readonly what: OperationName; readonly key: string; readonly says: string }

const START: Step = { what: 'start', key: 's', says: 'start: the first copy is made and then every change followed; the source is only read, and stays in use' };
const STEPS: Readonly<Partial<Record<MigrationState, readonly Step[]>>> = {
  planned: [START],
  aborted: [START],
  'rolled-back': [START, { what: 'finish', key: 'f', says: 'finish: leave it at that' }],
  seeding: [{ what: 'abort', key: 'a', says: `abort: ${QUESTION.abort}` }],
  live: [
    { what: 'rehearse', key: 'r', says: 'rehearse: a cutover on a copy of the target; neither tree is touched' }, { what: 'cutover', key: 'c', says: `cut over: ${QUESTION.cutover}` },
    { what: 'abort', key: 'a', says: `abort: ${QUESTION.abort}` },
  ],
  switched: [{ what: 'rollback', key: 'b', says: `back: ${QUESTION.rollback}` }, { what: 'finish', key: 'f', says: `finish: ${QUESTION.finish}` }],
  'rolling-back': [{ what: 'rollback', key: 'b', says: `back: ${QUESTION.rollback}` }],
};
/** Milliseconds between two looks at the state where nothing can be chosen. */
const LOOK_MS = 1000;

export async function guide(found: FoundMigration): Promise<number> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) throw usageError('guide is for a terminal', 'In scripts: twintree migrate start, cutover --yes, status.');
  const { name, folder, definition } = found;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const controller = new AbortController();
  terminal.on('SIGINT', () => { controller.abort(new TwintreeError('ABORTED', 'the guide was left; the migration goes on')); terminal.close(); });
  try {
    for (let shown = ''; ; ) {
      const { events } = readJournal(folder);
      const stand = standOf(events);
      if (stand === undefined) throw usageError(`there is no migration ${name}`);
      if (stand.state === 'finished') {
        say(standText(name, stand, undefined, []).trimEnd());
        return EXIT.ok;
      }
      const live = await lookAtConductor(folder);
      if (live === undefined && !['planned', 'aborted', 'rolled-back'].includes(stand.state)) {
        say('No conductor is at work: one is started, and goes on where the last one ended.');
        await startConductor(folder, name);
        continue;
      }
      const steps = STEPS[stand.state] ?? [];
      const text = standText(name, stand, live, []);
      if (text !== shown) process.stdout.write(text);
      shown = text;
      if (steps.length === 0) {
        await terminal.question('[Enter] looks again, q leaves the guide: ', { signal: AbortSignal.any([controller.signal, AbortSignal.timeout(LOOK_MS)]) }).catch((error: unknown) => { if (controller.signal.aborted) throw controller.signal.reason; void error; });
        continue;
      }
      tellForecast(stand, found, events, live?.following?.backlogFiles ?? 0, live?.following?.backlogBytes ?? 0);
      for (const { key, says } of steps) say(`  [${key}] ${says}`);
      if (stand.state === 'live' || stand.state === 'switched') for (const line of touches(definition, stand.state)) say(`      ${line}`);
      const answer = (await terminal.question(`Next (${steps.map(({ key }) => key).join('/')}, Enter looks again, q leaves): `, { signal: controller.signal })).trim().toLowerCase();
      if (answer === 'q') return EXIT.ok;
      const step = steps.find(({ key }) => key === answer);
      if (step === undefined) continue;
      const sure = step.what === 'start' || step.what === 'rehearse' || (await terminal.question(`Really ${step.what}? Type its name to go on: `, { signal: controller.signal })).trim() === step.what;
      if (sure) await carryOut(found, { what: step.what }, controller.signal);
    }
  } finally {
    terminal.close();
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function carryOut({ folder, name }: FoundMigration, request: Request, signal: AbortSignal): Promise<void> {
  const from = readJournal(folder).events.length;
  try {
    await ask(folder, name, request);
    await follow(folder, from, request.what, (event) => {
      const text = eventText(event);
      if (text !== undefined) say(text);
    }, signal);
  } catch (error) {
    if (!(error instanceof TwintreeError) || signal.aborted) throw error;
    say(`! ${error.message}${error.advice === undefined ? '' : ` (${error.advice})`}`);
  }
}

function tellForecast({ state }: Stand, { definition }: FoundMigration, events: Parameters<ReturnType<typeof foretell>>[0], files: number, bytes: number): void {
  if (state !== 'live') return;
  const { ms, plusMinusMs, parts } = foretell(definition)(events, { files, bytes });
  if (ms > 0) say(`  freeze now: ${secondsText(ms)} ± ${secondsText(plusMinusMs)} of downtime (${parts.map((each) => `${each.part} ${secondsText(each.ms)}`).join(', ')})`);
}

function lines(what: string, hooks: readonly { command: readonly string[]; side: string }[]): string[] {
  return hooks.map(({ command, side }) => `${what} on the ${side}'s host: ${command.join(' ')}`);
}

/** Which hooks would be run. */
function touches({ freeze, switch: change }: FoundMigration['definition'], state: MigrationState): string[] {
  return state === 'live' ? [...lines('prepare', freeze.prepare), ...lines('freeze', freeze.hooks), ...lines('switch', change.hooks)] : [...lines('undo', change.undo), ...lines('thaw', freeze.thaw)];
}
