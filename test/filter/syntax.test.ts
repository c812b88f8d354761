/** The rule language: what is a rule, what its parts say, and what is refused with which words. */
import assert from 'node:assert/strict';
import { cvsRules, excludeRule, expandCvs, includeRule, parseFilterRule, parseRuleFile, perDirFilterRules, type FilterRule } from '../../src/filter/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { b, HERE, rulesOf } from './trees.js';

function one(text: string): FilterRule {
  const rules = rulesOf(text);
  assert.equal(rules.length, 1);
  return rules[0] as FilterRule;
}

/** A rule's meaning in short: `- source !/px pattern`. */
function brief(rule: FilterRule): string {
  const flags = [rule.negate ? '!' : '', rule.absolute ? '/' : '', rule.perishable ? 'p' : '', rule.xattr ? 'x' : ''].join('');
  const kind = rule.kind === 'pattern' ? (rule.include ? '+' : '-') : rule.kind;
  return [kind, rule.sides === 'default' ? '' : rule.sides, flags, rule.pattern].filter((part) => part !== '').join(' ');
}

describe('a filter rule', () => {
  const cases: [string, string][] = [
    ['- a', '- a'],
    ['-_a', '- a'],
    ['-  a ', '-  a '],
    ['-__a', '- _a'],
    ['exclude a', '- a'],
    ['exclude_a b', '- a b'],
    ['include,p a', '+ p a'],
    ['+,! a', '+ ! a'],
    ['-!/px a', '- !/px a'],
    ['-sr a', '- both a'],
    ['-s a', '- source a'],
    ['+r a', '+ target a'],
    ['H a', '- source a'],
    ['S a', '+ source a'],
    ['P a', '- target a'],
    ['R a', '+ target a'],
    ['hide a', '- source a'],
    ['show,! a', '+ source ! a'],
    ['protect,p a', '- target p a'],
    ['risk a', '+ target a'],
    ['!', 'clear'],
    ['clear', 'clear'],
    [': .f', 'dir-merge .f'],
    ['dir-merge,np /x/.f', 'dir-merge p /x/.f'],
    [':C', 'dir-merge .cvsignore'],
    ['-C', 'cvs'],
  ];
  for (const [text, meaning] of cases) {
    it(`given "${text}", then it means "${meaning}"`, () => assert.equal(brief(one(text)), meaning));
  }

  it('given no text, then there is no rule', () => assert.deepEqual(rulesOf(''), []));

  it('given the format modifiers of a dir-merge, then its files are read so', () => {
    assert.deepEqual(one(': .f').format, { syntax: 'rules', words: false, cvs: false, inherit: true });
    assert.deepEqual(one(':nw- .f').format, { syntax: 'exclude', words: true, cvs: false, inherit: false });
    assert.deepEqual(one(':+ .f').format, { syntax: 'include', words: false, cvs: false, inherit: true });
    assert.deepEqual(one(':C').format, { syntax: 'exclude', words: true, cvs: true, inherit: false });
  });

  it('given "e", then the exclude of the file comes before the dir-merge', () => {
    assert.deepEqual(rulesOf(':es /d/.f').map(brief), ['- .f', 'dir-merge source /d/.f']);
  });

  it('given bytes that are not text, then the pattern holds them unchanged', () => {
    assert.equal(rulesOf().length, 0);
    const [rule] = parseFilterRule('- \xff\xfe' as ReturnType<typeof b>, HERE);
    assert.equal(rule?.pattern, '\xff\xfe');
  });

  it('given a rule, then it survives structured cloning whole', () => {
    const rules = rulesOf('-!/px a', ':C', '!', 'H b');
    assert.deepEqual(structuredClone(rules), rules);
  });

  const refused = ['- ', '-', '-a', '-e a', '-n a', '-w a', '-- a', '-+ a', '! a', '!a', 'clear x', 'clear,x', ':! .f', ':C- .f', ':-C .f', ':+- .f', 'Hs a', 'HC', 'P,r a', '.', ': ', ':n-', 'merge', 'xyz', 'excludef', 'exclude,,! f', ' - a', '-\ta', '-C a'];
  for (const text of refused) {
    it(`given ${JSON.stringify(text)}, then it is refused and named`, () => {
      assert.throws(
        () => parseFilterRule(b(text), { source: 'file rules', line: 7 }),
        (error) => error instanceof TwintreeError && error.code === 'FILTER_SYNTAX' && error.message.includes(JSON.stringify(text).slice(1, -1).replace('\\t', '\\#011')) && error.message.includes('file rules, line 7'),
      );
    });
  }
});

describe('--exclude and --include', () => {
  it('given a pattern, then it is taken as it is', () => {
    assert.equal(brief(excludeRule(b('-f'), HERE)), '- -f');
    assert.equal(brief(includeRule(b('! f'), HERE)), '+ ! f');
  });
  it('given the prefixes of old, then they count', () => {
    assert.equal(brief(excludeRule(b('+ f'), HERE)), '+ f');
    assert.equal(brief(includeRule(b('- f'), HERE)), '- f');
    assert.equal(brief(excludeRule(b('!'), HERE)), 'clear');
    assert.throws(() => excludeRule(b('- '), HERE), TwintreeError);
  });
});

