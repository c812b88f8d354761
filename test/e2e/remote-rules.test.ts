/**
 * Rule files above the roots, over a connection: what the parents of a source hide, protect and merge counts as it does between local trees, on
 * either side, and so does what the parents of a target say. The same lines, the same exit code, the same tree.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { remoteShell, syncBy } from './remote-support.js';
import { assertSameTree, dir, file, makeTree, time, treePaths, twintree, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const OLD = time(1_500_000_000);
const f = (text: string) => file(text, { mtime: T });

/** Options that name the rule files; `P` is the folder above everything of a way. With `s` some of the rules are not valid, which is told. */
const CASES: readonly string[][] = [['-f: /.rules', '--delete'], ['-f: P/.rules', '--delete-excluded'], ['-f:s P/.rules', '--delete-excluded'], ['-f:n P/.rules', '--delete', '-m', '--exclude=n']];

describe('rule files above the roots, over a connection', () => {
  const tmp = useTempFolder('above');

  for (const options of CASES) {
    it(options.join(' '), () => {
      const done = (['local', 'push', 'pull'] as const).map((way) => {
        const top = tmp.at(way);
        makeTree(top, {
          // Above the source: what it hides; a rule file merged by name, and another kind of rule files named for the folders below.
          from: dir({
            '.rules': f('- *.tmp\n. .more\n: .inner\nH secret\nP kept-by-source\n+ shown.o\n- *.o\n- /s/top\n'), '.more': f('- *.bak\n'),
            s: dir({
              a: f('a'), 'a.tmp': f('t'), 'a.bak': f('b'), 'a.o': f('o'), 'shown.o': f('o'), secret: f('s'), top: f('top'), '.inner': f('- hidden-here\n'), 'hidden-here': f('h'),
              d: dir({ '.rules': f('+ x.tmp\n'), 'x.tmp': f('x'), 'y.tmp': f('y'), 'z.bak': f('z'), n: f('n') }),
              only: dir({ 'all.tmp': f('t') }),
            }),
          }),
          // Above the target: what it protects.
          to: dir({ '.rules': f('P kept-by-target\n'), t: dir({ 'a.tmp': f('old'), 'b.bak': f('old'), 'old.o': f('o'), secret: f('old'), gone: f('gone'), 'kept-by-target': f('k'), 'kept-by-source': f('k'), d: dir({ 'y.tmp': f('old'), gone: f('g') }) }) }),
        }, { mtime: OLD });
        const result = syncBy(way, remoteShell(tmp), ['-ai', ...options.map((option) => option.replace('P/', `${top}/`))], `${top}/from/s/`, `${top}/to/t`);
        return { code: result.code, lines: result.stdout.replace(/^<f/gm, '>f'), errors: result.stderr.replaceAll(top, ''), t: `${top}/to/t` };
      });
      const [local, ...remotes] = done;
      assert.ok(local !== undefined);
      assert.equal(local.code, options[0]?.startsWith('-f:s') === true ? 23 : 0, local.errors);
      for (const [k, remote] of remotes.entries()) {
        assert.deepEqual([k, remote.code, remote.errors, remote.lines], [k, local.code, local.errors, local.lines]);
        assertSameTree(local.t, remote.t, { ignore: ['dir-mtime'] });
      }
    });
  }

  it('a relative source stands where it stands on its own host', () => {
    makeTree(tmp.at('w'), { '.rules': f('- *.tmp\n'), s: dir({ a: f('a'), 'a.tmp': f('t') }) }, { mtime: OLD });
    mkdirSync(tmp.at('elsewhere'));
    const shell = remoteShell(tmp, `cd '${tmp.at('w')}'`);
    const done = twintree(['sync', '-e', shell, `--rsync-path=${process.execPath} ${process.cwd()}/bin/twintree.js`, '--no-bootstrap', '-a', '-f: /.rules', 'host:s/', tmp.at('elsewhere', 't')], { cwd: tmp.at('elsewhere') });
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(treePaths(tmp.at('elsewhere', 't')), ['a']);
  });

  it('a batch carries them along', () => {
    makeTree(tmp.at('b'), { from: dir({ '.rules': f('- *.tmp\n'), s: dir({ a: f('a'), 'a.tmp': f('t') }) }), t1: dir({ 'a.tmp': f('o') }), t2: dir({ 'a.tmp': f('o') }) }, { mtime: OLD });
    const [first, second] = [tmp.at('b', 't1'), tmp.at('b', 't2')];
    const written = twintree(['sync', '-ai', '--delete-excluded', `-f: ${tmp.at('b')}/.rules`, `--write-batch=${tmp.at('batch')}`, `${tmp.at('b', 'from', 's')}/`, first]);
    assert.equal(written.code, 0, written.stderr);
    const read = twintree(['sync', '-i', '--delete', `--read-batch=${tmp.at('batch')}`, second]);
    assert.deepEqual([read.code, read.stdout], [0, written.stdout], read.stderr);
    assert.deepEqual([treePaths(first), treePaths(second)], [['a'], ['a']]);
  });
});
