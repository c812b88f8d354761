/** FilterSet and its scopes: sides, files in folders, parents, folders that die, and what is told to people. */
import assert from 'node:assert/strict';
import { FilterSet, xattrFilter, type FileReader, type FilterScope, type FilterSetOptions } from '../../src/filter/index.js';
import { b, rulesOf } from './trees.js';

const SOURCE: FilterSetOptions = { side: 'source', deleteExcluded: false, gitignore: false };
const TARGET: FilterSetOptions = { ...SOURCE, side: 'target' };

/** Readers over a tree in memory; `asked` notes what was read. */
function memory(files: Record<string, string>, asked: string[] = []): (folder: string) => FileReader {
  return (folder) => (name) => {
    asked.push(folder + name);
    const content = files[folder + name];
    return content === undefined ? undefined : Buffer.from(content);
  };
}

/** Which of the paths the scope excludes, walking down to each. */
function excluded(root: FilterScope, at: (folder: string) => FileReader, ...paths: string[]): string[] {
  return paths.filter((path) => {
    const parts = path.replace(/\/$/, '').split('/');
    let scope = root;
    let folder = '';
    for (const part of parts.slice(0, -1)) {
      folder += `${part}/`;
      scope = scope.enter(b(part), at(folder));
    }
    return scope.excludes(b(parts.at(-1) ?? ''), path.endsWith('/'));
  });
}

const nothing = memory({});

