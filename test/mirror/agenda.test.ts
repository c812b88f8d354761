/** What a mirror does next and when, with the time handed in; what errors and outcomes mean to it; what hints mean to a session. */
import assert from 'node:assert/strict';
import { Agenda, Backoff, dirtyPaths, judgeError, judgeOutcome, parseStatus, ReadTimes, ruleFileNames, widened, type AgendaOptions, type Hint, type Job } from '../../src/mirror/index.js';
import { someStatus } from './some-status.js';
import { newOutcome } from '../../src/session/index.js';
import { TwintreeError, type ErrorCode, type Problem } from '../../src/tree/index.js';
import { b } from './support.js';

const QUIET = 10;
const LONGEST = 50;
const DAY = 1_000_000;

const hint = (path: string, at = 0, more: Partial<Hint> = {}): Hint => ({ path: b(path), scope: 'entry', reason: 'modified', at, gone: false, ...more });
const agenda = (more: Partial<AgendaOptions> = {}): Agenda => new Agenda({ quietMs: QUIET, longestMs: LONGEST, reconcileMs: DAY, ...more });
const paths = (job: Job | undefined): string[] | undefined => job?.hints.map(({ path }) => path);

/** An agenda behind its first copy, at 0. */
function begun(more: Partial<AgendaOptions> = {}): Agenda {
  const a = agenda(more);
  a.wantFull('start', 0);
  a.done(a.next(0) as Job, [], false, 0);
  return a;
}

