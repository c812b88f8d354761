/**
 * Shape: the description of a value in a configuration, from which both come: the reading of it, with every mistake told at its place, and
 * the JSON schema by which an editor knows it. There is no second list of keys.
 */
import type { OptionCatalog } from './catalog.js';
import type { ConfigNode } from './document.js';
import { didYouMean } from './nearest.js';
import type { ConfigProblem, Place } from './place.js';

/** A part of a JSON schema (draft 2020-12). */
export type JsonSchema = { readonly [key: string]: unknown };

/** What a schema is made of: the options, and the parts that are described once and referred to. */
export interface Schemas { readonly catalog: OptionCatalog; readonly defs: Map<string, JsonSchema> }

/** What reading needs from outside, and where it tells what is wrong. */
export class Reading {
  readonly problems: ConfigProblem[] = [];
  constructor(readonly catalog: OptionCatalog) {}

  /** Returns undefined, so that a reader may end with it. */
  complain(place: Place, message: string, advice?: string): undefined {
    this.problems.push({ place, message, advice });
    return undefined;
  }
}

export interface Shape<T> {
  /** What is wrong was told where this is undefined. */
  read(node: ConfigNode, reading: Reading): T | undefined;
  schema(into: Schemas): JsonSchema;
}

/** A value and where it stands. */
export interface Placed<T> { readonly value: T; readonly place: Place; readonly inside?: (at: number) => Place }

/** One key of a record. */
export interface Field<T> { readonly shape: Shape<T>; readonly help: string; readonly required?: boolean }
type Fields = Readonly<Record<string, Field<unknown>>>;
/** What a record's keys were read as; a key that is not there, or is wrong, is missing. */
export type Read<F extends Fields> = { readonly [K in keyof F]?: Placed<F[K] extends Field<infer T> ? T : never> };

/** What a node is, in words. */
export function named(node: ConfigNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a map';
  if (node.value === null) return 'nothing';
  return typeof node.value === 'string' ? JSON.stringify(node.value.slice(0, 60)) : node.source;
}

/** Text. `check` may refuse it with a PositionError or any other error, or turn it into something else. */
export function text<T = string>(what: string, schema: JsonSchema, check: (text: string, reading: Reading, place: (at: number) => Place) => T | undefined, advice?: string): Shape<T> {
  return {
    read: (node, reading) => {
      if (node.kind !== 'scalar' || typeof node.value !== 'string') {
        const quotes = node.kind === 'scalar' && node.value !== null ? `If ${node.source} is meant as text, put it in quotes.` : undefined;
        return reading.complain(node.place, `${what} is wanted here, and this is ${named(node)}`, advice ?? quotes);
      }
      return check(node.value, reading, (at) => node.inside(at));
    },
    schema: () => ({ type: 'string', ...schema }),
  };
}

/** Any text that is not empty. */
export function plainText(what: string): Shape<string> {
  return text(what, { minLength: 1 }, (value, reading, place) => (value === '' ? reading.complain(place(0), `${what} is empty`) : value));
}

export const boolean: Shape<boolean> = {
  read: (node, reading) => {
    if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
    return reading.complain(node.place, `true or false is wanted here, and this is ${named(node)}`);
  },
  schema: () => ({ type: 'boolean' }),
};

export function integer(low: number, high: number): Shape<number> {
  return {
    read: (node, reading) => {
      if (node.kind === 'scalar' && typeof node.value === 'number' && Number.isInteger(node.value) && node.value >= low && node.value <= high) return node.value;
      return reading.complain(node.place, `a whole number from ${low} to ${high} is wanted here, and this is ${named(node)}`);
    },
    schema: () => ({ type: 'integer', minimum: low, maximum: high }),
  };
}

/** One of some words. */
export function choice<const W extends string>(...words: readonly W[]): Shape<W> {
  return {
    read: (node, reading) => {
      const found = words.find((word) => node.kind === 'scalar' && node.value === word);
      if (found !== undefined) return found;
      const near = node.kind === 'scalar' ? didYouMean(node.source, words) : '';
      return reading.complain(node.place, `${named(node)} is not known here${near}`, `Known ${words.length === 1 ? 'is' : 'are'} ${words.join(', ')}.`);
    },
    schema: () => ({ enum: words }),
  };
}

/** A list, in which wrong items are told and left out. `orOne`: one item may stand without a list. */
export function list<T>(of: Shape<T>, { orOne = false, least = 0, most = 1000 } = {}): Shape<readonly Placed<T>[]> {
  return {
    read: (node, reading) => {
      if (node.kind !== 'list' && !orOne) return reading.complain(node.place, `a list is wanted here, and this is ${named(node)}`, 'The items of a list are lines that begin with a dash.');
      const nodes = node.kind === 'list' ? node.items : [node];
      if (nodes.length < least) return reading.complain(node.place, 'the list is empty');
      if (nodes.length > most) return reading.complain(node.place, `the list has more than ${most} items`);
      return nodes.flatMap((item) => {
        const value = of.read(item, reading);
        return value === undefined ? [] : [placed(item, value)];
      });
    },
    schema: (into) => {
      const items = { type: 'array', items: of.schema(into), ...(least > 0 ? { minItems: least } : {}) };
      return orOne ? { anyOf: [of.schema(into), items] } : items;
    },
  };
}

