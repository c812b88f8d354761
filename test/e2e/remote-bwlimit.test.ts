/** `--bwlimit` by bytes, as a relay counts them: at no moment does the sender exceed the rate and a burst, in rsync's units, in both directions. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT, requestFor } from './remote-cut-support.js';
import { runRemote } from '../../src/session/remote/index.js';
import { assertSameTree, file, makeTree, REPOSITORY, time, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const SIZE = 1_200_000;
/** Beside the limit's own burst, a twentieth of a second's bytes, there may be as much and a stream's buffer that were let go and found no room in the pipe. */
const burst = (rate: number): number => 2 * (rate / 20) + 65_536;

describe('--bwlimit', () => {
  const tmp = useTempFolder('bwlimit');

  const cases = [['push', '600', 600 * 1024], ['pull', '0.5m', 512 * 1024], ['push', '700KB', 700_000]] as const;
  for (const [direction, limit, rate] of cases) {
    it(`${direction}: ${limit} is never more than ${rate} bytes a second`, async () => {
      makeTree(tmp.at('s'), { f: file({ size: SIZE, seed: 1 }, { mtime: T }), g: file({ size: 1000, seed: 2 }, { mtime: T }) }, { mtime: T });
      makeTree(tmp.at('t'), {}, { mtime: T });
      const meter = ['python3', '-ISB', join(REPOSITORY, 'test/e2e/metering-relay.py'), tmp.at('result'), String(rate), ...AGENT];
      const outcome = await runRemote(requestFor(direction, ['-a', `--bwlimit=${limit}`], `${tmp.at('s')}/`, tmp.at('t'), meter));
      assert.equal(outcome.exitCode, 0);
      assertSameTree(tmp.at('s'), tmp.at('t'));
      while (!existsSync(tmp.at('result'))) await new Promise((resolve) => { setTimeout(resolve, 20); });
      const seen = JSON.parse(readFileSync(tmp.at('result'), 'utf8')) as Record<'in' | 'out', { bytes: number; excess: number }>;
      const sent = seen[direction === 'push' ? 'out' : 'in'];
      assert.ok(sent.bytes > SIZE, JSON.stringify(seen));
      assert.ok(sent.excess <= burst(rate), JSON.stringify(seen));
    });
  }
});
