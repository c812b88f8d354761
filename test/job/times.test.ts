/** A job's schedules as the planner asks for them, together with the planner, under a clock of the test's own. */
import assert from 'node:assert/strict';
import { Planner, type Cause } from '../../src/job/agent/planner.js';
import { jobTimes, type JobTimes } from '../../src/job/index.js';
import { job, load } from './support.js';

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

const times = (body: string): JobTimes => jobTimes(job(load(`defaults: { timeZone: UTC }\njobs: { a: { source: /a, targets: /b, ${body} } }`), 'a'));

/** Runs the agent's loop: wakes when the planner asks for it (or sleeps past it), and lets each run last so long, or until it has to stop. */
function simulate(of: JobTimes, from: string, to: string, { lasts = 0, last = undefined as string | undefined, asleep = [] as readonly [string, string][] } = {}): string[] {
  const planner = new Planner(1);
  const log: string[] = [];
  let now = at(from);
  planner.load([of], now, () => (last === undefined ? undefined : at(last)));
  let end: { at: number; stopped: boolean; cause: Cause } | undefined;
  let left = 0;
  while (now <= at(to)) {
    if (end !== undefined && end.at <= now) {
      const over = end;
      end = undefined;
      log.push(`${new Date(now).toISOString().slice(5, 16)} ${over.stopped ? 'stopped' : 'done'}`);
      planner.ended('a', now);
      if (over.stopped) of.resume(over.cause, now);
      if (over.stopped) planner.load([of], now, () => undefined); // it looks for the next instant anew
    }
    for (const decision of planner.look(now)) {
      if (decision.do !== 'start') continue;
      planner.started('a', now);
      if (left <= 0) left = lasts;
      const stop = of.stopAt(decision.cause, now) ?? Infinity;
      end = { at: Math.min(now + left, stop), stopped: stop < now + left, cause: decision.cause };
      left -= end.at - now;
      log.push(`${new Date(now).toISOString().slice(5, 16)} ${decision.cause.kind}`);
    }
    now = Math.min(end?.at ?? Infinity, planner.wake() ?? Infinity);
    if (now === Infinity) break;
    for (const [sleep, wake] of asleep) if (now > at(sleep) && now < at(wake)) now = at(wake);
  }
  return log;
}

describe('the times of a job', () => {
  it('a run that its window stops goes on when it opens again, until it is done', () => {
    assert.deepEqual(simulate(times('schedule: "0 23 * * sat", window: 22-6'), '2026-11-28T12:00Z', '2026-12-02T00:00Z', { lasts: 18 * HOUR }), [
      '11-28T23:00 schedule', '11-29T06:00 stopped', '11-29T22:00 schedule', '11-30T06:00 stopped', '11-30T22:00 schedule', '12-01T01:00 done',
    ]);
  });

  it('its longest time stops it, too, and it goes on next time', () => {
    const of = times('schedule: "0 0 * * *", limits: { runTime: 2h }');
    const due = at('2026-11-29T00:00Z');
    assert.equal(of.stopAt({ kind: 'schedule', due }, due + 5000), due + 5000 + 2 * HOUR);
    assert.equal(of.stopAt({ kind: 'asked' }, due), due + 2 * HOUR);
    assert.equal(times('schedule: "0 0 * * *", window: 22-1, limits: { runTime: 2h }').stopAt({ kind: 'schedule', due }, due), due + HOUR);
    assert.equal(times('schedule: "0 0 * * *", window: 22-1').stopAt({ kind: 'asked' }, due), undefined, 'what a person asks for keeps to no window');
  });

  it('what was missed while the machine was off is made up for at once, or when the window opens', () => {
    assert.deepEqual(simulate(times('schedule: "0 2 * * *"'), '2026-11-28T12:00Z', '2026-11-29T03:00Z', { last: '2026-11-20T02:00Z' }), ['11-28T12:00 catch-up', '11-28T12:00 done', '11-29T02:00 schedule', '11-29T02:00 done']);
    assert.deepEqual(simulate(times('schedule: "0 2 * * *", window: 22-6'), '2026-11-28T12:00Z', '2026-11-29T03:00Z', { last: '2026-11-20T02:00Z' }), ['11-28T22:00 schedule', '11-28T22:00 done', '11-29T02:00 schedule', '11-29T02:00 done']);
    assert.deepEqual(simulate(times('schedule: "0 2 * * *", catchUp: none'), '2026-11-28T12:00Z', '2026-11-29T03:00Z', { last: '2026-11-20T02:00Z' }), ['11-29T02:00 schedule', '11-29T02:00 done']);
    assert.equal(simulate(times('schedule: "0 2 * * *", catchUp: all'), '2026-11-28T12:00Z', '2026-11-28T23:00Z', { last: '2026-11-20T02:00Z' }).filter((line) => /catch-up/.test(line)).length, 8);
  });

  it('a sleep in between is a time that was missed', () => {
    assert.deepEqual(simulate(times('schedule: "0 * * * *"'), '2026-11-28T12:30Z', '2026-11-28T20:00Z', { asleep: [['2026-11-28T13:30Z', '2026-11-28T18:20Z']] }).filter((line) => !line.endsWith('done')),
      ['11-28T13:00 schedule', '11-28T18:20 catch-up', '11-28T19:00 schedule', '11-28T20:00 schedule']);
  });

  it('a job that is not enabled, or has no schedule, is due never', () => {
    assert.deepEqual([times('schedule: "@daily", enabled: false').next(0), times('priority: 1').next(0), times('schedule: "@daily", enabled: false').missed(0, at('2026-11-28T12:00Z'))], [undefined, undefined, []]);
  });
});
