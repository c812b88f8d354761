/** The history of jobs: what is kept comes back, damaged or foreign records are none, retention, runs that never ended, several processes at once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { loadOwnPosix } from '../../src/fs/index.js';
import { addTarget, decodeRun, encodeRun, JobLock, LagSeries, LIMITS, RESULTS, resultOf, targetRun, type JobRun, type LagPoint } from '../../src/job/index.js';
import { fromBytes, TwintreeError, type Problem } from '../../src/tree/index.js';
import { describeIf, useTempFolder, whyNoOtherUser } from '../support/index.js';
import { bytes, conducted, endedRun, historyIn, someOutcome, someRun, someTarget, START } from './some-runs.js';

const DAY = 86_400_000;

describe('a record of a run', () => {
  it('comes back as it was written, and its bytes do not change between versions', () => {
    const run = endedRun({ done: [someTarget()], lag: [{ at: START, ms: 5, bytes: 6 }], hooks: [{ when: 'before', command: 'mount', start: START, durationMs: 3, ok: true, exitCode: 0, trouble: null, output: 'ok' }] });
    assert.deepEqual(decodeRun(encodeRun(run)), run);
    assert.equal(encodeRun(someRun()).toString('utf8'), '{"version":1,"run":1,"end":null,"result":"running","exitCode":null,"error":null,"done":[],"problems":[],"hooks":[],"notices":[],"lag":[],"skips":0,"job":"nightly","cause":"schedule","sources":["/srv/data/"],"targets":["backup:/data"],"pid":4242,"start":1767323045000}');
  });

  it('is none where a field is missing or of another kind, is too long, or of another version', () => {
    const run = endedRun({ done: [someTarget()], problems: [{ target: 0, side: 'source', severity: 'error', code: 'unreadable', path: 'a', message: 'b' }], notices: [{ kind: 'mail', about: 'failure', to: 'a@b', at: START, ok: true, attempts: 1, trouble: null }] });
    const places = (value: unknown, at: (string | number)[] = []): (string | number)[][] => (typeof value !== 'object' || value === null ? [] : Object.entries(value).flatMap(([key, each]) => [at.concat(key)].concat(places(each, at.concat(key)))));
    const all = places(run);
    assert.ok(all.length > 45);
    fc.assert(fc.property(fc.constantFrom(...all), fc.constantFrom<unknown>(undefined, -1, {}, 'x'.repeat(2000), true, 1e300), (place, bad) => {
      const copy = structuredClone(run) as unknown as Record<string | number, unknown>;
      const parent = place.slice(0, -1).reduce<Record<string | number, unknown>>((value, key) => value[key] as Record<string | number, unknown>, copy);
      const old = parent[place.at(-1) as string];
      if (bad === undefined && Array.isArray(parent)) parent.splice(Number(place.at(-1)), 1, null);
      else parent[place.at(-1) as string] = bad;
      if (typeof bad === typeof old && typeof bad === 'boolean') return; // as good as the other
      assert.equal(decodeRun(Buffer.from(JSON.stringify(copy))), undefined, place.join('.'));
    }), { seed: 11, numRuns: 300 });
    for (const text of ['', '{', 'null', '[]', JSON.stringify({ ...run, version: 2 }), JSON.stringify({ ...run, job: 'a/b' }), JSON.stringify({ ...run, lag: Array.from({ length: LIMITS.lag + 1 }, () => ({ at: 1, ms: 1, bytes: 1 })) })]) assert.equal(decodeRun(Buffer.from(text)), undefined, text.slice(0, 40));
  });

  it('keeps the first problems of each target, errors before warnings, and counts all', () => {
    const run = someRun({ targets: ['/a', '/b'] });
    const problem = (k: number, severity: 'error' | 'warning'): Problem => ({ code: 'unreadable', phase: 'scan', path: fromBytes(Buffer.from([0x66, 0x80, 0x0a, 48 + k % 10])) as Problem['path'], side: 'source', message: 'm'.repeat(3000), severity });
    for (const at of [0, 1]) addTarget(run, targetRun(run, at, someOutcome({ exitCode: 23, problemCount: 5000, warningCount: 9, problems: [...Array.from({ length: 9 }, (_, k) => problem(k, 'warning')), ...Array.from({ length: 200 }, (_, k) => problem(k, 'error'))] }), START));
    assert.deepEqual([run.problems.length, run.problems.filter(({ target }) => target === 1).length, run.problems.filter(({ severity }) => severity === 'warning').length, run.done[1]?.problems], [50, 25, 0, 5000]);
    assert.equal(run.problems[0]?.path, 'f\\#200\\#0120');
    assert.notEqual(decodeRun(encodeRun(run)), undefined, 'it fits the bounds of what is read');
  });

  it('says what became of a run by its exit code', () => {
    assert.deepEqual([0, 24, 23, 25, 20, 1, 12, 21, 70].map(resultOf), ['success', 'success', 'partial', 'partial', 'cancelled', 'failed', 'failed', 'failed', 'failed']);
  });
});

describe('a series of lag', () => {
  it('stays bounded however long it gets, keeps its worst, and its points stand in order', () => {
    fc.assert(fc.property(fc.array(fc.record({ step: fc.integer({ min: 1, max: 5000 }), ms: fc.nat(100_000), bytes: fc.nat(1e9) }), { minLength: 1, maxLength: 400 }), (steps) => {
      const points: LagPoint[] = [];
      const series = new LagSeries(points, 1000, 16);
      let at = 0;
      for (const { step, ms, bytes: size } of steps) series.add({ at: (at += step), ms, bytes: size });
      assert.ok(points.length <= 16);
      assert.equal(Math.max(...points.map(({ ms }) => ms)), Math.max(...steps.map(({ ms }) => ms)));
      assert.equal(Math.max(...points.map((point) => point.bytes)), Math.max(...steps.map((step) => step.bytes)));
      assert.ok(points.every((point, k) => k === 0 || point.at > (points[k - 1] as LagPoint).at));
      assert.equal(points[0]?.at, steps[0]?.step);
    }), { seed: 5, numRuns: 100 });
  });
});

describe('the history of jobs', () => {
  const temp = useTempFolder('history');

  it('gives runs of each job their numbers, and finds them by job, time and result', async () => {
    const history = historyIn(temp.path);
    assert.deepEqual(await history.list(), []);
    assert.deepEqual(readdirSync(temp.path), [], 'looking makes nothing');
    const put = async (more: Partial<JobRun>): Promise<number> => {
      const run = someRun({ start: more.start ?? START });
      Object.assign(run, { job: more.job ?? 'nightly' });
      await history.begin(run);
      await history.finish({ ...endedRun({ ...more, start: run.start }), run: run.run, job: run.job });
      return run.run;
    };
    assert.deepEqual([await put({}), await put({ start: START + DAY, result: 'failed', exitCode: 12 }), await put({ job: 'nightly2' }), await put({ start: START + 2 * DAY })], [1, 2, 1, 3]);
    assert.deepEqual((await history.list({ job: 'nightly' })).map(({ run }) => run), [1, 2, 3]);
    assert.deepEqual((await history.list({ since: START + 1000 })).map(({ job, run }) => [job, run]), [['nightly', 1], ['nightly2', 1], ['nightly', 2], ['nightly', 3]], 'a run that was at work then counts');
    assert.deepEqual((await history.list({ since: START + DAY, until: START + 2 * DAY })).map(({ run }) => run), [2]);
    assert.deepEqual((await history.list({ limit: 2 })).map(({ run }) => run), [2, 3]);
    assert.equal((await history.last('nightly', ['failed']))?.run, 2);
    const [first, second] = await history.summaries({ since: START + 2 * DAY });
    assert.deepEqual([first?.job, first?.runs.length, first?.lastSuccess?.run, first?.lastFailure?.run, first?.totals.success, first?.totals.failed], ['nightly', 1, 3, 2, 2, 1]);
    assert.deepEqual([second?.job, second?.runs.length, second?.lastFailure], ['nightly2', 0, undefined]);
  });

  it('keeps so many runs of a job and so many days, the newest always, and totals of all that ever were', async () => {
    const history = historyIn(temp.path);
    for (let k = 0; k < 7; k++) {
      const run = someRun({ start: START + k * DAY });
      await history.begin(run);
      await history.finish({ ...endedRun({ start: run.start, done: [someTarget()] }), run: run.run }, { runs: 3, days: 400 });
    }
    assert.deepEqual((await history.list()).map(({ run }) => run), [5, 6, 7]);
    const [before] = await history.summaries();
    assert.deepEqual([before?.totals.success, before?.totals.matchedBytes], [7, 28_000_000]);
    const late = someRun({ start: START + 100 * DAY });
    await history.begin(late);
    await history.finish({ ...endedRun({ start: late.start }), run: late.run }, { runs: 3, days: 10 });
    assert.deepEqual((await history.list()).map(({ run }) => run), [8]);
    await history.finish({ ...endedRun({ start: late.start, notices: [{ kind: 'mail', about: 'failure', to: 'a', at: 1, ok: false, attempts: 1, trouble: 'x' }] }), run: 8 }, { runs: 1, days: 0 });
    const [after] = await history.summaries();
    assert.deepEqual([after?.totals.success, after?.totals.notices, after?.runs.length], [8, 1, 1], 'what comes after the end is counted once');
  });

  it('counts runs that were left out in a row as one', async () => {
    const history = historyIn(temp.path);
    const first = someRun();
    await history.begin(first);
    for (let k = 1; k <= 5; k++) await history.skipped({ ...someRun({ start: START + k * 1000 }), end: START + k * 1000 }, { runs: 2, days: 1 });
    const runs = await history.list();
    assert.deepEqual(runs.map(({ run, skips, start, end }) => [run, skips, start, end]), [[1, 0, START, null], [2, 5, START + 1000, START + 5000]]);
    assert.equal((await history.summaries())[0]?.totals.skipped, 5);
  });

  it('takes a run whose lock nobody holds for interrupted, at once for who looks and for ever when the next one begins', async () => {
    const history = historyIn(temp.path);
    const request = { posix: loadOwnPosix(), stateFolder: bytes(temp.path), job: 'nightly', policy: 'skip', own: false, signal: new AbortController().signal } as const;
    const lock = await JobLock.take(request);
    assert.ok(lock !== undefined);
    const run = someRun({ pid: process.pid, start: lock.holder.since });
    await history.begin(run);
    assert.equal((await history.last('nightly'))?.result, 'running');
    lock.release();
    assert.equal((await history.last('nightly'))?.result, 'interrupted');
    assert.equal((await history.summaries())[0]?.totals.interrupted, 0);
    const next = await conducted(temp.path);
    assert.deepEqual((await history.list()).map(({ run: number, result }) => [number, result]), [[1, 'interrupted'], [2, 'success']]);
    assert.deepEqual([next.run, (await history.summaries())[0]?.totals.interrupted], [2, 1]);
    const [standing] = await history.standings();
    assert.deepEqual([standing?.totals.lastFailure, standing?.totals.failingSince, standing?.last?.run, standing?.ended?.run], [run.start, null, 2, 2]);
  });

  it('tells how each job stands without a look at all of its runs, and after they have gone', async () => {
    const history = historyIn(temp.path);
    assert.deepEqual(await history.standings(), []);
    const codes = [0, 12, 79, 23, 79, 79];
    for (const [k, exitCode] of codes.entries()) {
      const run = someRun({ start: START + k * 1000 });
      if (exitCode === 79) await history.skipped({ ...run, end: run.start }, { runs: 2, days: 400 });
      else {
        await history.begin(run);
        await history.finish({ ...endedRun({ start: run.start, exitCode, result: resultOf(exitCode) }), run: run.run }, { runs: 2, days: 400 });
      }
    }
    const [standing] = await history.standings();
    assert.deepEqual([standing?.job, standing?.last?.run, standing?.ended?.run, standing?.totals.lastRun], ['nightly', 4, 4, 5]);
    assert.deepEqual([standing?.totals.lastSuccess, standing?.totals.failingSince, standing?.totals.lastFailure, standing?.totals.skipped], [START + 60_000, START + 1000, START + 3000, 3]);
    assert.deepEqual((await history.list()).map(({ run }) => run), [4, 5]);
  });

  it('is damaged: it is set aside, told, and begun anew; written by a newer version: it is refused', async () => {
    const notices: string[] = [];
    const history = historyIn(temp.path, notices);
    await conducted(temp.path);
    truncateSync(temp.at('history', 'store', 'data.mdb'), 5000);
    assert.deepEqual(await history.list(), []);
    assert.equal(notices.length, 1);
    assert.match(notices[0] as string, /set aside and is begun anew/);
    await conducted(temp.path);
    assert.equal((await history.list()).length, 1);
    const format = temp.at('history', 'format.json');
    writeFileSync(format, readFileSync(format, 'utf8').replace('"format": 1', '"format": 2'));
    await assert.rejects(history.list(), (error) => error instanceof TwintreeError && error.code === 'STATE' && /newer/.test(error.message) && /loses what is known of past runs/.test(error.advice ?? ''));
  });

  it('is written by several runs at once and loses none', async () => {
    const names = Array.from({ length: 12 }, (_, k) => `job${k}`);
    const runs = await Promise.all(names.flatMap((job) => [conducted(temp.path, { job, overlap: 'queue' }), conducted(temp.path, { job, overlap: 'queue' })]));
    assert.deepEqual(new Set(runs.map(({ result }) => result)), new Set(['success']));
    const kept = await historyIn(temp.path).list();
    assert.deepEqual(names.map((job) => kept.filter((run) => run.job === job).map(({ run }) => run)), names.map(() => [1, 2]));
    assert.ok(kept.every(({ result }) => RESULTS.includes(result) && result !== 'running'));
  });

  describeIf('where nothing can be written', whyNoOtherUser(), () => {
    it('says so and lets the run go on, where the lock can be had', async () => {
      mkdirSync(temp.at('jobs'));
      writeFileSync(temp.at('history'), 'a file in its place');
      const said: string[] = [];
      const run = await conducted(temp.path, { say: (message) => { said.push(message); } });
      assert.deepEqual([run.result, run.exitCode], ['success', 0]);
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0] as string, /the history of this run cannot be kept: .*history: the state folder cannot be made/);
    });

    it('refuses the run where no lock can be had', () => {
      chmodSync(temp.path, 0o755);
      const script = `
        const { conducted } = await import(${JSON.stringify(new URL('./some-runs.js', import.meta.url).href)});
        await conducted(process.argv[1], { work: () => { console.log('worked'); return Promise.resolve({ exitCode: 0 }); } }).then(() => console.log('went on'), (error) => console.log(error.code, error.advice));
      `;
      const done = spawnSync(process.execPath, ['--input-type=module', '-e', script, temp.path], { uid: 65534, gid: 65534, encoding: 'utf8', env: { PATH: process.env['PATH'] } });
      assert.equal(done.stdout, 'IO Set TWINTREE_STATE_DIR to a folder that can be written.\n', done.stderr);
    });
  });
});