export function placed<T>(node: ConfigNode, value: T): Placed<T> {
  return { value, place: node.place, ...(node.kind === 'scalar' ? { inside: (at: number) => node.inside(at) } : {}) };
}

/** A map with known keys. */
export function record<F extends Fields>(what: string, fields: F): Shape<Read<F>> {
  const keys = Object.keys(fields);
  return {
    read: (node, reading) => {
      if (node.kind !== 'map') return reading.complain(node.place, `${what} is a map of ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ' …' : ''}, and this is ${named(node)}`);
      const out: Record<string, Placed<unknown>> = {};
      for (const { key, value } of node.entries) {
        const field = Object.hasOwn(fields, key.source) ? fields[key.source] : undefined;
        if (field === undefined) {
          reading.complain(key.place, `${what} has no key ${JSON.stringify(key.source)}${didYouMean(key.source, keys)}`, `Keys are ${keys.join(', ')}.`);
          continue;
        }
        const read = field.shape.read(value, reading);
        if (read !== undefined) out[key.source] = placed(value, read);
      }
      const missing = keys.filter((key) => fields[key]?.required === true && !node.entries.some((entry) => entry.key.source === key));
      if (missing.length > 0) return reading.complain(node.place, `${what} lacks ${missing.join(' and ')}`);
      return keys.some((key) => fields[key]?.required === true && out[key] === undefined) ? undefined : (out as Read<F>);
    },
    schema: (into) => {
      const required = keys.filter((key) => fields[key]?.required === true);
      return {
        type: 'object', additionalProperties: false, ...(required.length > 0 ? { required } : {}),
        properties: Object.fromEntries(keys.map((key) => [key, { description: fields[key]?.help, ...fields[key]?.shape.schema(into) }])),
      };
    },
  };
}

/** A map whose keys are names that the user gives. */
export function byName<T>(what: string, name: RegExp, of: Shape<T>): Shape<ReadonlyMap<string, Placed<T> & { readonly key: Place }>> {
  return {
    read: (node, reading) => {
      if (node.kind !== 'map') return reading.complain(node.place, `${what} are a map by name, and this is ${named(node)}`);
      const out = new Map<string, Placed<T> & { readonly key: Place }>();
      for (const { key, value } of node.entries) {
        if (!name.test(key.source)) reading.complain(key.place, `${JSON.stringify(key.source.slice(0, 80))} is no name`, 'A name is up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit.');
        const read = of.read(value, reading);
        if (read !== undefined) out.set(key.source, { ...placed(value, read), key: key.place });
      }
      return out;
    },
    schema: (into) => ({ type: 'object', patternProperties: { [name.source]: of.schema(into) }, additionalProperties: false }),
  };
}

/** One of several records, by the word at a key of theirs. */
export function variant<T>(what: string, key: string, kinds: Readonly<Record<string, Shape<T>>>): Shape<T> {
  return {
    read: (node, reading) => {
      if (node.kind !== 'map') return reading.complain(node.place, `${what} is a map with ${key}, and this is ${named(node)}`);
      const entry = node.entries.find((each) => each.key.source === key);
      const words = Object.keys(kinds);
      if (entry === undefined) return reading.complain(node.place, `${what} lacks ${key}`, `It is ${words.join(', or ')}.`);
      const kind = choice(...words).read(entry.value, reading);
      return kind === undefined ? undefined : kinds[kind]?.read({ ...node, entries: node.entries.filter((each) => each !== entry) }, reading);
    },
    schema: (into) => ({
      oneOf: Object.entries(kinds).map(([word, shape]) => {
        const own = shape.schema(into) as { properties: object; required?: readonly string[] };
        return Object.assign({}, own, { required: [key, ...(own.required ?? [])], properties: { [key]: { const: word }, ...own.properties } });
      }),
    }),
  };
}

/** A shape of which something else is made. */
export function made<A, B>(shape: Shape<A>, make: (value: A, reading: Reading, node: ConfigNode) => B | undefined): Shape<B> {
  return {
    read: (node, reading) => {
      const value = shape.read(node, reading);
      return value === undefined ? undefined : make(value, reading, node);
    },
    schema: (into) => shape.schema(into),
  };
}

/** A scalar or a map, by which it is. */
export function either<A, B>(scalar: Shape<A>, map: Shape<B>): Shape<A | B> {
  return {
    read: (node, reading) => (node.kind === 'scalar' ? scalar.read(node, reading) : map.read(node, reading)),
    schema: (into) => ({ anyOf: [scalar.schema(into), map.schema(into)] }),
  };
}

/** A shape that the schema describes once, under a name. */
export function once<T>(name: string, shape: Shape<T>): Shape<T> {
  return {
    read: (node, reading) => shape.read(node, reading),
    schema: (into) => {
      if (!into.defs.has(name)) {
        into.defs.set(name, {}); // its place, should it refer to itself
        into.defs.set(name, shape.schema(into));
      }
      return { $ref: `#/$defs/${name}` };
    },
  };
}
