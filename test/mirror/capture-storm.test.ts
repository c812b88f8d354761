/** Completeness: after a random storm on a real file system each path that differs is covered by a hint, of either backend. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describeOn } from '../support/index.js';
import type { StormData } from './storm.js';
import { Driven, picture, uncovered } from './support.js';

const STEPS = 1500;

/** Runs a storm in its own thread while the backends follow it. */
async function weather(at: (...names: string[]) => string, seed: number, watchers: () => Driven[]): Promise<void> {
  const root = at(`tree-${seed}`);
  const outside = at(`outside-${seed}`);
  mkdirSync(outside);
  mkdirSync(`${root}/one/two/three`, { recursive: true });
  for (const folder of ['', '/one', '/one/two']) writeFileSync(`${root}${folder}/file`, 'old');
  const before = picture(root);
  const driven = watchers();
  const flag = new SharedArrayBuffer(4);
  const data: StormData = { root: Buffer.from(root).toString('latin1'), outside: Buffer.from(outside).toString('latin1'), seed, count: STEPS, flag };
  const thread = new Worker(new URL('./storm.js', import.meta.url), { workerData: data, execArgv: [] });
  const over = (): boolean => Atomics.load(new Int32Array(flag), 0) !== 0;
  try {
    let turn = 0;
    while (!over()) {
      const next = driven[turn++ % driven.length] as Driven;
      const calls = turn + 3;
      next.follow(() => over() || turn++ > calls);
    }
    assert.equal(Atomics.load(new Int32Array(flag), 0), 1);
    for (const each of driven) each.drain();
    const after = picture(root);
    for (const each of driven) {
      assert.deepEqual(uncovered(before, after, each.hints), [], `${each.backend.name}, seed ${seed}`);
      assert.deepEqual(each.kinds(), []);
    }
    // What comes after is seen as well: each folder that is there now has its watch.
    for (const [path, { isFolder }] of after) if (isFolder) writeFileSync(Buffer.from(`${data.root}/${path}/late-${seed}`, 'latin1'), 'late');
    const late = picture(root);
    for (const each of driven) {
      each.hints.length = 0;
      each.drain();
      assert.deepEqual(uncovered(after, late, each.hints), [], `${each.backend.name} afterwards, seed ${seed}`);
    }
  } finally {
    for (const each of driven) each.backend.close();
    await thread.terminate();
  }
}

describe('capture in a storm', () => {
  describeOn(['ext4', 'tmpfs', 'xfs', 'btrfs'], {}, (fs) => {
    it('misses nothing', async () => {
      for (const seed of [1, 2]) {
        const root = (): string => fs.at(`tree-${seed}`);
        await weather((...names) => fs.at(...names), seed, () => [new Driven('inotify', root()), new Driven('fanotify', root())]);
      }
    });
  });
});