describe('a filter set', () => {
  it('given no rule for its side, then it is empty and asks for no file', () => {
    for (const rules of [[], ['P a'], ['-x user.a'], ['- a', '!'], [':r .f']]) {
      const set = new FilterSet(rulesOf(...rules), SOURCE);
      assert.equal(set.empty, true, rules.join());
      assert.equal(set.usesDirFiles, false);
      assert.equal(set.root(nothing('')).excludes(b('a'), false), false);
    }
    assert.equal(new FilterSet(rulesOf('- a'), SOURCE).empty, false);
    assert.equal(new FilterSet(rulesOf(': .f'), SOURCE).usesDirFiles, true);
  });

  it('given rules for one side, then the other does not see them', () => {
    const rules = rulesOf('H a', 'P b', '-sr c', '- d');
    const names = ['a', 'b', 'c', 'd'];
    assert.deepEqual(excluded(new FilterSet(rules, SOURCE).root(nothing('')), nothing, ...names), ['a', 'c', 'd']);
    assert.deepEqual(excluded(new FilterSet(rules, TARGET).root(nothing('')), nothing, ...names), ['b', 'c', 'd']);
    assert.deepEqual(excluded(new FilterSet(rules, { ...TARGET, deleteExcluded: true }).root(nothing('')), nothing, ...names), ['b', 'c']);
  });

  it('given several rules, then the first that matches decides, and match() names it', () => {
    const root = new FilterSet(rulesOf('+ *.c', '- a.*', '- b'), SOURCE).root(nothing(''));
    assert.deepEqual(excluded(root, nothing, 'a.c', 'a.o', 'b', 'c'), ['a.o', 'b']);
    assert.equal(root.match(b('a.c'), false)?.excluded, false);
    assert.equal(root.match(b('a.o'), false)?.rule.text, '- a.*');
    assert.equal(root.match(b('c'), false), undefined);
  });

  it('given a thousand literal names between wildcards, then the order still decides', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}`);
    const rules = rulesOf('+ *7', ...names.map((name) => `- ${name}`), '+ n*', '- *');
    const root = new FilterSet(rules, SOURCE).root(nothing(''));
    assert.deepEqual(excluded(root, nothing, 'n7', 'n8', 'n1000', 'm'), ['n8', 'm']);
    assert.equal(root.match(b('n8'), false)?.rule, rules[9]);
  });

  it('given a folder that is being deleted, then perishable rules do not count in it', () => {
    const root = new FilterSet(rulesOf('-p a', '- b', '-p d/x'), TARGET).root(nothing(''));
    assert.deepEqual(excluded(root, nothing, 'a', 'b'), ['a', 'b']);
    const living = root.enter(b('d'), nothing('d/'));
    const dying = root.enter(b('d'), nothing('d/'), true);
    assert.deepEqual(['a', 'b', 'x'].map((name) => living.excludes(b(name), false)), [true, true, true]);
    assert.deepEqual(['a', 'b', 'x'].map((name) => dying.excludes(b(name), false)), [false, true, false]);
    assert.equal(dying.enter(b('e'), nothing('d/e/')).excludes(b('a'), false), false);
  });

  it('given one scope, then its children do not disturb each other', () => {
    const root = new FilterSet(rulesOf('- /a/**/x', '- b/x'), SOURCE).root(nothing(''));
    const a = root.enter(b('a'), nothing(''));
    const other = root.enter(b('b'), nothing(''));
    const deep = a.enter(b('c'), nothing(''));
    assert.equal(other.excludes(b('x'), false), true);
    assert.equal(deep.excludes(b('x'), false), true);
    assert.equal(a.excludes(b('x'), false), false);
    assert.equal(a.enter(b('b'), nothing('')).excludes(b('x'), false), true);
    assert.equal(root.excludes(b('x'), false), false);
  });
});

describe('rule files in folders', () => {
  it('given a file in a folder, then its rules hold there and below, before the inherited ones', () => {
    const at = memory({ '.f': '- x\n', 'd/.f': '+ x\n- y\n' });
    const root = new FilterSet(rulesOf(': .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'x', 'y', 'd/x', 'd/y', 'd/e/y', 'd/e/x', 'e/x', 'e/y'), ['x', 'd/y', 'd/e/y', 'e/x']);
  });

  it('given anchored rules, then they mean the folder of their file', () => {
    const at = memory({ 'd/.f': '- /x\n- /e/y\n- /*/z\n' });
    const root = new FilterSet(rulesOf(': .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'x', 'd/x', 'd/e/x', 'd/e/y', 'e/y', 'd/e/z', 'd/z'), ['d/x', 'd/e/y', 'd/e/z']);
  });

  it('given wildcards in the name of the folder, then anchored rules hold there all the same', () => {
    const at = memory({ 'd[x]*/.f': '- /x\n- /y*\n' });
    const root = new FilterSet(rulesOf(': .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'd[x]*/x', 'd[x]*/y1', 'dx/x', 'dx/y1'), ['d[x]*/x', 'd[x]*/y1']);
  });

  it('given "n", then subfolders do not inherit', () => {
    const at = memory({ '.f': '- x\n' });
    const root = new FilterSet(rulesOf(':n .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'x', 'd/x'), ['x']);
  });

  it('given "!" in a file, then the inherited rules of this dir-merge go, and no others', () => {
    const at = memory({ '.f': '- x\n', 'd/.f': '!\n- y\n' });
    const root = new FilterSet(rulesOf(': .f', '- z'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'd/x', 'd/y', 'd/z', 'e/x'), ['d/y', 'd/z', 'e/x']);
  });

  it('given a dir-merge in such a file, then it begins there and ends with the folder', () => {
    const at = memory({ '.g': '- x\n', 'd/.f': ': .g\n', 'd/.g': '- y\n', 'd/e/.g': '+ y\n- z\n' });
    const root = new FilterSet(rulesOf(': .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'x', 'd/x', 'd/y', 'd/e/y', 'd/e/z', 'e/x'), ['d/y', 'd/e/z']);
  });

  it('given the same file named twice, then the first dir-merge holds', () => {
    const asked: string[] = [];
    const at = memory({ '.f': '- x\n: .f\n' }, asked);
    const root = new FilterSet(rulesOf(': .f', '+ x', ':n .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'x', 'd/x'), ['x', 'd/x']);
    assert.deepEqual(asked, ['.f', 'd/.f']);
  });

  it('given the side of a dir-merge, then only that side reads the files', () => {
    const asked: string[] = [];
    const at = memory({ '.f': '- x\n' }, asked);
    assert.deepEqual(excluded(new FilterSet(rulesOf(':s .f'), TARGET).root(at('')), at, 'x'), []);
    assert.deepEqual(asked, []);
    assert.deepEqual(excluded(new FilterSet(rulesOf(':s .f'), SOURCE).root(at('')), at, 'x'), ['x']);
  });

  it('given a rule that is not valid, then it is told with its file, and the others hold', () => {
    const problems: string[] = [];
    const at = memory({ 'd/.f': '- x\nbogus\n. gone\n- y\n' });
    const set = new FilterSet(rulesOf(': .f'), { ...SOURCE, onProblem: (file, message) => problems.push(`${file}: ${message}`) });
    assert.deepEqual(excluded(set.root(at('')), at, 'd/x', 'd/y'), ['d/x', 'd/y']);
    assert.equal(problems.length, 4); // once for each walk down
    assert.match(problems[0] ?? '', /^d\/\.f: .*"bogus".*line 2/);
    assert.match(problems[1] ?? '', /gone/);
  });

  it('given a merge in such a file, then it is read beside it, and its leading slash means the root', () => {
    const at = memory({ 'd/.f': '. more\n', 'd/more': '- /x\n- /d/y\n- z\n' });
    const root = new FilterSet(rulesOf(': .f'), SOURCE).root(at(''));
    assert.deepEqual(excluded(root, at, 'x', 'd/x', 'd/y', 'd/z', 'z'), ['d/y', 'd/z']);
  });

  it('given match(), then a rule of a file is named by file and line', () => {
    const at = memory({ 'd/.f': '# c\n- x\n' });
    const scope = new FilterSet(rulesOf(': .f'), SOURCE).root(at('')).enter(b('d'), at('d/'));
    assert.deepEqual(scope.match(b('x'), false)?.rule.origin, { source: 'file d/.f', line: 2 });
  });
});

describe('the place of the root', () => {
  const at = memory({ '/.f': '- r\n', '/home/.f': '- /tree/x\n- /tree/d/*.o\n- y\n', '/home/tree/.f': '+ y\n', '/etc/.f': '- q\n' });
  const place = { path: b('/home/tree/'), read: at('') };
  const inTree = (folder: string): FileReader => at(`/home/tree/${folder}`);

  it('given a dir-merge with a path above the root, then the files from there down to the root count', () => {
    for (const [rule, expected] of [[': /.f', ['x', 'r', 'd/a.o', 'd/r']], [': ../.f', ['x', 'd/a.o']], [': /home/.f', ['x', 'd/a.o']], [': .f', []], [': /etc/.f', []], [':n /.f', []]] as const) {
      const root = new FilterSet(rulesOf(rule), SOURCE).root(inTree(''), place);
      assert.deepEqual(excluded(root, inTree, 'x', 'y', 'q', 'r', 'd/x', 'd/a.o', 'd/r'), expected, rule);
    }
  });

  it('given a root that is no part of the transfer, then only the look at the parents reads it', () => {
    const holder = { path: b('/home'), read: at('') };
    const below = (folder: string): FileReader => at(`/home/${folder}`);
    assert.deepEqual(excluded(new FilterSet(rulesOf(': .f'), SOURCE).root(undefined, holder), below, 'y', 'r', 'tree/x'), []);
    assert.deepEqual(excluded(new FilterSet(rulesOf(': /.f'), SOURCE).root(undefined, holder), below, 'y', 'r', 'tree/x'), ['y', 'r', 'tree/x']);
  });

  it('given the modifier "/", then a pattern is matched against the absolute path', () => {
    const root = new FilterSet(rulesOf('-/ /home/tree/d/x', '-/ tree/y', '-/ /home/**/z'), SOURCE).root(inTree(''), place);
    assert.deepEqual(excluded(root, inTree, 'x', 'd/x', 'y', 'd/y', 'd/z', 'z'), ['d/x', 'y', 'd/z', 'z']);
  });
});

describe('rules for extended attributes', () => {
  it('given none, then there is no filter', () => assert.equal(xattrFilter(rulesOf('- a'), 'source'), undefined));

  it('given some, then names are matched by them alone', () => {
    const hides = xattrFilter(rulesOf('- user.*', '+x user.keep', '-x user.*', 'Px trusted.a'), 'source');
    assert(hides);
    assert.deepEqual(['user.keep', 'user.a', 'trusted.a', 'security.b'].map((name) => hides(b(name))), [false, true, false, false]);
    const protects = xattrFilter(rulesOf('-rx trusted.a', '-x !'), 'target');
    assert.equal(protects?.(b('trusted.a')), true);
  });

  it('given a slash in the name of an attribute, then it is seen as a path, as rsync sees it', () => {
    const left = (rule: string): string[] => ['user.a', 'user.keep', 'user.x/y'].filter((name) => !xattrFilter(rulesOf(rule), 'source')?.(b(name)));
    assert.deepEqual(left('-x user.*'), ['user.x/y']);
    assert.deepEqual(left('-x y'), ['user.a', 'user.keep']);
    assert.deepEqual(left('-x x/y'), ['user.a', 'user.keep', 'user.x/y']);
    assert.deepEqual(left('-x /user.a'), ['user.keep', 'user.x/y']);
    assert.deepEqual(left('-x!_user.a'), ['user.a']);
    assert.deepEqual(left('-x **y'), ['user.a', 'user.keep']);
  });

  it('given a cleared list, then there is a filter that leaves nothing out', () => {
    assert.equal(xattrFilter(rulesOf('-x user.*', '!'), 'source')?.(b('user.a')), false);
  });
});
