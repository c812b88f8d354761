/**
 * Block: rules that stand together (the global ones between two dir-merges, or one rule file's), compiled for
 * one side. The first that matches decides; its index is the answer.
 *
 * Literal names are looked up in a map; other tests are tried in order, those only whose last byte fits. A `BlockState` is a block
 * seen from one folder: it knows how far each path pattern has come. Names cost no allocation.
 */
import type { ByteString } from '../tree/index.js';
import type { FilterRule } from './rule.js';
import { compilePattern, type Matcher, type Reference } from './step.js';

/** A rule and the absolute path of the folder that its leading slash means (`''` is `/`). */
export interface PlacedRule {
  readonly rule: FilterRule;
  readonly base: ByteString;
}

/** One compiled test. */
interface Step {
  readonly index: number;
  readonly dirOnly: boolean;
  readonly negate: boolean;
  readonly matcher: Matcher;
  /** Every match ends with this byte; -1: with any. */
  readonly last: number;
  /** Offset of a path pattern's state. */
  readonly state: number;
  readonly base: ByteString;
}

/** A literal name in a certain folder. */
interface PathLiteral {
  readonly index: number;
  readonly dirOnly: boolean;
  readonly name: ByteString;
}

const NO_STATES = new Int32Array(0);

/** Rules compiled for one side. */
export class Block {
  /** All rules, by index. */
  readonly rules: readonly FilterRule[];
  /** By index: 1 excludes. */
  readonly verdicts: Uint8Array;
  readonly names = new Map<ByteString, number>();
  readonly dirNames = new Map<ByteString, number>();
  private readonly inFolder = new Map<ByteString, PathLiteral[]>(); // by absolute path of the folder
  private readonly below = new Map<ByteString, PathLiteral[]>(); // by the end of the path in the transfer
  private readonly belowAbsolute = new Map<ByteString, PathLiteral[]>(); // by the end of the absolute path
  private deepest = 0; // most parts among the keys of the two
  private readonly steps: Step[] = [];
  private readonly byLast: (readonly Step[] | undefined)[] = [];
  private stateWords = 0;
  private negatesPath = false; // a negated literal path: its step asks for the folder
  private durable: Block | undefined;

  /** `root`: absolute path of the transfer's root, `''` for `/`. */
  constructor(private readonly placed: readonly PlacedRule[], private readonly root: ByteString) {
    this.rules = placed.map(({ rule }) => rule);
    this.verdicts = Uint8Array.from(this.rules, (rule) => (rule.include ? 0 : 1));
    placed.forEach((one, index) => this.add(one, index));
  }

  /** The block without its perishable rules, for folders that are being deleted. */
  lasting(): Block {
    return (this.durable ??= this.rules.some((rule) => rule.perishable)
      ? new Block(this.placed.filter(({ rule }) => !rule.perishable), this.root)
      : this);
  }

  private add({ rule, base }: PlacedRule, index: number): void {
    const { matcher, dirOnly } = compilePattern(rule, this.root === '');
    if (!rule.negate) {
      if (matcher.type === 'never') return;
      if (matcher.type === 'name') {
        const names = dirOnly ? this.dirNames : this.names;
        if (!names.has(matcher.name)) names.set(matcher.name, index);
        return;
      }
      if (matcher.type === 'path') {
        this.addPath(matcher, { index, dirOnly, name: matcher.name }, base);
        return;
      }
    }
    if (matcher.type === 'path') this.negatesPath = true;
    const step: Step = { index, dirOnly, negate: rule.negate, matcher, last: rule.negate ? -1 : lastOf(matcher), state: this.stateWords, base };
    if (matcher.type === 'pathGlob') this.stateWords += matcher.automaton.words;
    this.steps.push(step);
  }

  private addPath(matcher: Matcher & { type: 'path' }, literal: PathLiteral, base: ByteString): void {
    const { parent, floating } = matcher;
    if (floating) {
      this.deepest = Math.max(this.deepest, parent.split('/').length);
      push(matcher.reference === 'absolute' ? this.belowAbsolute : this.below, parent, literal);
    } else {
      const from = matcher.reference === 'absolute' ? '' : base;
      push(this.inFolder, (parent === '' ? from : `${from}/${parent}`) as ByteString, literal);
    }
  }

  /** Tests that a name with this last byte could pass, in order. */
  candidates(last: number): readonly Step[] {
    return (this.byLast[last] ??= this.steps.filter((step) => step.last < 0 || step.last === last));
  }

  /** The block seen from a folder (absolute path). */
  at(folder: ByteString): BlockState {
    const states = this.stateWords === 0 ? NO_STATES : new Int32Array(this.stateWords);
    for (const { matcher, state, base } of this.steps) {
      if (matcher.type !== 'pathGlob') continue;
      matcher.automaton.begin(states, state);
      const from = this.origin(matcher.reference, base);
      if (folder.length > from.length) matcher.automaton.feed(states, state, `${folder.slice(from.length + 1)}/` as ByteString);
    }
    return new BlockState(this, states, this.literalsIn(folder), folder);
  }

