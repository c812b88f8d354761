/**
 * load: reads a definition, tells all that is wrong with file, line and column, and makes the model. The options are the option table's own rows and are
 * read by the command line's own parser, which is handed in as a catalog.
 */
import { ConfigError, inOrder, readDocument, Reading, type FileRead, type JsonSchema, type OptionCatalog, type Placed } from '../../job/index.js';
import { parseRemoteSpec } from '../../transport/index.js';
import { fromText, TwintreeError } from '../../tree/index.js';
import type { MigrationHook } from '../hooks/hooks.js';
import { DEFAULTS, definitionShape, type DefinitionRead } from './fields.js';
import type { MigrationDefinition } from './model.js';

/** Options that change what is written so that the way back would not be the same tree. */
const ONE_WAY = ['chown', 'usermap', 'groupmap', 'chmod', 'fake-super', 'munge-links', 'copy-links', 'copy-unsafe-links', 'copy-dirlinks'] as const;
/** Options that do not go with --inplace, or say otherwise how large files are treated. */
const NOT_IN_PLACE = ['whole-file', 'partial-dir', 'delay-updates', 'append', 'append-verify', 'defer'] as const;
/** What holds a file system as a whole. */
const WHOLE = /\bfsfreeze\b|\bxfs_freeze\b|\bremount\b/;
/** Options of a mirror that a migration says itself, and what it says. */
const OWN: Readonly<Record<string, string>> = { 'dry-run': 'twintree migrate rehearse is the practice.', drift: 'The target belongs to the migration: drift is always repaired.' };

/** @param file as it is told in messages. @throws ConfigError with all that is wrong. */
export function readDefinition(text: string, file: string, catalog: OptionCatalog): MigrationDefinition {
  const reading = new Reading(catalog);
  const node = readDocument(text, file, (problem) => { reading.problems.push(problem); });
  const read = node === undefined ? undefined : definitionShape.read(node, reading);
  if (node === undefined && reading.problems.length === 0) reading.complain({ file, line: 0, column: 0 }, 'the definition is empty');
  const definition = read === undefined ? undefined : modelOf(read, reading, file);
  if (reading.problems.length > 0 || definition === undefined) throw new ConfigError(inOrder(reading.problems, [file]));
  return definition;
}

/** What was read of a file, as a definition. @throws ConfigError. */
export function loadDefinition(file: string, found: FileRead, catalog: OptionCatalog): MigrationDefinition {
  if ('error' in found) throw new ConfigError([{ place: { file, line: 0, column: 0 }, message: found.error, advice: found.missing === true ? 'docs/migrate.md has an example.' : found.advice }]);
  return readDefinition(found.text, file, catalog);
}

function modelOf(read: DefinitionRead, reading: Reading, file: string): MigrationDefinition | undefined {
  const { migration, source, target } = read;
  if (migration === undefined || source === undefined || target === undefined) return undefined;
  checkPaths(source, target, reading);
  const settings = [...(read.options?.value.values() ?? [])];
  const reverse = read.reverse?.value ?? true;
  for (const { name, place } of settings) {
    if (reverse && (ONE_WAY as readonly string[]).includes(name)) reading.complain(place, `with ${name} the new tree is another one, and the way back would not bring the old one`, 'Leave it out, or write reverse: false.');
    if (Object.hasOwn(OWN, name)) reading.complain(place, `${name} is not for a migration`, OWN[name]);
  }
  const filters = read.filters?.value.map(({ value }) => value) ?? [];
  const named = (...names: string[]): boolean => settings.some(({ name }) => names.includes(name));
  // Nobody uses the copy before the last pass: what changes all the time is sent as it is, and of a large file what differs is written and brought to the disk, no more.
  const atOnce = named('inplace') ? [] : named(...NOT_IN_PLACE) ? ['--defer=0'] : ['--inplace', '--no-whole-file'];
  const words = ['--delete', ...atOnce, ...settings.flatMap((each) => each.words), ...filters.flatMap((each) => each.words)];
  for (const each of [...settings, ...filters]) {
    const refusal = each.words.length === 0 ? undefined : reading.catalog.checkOption('live', each.words);
    if (refusal !== undefined) reading.complain(each.place, refusal.message, refusal.advice);
  }
  if (reading.problems.length === 0) {
    const refusal = reading.catalog.check('live', [...words, '--', source.value, target.value]);
    if (refusal !== undefined) reading.complain(settings.find(({ name }) => refusal.message.includes(`--${name}`))?.place ?? { file, line: 0, column: 0 }, refusal.message, refusal.advice);
  }
  const { converge, freeze, verify, switch: change, rehearse } = read;
  if (freeze?.value.hooks !== undefined && freeze.value.thaw === undefined) reading.complain(freeze.place, 'what freezes the source must be undone when anything fails, and thaw is missing', 'Write thaw: with what starts it again; thaw: [] where nothing has to be done.');
  if (reverse && freeze?.value.release === undefined && freeze?.value.hooks?.value.some(({ command }) => WHOLE.test(command.join(' '))) === true) {
    reading.complain(freeze.place, 'a whole file system is frozen, the old tree cannot follow the new one then, and release is missing', 'Write release: with what ends the services that were held and makes the file system writable again; release: [] where nothing has to be done.');
  }
  if (change?.value.hooks !== undefined && change.value.undo === undefined) reading.complain(change.place, 'what brings the new side into use must be undone when it fails, and undo is missing', 'Write undo: with what stops it there; undo: [] where nothing has to be done.');
  return {
    name: migration.value, source: source.value, target: target.value, words, reverse, key: read.evidence?.value.key?.value, final: read.final?.value ?? 'dirty',
    converge: {
      lagMs: converge?.value.lag?.value ?? DEFAULTS.lagMs, backlogBytes: converge?.value.backlog?.value ?? DEFAULTS.backlogBytes, steadyMs: converge?.value.steady?.value ?? DEFAULTS.steadyMs,
      patienceMs: converge?.value.patience?.value ?? DEFAULTS.patienceMs,
    },
    freeze: { prepare: hooksOf(freeze?.value.prepare), hooks: hooksOf(freeze?.value.hooks), thaw: hooksOf(freeze?.value.thaw), release: hooksOf(freeze?.value.release), limitMs: freeze?.value.limit?.value ?? DEFAULTS.limitMs, quietMs: freeze?.value.quiet?.value ?? DEFAULTS.quietMs },
    verify: { mode: verify?.value.mode ?? 'full', sample: verify?.value.mode === 'index' ? (verify.value.sample ?? DEFAULTS.sample) : 1 },
    switch: { hooks: hooksOf(change?.value.hooks), undo: hooksOf(change?.value.undo), health: healthOf(change?.value.health) },
    rehearse: { on: onOf(rehearse?.value.on, reading), hooks: hooksOf(rehearse?.value.hooks), undo: hooksOf(rehearse?.value.undo) },
    finish: { hooks: hooksOf(read.finish?.value.hooks) },
  };
}

