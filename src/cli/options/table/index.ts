/** The option table as a whole, and look-up by spelling. */
import { negatedNames, type OptionSpec, type TableCommand } from '../spec.js';
import { ATTRIBUTES, COMPARING, SYMLINKS } from './attributes.js';
import { BATCH } from './batch.js';
import { CONNECTION } from './connection.js';
import { HOLDING, REFUSED } from './elsewhere.js';
import { FOLLOWING } from './following.js';
import { OUTPUT } from './output.js';
import { SEED, withSeed } from './seed.js';
import { FILTERS, WHAT } from './what.js';
import { DELETING, REPLACING, SAFETY } from './writing.js';

/** Every option, in the order of the help. */
export const TABLE: readonly OptionSpec[] = [
  ...[...WHAT, ...FILTERS, ...COMPARING, ...ATTRIBUTES, ...SYMLINKS, ...DELETING, ...REPLACING, ...SAFETY, ...CONNECTION, ...FOLLOWING, ...OUTPUT, ...BATCH].map(withSeed), ...SEED, ...HOLDING, ...REFUSED,
];

/** What a spelling means: the option, or its negation. */
export interface Spelling { readonly spec: OptionSpec; readonly negated: boolean }

const long = new Map<string, Spelling>();
const short = new Map<string, OptionSpec>();
for (const spec of TABLE) {
  if (spec.name.length === 1) short.set(spec.name, spec);
  else for (const name of [spec.name, ...(spec.aliases ?? [])]) long.set(name, { spec, negated: false });
  if (spec.short !== undefined) short.set(spec.short, spec);
  for (const name of negatedNames(spec)) long.set(name, { spec, negated: true });
}

/** A long spelling without its two dashes. */
export function findLong(name: string): Spelling | undefined {
  return long.get(name);
}

/** An option letter. */
export function findShort(letter: string): OptionSpec | undefined {
  return short.get(letter);
}

/** The rows that a command takes. */
export function optionsOf(command: TableCommand): OptionSpec[] {
  return TABLE.filter((spec) => spec.commands.includes(command));
}
