/** --temp-dir outside of the target: what killed runs left in it goes with the next run, and nothing else. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { loadPosix } from '../../src/fs/index.js';
import type { ByteString } from '../../src/tree/index.js';
import { runLocal } from './remote-cut-support.js';
import { assertSameTree, file, makeTree, time, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const posix = loadPosix();
const why = posix.lacks.has('flock') ? 'no locks here' : undefined;

describe(why === undefined ? 'a folder for temporary files' : `a folder for temporary files (skipped: ${why})`, () => {
  const tmp = useTempFolder('temp-dir');

  it('is tidied of what dead sessions left, not of what living ones or others have there', async function () {
    if (why !== undefined) this.skip(); // told in the suite's title
    makeTree(tmp.at('s'), { a: file({ size: 400_000, seed: 1 }, { mtime: T }), b: file('b', { mtime: T }) }, { mtime: T });
    mkdirSync(tmp.at('temp'));
    mkdirSync(tmp.at('t'));
    writeFileSync(tmp.at('t/b'), 'old');
    const dead = ['.~twintree-0123456789ab-lock', '.~twintree-0123456789ab00-1', '.~twintree-0123456789ab03-zz'];
    const kept = [
      '.~twintree-aaaaaaaaaaaa-lock', '.~twintree-aaaaaaaaaaaa00-1', // a living session's
      '.~twintree-bbbbbbbbbbbb00-1', // without its lock nobody knows whose
      '.~twintree-0123456789ab00', '.~twintree-0123456789ABCDEF-1', '.~twintree-0123456789abcdef-part', 'mine',
    ];
    for (const name of [...dead, ...kept]) writeFileSync(tmp.at('temp', name), 'x');
    const at = posix.openRoot(tmp.at('temp') as ByteString);
    const living = posix.open(at, kept[0] as ByteString, { write: true });
    assert.equal(posix.flock(living, 'exclusive'), 0);
    try {
      assert.equal((await runLocal(['-a', `--temp-dir=${tmp.at('temp')}`], `${tmp.at('s')}/`, tmp.at('t'))).exitCode, 0);
    } finally {
      posix.close(living);
      posix.close(at);
    }
    assert.deepEqual(readdirSync(tmp.at('temp')).sort(), kept.slice().sort());
    assertSameTree(tmp.at('s'), tmp.at('t'));
  });
});
