/** What filter rules do on a tree that is listed whole: how often each decides, and what stands before those that never do. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RuleAudit, type AuditOptions } from '../../src/doctor/index.js';
import { excludeRule, FilterSet, includeRule, parseFilterRule, type FilterRule, type FilterScope } from '../../src/filter/index.js';
import { baseOf, EMPTY, fromText, parentOf, type ByteString, type RelPath } from '../../src/tree/index.js';

type Tree = readonly [path: string, isDir: boolean][];

function audit(rules: readonly FilterRule[], tree: Tree, more: Partial<AuditOptions> = {}): RuleAudit {
  const one = new RuleAudit({ rules, deleteExcluded: false, gitignore: false, nul: false, root: fromText('/r'), contents: true, read: () => undefined, readAbove: undefined, ...more });
  for (const [path, isDir] of tree) one.see(fromText(path) as RelPath, isDir);
  return one;
}
const exclude = (pattern: string): FilterRule => excludeRule(fromText(pattern), { source: '--exclude', line: 0 });
const include = (pattern: string): FilterRule => includeRule(fromText(pattern), { source: '--include', line: 0 });
const filter = (text: string, source = '--filter'): FilterRule[] => parseFilterRule(fromText(text), { source, line: 0 });

const TREE: Tree = [['a', true], ['a/b', true], ['a/b/x.txt', false], ['a/b/y.o', false], ['c.o', false], ['d', true], ['d/.rules', false], ['d/z', false]];

describe('doctor/audit', () => {
  it('counts for each rule what it decides, and names what stands before the others', () => {
    const rules = [exclude('*.o'), exclude('/a/'), include('x.txt'), exclude('c.*'), exclude('/nowhere')];
    const { rules: found } = audit(rules, TREE).result;
    assert.deepEqual(found.map(({ decided }) => decided), [1, 1, 0, 0, 0]);
    assert.deepEqual(found.map(({ shadow }) => (shadow === undefined ? undefined : [shadow.how, shadow.by.text, shadow.path])), [undefined, undefined, ['folder', '/a/', 'a/b/x.txt'], ['entry', '*.o', 'c.o'], undefined]);
  });

  it('takes no shadow for the last word: a rule that decides later is sound', () => {
    const { rules: [, second] } = audit([exclude('c.o'), exclude('*.o')], [['c.o', false], ['e.o', false]]).result;
    assert.deepEqual([second?.decided, second?.shadow], [1, undefined]);
  });

  it('says of each entry whether it is copied', () => {
    const one = audit([exclude('/a/')], []);
    assert.deepEqual(TREE.map(([path, isDir]) => one.see(fromText(path) as RelPath, isDir)), [false, false, false, false, true, true, true, true]);
  });

  it('looks only into rules that somebody wrote for this side', () => {
    const rules = [...filter('P /a', '--filter'), ...filter('- *.x', '--partial-dir'), ...filter('-x user.*'), ...filter('- *~', 'CVS defaults')];
    assert.ok(audit(rules, TREE).idle);
    assert.deepEqual(audit([exclude('/gone'), ...filter('!'), exclude('c.o')], TREE).result.rules.map(({ rule, decided }) => [rule.text, decided]), [['c.o', 1]], 'what was cleared counts no more');
  });

  it('reads rule files in folders, and tells of those that are nowhere', () => {
    const read = (folder: RelPath, name: ByteString): Buffer | undefined => (folder === 'd' && name === '.rules' ? Buffer.from('- z\n') : undefined);
    const { rules, missingFiles } = audit([...filter('dir-merge .rules'), ...filter('dir-merge .others'), exclude('z')], TREE, { read }).result;
    assert.deepEqual(missingFiles.map(({ pattern }) => pattern), ['.others']);
    const [z] = rules;
    assert.deepEqual([z?.decided, z?.shadow?.how, z?.shadow?.by.origin.source], [0, 'entry', 'file d/.rules'], 'the file decides before it');
  });

  it('agrees with a naive model on any rules and trees', () => {
    const name = fc.constantFrom('a', 'b', 'c.o', 'd');
    const rule = fc.tuple(fc.constantFrom('a', '/a', 'b/', '*.o', '/a/b', 'a/*', '**/c.o', '[bd]', 'zz'), fc.boolean()).map(([pattern, keeps]) => (keeps ? include(pattern) : exclude(pattern)));
    const paths = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')), { maxLength: 12 });
    fc.assert(fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), paths, (rules, leaves) => {
      const all = new Map<string, boolean>();
      for (const leaf of leaves) {
        const parts = leaf.split('/');
        parts.forEach((_, k) => all.set(parts.slice(0, k + 1).join('/'), k < parts.length - 1 || all.get(leaf) === true));
      }
      const tree: Tree = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const model = rules.map((one) => ({ decided: 0, alone: matchesAlone(one, tree) }));
      for (const [path, isDir] of tree) {
        const decider = decides(rules, fromText(path) as RelPath, isDir);
        if (decider !== undefined) (model[rules.indexOf(decider)] as { decided: number }).decided++;
      }
      const found = audit(rules, tree).result.rules;
      assert.deepEqual(found.map(({ decided }) => decided), model.map(({ decided }) => decided));
      // Nothing decided: a shadow is told exactly where it would decide if it stood alone.
      found.forEach(({ decided, shadow }, k) => { if (decided === 0) assert.equal(shadow !== undefined, model[k]?.alone, rules[k]?.text); });
    }), { seed: 7, numRuns: 300 });
  });
});

function scopeAt(rules: readonly FilterRule[], folder: RelPath): FilterScope {
  const set = new FilterSet(rules, { side: 'source', deleteExcluded: false, gitignore: false });
  let scope = set.root(undefined, { path: fromText('/r') });
  for (const part of folder === EMPTY ? [] : folder.split('/')) scope = scope.enter(part as ByteString, () => undefined);
  return scope;
}

function matchesAlone(rule: FilterRule, tree: Tree): boolean {
  return tree.some(([path, isDir]) => scopeAt([rule], parentOf(fromText(path) as RelPath)).match(baseOf(fromText(path) as RelPath), isDir) !== undefined);
}

/** The rule that decides for a path; undefined: none, or a folder above is left out. */
function decides(rules: readonly FilterRule[], path: RelPath, isDir: boolean): FilterRule | undefined {
  for (let at = parentOf(path); at !== EMPTY; at = parentOf(at)) if (scopeAt(rules, parentOf(at)).excludes(baseOf(at), true)) return undefined;
  return scopeAt(rules, parentOf(path)).match(baseOf(path), isDir)?.rule;
}
