/** `migrate plan FILE`: surveys the source, keeps the definition, and writes what a change board can read. Nothing of either tree is changed. */
import { dirname, join } from 'node:path';
import { checkOptions } from '../../evidence/index.js';
import { AT_REST, conductorPid, earlierSurvey, Journal, journalPath, keepDefinition, planDocument, planJson, planMarkdown, planSummary, readJournal, standOf, type EarlierSurvey, type MigrationPlan } from '../../migrate/index.js';
import { errnoText, loadOwnPosix, makeFolders, moveFile, readWholeFile, writeWholeFile } from '../../fs/index.js';
import { displayName, fromText, TwintreeError, type ByteString } from '../../tree/index.js';
import { doctorRequest } from '../commands/doctor.js';
import { abortBySignal } from '../commands/shared.js';
import { folderFor, readFile } from './find.js';
import { eventText } from './text.js';
import { treesOf } from './trees.js';

export interface PlanOptions {
  readonly json: boolean;
  /** Folder of the documents. */
  readonly output: string | undefined;
}

export async function planMigration(word: string, options: PlanOptions): Promise<number> {
  const { definition, text, file } = readFile(word);
  const { name } = definition;
  const folder = folderFor(name);
  const stand = standOf(readJournal(folder).events);
  if (stand !== undefined && !AT_REST.includes(stand.state)) throw new TwintreeError('MIGRATION', `the migration ${name} is ${stand.state}`, { advice: `twintree migrate abort or finish ${name} ends it, then it can be planned anew.` });
  if (conductorPid(folder) !== undefined) throw new TwintreeError('LOCKED', `a conductor is at work at the migration ${name}`);
  const trees = treesOf(definition);
  checkOptions(trees.run.options);
  const documents = join(options.output ?? dirname(file), `${name}-plan`);
  if (options.output !== undefined) makeFolder(fromText(options.output)); // a survey may take long: a place that cannot be is told before it
  const controller = new AbortController();
  const release = abortBySignal(controller);
  let plan: MigrationPlan;
  try {
    const { runs, following } = doctorRequest(trees.parsed);
    const [run] = runs;
    if (run === undefined) throw new TwintreeError('INTERNAL', 'these words make no mirror');
    plan = await planDocument({ subject: definition, run: { ...run, sources: [trees.source] }, ...(following === undefined ? {} : { following }), earlier: earlierPlan(`${documents}.json`), signal: controller.signal });
  } finally {
    release();
  }
  write(`${documents}.json`, planJson(plan));
  write(`${documents}.md`, planMarkdown(plan));
  if (definition.reverse) refuseOneWay(plan, file);
  keepDefinition(folder, text);
  if (stand !== undefined) keepOldJournal(folder, stand.since);
  const journal = Journal.open(folder);
  const event = journal.add({ event: 'planned', name, source: definition.source, target: displayName(trees.target), host: trees.hostName ?? null, entries: entriesOf(plan), bytes: plan.survey.bytes.apparent, lost: [...new Set(plan.losses.filter(({ cause }) => cause === 'lost').map(({ kind }) => kind))] });
  process.stdout.write(options.json ? `${JSON.stringify(event)}\n${JSON.stringify({ type: 'migration-plan', markdown: `${documents}.md`, json: `${documents}.json` })}\n` : `${eventText(event) ?? ''}\n${planSummary(plan)}written: ${documents}.md, ${documents}.json\n`);
  return 0;
}

/** What would not come to the new side would be deleted from the old one on the way back. */
function refuseOneWay({ losses }: MigrationPlan, file: string): void {
  const left = losses.filter(({ cause }) => cause === 'left');
  const [first] = left;
  if (first === undefined) return;
  const example = first.paths[0] === undefined ? '' : ` (${first.paths[0].path})`;
  throw new TwintreeError('REFUSED', `entries of the source would not be on the new side, and the way back would take them from the old one: ${first.message}${example}${left.length > 1 ? `, and ${left.length - 1} other kinds` : ''}`, {
    path: fromText(file), advice: 'The plan lists them. Leave them out by filters, mend what keeps them from being copied, or write reverse: false.',
  });
}

function entriesOf({ survey: { entries } }: MigrationPlan): number {
  return entries.files + entries.dirs + entries.links + entries.devices + entries.specials;
}

/** Longest plan that is read again, bytes. */
const LONGEST = 256 << 20;

function earlierPlan(file: string): EarlierSurvey | undefined {
  const content = readWholeFile(fromText(file), LONGEST);
  return typeof content === 'number' ? undefined : earlierSurvey(content.toString('utf8'));
}

function makeFolder(path: ByteString): void {
  const posix = loadOwnPosix();
  const made = makeFolders(posix, path, 0o755);
  if (made < 0) throw new TwintreeError('IO', `the folder of the plan cannot be made: ${errnoText(-made)}`, { path, advice: '--output=DIR names another folder.' });
  posix.close(made);
}

function write(file: string, text: string): void {
  const path = fromText(file);
  const result = writeWholeFile(path, text);
  if (result < 0) throw new TwintreeError('IO', `the plan cannot be written: ${errnoText(-result)}`, { path, advice: '--output=DIR names another folder.' });
}

/** The journal of what was before stays readable beside the new one. */
function keepOldJournal(folder: ByteString, since: number): void {
  const to = `${folder}/journal-${new Date(since).toISOString().replaceAll(':', '')}.jsonl` as ByteString;
  if (moveFile(journalPath(folder), to) < 0) throw new TwintreeError('IO', 'the old journal cannot be put aside', { path: to });
}
