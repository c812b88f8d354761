/**
 * load: the files of a configuration: one, and those of the folder `conf.d` beside it that end in .yaml or .yml, in the order of their names. All that is
 * wrong is told at once. Reading is handed in.
 */
import { dirname, join } from 'node:path';
import type { OptionCatalog } from './catalog.js';
import { readDocument } from './document.js';
import { fileShape, type NamedJob } from './fields.js';
import type { Config } from './model.js';
import { ConfigError, inOrder, placeText, type Place } from './place.js';
import { resolveJobs } from './resolve.js';
import { Reading, type Placed } from './shape.js';
import type { JobRead } from './fields.js';

/** A file that was read, or why it cannot be. */
export type FileRead = { readonly text: string } | { readonly error: string; readonly advice?: string; readonly missing?: boolean };

/** What a configuration is read from. */
export interface ConfigSource {
  readFile(path: string): FileRead;
  /** Names in a folder; undefined: there is none. */
  list(folder: string): readonly string[] | undefined;
  readonly catalog: OptionCatalog;
  /** IANA name of this system's zone. */
  readonly zone: string;
}

/** Files in conf.d. */
const MOST_FILES = 1000;

/** @param file the main one, absolute. @throws ConfigError with all that is wrong. */
export function loadConfig(file: string, source: ConfigSource): Config {
  const reading = new Reading(source.catalog);
  const files = [file, ...extraFiles(file, source, reading)];
  const profiles = new Map<string, Placed<JobRead> & { readonly key: Place }>();
  const jobs = new Map<string, NamedJob & { readonly key: Place }>();
  let defaults: JobRead | undefined;
  let parallel: number | undefined;
  for (const path of files) {
    const found = source.readFile(path);
    if ('error' in found) {
      reading.complain({ file: path, line: 0, column: 0 }, found.error, found.advice);
      continue;
    }
    const node = readDocument(found.text, path, (problem) => { reading.problems.push(problem); });
    const read = node === undefined ? undefined : fileShape.read(node, reading);
    if (read === undefined) continue;
    for (const key of ['defaults', 'agent'] as const) if (path !== file && read[key] !== undefined) reading.complain(read[key].place, `${key} stands in the main file only`, `That is ${file}.`);
    if (path === file) {
      defaults = read.defaults?.value;
      parallel = read.agent?.value.parallel?.value;
    }
    gather('profile', profiles, read.profiles?.value, reading);
    gather('job', jobs, read.jobs?.value, reading);
  }
  const resolved = resolveJobs({ defaults, profiles, jobs }, source.zone, reading);
  if (reading.problems.length > 0) throw new ConfigError(inOrder(reading.problems, files));
  return { file, files, jobs: resolved, parallel };
}

function extraFiles(file: string, source: ConfigSource, reading: Reading): string[] {
  const folder = join(dirname(file), 'conf.d');
  const names = (source.list(folder) ?? []).filter((name) => /^[^.].*\.ya?ml$/.test(name)).toSorted((a, b) => (a < b ? -1 : 1));
  if (names.length > MOST_FILES) reading.complain({ file: folder, line: 0, column: 0 }, `there are more than ${MOST_FILES} files`);
  return names.slice(0, MOST_FILES).map((name) => join(folder, name));
}

function gather<T>(what: string, into: Map<string, Placed<T> & { readonly key: Place }>, found: ReadonlyMap<string, Placed<T> & { readonly key: Place }> | undefined, reading: Reading): void {
  for (const [name, each] of found ?? []) {
    const first = into.get(name);
    if (first === undefined) into.set(name, each);
    else reading.complain(each.key, `there is a ${what} ${name} already`, `It is at ${placeText(first.key)}.`);
  }
}
