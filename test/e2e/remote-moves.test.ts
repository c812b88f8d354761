/** Moves between hosts: what proves them is asked for at once, not with a round trip for each. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { runOver } from './remote-cut-support.js';
import { assertSameTree, dir, file, makeTree, time, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const FILES = 1500;

describe('moves between hosts', () => {
  const tmp = useTempFolder('moves');

  it('cost round trips by the hundred files, not by the file', async () => {
    const files = Object.fromEntries(Array.from({ length: FILES }, (_, k) => [`f${k}`, file(`content ${k}`, { mtime: time(1_500_000_000 + k) })]));
    makeTree(tmp.at('s'), { after: dir(files, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('t'), { before: dir(files, { mtime: T }) }, { mtime: T });
    const done = await runOver(tmp, 'pull', ['-a', '--delete', '--threads=2'], `${tmp.at('s')}/`, tmp.at('t'));
    assert.equal(done.outcome?.exitCode, 0, String(done.error));
    assert.equal(done.outcome.moved, FILES);
    assert.deepEqual(readdirSync(tmp.at('t')), ['after']);
    assertSameTree(tmp.at('s'), tmp.at('t'));
    const turns = done.attempts[0]?.turns ?? Infinity;
    assert.ok(turns < FILES / 10, `${turns} round trips for ${FILES} files`);
  });
});
