/** -K follows symlinks of the target only as long as they stay below its root. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { sync } from '../../src/index.js';
import { dir, makeTree, symlink, useTempFolder } from '../support/index.js';

describe('--keep-dirlinks', () => {
  const temp = useTempFolder('keep-dirlinks');

  it('follows a link to a folder below the root, also through another link', async () => {
    makeTree(temp.at('s'), { a: dir({ b: dir({ file: 'new' }) }) });
    makeTree(temp.at('t'), { a: symlink('real/one'), real: dir({ one: dir({ b: symlink('../two') }), two: dir() }) });
    const outcome = await sync({ source: `${temp.at('s')}/`, target: temp.at('t'), args: ['-aK'] });
    assert.deepEqual(outcome.problems, []);
    assert.deepEqual(readdirSync(temp.at('t', 'real', 'two')), ['file']);
    assert.equal(readlinkSync(temp.at('t', 'a')), 'real/one');
  });

  for (const [how, to] of [['a relative link', '../outside'], ['an absolute link', undefined]] as const) {
    it(`does not follow ${how} that leads out, and says so`, async () => {
      makeTree(temp.at('s'), { a: dir({ file: 'new' }), after: 'x' });
      makeTree(temp.at('outside'), { kept: 'old' });
      makeTree(temp.at('t'), { a: symlink(to ?? temp.at('outside')) });
      const outcome = await sync({ source: `${temp.at('s')}/`, target: temp.at('t'), args: ['-aK', '--delete'] });
      assert.equal(outcome.exitCode, 23);
      assert.deepEqual(outcome.problems.map((p) => [p.code, p.path]), [['escaped', 'a']]);
      assert.deepEqual(readdirSync(temp.at('outside')), ['kept']);
      assert.deepEqual(readdirSync(temp.at('t')).toSorted(), ['a', 'after']);
    });
  }
});
