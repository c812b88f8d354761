/** --gitignore with --delete: what the source's .gitignore names is neither copied nor deleted, from the first run on. */
import assert from 'node:assert/strict';
import { sync } from '../../src/index.js';
import { dir, makeTree, treePaths, useTempFolder } from '../support/index.js';

describe('--gitignore --delete', () => {
  const temp = useTempFolder('gitignore');

  it('protects on a target that does not have the .gitignore files yet', async () => {
    makeTree(temp.at('s'), { '.gitignore': '/build/\n', 'main.o': 'new', lib: dir({ '.gitignore': '*.o\n', 'x.c': 'x', 'x.o': 'no' }) });
    makeTree(temp.at('t'), { build: dir({ kept: 'k' }), 'main.o': 'old', gone: 'g', lib: dir({ 'y.o': 'kept', 'y.c': 'gone' }) });
    const outcome = await sync({ source: `${temp.at('s')}/`, target: temp.at('t'), args: ['-a', '--gitignore', '--delete'] });
    assert.deepEqual(outcome.problems, []);
    assert.deepEqual(treePaths(temp.at('t')).toSorted(), ['.gitignore', 'build', 'build/kept', 'lib', 'lib/.gitignore', 'lib/x.c', 'lib/y.o', 'main.o'].toSorted());
  });
});
