/** -y between hosts: a file that the target lacks is built from a similar one. */
import assert from 'node:assert/strict';
import { runOver } from './remote-cut-support.js';
import { assertSameTree, dir, file, makeTree, time, useTempFolder, type Content } from '../support/index.js';

const T = time(1_600_000_000);
const SIZE = 400_000;
const random = (seed: number): Content => ({ size: SIZE, seed });

describe('similar files as a basis', () => {
  const tmp = useTempFolder('fuzzy');

  for (const way of ['push', 'pull'] as const) {
    it(`${way}: by size and time, also where that file is replaced first, or by name, in the same folder only`, async () => {
      makeTree(tmp.at('t'), {
        'log.1': file(random(1), { mtime: time(1_500_000_001) }), 'log.2': file(random(2), { mtime: time(1_500_000_002) }), 'zebra.bin': file(random(6), { mtime: T }),
        other: dir({ 'moved.bin': file(random(5), { mtime: T }) }, { mtime: T }),
      }, { mtime: T });
      makeTree(tmp.at('s'), {
        'log.1': file(random(3), { mtime: time(1_500_000_003) }), 'log.2': file(random(1), { mtime: time(1_500_000_001) }), 'log.3': file(random(2), { mtime: time(1_500_000_002) }),
        'zebras.bin': file(random(6), { mtime: time(1_500_000_009) }), other: dir({}, { mtime: T }), 'moved.bin': file(random(5), { mtime: time(1_500_000_009) }),
      }, { mtime: T });
      const done = await runOver(tmp, way, ['-ay', '--threads=2'], `${tmp.at('s')}/`, tmp.at('t'));
      assert.equal(done.outcome?.exitCode, 0, String(done.error));
      assert.deepEqual(done.problems, []);
      // log.3 by size and time, zebras.bin by name.
      assert.equal(done.outcome.matchedBytes, 2 * SIZE);
      assert.equal(done.outcome.literalBytes, 3 * SIZE);
      const plain = await runOver(tmp, way, ['-a', '--delete', '--no-detect-moves'], `${tmp.at('s')}/`, tmp.at('t'));
      assert.equal(plain.outcome?.exitCode, 0);
      assertSameTree(tmp.at('s'), tmp.at('t'));
    });
  }

  it('-yy: also in alternate folders; without -y nowhere', async () => {
    makeTree(tmp.at('s'), { d: dir({ 'image-2.iso': file(random(1), { mtime: T }) }, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('last'), { d: dir({ 'image-1.iso': file(random(1), { mtime: time(1) }) }, { mtime: T }) }, { mtime: T });
    for (const [options, matched] of [['-a', 0], ['-ay', 0], ['-ayy', SIZE], ['-ayyW', 0], ['-ayy --no-fuzzy', 0]] as const) {
      const to = tmp.at(`t${options}`);
      const done = await runOver(tmp, 'pull', [...options.split(' '), '--compare-dest=../last'], `${tmp.at('s')}/`, to);
      assert.deepEqual([options, done.outcome?.exitCode, done.outcome?.matchedBytes], [options, 0, matched]);
      assertSameTree(tmp.at('s'), to);
    }
  });
});
