/** Content is asked for ahead in the order in which it is used: what is asked for out of turn would be passed over and travel whole, a second time. */
import assert from 'node:assert/strict';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { runOver } from './remote-cut-support.js';
import { assertSameTree, dir, file, makeTree, runCommand, time, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const FILES = 48;
const SIZE = 700_000;

describe('content that is asked for ahead', () => {
  const tmp = useTempFolder('ahead');

  it('travels once, as a delta, with however many threads', async () => {
    const names = Array.from({ length: FILES }, (_, k) => `f${k}`);
    makeTree(tmp.at('s'), { d: dir(Object.fromEntries(names.map((name, k) => [name, file({ size: SIZE, seed: k + 1 }, { mtime: T })])), { mtime: T }) }, { mtime: T });
    for (const threads of [2, 3, 4]) {
      const target = tmp.at(`t${threads}`);
      runCommand('cp', ['-a', tmp.at('s'), target]);
      for (const name of names) {
        const path = `${target}/d/${name}`;
        const content = readFileSync(path);
        content.fill(0, 300_000, 320_000);
        writeFileSync(path, content);
        utimesSync(path, 1_500_000_000, 1_500_000_000);
      }
      const done = await runOver(tmp, 'pull', ['-a', `--threads=${threads}`], `${tmp.at('s')}/`, target);
      assert.equal(done.outcome?.exitCode, 0, String(done.error));
      assertSameTree(tmp.at('s'), target);
      const carried = done.attempts[0]?.in ?? Infinity;
      assert.ok(carried < FILES * 40_000, `--threads=${threads}: ${carried} bytes for ${FILES} times 20,000`);
    }
  });
});