function checkPaths(source: Placed<string>, target: Placed<string>, reading: Reading): void {
  try {
    const from = parseRemoteSpec(fromText(source.value));
    if (from.kind !== 'local') reading.complain(source.place, 'the source is on another host', 'A migration runs on the host of its source.');
    else if (!source.value.startsWith('/')) reading.complain(source.place, `${JSON.stringify(source.value)} is no whole path`, 'Begin it with a slash: commands may be given anywhere.');
    else if (!source.value.endsWith('/')) reading.complain(source.place, 'the content of a folder moves', `Write it with a slash at its end: ${source.value}/`);
    const to = parseRemoteSpec(fromText(target.value));
    if (to.kind === 'daemon') reading.complain(target.place, 'a target behind twintree:// has no shell for hooks and for the way back', 'Write [USER@]HOST:FOLDER, which is reached by ssh.');
    if (to.kind === 'local' && !target.value.startsWith('/')) reading.complain(target.place, `${JSON.stringify(target.value)} is no whole path`, 'Begin it with a slash, or write HOST:FOLDER.');
    if (to.kind === 'ssh' && !to.path.startsWith('/')) reading.complain(target.place, 'the folder on the other host is no whole path', 'Begin it with a slash: HOST:/FOLDER.');
  } catch (error) {
    if (!(error instanceof TwintreeError)) throw error;
    reading.complain(target.place, error.message, error.advice);
  }
}

function hooksOf(found: Placed<readonly MigrationHook[]> | undefined): readonly MigrationHook[] {
  return found?.value ?? [];
}

type SwitchRead = NonNullable<DefinitionRead['switch']>['value'];
function healthOf(found: SwitchRead['health']): MigrationDefinition['switch']['health'] {
  if (found === undefined) return undefined;
  const { run, at, timeout, attempts, every } = found.value;
  if (run === undefined) return undefined;
  return {
    hook: { command: run.value, side: at?.value ?? 'source', timeoutMs: timeout?.value ?? DEFAULTS.healthTimeoutMs }, attempts: attempts?.value ?? DEFAULTS.healthAttempts, everyMs: every?.value ?? DEFAULTS.healthEveryMs,
  };
}

function onOf(found: Placed<string> | undefined, reading: Reading): MigrationDefinition['rehearse']['on'] {
  if (found === undefined || found.value === 'clone') return { kind: 'clone' };
  if (!found.value.startsWith('/')) reading.complain(found.place, `${JSON.stringify(found.value)} is neither clone nor a whole path`);
  return { kind: 'folder', path: found.value };
}

/** The JSON schema of a definition, draft 2020-12, by which editors know it. */
export function definitionSchema(catalog: OptionCatalog): JsonSchema {
  const defs = new Map<string, JsonSchema>();
  const root = definitionShape.schema({ catalog, defs });
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'twintree migration', description: 'Written by scripts/make-job-schema.js from the description in src/migrate/definition/fields.ts.', ...root, $defs: Object.fromEntries(defs) };
}