describe('the agenda of a mirror', () => {
  it('begins with everything, then settles changes into batches', () => {
    const a = agenda();
    a.wantFull('start', 0);
    a.add(hint('early', 0), 0);
    const full = a.next(0) as Job;
    assert.deepEqual([full.kind, full.reason, full.first], ['full', 'start', 0]);
    a.add(hint('meanwhile', 1), 1); // while the first copy runs: another look is due after it
    a.done(full, [], false, 5);
    assert.equal(a.nextAt(), 1 + QUIET);
    assert.equal(a.next(1 + QUIET - 1), undefined);
    assert.deepEqual(paths(a.next(1 + QUIET)), ['meanwhile']);
    assert.ok(a.idle);
  });

  it('rests after a batch as long as it took, not longer than the quiet time, and less behind a large one', () => {
    const a = begun({ gatherMs: 0 });
    const saved = (path: string, at: number): void => a.add(hint(path, at, { complete: true }), at);
    saved('a', 20);
    const job = a.next(20) as Job;
    saved('b', 22);
    a.done(job, [], false, 24);
    assert.equal(a.nextAt(), 28);
    assert.equal(a.next(27), undefined);
    const second = a.next(28) as Job;
    assert.deepEqual(paths(second), ['b']);
    saved('c', 90);
    a.done(second, [], false, 100);
    assert.equal(a.nextAt(), 100 + QUIET);
    for (let k = 0; k < 128; k++) saved(`many${k}`, 105);
    const many = a.next(110) as Job;
    assert.equal(many.hints.length, 129);
    saved('d', 120);
    a.done(many, [], false, 200);
    assert.ok((a.nextAt() as number) < 200 + QUIET / 2);
    a.next(205);
    a.wantFull('asked', 205);
    assert.equal(a.next(205)?.kind, 'full', 'only batches rest');
  });

  it('takes a small share of the time for full sessions that may come later', () => {
    const a = agenda();
    a.wantFull('start', 0);
    a.done(a.next(0) as Job, [], false, 100); // it took 100
    a.wantFullLater('hard links', 200, 150);
    a.wantFullLater('hard links', 300, 120);
    assert.deepEqual([a.nextAt(), a.oldest(), a.next(2199)], [2200, 120, undefined]);
    a.add(hint('a', 400), 400);
    assert.deepEqual(paths(a.next(410)), ['a'], 'batches go on meanwhile');
    assert.deepEqual(a.next(2200)?.reason, 'hard links');
  });

  it('takes a hint for everything, and the timetable, as a full session', () => {
    const a = begun();
    a.add(hint('a', 1), 1);
    a.add(hint('', 2, { scope: 'subtree', reason: 'overflow' }), 2);
    const job = a.next(2) as Job;
    assert.deepEqual([job.kind, job.reason, job.first], ['full', 'overflow', 1]);
    a.done(job, [], false, 3);
    assert.equal(a.nextAt(), 3 + DAY);
    const later = a.next(3 + DAY) as Job;
    assert.deepEqual([later.kind, later.reason, later.first], ['full', 'timetable', undefined]);
    assert.equal(a.backlog().whole, false, 'no change waits because of the timetable');
  });

  it('keeps the paths of a session that failed, and tries again ever later', () => {
    const a = begun();
    a.add(hint('a', 1), 1);
    let now = 20;
    for (const wait of [500, 1000, 2000]) {
      const job = a.next(now) as Job;
      assert.deepEqual(paths(job), ['a']);
      assert.equal(a.failedWhole(job, now), now + wait);
      assert.equal(a.next(now + wait - 1), undefined);
      now += wait;
    }
    assert.equal(a.oldest(), 1);
    const job = a.next(now) as Job;
    a.done(job, [], false, now);
    assert.deepEqual([a.idle, a.oldest()], [true, undefined]);
    a.add(hint('b', now), now);
    assert.equal(a.failedWhole(a.next(now + QUIET) as Job, now + QUIET), now + QUIET + 500, 'it went well between');
  });

  it('tries failed paths again by themselves, while others go on', () => {
    const a = begun();
    for (const path of ['bad', 'good']) a.add(hint(path, 1), 1);
    const stay = a.done(a.next(20) as Job, [b('bad')], false, 20);
    assert.deepEqual(stay.map(({ path }) => path), ['bad']);
    assert.deepEqual(a.backlog(), { paths: 1, failed: 1, whole: false });
    a.add(hint('other', 30), 30);
    assert.deepEqual(paths(a.next(40)), ['other']);
    assert.equal(a.nextAt(), 520);
    const retry = a.next(520) as Job;
    assert.deepEqual([retry.kind, paths(retry)], ['retry', ['bad']]);
    a.done(retry, [b('bad')], false, 520);
    assert.equal(a.nextAt(), 520 + 1000);
    a.done(a.next(1520) as Job, [], false, 1520);
    assert.ok(a.idle);
  });

  it('has all due at once where somebody waits', () => {
    const a = begun();
    a.add(hint('bad', 1), 1);
    a.done(a.next(20) as Job, [b('bad')], false, 20);
    a.wantFullLater('hard links', 20, 20);
    assert.equal(a.next(30), undefined);
    a.hurry(30);
    assert.equal(a.next(30)?.kind, 'full');
    a.add(hint('bad', 31), 31);
    a.done(a.next(60) as Job, [b('bad')], false, 60);
    a.hurry(61);
    const again = a.next(61) as Job;
    assert.deepEqual(again.hints.map(({ path }) => path), ['bad'], 'what failed is in the batch with all else, once');
    a.done(again, [], false, 61);
    a.add(hint('late', 61), 61);
    const late = a.next(61) as Job;
    assert.ok(late.hints.some(({ path }) => path === 'late'), 'also what comes before all is done');
    a.putBack(late, 61);
    assert.equal(a.nextAt(), -Infinity);
    a.done(a.next(61) as Job, [], false, 61);
    assert.equal(a.next(62), undefined);
    a.add(hint('later', 62), 62);
    assert.equal(a.next(62), undefined, 'and no longer');
    a.hold();
    a.add(hint('other', 62), 62);
    a.hurry(62);
    assert.equal(a.next(100), undefined, 'but for a hold');
  });

  it('counts the age of what was sent while it changed from that session on', () => {
    const a = begun();
    const changing = (path: unknown): boolean => path === b('hot');
    a.add(hint('hot', 1), 1);
    a.add(hint('bad', 2), 2);
    a.done(a.next(20) as Job, [b('hot')], false, 30, changing, changing);
    assert.equal(a.oldest(), 20);
    a.add(hint('hot', 40), 40);
    a.done(a.next(80) as Job, [b('hot')], false, 90, changing, changing);
    assert.equal(a.oldest(), 80, 'known from before, and sent once more');
    a.done(a.next(600) as Job, [b('hot')], false, 610, changing);
    assert.equal(a.oldest(), 80, 'put off: the target has it as it was');
  });

  it('does not try again what went well meanwhile, because it was heard of', () => {
    const a = agenda();
    a.wantFull('start', 0);
    a.done(a.next(0) as Job, [b('file'), b('folder')], false, 0, (path) => path === 'file');
    for (const path of ['file', 'folder', 'other']) a.add(hint(path, 1), 1);
    a.done(a.next(20) as Job, [], false, 20);
    const retry = a.next(500) as Job;
    assert.deepEqual(retry.hints.map(({ path, scope }) => [path, scope]), [['folder', 'subtree']], 'of a folder more may be wrong than was heard');
    a.done(retry, [b('folder')], false, 500);
    a.add(hint('folder', 501, { scope: 'subtree' }), 501);
    a.done(a.next(520) as Job, [], false, 520);
    assert.deepEqual([a.idle, a.nextAt()], [true, DAY], 'but for the timetable');
  });

  it('looks once more at what stood beside a path that could not be read, for nothing was deleted then', () => {
    const a = begun();
    for (const path of ['bad/x', 'gone']) a.add(hint(path, 1, { gone: path === 'gone' }), 1);
    const job = a.next(20) as Job;
    assert.equal(a.done(job, [b('bad')], true, 20).length, 2);
    assert.deepEqual(paths(a.next(a.nextAt() as number)), ['gone']);
  });

  it('makes up for deletions that a full session held back, when all can be read', () => {
    const a = agenda();
    a.wantFull('start', 0);
    a.done(a.next(0) as Job, [b('closed')], true, 0);
    const retry = a.next(500) as Job;
    assert.deepEqual(retry.hints.map(({ path, scope }) => [path, scope]), [['closed', 'subtree']]);
    a.done(retry, [], false, 500);
    assert.equal(a.next(500)?.reason, 'deletions were held back');
  });

  it('comes back soon where something went while it was looked for, so that nothing was deleted', () => {
    const a = begun();
    for (const at of [1, 101]) { // one batch after the other: the second makes the first wait no longer
      a.add(hint(`a${at}`, at), at);
      a.done(a.next(at + QUIET) as Job, [], true, at + QUIET);
    }
    const retry = a.next(11 + 500) as Job;
    assert.deepEqual(paths(retry), ['a1', 'a101']);
    a.done(retry, [], true, 511);
    assert.equal(a.nextAt(), 511 + 1000);
    a.done(a.next(1511) as Job, [], false, 1511);
    a.wantFull('overflow', 2000);
    a.done(a.next(2000) as Job, [], true, 2000);
    assert.equal(a.next(2499), undefined);
    assert.equal(a.next(2500)?.kind, 'full');
  });

  it('holds until it is told to go on', () => {
    const a = begun();
    a.wantFull('a guard refused', 1);
    a.putBack(a.next(1) as Job, 1);
    a.hold();
    a.add(hint('x', 2), 2);
    assert.equal(a.next(1e6), undefined);
    assert.equal(a.nextAt(), Infinity);
    a.go();
    assert.equal(a.next(1e6)?.kind, 'full');
  });

  it('holds only so many failed paths: then everything is in doubt', () => {
    const a = begun({ mostFailed: 3 });
    for (let k = 0; k < 5; k++) a.add(hint(`f${k}`, 1), 1);
    const job = a.next(20) as Job;
    a.done(job, job.hints.map(({ path }) => path), false, 20);
    assert.deepEqual(a.backlog(), { paths: 0, failed: 0, whole: true });
    assert.equal(a.next(520)?.kind, 'full');
  });
});

