/** Which migration is meant: by its name, or by the file that defines it. */
import { type MigrationDefinition, keptDefinition, loadDefinition, migrationFolder, migrationNames, readDefinition } from '../../migrate/index.js';
import { nearest } from '../../job/index.js';
import type { ByteString } from '../../tree/index.js';
import { resolve } from 'node:path';
import { usageError } from '../errors.js';
import { optionCatalog } from '../jobs/catalog.js';
import { readConfigFile } from '../jobs/source.js';
import { ownState } from '../jobs/state.js';
import { processContext } from '../commands/shared.js';

export interface FoundMigration {
  readonly name: string;
  readonly folder: ByteString;
  readonly definition: MigrationDefinition;
}

/** The migration, as it was planned. @throws CommandError USAGE, ConfigError. */
export function findMigration(word: string): FoundMigration {
  const state = ownState();
  const name = /[/]|\.ya?ml$/.test(word) ? readFile(word).definition.name : word;
  const folder = migrationFolder(state, name);
  const text = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) ? keptDefinition(folder) : undefined;
  if (text === undefined) {
    const near = nearest(name, migrationNames(state));
    throw usageError(`there is no migration ${JSON.stringify(name)}`, near === undefined ? 'twintree migrate plan FILE makes one.' : `Did you mean ${near}?`);
  }
  return { name, folder, definition: readDefinition(text, `the definition of ${name}`, catalog()) };
}

/** A definition and its text. @throws ConfigError. */
export function readFile(word: string): { definition: MigrationDefinition; text: string; file: string } {
  const file = resolve(word);
  const found = readConfigFile(file);
  const definition = loadDefinition(file, found, catalog());
  return { definition, text: 'text' in found ? found.text : '', file };
}

function catalog(): ReturnType<typeof optionCatalog> {
  return optionCatalog(processContext());
}

/** The folder of a migration of that name, there or not. */
export function folderFor(name: string): ByteString {
  return migrationFolder(ownState(), name);
}

export function allMigrations(): string[] {
  return migrationNames(ownState());
}

