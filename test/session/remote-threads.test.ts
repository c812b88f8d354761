/** How many threads a session with another host starts: each costs more than a small sync. */
import assert from 'node:assert/strict';
import { remoteShell, syncHere, wayArgs } from '../e2e/remote-support.js';
import { assertSameTree, file, makeTree, useTempFolder, type Tree } from '../support/index.js';

describe('threads of a session with another host', () => {
  const tmp = useTempFolder('remote-threads');

  /** Pulls a tree into `name`. Returns how many threads this process started for it. */
  async function pulled(given: Tree, name: string, ...options: string[]): Promise<number> {
    makeTree(tmp.at(`${name}-s`), given);
    let started = 0;
    const count = (): void => { started++; };
    process.on('worker', count);
    try {
      const { code, stderr } = await syncHere([...wayArgs('pull', remoteShell(tmp)), '-a', ...options, `host:${tmp.at(`${name}-s`)}/`, tmp.at(name)]);
      assert.deepEqual([code, stderr], [0, '']);
    } finally {
      process.off('worker', count);
    }
    assertSameTree(tmp.at(`${name}-s`), tmp.at(name));
    return started;
  }

  it('are two for a few files: one for the connection, one that works; as many as asked for with --threads', async () => {
    const few: Tree = { f: file('content'), g: file({ size: 100_000, seed: 1 }) };
    assert.equal(await pulled(few, 'few'), 2);
    assert.equal(await pulled(few, 'asked', '--threads=3'), 4);
  });
});