describe('what a mirror makes of things', () => {
  it('waits twice as long each time, up to a minute', () => {
    const wait = new Backoff();
    assert.deepEqual(Array.from({ length: 9 }, () => wait.next()), [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('tells errors that pass from those that a person decides and those that stay', () => {
    const verdict = (code: ErrorCode, well: boolean): string => judgeError(new TwintreeError(code, 'x'), well);
    for (const code of ['CONNECT', 'CONNECTION_LOST', 'LOCKED', 'NO_SPACE', 'TIMEOUT'] as const) assert.equal(verdict(code, false), 'retry');
    for (const code of ['TARGET_NOT_MADE', 'NOT_TWINTREE'] as const) assert.deepEqual([verdict(code, false), verdict(code, true)], ['end', 'retry']);
    assert.equal(verdict('REFUSED', true), 'hold');
    assert.deepEqual([true, false].map((well) => judgeError(new TwintreeError('REFUSED', 'x'), well, false)), ['retry', 'end'], 'there is no limit to lift');
    for (const code of ['USAGE', 'UNSUPPORTED', 'INTERNAL'] as const) assert.equal(verdict(code, true), 'end');
    assert.equal(judgeError(new Error('a fault'), true), 'end');
  });

  it('takes an outcome for done as far as its problems allow', () => {
    const problem = (code: Problem['code'], severity: Problem['severity']): Problem => ({ code, severity, path: b(code), phase: 'apply', side: 'target', message: 'x' });
    const judge = (exitCode: number, problems: Problem[], count = problems.length): unknown => {
      const { nothing, failed } = judgeOutcome({ ...newOutcome(), exitCode, problems, problemCount: count });
      return [nothing, [...failed.keys()]];
    };
    assert.deepEqual(judge(0, []), [false, []]);
    assert.deepEqual(judge(24, [problem('vanished', 'warning')]), [false, []]);
    assert.deepEqual(judge(23, [problem('write-failed', 'error'), problem('vanished', 'warning')]), [false, ['write-failed']]);
    assert.deepEqual(judge(0, [problem('changed', 'warning')]), [false, ['changed']]);
    assert.deepEqual(judge(23, []), [true, []], 'it failed, and nobody knows where');
    assert.deepEqual(judge(23, [problem('write-failed', 'error')], 20_000), [true, ['write-failed']], 'not all are known');
    assert.deepEqual(judge(25, []), [true, []]);
  });

  it('knows when sessions read, for so many of them', () => {
    const times = new ReadTimes();
    times.add(1000, 1100);
    assert.deepEqual([979, 980, 1120, 1121].map((time) => times.has(b('any'), time)), [false, true, true, false]);
    for (let k = 0; k < 64; k++) times.add(5000 + k, 5000 + k);
    assert.equal(times.has(b('any'), 1050), false);
    for (let k = 0; k < 100; k++) times.add(7000 + k, 7000 + k, [b(`f${k}`)]);
    assert.deepEqual([times.has(b('f3'), 7003), times.has(b('f3'), 7090), times.has(b('other'), 7003)], [true, false, false], 'each path by itself, also behind many sessions');
    for (let k = 1; k <= 4; k++) times.add(8000 * k, 8000 * k, [b('f3')]);
    assert.deepEqual([times.has(b('f3'), 7003), times.has(b('f3'), 8000)], [false, true], 'its last sessions');
  });

  it('looks at the folder of each path too, and at all of a folder whose rule file changed', () => {
    const of = (...hints: Hint[]): string[] => dirtyPaths(hints).map(({ path, depth }) => `${depth} ${path}`);
    assert.deepEqual(of(hint('a/b'), hint('a/c', 0, { gone: true }), hint('d', 0, { scope: 'subtree' }), hint('', 0, { scope: 'listing' })), ['entry a/b', 'entry a/c', 'tree d', 'listing ', 'entry a', 'entry ']);
    const rules = ruleFileNames([], true);
    assert.deepEqual(of(widened(hint('a/.gitignore'), rules)), ['tree a', 'entry ']);
    assert.deepEqual(of(widened(hint('a/gitignore'), rules)), ['entry a/gitignore', 'entry a']);
  });

  it('reads a status only where every field is what it should be', () => {
    const held = { id: 'a', message: 'm', at: 1, deletions: 2, names: ['x'] };
    const status = someStatus({ phase: 'held', lastSuccess: null, rate: 5, pausedSince: 6, pauses: ['asked'], held, failure: { code: 'X', message: 'y', retryAt: null }, failing: [{ path: 'p', code: 'write-failed', message: 'm' }] });
    const text = JSON.stringify(status);
    assert.deepEqual(parseStatus(text), status);
    assert.equal(parseStatus(text.slice(0, -1)), undefined);
    for (const key of Object.keys(status)) for (const bad of [...(key === 'failingBy' ? [] : [{}]), -1, [3], [{}], true]) assert.equal(parseStatus(JSON.stringify({ ...status, [key]: bad })), undefined, `${key} ${JSON.stringify(bad)}`);
  });
});
