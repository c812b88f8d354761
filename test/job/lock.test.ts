/** One run of a job at a time, by processes that know nothing of each other: skip, queue, cancel-previous; kill -9 in the middle. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { loadOwnPosix, processStart, signalProcess } from '../../src/fs/index.js';
import { jobHolder, JobLock, type JobSummary, type LockRequest } from '../../src/job/index.js';
import { TwintreeError } from '../../src/tree/index.js';
import { Running, useTempFolder } from '../support/index.js';
import { bytes, conducted, historyIn } from './some-runs.js';

const PROGRAM = fileURLToPath(new URL('./programs/run-job.js', import.meta.url));

describe('overlapping runs of a job', () => {
  const temp = useTempFolder('lock');
  const start = (policy: string, go = 'go', ...more: string[]): Running => new Running(spawn(process.execPath, [PROGRAM, temp.path, policy, temp.at(go), ...more], { env: { PATH: process.env['PATH'] } }), {});
  const results = async (): Promise<string[]> => (await historyIn(temp.path).list()).toSorted((a, b) => a.run - b.run).map(({ run, result, exitCode }) => `${run} ${result} ${exitCode ?? '-'}`);
  const request = (more: Partial<LockRequest> = {}): LockRequest => ({ posix: loadOwnPosix(), stateFolder: bytes(temp.path), job: 'nightly', policy: 'skip', own: false, signal: new AbortController().signal, ...more });

  it('skip: the second is left out with an exit code of its own, and the first goes on', async () => {
    const first = start('skip');
    assert.ok(await first.output(/working 1/));
    const second = await conducted(temp.path, { work: () => assert.fail('worked beside another') });
    assert.deepEqual([second.result, second.exitCode], ['skipped', 79]);
    writeFileSync(temp.at('go'), '');
    assert.equal((await first.finished).code, 0);
    assert.deepEqual(await results(), ['1 success 0', '2 skipped 79']);
  });

  it('queue: one waits for its turn, a third is left out', async () => {
    const first = start('queue');
    assert.ok(await first.output(/working 1/));
    const second = start('queue');
    assert.ok(await second.output(new RegExp(`waits for the run before \\(process ${first.child.pid}, since `)));
    const third = await conducted(temp.path, { overlap: 'queue' });
    assert.equal(third.exitCode, 79);
    writeFileSync(temp.at('go'), '');
    assert.deepEqual([(await first.finished).code, (await second.finished).code], [0, 0]);
    assert.deepEqual(await results(), ['1 success 0', '2 skipped 79', '3 success 0']);
  });

  it('queue: who waits has its turn at once where the run before is killed, which shows as interrupted', async () => {
    const first = start('queue');
    assert.ok(await first.output(/working 1/));
    assert.deepEqual(await results(), ['1 running -']);
    const second = start('queue');
    assert.ok(await second.output(/waits/));
    first.child.kill('SIGKILL');
    assert.ok(await second.output(/working 2/));
    assert.deepEqual(await results(), ['1 interrupted -', '2 running -']);
    writeFileSync(temp.at('go'), '');
    assert.equal((await second.finished).code, 0);
    assert.equal(jobHolder(loadOwnPosix(), bytes(temp.path), 'nightly'), undefined);
  });

  it('a run that is killed at any moment is in the history as what it was, and hinders nobody', async () => {
    writeFileSync(temp.at('go'), '');
    const killed = createServer((asked) => { process.kill(Number(asked.url?.slice(1)), 'SIGKILL'); });
    await new Promise<void>((resolve) => { killed.listen(0, 'localhost', resolve); });
    try {
      const { port } = killed.address() as AddressInfo;
      for (const more of ['die-before', 'die-work', 'die-after', 'die-failure', `die-notice=http://localhost:${port}`]) assert.equal((await start('skip', 'go', more).finished).signal, 'SIGKILL', more);
    } finally {
      killed.closeAllConnections();
      killed.close();
    }
    assert.deepEqual(await results(), ['1 interrupted -', '2 interrupted -', '3 interrupted -', '4 interrupted -', '5 success 0']);
    const notices: string[] = [];
    const next = await conducted(temp.path, { say: (message) => { notices.push(message); } });
    assert.deepEqual([next.run, next.result, notices], [6, 'success', []]);
    const [{ totals, failingSince }] = await historyIn(temp.path).summaries() as [JobSummary];
    assert.deepEqual([totals.interrupted, totals.success, failingSince], [4, 2, undefined]);
  });

  it('queue: waiting ends with a signal, and leaves the place', async () => {
    const lock = await JobLock.take(request());
    const controller = new AbortController();
    const waiting = JobLock.take(request({ policy: 'queue', signal: controller.signal, waits: () => { controller.abort(new TwintreeError('ABORTED', 'enough')); } }));
    await assert.rejects(waiting, /enough/);
    const next = JobLock.take(request({ policy: 'queue', waits: () => { lock?.release(); } }));
    (await next)?.release();
  });

  it('cancel-previous: the one before ends in good order, with its hooks, and the next takes over', async () => {
    const first = conducted(temp.path, {
      hooks: [{ when: 'after', command: ['touch', temp.at('cleaned')], timeoutMs: 10_000, onError: 'stop' }],
      work: ({ signal }) => new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error); }); }),
    });
    while (jobHolder(loadOwnPosix(), bytes(temp.path), 'nightly') === undefined) await new Promise((resolve) => { setImmediate(resolve); });
    writeFileSync(temp.at('go'), '');
    const second = start('cancel-previous');
    const ended = await first;
    assert.deepEqual([ended.result, ended.exitCode, ended.error?.message, ended.hooks.map(({ ok }) => ok)], ['cancelled', 20, 'the next run of this job takes its place', [true]]);
    assert.equal((await second.finished).code, 0);
    assert.deepEqual(await results(), ['1 cancelled 20', '2 success 0']);
  });

  it('cancel-previous: a process that is deaf gets SIGTERM, if it is that process', async () => {
    const first = start('skip', 'never', 'deaf');
    assert.ok(await first.output(/working 1/));
    writeFileSync(temp.at('go'), '');
    const second = start('cancel-previous');
    const { stdout, code } = await first.finished;
    assert.match(stdout, /SIGTERM\ncancelled 20/);
    assert.equal(code, 20);
    assert.equal((await second.finished).code, 0);
  });

  it('a process that only has the number of another one gets no signal', () => {
    const child = spawn('sleep', ['60']);
    try {
      assert.ok(child.pid !== undefined);
      assert.equal(signalProcess(child.pid, '1', 'SIGKILL'), false);
      assert.notEqual(processStart(child.pid), undefined, 'it lives');
      assert.equal(signalProcess(child.pid, processStart(child.pid) as string, 'SIGKILL'), true);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('cancel-previous: where the one before does not end, the next gives up and says so', async () => {
    const lock = await JobLock.take(request());
    await assert.rejects(JobLock.take(request({ policy: 'cancel-previous', patience: { signalMs: 0, giveUpMs: 0 } })), (error) => error instanceof TwintreeError && error.code === 'LOCKED' && /does not end/.test(error.message));
    lock?.release();
  });

  it('jobs do not keep each other out, whatever their names are', async () => {
    const locks = await Promise.all(['a', '../a', 'a/b', 'ä', '\u{1F512}'].map((job) => JobLock.take(request({ job }))));
    assert.ok(locks.every((lock) => lock !== undefined));
    for (const lock of locks) lock?.release();
  });
});
