/** Completeness: after a random storm on a real file system each path that differs is covered by a hint, of either backend. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Capture, Settler, type Hint } from '../../src/mirror/index.js';
import { fromText } from '../../src/tree/index.js';
import { describeOn } from '../support/index.js';
import type { StormData } from './storm.js';
import { Driven, picture, uncovered } from './support.js';

const ROUNDS = 60;
const STEPS = 25;

/** A tree, and a storm over it that waits to be let loose round by round. */
function prepare(at: (...names: string[]) => string, seed: number, count: number, rounds: number): { root: string; words: Int32Array; start: () => Worker } {
  const root = at(`tree-${seed}`);
  const outside = at(`outside-${seed}`);
  mkdirSync(outside);
  mkdirSync(`${root}/one/two/three`, { recursive: true });
  for (const folder of ['', '/one', '/one/two']) writeFileSync(`${root}${folder}/file`, 'old');
  const flag = new SharedArrayBuffer(8);
  const byteText = (path: string): string => Buffer.from(path).toString('latin1');
  const data: StormData = { root: byteText(root), outside: byteText(outside), seed, count, rounds, flag };
  return { root, words: new Int32Array(flag), start: () => new Worker(new URL('./storm.js', import.meta.url), { workerData: data, execArgv: [] }) };
}

/** Runs a storm in its own thread while the backends follow it. After each round they must have told all that differs since the last. */
async function weather(at: (...names: string[]) => string, seed: number): Promise<void> {
  const { root, words, start } = prepare(at, seed, STEPS, ROUNDS);
  let before = picture(root);
  const driven = [new Driven('inotify', root), new Driven('fanotify', root)];
  const thread = start();
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      Atomics.store(words, 0, round);
      Atomics.notify(words, 0);
      const over = (): boolean => Atomics.load(words, 1) === round || Atomics.load(words, 1) < 0;
      let turn = 0;
      while (!over()) {
        const next = driven[turn++ % driven.length] as Driven;
        const until = turn + 3;
        next.follow(() => over() || turn++ > until);
      }
      assert.equal(Atomics.load(words, 1), round);
      for (const each of driven) each.drain();
      const after = picture(root);
      for (const each of driven) {
        assert.deepEqual(uncovered(before, after, each.hints), [], `${each.backend.name}, seed ${seed}, round ${round}`);
        assert.deepEqual(each.kinds(), []);
        each.hints.length = 0;
      }
      before = after;
    }
  } finally {
    for (const each of driven) each.backend.close();
    await thread.terminate();
  }
}

describe('capture in a storm', () => {
  describeOn(['ext4', 'tmpfs', 'xfs', 'btrfs'], {}, (fs) => {
    it('misses nothing', async () => {
      await weather((...names) => fs.at(...names), 1);
    });
  });

  describeOn(['ext4'], {}, (fs) => {
    it('misses nothing through the thread, a short queue and the settler', async () => {
      const { root, words, start } = prepare((...names) => fs.at(...names), 2, STEPS * ROUNDS, 1);
      const before = picture(root);
      const settler = new Settler({ quietMs: 20, longestMs: 100, most: 200, folderStorm: 5 });
      const told: Hint[] = [];
      const capture = await Capture.start({ root: fromText(root), queueMost: 50 }, {
        hints: (hints) => {
          const now = Date.now();
          for (const hint of hints) settler.add(hint, now);
          told.push(...(settler.take(now)?.hints ?? []));
        },
        condition: ({ kind, message }) => assert.equal(kind, 'queue-full', message),
        failed: (error) => { throw error; },
      });
      const thread = start();
      const over = new Promise((resolve) => { thread.once('exit', resolve); });
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
      await over;
      await capture.flush();
      await capture.stop();
      told.push(...(settler.takeAll()?.hints ?? []));
      assert.equal(Atomics.load(words, 1), 1);
      assert.deepEqual(uncovered(before, picture(root), told), []);
    });
  });
});
