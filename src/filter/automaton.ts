/**
 * Automaton: matches a glob against bytes in linear time, in pieces.
 *
 * A bit-parallel simulation of the pattern's nondeterministic automaton (Baeza-Yates and Gonnet's shift-and, with loops for
 * stars as Wu and Manber have it): bit i says that the tokens before i have matched. No pattern can make it backtrack. Its
 * state after `folder/` is kept by the scope of the folder, so a name costs its own length only. Patterns up to 31 tokens
 * use one word, others an array of words.
 */
import type { ByteString } from '../tree/index.js';
import type { GlobToken } from './glob.js';

const SLASH = 47;

/** How a pattern stands to the path it is matched against. */
export interface AutomatonMode {
  /** A match may begin after any slash, not at the start only. */
  readonly floating: boolean;
  /** The path is given a slash in front, for a pattern that begins with a globstar and a slash. */
  readonly leadingSlash: boolean;
}

/** One compiled glob. States live in arrays of the caller: `words` entries from an offset. */
export class Automaton {
  /** Entries of a state. */
  readonly words: number;
  private readonly advance: Int32Array; // [byte][word]: tokens that take the byte and are done
  private readonly loops: Int32Array; // [word]: where a byte other than the slash is taken and the state stays
  private readonly slashLoops: Int32Array; // …where the slash is, too
  private readonly stars: Int32Array; // tokens that may match nothing
  private readonly folders: Int32Array; // tokens that may be left out together with the next
  private readonly first: Int32Array; // the state before the first byte
  private readonly acceptWord: number;
  private readonly acceptBit: number;
  private readonly scratch: Int32Array;
  private readonly first0: number;
  private readonly loops0: number;
  private readonly slashLoops0: number;
  private readonly stars0: number;
  private readonly folders0: number;

  constructor(tokens: readonly GlobToken[], private readonly mode: AutomatonMode) {
    const words = (this.words = (tokens.length >>> 5) + 1);
    this.advance = new Int32Array(256 * words);
    this.loops = new Int32Array(words);
    this.slashLoops = new Int32Array(words);
    this.stars = new Int32Array(words);
    this.folders = new Int32Array(words);
    this.first = new Int32Array(words);
    this.scratch = new Int32Array(words);
    tokens.forEach((token, i) => this.place(token, i));
    this.acceptWord = tokens.length >>> 5;
    this.acceptBit = 1 << (tokens.length & 31);
    this.stars0 = this.stars[0] ?? 0;
    this.folders0 = this.folders[0] ?? 0;
    this.loops0 = this.loops[0] ?? 0;
    this.slashLoops0 = this.slashLoops[0] ?? 0;
    this.first[0] = 1;
    this.close(this.first, 0);
    this.first0 = this.first[0] ?? 0;
  }

  private place(token: GlobToken, i: number): void {
    const set = (table: Int32Array, state: number, row = 0): void => {
      const at = row * this.words + (state >>> 5);
      table[at] = (table[at] ?? 0) | (1 << (state & 31));
    };
    switch (token.type) {
      case 'byte':
        set(this.advance, i, token.byte);
        break;
      case 'one':
        for (let b = 0; b < 256; b++) if (b !== SLASH) set(this.advance, i, b);
        break;
      case 'set':
        for (let b = 0; b < 256; b++) if (token.set[b] === 1) set(this.advance, i, b);
        break;
      case 'globstar': {
        // Folders may be left out only before the first byte is taken: so the loop sits at the slash behind.
        const loop = token.folders ? i + 1 : i;
        set(this.stars, i);
        set(this.loops, loop);
        set(this.slashLoops, loop);
        if (token.folders) set(this.folders, i);
        break;
      }
      case 'star':
        set(this.stars, i);
        set(this.loops, i);
        break;
    }
  }

  /** Writes the state before the first byte of a path. */
  begin(states: Int32Array, at: number): void {
    states.set(this.first, at);
    if (this.mode.leadingSlash) this.feed(states, at, '/' as ByteString);
  }

  /** Advances the state over `text`, in place. */
  feed(states: Int32Array, at: number, text: ByteString): void {
    if (this.words === 1) {
      states[at] = this.run(states[at] ?? 0, text);
      return;
    }
    for (let i = 0; i < text.length; i++) this.step(states, at, text.charCodeAt(i));
  }

  /** Whether nothing that follows can match any more. */
  isDead(states: Int32Array, at: number): boolean {
    if (this.mode.floating) return false;
    for (let w = 0; w < this.words; w++) if (states[at + w] !== 0) return false;
    return true;
  }

  /** Whether the path so far and `name` match; with `slash`, the path with a slash behind it. The state stays. */
  test(states: Int32Array, at: number, name: ByteString, slash: boolean): boolean {
    if (this.words === 1) {
      let state = states[at] as number;
      if (state === 0 && !this.mode.floating) return false;
      state = this.run(state, name);
      if (slash) state = this.run(state, '/' as ByteString);
      return (state & this.acceptBit) !== 0;
    }
    if (this.isDead(states, at)) return false;
    const { scratch } = this;
    for (let w = 0; w < this.words; w++) scratch[w] = states[at + w] as number;
    this.feed(scratch, 0, name);
    if (slash) this.step(scratch, 0, SLASH);
    return ((scratch[this.acceptWord] as number) & this.acceptBit) !== 0;
  }

  /** Whether the whole of `name` matches, from the start. */
  testWhole(name: ByteString): boolean {
    if (this.words === 1) return (this.run(this.first0, name) & this.acceptBit) !== 0;
    return this.test(this.first, 0, name, false);
  }

  /** One word: the state behind `text`. */
  private run(from: number, text: ByteString): number {
    const { advance, loops0, slashLoops0, stars0, folders0 } = this;
    const { floating } = this.mode;
    let state = from;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      const slash = c === SLASH;
      state = ((state & (advance[c] as number)) << 1) | (state & (slash ? slashLoops0 : loops0));
      if (folders0 !== 0) state |= (state & folders0) << 2;
      state |= (state & stars0) << 1;
      if (slash && floating) state |= this.first0;
      else if (state === 0 && !floating) return 0;
    }
    return state;
  }

  /** Several words: one byte. */
  private step(states: Int32Array, at: number, c: number): void {
    const { words, advance } = this;
    const loops = c === SLASH ? this.slashLoops : this.loops;
    let carry = 0;
    for (let w = 0; w < words; w++) {
      const state = states[at + w] as number;
      const moved = state & (advance[c * words + w] as number);
      states[at + w] = (moved << 1) | carry | (state & (loops[w] as number));
      carry = moved >>> 31;
    }
    this.close(states, at);
    if (c === SLASH && this.mode.floating) {
      for (let w = 0; w < words; w++) states[at + w] = (states[at + w] as number) | (this.first[w] as number);
    }
  }

  /** Adds what is reached without a byte: behind a star, and behind folders that are left out. */
  private close(states: Int32Array, at: number): void {
    let carry1 = 0;
    let carry2 = 0;
    // Left-out folders come first: a star may stand right behind them. No other order ever matters, as no two stars are adjacent.
    for (let w = 0; w < this.words; w++) {
      let state = (states[at + w] as number) | carry2;
      const skipped = state & (this.folders[w] as number);
      carry2 = skipped >>> 30;
      state |= (skipped << 2) | carry1;
      const empty = state & (this.stars[w] as number);
      carry1 = empty >>> 31;
      states[at + w] = state | (empty << 1);
    }
  }
}