  /** The same, one folder further down: `folder` ends with `/name`. */
  enter(from: BlockState, name: ByteString, folder: ByteString): BlockState {
    if (this.stateWords === 0 && this.inFolder.size === 0 && this.deepest === 0 && !this.negatesPath) return from;
    let { states } = from;
    let alive = false;
    if (this.stateWords > 0 && !from.isDead) {
      states = from.states.slice();
      const text = `${name}/` as ByteString;
      for (const { matcher, state } of this.steps) {
        if (matcher.type !== 'pathGlob' || matcher.automaton.isDead(states, state)) continue;
        matcher.automaton.feed(states, state, text);
        alive ||= !matcher.automaton.isDead(states, state);
      }
    }
    return new BlockState(this, states, this.literalsIn(folder), folder, !alive);
  }

  private origin(reference: Reference, base: ByteString): ByteString {
    switch (reference) {
      case 'root': return this.root;
      case 'base': return base;
      case 'absolute': return '' as ByteString;
    }
  }

  /** The path literals that speak of names in `folder`, in order; undefined: none. */
  private literalsIn(folder: ByteString): LocalNames | undefined {
    let found = this.inFolder.get(folder);
    if (this.deepest > 0) {
      found = [...(found ?? []), ...ends(this.below, folder.slice(this.root.length) as ByteString, this.deepest), ...ends(this.belowAbsolute, folder, this.deepest)];
    }
    if (found === undefined || found.length === 0) return undefined;
    const local: LocalNames = { names: new Map(), dirNames: new Map() };
    for (const { name, dirOnly, index } of found) {
      const names = dirOnly ? local.dirNames : local.names;
      const known = names.get(name);
      if (known === undefined || known > index) names.set(name, index);
    }
    return local;
  }

  /** Whether a `path` matcher's folder is `folder`; for negated rules, which no map can hold. */
  inParent(matcher: Matcher & { type: 'path' }, base: ByteString, folder: ByteString): boolean {
    const from = this.origin(matcher.reference, base);
    const path = `/${folder.slice(from.length + 1)}`;
    return matcher.floating ? path.endsWith(`/${matcher.parent}`) : path === `/${matcher.parent}`;
  }
}

/** Names that are literal in one folder, and the indices of their rules. */
interface LocalNames {
  readonly names: Map<ByteString, number>;
  readonly dirNames: Map<ByteString, number>;
}

/** A block seen from one folder. */
export class BlockState {
  constructor(
    readonly block: Block,
    readonly states: Int32Array,
    private readonly local: LocalNames | undefined,
    private readonly folder: ByteString,
    /** No path pattern can match below here. */
    readonly isDead = false,
  ) {}

  /** Index of the first rule that matches a name of this folder; -1: none. The hot call. */
  find(name: ByteString, isDir: boolean): number {
    const { block, local } = this;
    let limit = block.names.size === 0 ? NONE : (block.names.get(name) ?? NONE);
    if (isDir && block.dirNames.size !== 0) limit = least(limit, block.dirNames.get(name));
    if (local !== undefined) {
      limit = least(limit, local.names.get(name));
      if (isDir) limit = least(limit, local.dirNames.get(name));
    }
    const steps = block.candidates(name.charCodeAt(name.length - 1));
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i] as Step;
      if (step.index >= limit) break;
      if (step.dirOnly && !isDir ? step.negate : this.matches(step, name, isDir) !== step.negate) return step.index;
    }
    return limit === NONE ? -1 : limit;
  }

  private matches(step: Step, name: ByteString, isDir: boolean): boolean {
    const { matcher } = step;
    switch (matcher.type) {
      case 'never': return false;
      case 'any': return true;
      case 'name': return name === matcher.name;
      case 'suffix': return name.endsWith(matcher.text);
      case 'prefix': return name.startsWith(matcher.text);
      case 'contains': return name.includes(matcher.text);
      case 'glob': return matcher.automaton.testWhole(name);
      case 'pathGlob': return matcher.automaton.test(this.states, step.state, name, isDir && matcher.folderSlash);
      case 'path': return name === matcher.name && this.block.inParent(matcher, step.base, this.folder);
    }
  }
}

/** No rule: greater than any index. */
const NONE = 0x7fffffff;

function least(a: number, b: number | undefined): number {
  return b !== undefined && b < a ? b : a;
}

function lastOf(matcher: Matcher): number {
  switch (matcher.type) {
    case 'suffix': return matcher.text.charCodeAt(matcher.text.length - 1);
    case 'glob': return matcher.last;
    case 'pathGlob': return matcher.folderSlash ? -1 : matcher.last;
    case 'never':
    case 'any':
    case 'name':
    case 'path':
    case 'contains':
    case 'prefix': return -1;
  }
}

function push(map: Map<ByteString, PathLiteral[]>, key: ByteString, literal: PathLiteral): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [literal]);
  else list.push(literal);
}

/** The literals of all keys that the path ends with, part by part, up to `deepest` parts. */
function ends(map: Map<ByteString, PathLiteral[]>, path: ByteString, deepest: number): PathLiteral[] {
  const found: PathLiteral[] = [];
  if (map.size === 0) return found;
  let at = path.length;
  for (let parts = 0; parts < deepest && at > 0; parts++) {
    at = path.lastIndexOf('/', at - 1);
    const literals = map.get(path.slice(at + 1) as ByteString);
    if (literals !== undefined) found.push(...literals);
    if (at < 0) break;
  }
  return found;
}
