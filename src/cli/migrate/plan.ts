/** `migrate plan FILE`: surveys the source, keeps the definition, and writes what a change board can read. Nothing of either tree is changed. */
import { AT_REST, Journal, journalPath, keepDefinition, readJournal, standOf, conductorPid } from '../../migrate/index.js';
import { moveFile } from '../../fs/index.js';
import { displayName, TwintreeError, type ByteString } from '../../tree/index.js';
import { runSync } from '../../session/index.js';
import { folderFor, readFile } from './find.js';
import { eventText } from './text.js';
import { treesOf } from './trees.js';

export interface PlanOptions {
  readonly json: boolean;
  /** Folder of the documents. */
  readonly output: string | undefined;
}

export async function planMigration(word: string, options: PlanOptions): Promise<number> {
  const { definition, text } = readFile(word);
  const { name } = definition;
  const folder = folderFor(name);
  const stand = standOf(readJournal(folder).events);
  if (stand !== undefined && !AT_REST.includes(stand.state)) throw new TwintreeError('MIGRATION', `the migration ${name} is ${stand.state}`, { advice: `twintree migrate abort or finish ${name} ends it, then it can be planned anew.` });
  if (conductorPid(folder) !== undefined) throw new TwintreeError('LOCKED', `a conductor is at work at the migration ${name}`);
  const trees = treesOf(definition);
  const controller = new AbortController();
  const outcome = await runSync({ sources: [trees.source], target: undefined, options: { ...trees.run.options, dryRun: true } }, {}, controller.signal);
  const { files, dirs, links, devices, specials } = outcome.totals.entries;
  keepDefinition(folder, text);
  if (stand !== undefined) keepOldJournal(folder, stand.since);
  const journal = Journal.open(folder);
  const event = journal.add({ event: 'planned', name, source: definition.source, target: displayName(trees.target), host: trees.hostName ?? null, entries: files + dirs + links + devices + specials, bytes: outcome.totals.totalSize });
  process.stdout.write(options.json ? `${JSON.stringify(event)}\n` : `${eventText(event) ?? ''}\n`);
  return 0;
}

/** The journal of what was before stays readable beside the new one. */
function keepOldJournal(folder: ByteString, since: number): void {
  const to = `${folder}/journal-${new Date(since).toISOString().replaceAll(':', '')}.jsonl` as ByteString;
  if (moveFile(journalPath(folder), to) < 0) throw new TwintreeError('IO', 'the old journal cannot be put aside', { path: to });
}
