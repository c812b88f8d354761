/**
 * document: YAML 1.2 as nodes that know their places. What is no plain data (tags, merge keys, several documents in one file) is refused, and
 * aliases are followed within a bound, so that a small file stays small.
 */
import { Composer, isAlias, isMap, isScalar, isSeq, Parser, type Document, type Node, type Scalar, type YAMLError } from 'yaml';
import type { ConfigProblem, Place } from './place.js';

export type ConfigNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As it is written, without quotes. */
  readonly source: string;
  readonly place: Place;
  /** The place of a character of its text. */
  inside(at: number): Place;
}

export interface ListNode { readonly kind: 'list'; readonly items: readonly ConfigNode[]; readonly place: Place }
export interface MapNode { readonly kind: 'map'; readonly entries: readonly { readonly key: ScalarNode; readonly value: ConfigNode }[]; readonly place: Place }

/** Nodes of one file, aliases followed. */
const MOST_NODES = 100_000;
const QUOTES = 'Text that begins with one of * & ! @ % ` [ ] { } # | > wants quotes.';

/** Reads a file's text. Undefined: it is empty, or wrong as told. */
export function readDocument(written: string, file: string, complain: (problem: ConfigProblem) => void): ConfigNode | undefined {
  const text = written.replace(/^\ufeff/, '');
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]; // the library's own count misses lines where it meets mistakes
  const place = (offset: number): Place => {
    const line = lineOf(starts, offset);
    return { file, line, column: Math.min(offset, text.length) - (starts[line - 1] as number) + 1 };
  };
  const composer = new Composer({ uniqueKeys: true, merge: false, version: '1.2', schema: 'core', strict: true });
  const documents = [...composer.compose(new Parser().parse(text), true, text.length)];
  let wrong = false;
  const tell = (at: Place, message: string, advice?: string): void => {
    wrong = true;
    complain({ place: at, message, advice });
  };
  let told = 0;
  for (const { errors, warnings } of documents) {
    for (const each of [...errors, ...warnings].toSorted((a, b) => a.pos[0] - b.pos[0])) {
      const at = place(each.pos[0]);
      const follows = at.line === told || (told > 0 && each.code === 'UNEXPECTED_TOKEN'); // one mistake makes the library tell several, on its line and of all that comes after
      if (!follows) tell(at, sentence(each), adviceFor(each));
      told = at.line;
    }
  }
  const [document, second] = documents;
  if (second !== undefined) tell(place(second.range[0]), 'there is a second document in the file', 'A configuration is one document; further files go into conf.d.');
  if (document === undefined || wrong) return undefined;
  return new Conversion(document, text, place, tell).root();
}

/** The line of an offset, from 1, given where lines start. */
function lineOf(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** The library's message without the place and the excerpt that it adds. */
function sentence({ message, code }: YAMLError): string {
  const [first = ''] = message.split('\n');
  if (code === 'DUPLICATE_KEY') return 'the key is there twice';
  if (code === 'UNEXPECTED_TOKEN') return 'what stands here belongs to nothing before it';
  return first.replace(/ at line \d+, column \d+:?$/, '').replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

function adviceFor({ code, message }: YAMLError): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'Indent with blanks.';
  if (code === 'BAD_SCALAR_START' || /alias|anchor/i.test(message)) return QUOTES;
  if (code === 'MISSING_CHAR' || /flow/.test(message)) return 'What was opened by a quote, [ or { is not closed.';
  if (code === 'MULTILINE_IMPLICIT_KEY' || code === 'BAD_INDENT' || code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'UNEXPECTED_TOKEN') return 'Keys of one map begin in the same column, and text with ": " or " #" in it wants quotes.';
  return undefined;
}

class Conversion {
  private count = 0;

  constructor(private readonly document: Document.Parsed, private readonly text: string, private readonly place: (offset: number) => Place, private readonly tell: (at: Place, message: string, advice?: string) => void) {}

  root(): ConfigNode | undefined {
    return this.document.contents === null ? undefined : this.node(this.document.contents, this.place(0));
  }

  /** `around`: the place of what it is in, for a node that has none. */
  private node(node: Node | null, around: Place): ConfigNode | undefined {
    const at = node?.range?.[0];
    const place = at === undefined ? around : this.place(at);
    if (++this.count > MOST_NODES) {
      if (this.count === MOST_NODES + 1) this.tell(place, `there are more than ${MOST_NODES} values in the file, aliases followed`);
      return undefined;
    }
    if (node === null) return nothing(place);
    if (isAlias(node)) {
      const to = node.resolve(this.document);
      if (to === undefined) return this.refuse(place, `there is no anchor &${node.source}`, QUOTES);
      if (to.range !== undefined && to.range !== null && at !== undefined && to.range[0] <= at && at < to.range[1]) return this.refuse(place, `*${node.source} is inside of what it stands for`);
      return this.node(to, place);
    }
    if (node.tag !== undefined && !/^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/.test(node.tag)) return this.refuse(place, `the tag ${node.tag} has no meaning here`, QUOTES);
    if (isMap(node)) {
      const entries = node.items.flatMap((pair) => {
        const key = this.node(pair.key as Node | null, place);
        if (key === undefined) return [];
        if (key.kind !== 'scalar') return this.refuse(key.place, 'a key is a word, not a list or a map') ?? [];
        if (key.source === '<<') return this.refuse(key.place, 'merge keys (<<) are not taken', 'Put what jobs share under defaults or profiles.') ?? [];
        const value = this.node(pair.value as Node | null, key.place);
        return value === undefined ? [] : [{ key, value }];
      });
      return { kind: 'map', entries, place };
    }
    if (isSeq(node)) return { kind: 'list', items: node.items.flatMap((item) => this.node(item as Node | null, place) ?? []), place };
    if (isScalar(node)) return this.scalar(node, place);
    return this.refuse(place, 'this is neither a value nor a list nor a map');
  }

  private scalar(node: Scalar, place: Place): ScalarNode | undefined {
    const { value } = node;
    const [start, end] = node.range ?? [0, 0];
    const source = node.source ?? String(value ?? '');
    if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return this.refuse(place, 'this is no plain value');
    const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
    const from = start + (quoted ? 1 : 0);
    const literal = typeof value === 'string' && end >= from && this.text.startsWith(value, from); // no escapes, no folded lines: characters are where they are
    return { kind: 'scalar', value, source, place, inside: (offset) => (literal ? this.place(from + offset) : place) };
  }

  private refuse(place: Place, message: string, advice?: string): undefined {
    this.tell(place, message, advice);
    return undefined;
  }
}

function nothing(place: Place): ScalarNode {
  return { kind: 'scalar', value: null, source: '', place, inside: () => place };
}
