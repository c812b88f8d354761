/** The source side of a mirror, where capture ends by itself: how often and when it is started again. The time is handed in. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { Capture } from '../../src/mirror/index.js';
import { MirrorSource, type SourceFollower } from '../../src/mirror/follow/source.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('a source whose capture ends by itself', () => {
  const temp = useTempFolder('source');

  /** The first capture is a real one; `again` says what becomes of those that follow. */
  const setUp = async (again: (start: () => Promise<Capture>) => Promise<Capture>): Promise<{ source: MirrorSource; die: () => Promise<void>; told: string[]; ended: Promise<Error>; release: () => void }> => {
    mkdirSync(temp.at('s'), { recursive: true });
    const told: string[] = [];
    const follower: SourceFollower = {
      heard: async () => undefined, sourceLost: () => { told.push('lost'); }, sourceBack: () => { told.push('back'); }, sourceDoubtful: () => { told.push('doubtful'); }, sourceSeen: () => undefined,
    };
    let last: Capture | undefined;
    let over = (_error: Error): void => undefined;
    const ended = new Promise<Error>((resolve) => { over = resolve; });
    let release = (): void => undefined;
    const source = new MirrorSource({ root: fromText(temp.at('s')) }, {
      ruleFiles: new Set(), followers: [follower], failed: over, condition: ({ kind }) => { told.push(kind); },
      capture: async (options, each) => {
        const start = async (): Promise<Capture> => Capture.start(options, each);
        return (last = await (last === undefined ? start() : again(start)));
      },
      wait: async (ms, signal) => {
        told.push(String(ms));
        await new Promise<void>((resolve) => {
          release = resolve;
          setImmediate(() => { if (!told.includes('lost')) resolve(); }); // else the test says when
        });
        signal.throwIfAborted();
      },
    });
    source.identify();
    await source.start();
    return { source, die: async () => { await (last as unknown as { thread: Worker }).thread.terminate(); }, told, ended, release: () => { release(); } };
  };

  it('has another one, and is in doubt', async () => {
    const { source, die, told } = await setUp(async (start) => start());
    await die();
    assert.ok(source.blind);
    await source.flush();
    assert.ok(!source.blind && source.stands());
    assert.deepEqual(told, ['trouble', '500', 'doubtful']);
    await source.stop();
  });

  it('gives up after five attempts, ever farther apart, with the last reason', async () => {
    const { source, die, told, ended } = await setUp(async () => { throw new Error('no watches'); });
    await die();
    assert.match(String(await ended), /no watches/);
    assert.deepEqual(told, ['trouble', '500', '1000', '2000', '4000', '8000']);
    await assert.rejects(source.flush(), /no watches/);
    await source.stop();
  });

  it('gives up where each that is started ends again', async () => {
    const { source, die, told, ended } = await setUp(async (start) => start());
    for (let k = 0; k < 5; k++) {
      await die();
      await source.flush();
    }
    await die();
    assert.match(String(await ended), /thread has ended/);
    assert.equal(told.filter((each) => each === 'doubtful').length, 5);
    await source.stop();
  });

  it('takes no other folder for the source, however long it waits, unless it is told to', async () => {
    const { source, die, told, release } = await setUp(async (start) => start());
    await die(); // before it can see what comes
    renameSync(temp.at('s'), temp.at('away'));
    mkdirSync(temp.at('s'));
    const back = source.flush();
    while (told.filter((each) => Number(each) > 0).length < 9) {
      release();
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    assert.ok(source.lost && source.blind);
    assert.ok(source.adopt());
    release();
    await back;
    assert.ok(source.stands());
    assert.deepEqual(told.filter((each) => !(Number(each) > 0)), ['trouble', 'root-lost', 'lost', 'root-back', 'back', 'doubtful']);
    await source.stop();
  });
});