describe('a rule file', () => {
  const parse = (text: string, kind: 'filter' | 'include' | 'exclude', nul = false): string[] =>
    parseRuleFile(Buffer.from(text), kind, { nul }, { source: 'file f', line: 1 }).map((rule) => `${rule.origin.line}: ${brief(rule)}`);

  it('given lines, then comments and empty ones are left out, and each rule knows its line', () => {
    assert.deepEqual(parse('# c\n\n- a\r\n; c\n+ b\n #d', 'exclude'), ['3: - a', '5: + b', '6: -  #d']);
    assert.deepEqual(parse('a\n!\nb', 'include'), ['1: + a', '2: clear', '3: + b']);
    assert.deepEqual(parse('- a\n; c\nP b\n!\n', 'filter'), ['1: - a', '3: - target b', '4: clear']);
  });
  it('given -0, then entries end with NUL and may hold line ends', () => {
    assert.deepEqual(parse('- a\nb\0\0+ c', 'exclude', true), ['1: - a\nb', '3: + c']);
  });
  it('given words, then each is a rule, and the space behind a prefix ends none', () => {
    const read = () => Buffer.from('- a + b\n#c H,p_d\n');
    assert.throws(() => parseFilterRule(b('.w f'), HERE, read), /"#c"/);
    const words = parseFilterRule(b('.w f'), HERE, () => Buffer.from('- a\t+ b\n exclude_c  H,p_d -p e ! hide,p f'));
    assert.deepEqual(words.map(brief), ['- a', '+ b', '- c', '- source p d', '- p e', 'clear', '- source p f']);
    assert.deepEqual(words.map((rule) => rule.origin.line), [1, 1, 2, 2, 2, 2, 2]);
    assert.deepEqual(parseFilterRule(b('.w+ f'), HERE, read).map(brief), ['+ -', '+ a', '+ +', '+ b', '+ #c', '+ H,p_d']);
  });
  it('given a merge, then the rules of its file stand in its place and know the file', () => {
    const files: Record<string, string> = { one: '- a\n. two\n- c\n', two: '- b\n' };
    const rules = parseFilterRule(b('merge one'), HERE, (name) => Buffer.from(files[name] ?? ''));
    assert.deepEqual(rules.map((rule) => [brief(rule), rule.origin.source, rule.origin.line]), [['- a', 'file one', 1], ['- b', 'file two', 1], ['- c', 'file one', 3]]);
  });
  it('given modifiers on a merge, then they are the defaults of its rules', () => {
    const read = () => Buffer.from('- a\n+ b\n');
    assert.deepEqual(parseFilterRule(b('.sp/ f'), HERE, read).map(brief), ['- source /p a', '+ source /p b']);
    assert.throws(() => parseFilterRule(b('.s f'), HERE, () => Buffer.from('P a\n')), /which side/);
    assert.deepEqual(parseFilterRule(b('.e d/f'), HERE, read).map(brief), ['- f', '- a', '+ b']);
  });
  it('given a file that is absent, or that merges itself, then it is refused', () => {
    assert.throws(() => parseFilterRule(b('. gone'), HERE, () => undefined), (error) => error instanceof TwintreeError && error.code === 'IO');
    assert.throws(() => parseFilterRule(b('. self'), HERE, () => Buffer.from('. self\n')), (error) => error instanceof TwintreeError && error.code === 'FILTER_SYNTAX');
  });
});

describe('-C and -F', () => {
  it('given -C, then .cvsignore files come first, then the defaults, the home file and the variable', () => {
    const rules = cvsRules(Buffer.from('mine *.tmp\nother\n'), b('env1 env2'));
    assert.equal(brief(rules[0] as FilterRule), 'dir-merge .cvsignore');
    assert.equal(brief(rules[1] as FilterRule), '- p RCS');
    assert.deepEqual(rules.slice(-5).map(brief), ['- mine', '- *.tmp', '- other', '- env1', '- env2']);
    assert.equal(rules.filter((rule) => rule.perishable).length, rules.length - 6);
  });
  it('given "!" in the home file or the variable, then only what stands behind it counts', () => {
    assert.deepEqual(cvsRules(Buffer.from('a ! b'), b('c')).map(brief), ['dir-merge .cvsignore', '- b', '- c']);
    assert.deepEqual(cvsRules(Buffer.from('a'), b('!')).map(brief), ['dir-merge .cvsignore']);
  });
  it('given a -C rule among others, then its patterns take its place and its modifiers', () => {
    const rules = expandCvs(rulesOf('- a', '-sC', '- b'), undefined, b('! c'));
    assert.deepEqual(rules.map(brief), ['- a', '- source c', '- b']);
  });
  it('given -F once and twice, then the rules are those of the manual', () => {
    assert.deepEqual(perDirFilterRules(1).map(brief), ['dir-merge /.rsync-filter']);
    assert.deepEqual(perDirFilterRules(2).map(brief), ['dir-merge /.rsync-filter', '- .rsync-filter']);
  });
});
