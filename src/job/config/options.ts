/**
 * Options and filters of a job: by their long names, with the values of the command line. `true` says an option, `false` its negation, or takes
 * an inherited one away; a list says it several times; a number says an option without a value so many times.
 */
import type { JobOption, OptionCatalog } from './catalog.js';
import type { ConfigNode, ScalarNode } from './document.js';
import type { JobMode, JobSetting } from './model.js';
import { didYouMean } from './nearest.js';
import type { Place } from './place.js';
import { named, type JsonSchema, type Reading, type Shape } from './shape.js';
import { beside } from './values.js';

/** What one option was said to be. `words` is empty where it takes an inherited one away. */
export type OptionsRead = ReadonlyMap<string, JobSetting>;

export const options: Shape<OptionsRead> = {
  read: (node, reading) => {
    if (node.kind !== 'map') return reading.complain(node.place, `options are a map by their long names, and this is ${named(node)}`, 'Write for example delete: true.');
    const out = new Map<string, JobSetting>();
    for (const { key, value } of node.entries) {
      const option = findOption(key, reading);
      const words = option === undefined ? undefined : wordsOf(option, value, reading);
      if (option !== undefined && words !== undefined) {
        if (out.has(option.name)) reading.complain(key.place, `${key.source} is another name of ${option.name}, which is there already`);
        out.set(option.name, { name: option.name, words, place: key.place });
      }
    }
    return out;
  },
  schema: (into) => ({ type: 'object', additionalProperties: false, properties: Object.fromEntries(usable(into.catalog).map((option) => [option.name, { description: option.help, ...optionSchema(option) }])) }),
};

function usable(catalog: OptionCatalog): JobOption[] {
  return catalog.options.filter(({ instead }) => instead === undefined);
}

function optionSchema({ argument }: JobOption): JsonSchema {
  const value = { type: ['string', 'number'] };
  return argument === undefined ? { anyOf: [{ type: 'boolean' }, { type: 'integer', minimum: 1, maximum: 3 }] } : { anyOf: [value, { type: 'array', items: value, minItems: 1 }, { const: false }] };
}

function findOption(key: ScalarNode, reading: Reading): JobOption | undefined {
  const word = key.source.replace(/^--/, '');
  const option = reading.catalog.find(word);
  if (option === undefined) {
    const positive = word.startsWith('no-') ? reading.catalog.find(word.slice(3)) : undefined;
    if (positive?.negatable === true) return reading.complain(key.place, `${word} is said as ${positive.name}: false`);
    return reading.complain(key.place, `there is no option ${JSON.stringify(word)}${didYouMean(word, usable(reading.catalog).map(({ name }) => name))}`, 'docs/options.md lists them; here they stand by their long names.');
  }
  if (option.instead !== undefined) return reading.complain(key.place, `${option.name} is not an option of a job`, option.instead);
  return option;
}

function wordsOf(option: JobOption, node: ConfigNode, reading: Reading): string[] | undefined {
  const dashed = option.name.length === 1 ? `-${option.name}` : `--${option.name}`;
  if (node.kind === 'scalar' && node.value === false) return option.negatable ? [`--no-${option.name}`] : [];
  if (option.argument === undefined) {
    if (node.kind === 'scalar' && node.value === true) return [dashed];
    if (node.kind === 'scalar' && typeof node.value === 'number' && [1, 2, 3].includes(node.value)) return Array<string>(node.value).fill(dashed);
    return reading.complain(node.place, `${option.name} is true or false, and this is ${named(node)}`, 'A number from 1 to 3 says it so many times.');
  }
  const items = node.kind === 'list' ? node.items : [node];
  if (node.kind === 'map' || items.length === 0) return reading.complain(node.place, `${option.name} wants a value (${option.argument}), and this is ${node.kind === 'map' ? 'a map' : 'an empty list'}`);
  const words = items.map((item) => {
    const value = valueOf(option, item, reading);
    return value === undefined ? undefined : `${dashed}=${value}`;
  });
  return words.every((word) => word !== undefined) ? words : undefined;
}

function valueOf(option: JobOption, node: ConfigNode, reading: Reading): string | undefined {
  if (node.kind !== 'scalar' || typeof node.value === 'boolean' || node.value === null) return reading.complain(node.place, `${option.name} wants a value (${option.argument ?? ''}), and this is ${named(node)}`);
  const value = typeof node.value === 'string' ? node.value : node.source;
  if (value.includes('\0')) return reading.complain(node.place, 'a NUL byte cannot be said');
  if (!option.isFile) return value;
  return value === '-' ? reading.complain(node.place, 'a job has no standard input or output', 'Name a file.') : beside(value, node.place.file);
}

/** Checks each option by itself. Returns those that are right. */
export function checkOptions(settings: readonly JobSetting[], mode: JobMode, reading: Reading, seen: Set<string>): JobSetting[] {
  return settings.filter(({ words, place }) => {
    const refusal = words.length === 0 ? undefined : reading.catalog.checkOption(mode, words);
    if (refusal !== undefined) tellOnce(reading, seen, place, refusal.message, refusal.advice);
    return refusal === undefined;
  });
}

/** What several jobs inherit is told once. */
export function tellOnce(reading: Reading, seen: Set<string>, place: Place, message: string, advice: string | undefined): void {
  const key = `${place.file}:${place.line}:${place.column}:${message}`;
  if (seen.has(key)) return;
  seen.add(key);
  reading.complain(place, message, advice);
}

const FILTERS = ['filter', 'exclude', 'include', 'exclude-from', 'include-from'] as const;

/** One filter: a rule of rsync's language, or a map with the option's name. */
export const filter: Shape<JobSetting> = {
  read: (node, reading) => {
    const advice = 'Write a rule in quotes ("- *.tmp", ": /.rsync-filter"), or exclude: PATTERN, include: PATTERN, exclude-from: FILE, include-from: FILE.';
    if (node.kind === 'list') return reading.complain(node.place, 'a filter is one rule, and this is a list', advice);
    const [entry, second] = node.kind === 'map' ? node.entries : [];
    if (node.kind === 'map' && (entry === undefined || second !== undefined)) return reading.complain((second?.key ?? node).place, 'a filter is one rule', advice);
    const name = entry === undefined ? 'filter' : FILTERS.find((each) => each === entry.key.source);
    if (name === undefined) return reading.complain((entry?.key ?? node).place, `there is no filter ${JSON.stringify(entry?.key.source)}${didYouMean(entry?.key.source ?? '', FILTERS)}`, advice);
    const option = reading.catalog.find(name);
    const value = entry?.value ?? node;
    if (option === undefined) return undefined;
    if (value.kind !== 'scalar' || value.value === null) return reading.complain(value.place, `a filter wants a pattern or a file, and this is ${named(value)}`, advice);
    const text = valueOf(option, value, reading);
    return text === undefined ? undefined : { name, words: [`--${name}=${text}`], place: value.place };
  },
  schema: () => ({ anyOf: [{ type: 'string' }, { type: 'object', minProperties: 1, maxProperties: 1, additionalProperties: false, properties: Object.fromEntries(FILTERS.map((name) => [name, { type: ['string', 'number'] }])) }] }),
};
