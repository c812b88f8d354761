/** A link that is silently dead: nothing comes, nothing ends. `--timeout` notices, in both directions; then it is made again, or the next run goes on. */
import assert from 'node:assert/strict';
import { gone, left, runOver } from './remote-cut-support.js';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import { TwintreeError } from '../../src/tree/index.js';
import { assertSameTree, file, makeTree, time, useTempFolder } from '../support/index.js';

const MB = 1 << 20;
const T = time(1_600_000_000);

describe('a link that is silently dead', () => {
  const tmp = useTempFolder('silent');

  for (const direction of ['push', 'pull'] as const) {
    it(`${direction}: --timeout takes it for broken, and it is made again`, async () => {
      makeTree(tmp.at('s'), { big: file({ size: 6 * MB, seed: 1 }, { mtime: T }) }, { mtime: T });
      makeTree(tmp.at('t'), {}, { mtime: T });
      const way = direction === 'pull' ? 'in' : 'out';
      const done = await runOver(tmp, direction, ['-a'], `${tmp.at('s')}/`, tmp.at('t'), { cuts: [{ way, after: 3 * MB, silent: true }], retries: 5, timeoutMs: 4000 });
      assert.equal(done.outcome?.exitCode, 0, String(done.error));
      assert.match(done.notices.join('\n'), /reconnect: .*--timeout/);
      assert.ok((done.attempts.at(-1)?.[way] ?? Infinity) < 4.5 * MB, JSON.stringify(done.attempts));
      assertSameTree(tmp.at('s'), tmp.at('t'));
      await gone(done.agents);
      assert.deepEqual(left(tmp.at('t')), []);
    });

    it(`${direction}: without retries --timeout ends with 30, and the next run goes on`, async () => {
      makeTree(tmp.at('s'), { big: file({ size: 6 * MB, seed: 1 }, { mtime: T }) }, { mtime: T });
      makeTree(tmp.at('t'), {}, { mtime: T });
      const way = direction === 'pull' ? 'in' : 'out';
      const done = await runOver(tmp, direction, ['-a'], `${tmp.at('s')}/`, tmp.at('t'), { cuts: [{ way, after: 3 * MB, silent: true }], retries: 0, timeoutMs: 4000 });
      assert.ok(done.error instanceof TwintreeError, String(done.error));
      assert.equal(done.error.code, 'TIMEOUT');
      assert.equal(exitCodeOf(done.error.code), 30);
      await gone(done.agents);
      const again = await runOver(tmp, direction, ['-a'], `${tmp.at('s')}/`, tmp.at('t'));
      assert.ok((again.attempts[0]?.[way] ?? Infinity) < 4.5 * MB, JSON.stringify(again.attempts));
      assertSameTree(tmp.at('s'), tmp.at('t'));
      assert.deepEqual(left(tmp.at('t')), []);
    });
  }
});
