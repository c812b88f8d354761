/** Files in mid-write: a mirror puts off what changes while it is read, sends the rest, and sends it as it is when it has waited long enough. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { assertSameTree, useTempFolder } from '../support/index.js';
import { RunningMirror } from './mirror-support.js';

/** Writes to a file all the time, in a thread of its own, until it is told to end. */
class Scribbler {
  private readonly flag = new Int32Array(new SharedArrayBuffer(4));
  private readonly over: Promise<unknown>;

  constructor(path: string) {
    const code = `const { workerData: { path, flag } } = require('node:worker_threads'); const fs = require('node:fs'); const fd = fs.openSync(path, 'r+');
      for (let k = 0; Atomics.load(flag, 0) === 0; k++) { fs.writeSync(fd, String(k).padStart(9), 9 * (k % 1000)); Atomics.wait(flag, 0, 0, 1); } fs.closeSync(fd);`;
    const thread = new Worker(code, { eval: true, workerData: { path, flag: this.flag }, execArgv: [] });
    this.over = new Promise((resolve) => { thread.once('exit', resolve); });
  }

  async end(): Promise<void> {
    Atomics.store(this.flag, 0, 1);
    Atomics.notify(this.flag, 0);
    await this.over;
  }
}

/** To read it takes a good part of a second at the limit below: it never stands still for so long. */
const SIZE = 17 << 20; // read once in each session

describe('a mirror of a file that is written all the time', () => {
  const temp = useTempFolder('mirror-defer');
  let running: RunningMirror | undefined;
  let scribbler: Scribbler | undefined;
  afterEach(async () => {
    await scribbler?.end();
    await running?.stop().catch(() => undefined);
  });

  it('puts it off, says so, sends it as it is in the end, and is equal when it stands still', async () => {
    const [s, t] = [temp.at('s'), temp.at('t')];
    mkdirSync(s);
    writeFileSync(`${s}/calm`, 'calm');
    writeFileSync(`${s}/busy`, randomBytes(SIZE));
    scribbler = new Scribbler(`${s}/busy`);
    const mirror = (running = new RunningMirror(['--bwlimit=50M', '--defer=300ms', `${s}/`, t]));
    await mirror.until((told) => told.kind === 'problem' && told.path === 'busy' && told.code === 'deferred');
    assert.deepEqual([readFileSync(`${t}/calm`, 'utf8'), existsSync(`${t}/busy`)], ['calm', false]);
    const off = await mirror.untilStatus(({ deferred }) => deferred.count === 1);
    assert.deepEqual(off.deferred.files.map(({ path, sentAt }) => [path, sentAt]), [['busy', null]]);
    assert.deepEqual(off.failingBy, { deferred: 1 });
    await mirror.until((told) => told.kind === 'problem' && told.path === 'busy' && told.code === 'changed');
    assert.equal(readFileSync(`${t}/busy`).length, SIZE);
    await mirror.untilStatus(({ deferred }) => (deferred.files[0]?.sentAt ?? 0) > 0);
    await scribbler.end();
    await mirror.mirror.caughtUp();
    assertSameTree(s, t);
    await mirror.untilStatus(({ deferred, failingBy }) => deferred.count === 0 && Object.keys(failingBy).length === 0);
  });
});
