/** Globs and their automata: against a plain backtracking matcher, in pieces, and on patterns made to be slow. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Automaton } from '../../src/filter/automaton.js';
import { parseGitGlob, parseGlob, type GlobToken } from '../../src/filter/glob.js';
import { b } from './trees.js';

/** What tokens mean, said as plainly as can be. Exponential, for short texts only. */
function naive(tokens: readonly GlobToken[], text: string): boolean {
  const [token, ...rest] = tokens;
  if (token === undefined) return text === '';
  const head = text.charCodeAt(0);
  switch (token.type) {
    case 'byte': return head === token.byte && naive(rest, text.slice(1));
    case 'one': return text !== '' && head !== 47 && naive(rest, text.slice(1));
    case 'set': return text !== '' && token.set[head] === 1 && naive(rest, text.slice(1));
    case 'star': return naive(rest, text) || (text !== '' && head !== 47 && naive(tokens, text.slice(1)));
    case 'globstar': {
      if (token.folders && naive(rest.slice(1), text)) return true;
      for (let i = 0; i <= text.length; i++) if (naive(rest, text.slice(i))) return true;
      return false;
    }
  }
}

function matches(pattern: string, text: string): boolean {
  const tokens = parseGlob(b(pattern));
  return tokens !== undefined && new Automaton(tokens, { floating: false, leadingSlash: false }).testWhole(b(text));
}

const piece = fc.constantFrom('a', 'b', '/', '*', '**', '**/', '?', '[ab]', '[!a]');
const text = fc.array(fc.constantFrom('a', 'b', 'c', '/'), { maxLength: 9 }).map((chars) => chars.join(''));

describe('a glob', () => {
  const cases: [string, string[], string[]][] = [
    ['*.o', ['a.o', '.o'], ['a.oo', 'a/b.o']],
    ['a?c', ['abc'], ['ac', 'a/c']],
    ['a**c', ['ac', 'a/b/c'], ['a/b']],
    ['[a-c]', ['a', 'b'], ['d', '-']],
    ['[!a-c]', ['d', '-'], ['a', '/']],
    ['[^a]', ['b', '^'], ['a']],
    ['[]a]', [']', 'a'], ['b']],
    ['[!]a]', ['b'], [']', 'a']],
    ['[a-]', ['a', '-'], ['b']],
    ['[-a]', ['a', '-'], ['b']],
    ['[c-a]', ['c'], ['a', 'b']],
    ['[a-c-e]', ['b', '-', 'e'], ['d']],
    ['[\\]a]', [']', 'a'], ['\\']],
    ['[a-\\c]', ['b', 'c'], ['\\', '-']],
    ['[[:digit:]x]', ['7', 'x'], [':', 'd']],
    ['[[:alpha:]-z]', ['q', '-', 'z'], ['1']],
    ['[[:digit]', ['[', ':', 'd'], ['7', ']']],
    ['[[:upper:]][[:space:]]', ['A '], ['a ', 'Ab']],
    ['[[:nope:]]', [], ['n', '[', ':']],
    ['[a', [], ['a', '[a']],
    ['a\\', [], ['a', 'a\\']],
    ['\\*a', ['*a'], ['ba', '\\*a']],
    ['a/*/b', ['a/x/b'], ['a//x/b', 'a/b']],
    ['', [''], ['a']],
  ];
  for (const [pattern, yes, no] of cases) {
    it(`given "${pattern}", then it matches ${JSON.stringify(yes)} and not ${JSON.stringify(no)}`, () => {
      for (const name of yes) assert.equal(matches(pattern, name), true, name);
      for (const name of no) assert.equal(matches(pattern, name), false, name);
    });
  }

  it('given bytes above 127, then a ? and a range take one byte each', () => {
    assert.equal(matches('[\u00c0-\u00ff]', 'x'), false);
    const tokens = parseGlob('?[\x80-\xff]' as ReturnType<typeof b>);
    assert(tokens);
    assert.equal(new Automaton(tokens, { floating: false, leadingSlash: false }).testWhole('\xc3\xa4' as ReturnType<typeof b>), true);
  });

  for (const [language, parse] of [['rsync', parseGlob], ['git', parseGitGlob]] as const) {
    it(`given any pattern of ${language}, then the automaton says what a plain matcher says`, () => {
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 6 }).map((pieces) => b(pieces.join(''))), text, (pattern, name) => {
          const tokens = parse(pattern);
          assert(tokens);
          assert.equal(new Automaton(tokens, { floating: false, leadingSlash: false }).testWhole(b(name)), naive(tokens, name));
        }),
        { numRuns: 2000 },
      );
    });

    it(`given any pattern of ${language} behind a long beginning, then several words say the same`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 20, max: 70 }), fc.array(piece, { maxLength: 6 }), text, (length, pieces, name) => {
          const start = 'x'.repeat(length - 1) + '/';
          const tokens = parse(b(start + pieces.join('')));
          const short = parse(b(`/${pieces.join('')}`));
          assert(tokens && short);
          const automaton = new Automaton(tokens, { floating: false, leadingSlash: false });
          assert.equal(automaton.testWhole(b(start + name)), naive(short, `/${name}`));
          assert.equal(automaton.testWhole(b(`y${start}${name}`)), false);
        }),
        { numRuns: 1000 },
      );
    });
  }

  it('given a path in pieces, then the answer is that of the whole path, wherever a match may begin', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 40 }), fc.array(fc.constantFrom('a', 'b', 'ab', 'c'), { minLength: 1, maxLength: 4 }), fc.boolean(), (pieces, padding, parts, floating) => {
        const tokens = parseGlob(b(`${'*?'.repeat(padding)}${pieces.join('')}`));
        assert(tokens);
        const automaton = new Automaton(tokens, { floating, leadingSlash: false });
        const states = new Int32Array(automaton.words + 3);
        automaton.begin(states, 2);
        for (const part of parts.slice(0, -1)) automaton.feed(states, 2, b(`${part}/`));
        const last = b(parts.at(-1) ?? '');
        const anchored = new Automaton(tokens, { floating: false, leadingSlash: false });
        const expected = parts.some((_, from) => (from === 0 || floating) && anchored.testWhole(b(parts.slice(from).join('/'))));
        assert.equal(automaton.test(states, 2, last, false), expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('given stars without end and a name that almost matches, then it is answered in linear time', function () {
    this.timeout(10_000); // a backtracking matcher would need longer than the universe lasts
    const name = 'a'.repeat(255);
    for (const stars of ['*', '**', '*?', '**/*']) {
      const pattern = `${`${stars}a`.repeat(60)}b`;
      for (let i = 0; i < 100; i++) assert.equal(matches(pattern, name), false);
    }
  });
});
