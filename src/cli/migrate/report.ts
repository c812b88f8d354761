/** `migrate report NAME`: the page that stands alone, and what matters of it on the terminal. */
import { hostname } from 'node:os';
import { errnoText, writeWholeFile } from '../../fs/index.js';
import { migrationReport, migrationReportText, readJournal } from '../../migrate/index.js';
import { displayName, fromText, TwintreeError } from '../../tree/index.js';
import type { FoundMigration } from './find.js';

/** @param output the page; default NAME-report.html here. @throws TwintreeError IO. */
export function writeReport({ name, folder }: FoundMigration, output: string | undefined): void {
  const { events } = readJournal(folder);
  const now = Date.now();
  const path = fromText(output ?? `${name}-report.html`);
  const result = writeWholeFile(path, migrationReport(events, { now, host: hostname() }));
  if (result < 0) throw new TwintreeError('IO', `the report cannot be written: ${errnoText(-result)}`, { path });
  process.stdout.write(`${migrationReportText(events, now)}\nwritten: ${displayName(path)}\n`);
}
