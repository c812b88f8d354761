/** Which job runs when: over years of schedules, with a clock that is set, with runs that overlap. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Planner, type Cause, type Decision, type PlannedJob } from '../../src/job/agent/planner.js';
import type { OverlapPolicy } from '../../src/job/index.js';
import { Calendar, type CatchUp } from '../../src/schedule/index.js';

const MINUTE = 60_000;
/** A midnight. */
const T0 = Date.UTC(2023, 10, 15);

/** A job that is due each `every` ms. */
function job(name: string, every: number, more: { overlap?: OverlapPolicy; priority?: number; live?: boolean; catchUp?: CatchUp; window?: string } = {}): PlannedJob {
  const { overlap = 'skip', priority = 0, live = false, catchUp = 'once', window } = more;
  return { name, overlap, priority, live, calendar: new Calendar(live ? [] : [{ when: { kind: 'interval', everyMs: every, anchor: 0 }, zone: 'UTC', jitterMs: 0, window, catchUp }], name) };
}

const kindOf = (cause: Cause): string => (cause.kind === 'schedule' && cause.run.moves.some((move) => move.kind === 'missed') ? 'missed' : cause.kind);
const short = (decisions: Decision[]): string[] => decisions.map((each) => (each.do === 'cancel' ? `cancel ${each.job}` : `${each.do} ${each.job} ${kindOf(each.cause)}`));
const never = (): undefined => undefined;

describe('what runs when', () => {
  /** Does what it is told at once; a run takes `takes` ms. */
  function live(planner: Planner, from: number, to: number, takes: number, step: number): { at: number; job: string; kind: string }[] {
    const begun: { at: number; job: string; kind: string }[] = [];
    const ends: { at: number; job: string }[] = [];
    for (let now = from; now <= to; now += step) {
      for (let at = 0; at < ends.length;) {
        const end = ends[at] as { at: number; job: string };
        if (end.at > now) at++;
        else {
          ends.splice(at, 1);
          planner.ended(end.job, now);
        }
      }
      for (const each of planner.look(now)) {
        if (each.do !== 'start') continue;
        begun.push({ at: now, job: each.job, kind: kindOf(each.cause) });
        planner.started(each.job, now);
        ends.push({ at: now + takes, job: each.job });
      }
    }
    return begun;
  }

  it('is each instant of the schedule once, for years', () => {
    const planner = new Planner(1);
    planner.load([job('daily', 1440 * MINUTE)], T0, never);
    const begun = live(planner, T0, T0 + 3 * 366 * 1440 * MINUTE, 5 * MINUTE, 7 * MINUTE);
    assert.ok(begun.length >= 3 * 365 && begun.length <= 3 * 366 + 1, `${begun.length}`);
    assert.equal(new Set(begun.map(({ at }) => Math.floor(at / (1440 * MINUTE)))).size, begun.length, 'none twice');
  });

  it('is nothing twice where the clock is set back, and what was missed where it is set forward', () => {
    const planner = new Planner(1);
    planner.load([job('j', 10 * MINUTE, { catchUp: 'all' })], T0, never);
    const first = planner.wake() ?? 0;
    assert.deepEqual(short(planner.look(first)), ['start j schedule']);
    planner.started('j', first);
    planner.ended('j', first + 1);
    assert.deepEqual(short(planner.look(first - 30 * MINUTE)), []);
    assert.deepEqual(short(planner.look(first)), [], 'the same instant again');
    assert.deepEqual(short(planner.look(first + 35 * MINUTE)), ['start j missed']);
    assert.equal(planner.standing('j')?.waiting, 2);
    assert.deepEqual(short(planner.look(first - 24 * 60 * MINUTE)), [], 'a clock that was a day ahead');
    assert.ok((planner.wake() ?? Infinity) <= first - 24 * 60 * MINUTE + 10 * MINUTE, 'is followed as it stands now');
  });

  it('is made up for as the job says, after a time in which nobody looked', () => {
    for (const [catchUp, starts] of [['none', 0], ['once', 1], ['all', 5]] as const) {
      const planner = new Planner(1);
      planner.load([job('j', 10 * MINUTE, { catchUp })], T0 + 55 * MINUTE, () => T0);
      const begun = live(planner, T0 + 55 * MINUTE, T0 + 59 * MINUTE, 1, 1000);
      assert.deepEqual(begun.map(({ kind }) => kind), Array.from({ length: starts }, () => 'missed'), catchUp);
    }
  });

  it('may wait for the run before, be left, or take its place', () => {
    const at = (overlap: OverlapPolicy): string[] => {
      const planner = new Planner(3);
      planner.load([job('j', 10 * MINUTE, { overlap })], T0, never);
      const due = planner.wake() ?? 0;
      const told = short(planner.look(due));
      planner.started('j', due);
      told.push(...short(planner.look(due + 10 * MINUTE)), ...short(planner.look(due + 10 * MINUTE + 1)), ...short(planner.look(due + 20 * MINUTE)));
      planner.ended('j', due + 21 * MINUTE);
      told.push(...short(planner.look(due + 21 * MINUTE)));
      return told;
    };
    assert.deepEqual(at('skip'), ['start j schedule', 'skip j schedule', 'skip j schedule']);
    assert.deepEqual(at('queue'), ['start j schedule', 'skip j schedule', 'start j schedule'], 'one waits, a second does not');
    assert.deepEqual(at('cancel-previous'), ['start j schedule', 'cancel j', 'skip j schedule', 'start j schedule'], 'told once to end');
  });

  it('goes on when the window opens again that ended a run', () => {
    const planner = new Planner(1);
    planner.load([job('j', 24 * 60 * MINUTE, { window: '00:00-06:00' })], T0 - 60 * MINUTE, never);
    const [begun] = planner.look(T0);
    assert.ok(begun?.do === 'start' && begun.cause.kind === 'schedule' && begun.cause.run.until === T0 + 360 * MINUTE);
    planner.started('j', T0);
    planner.ended('j', T0 + 360 * MINUTE, begun.cause.run);
    assert.deepEqual(short(planner.look(T0 + 361 * MINUTE)), []);
    assert.equal(planner.wake(), T0 + 1440 * MINUTE);
    const next = planner.look(T0 + 1440 * MINUTE);
    assert.ok(next.some((each) => each.do === 'start' && each.cause.kind === 'schedule' && each.cause.run.moves.some(({ kind: move }) => move === 'resumed')));
  });

  it('has so many places, for the more urgent first, then for who waits longest', () => {
    const planner = new Planner(2);
    planner.load([job('late', 10 * MINUTE), job('urgent', 10 * MINUTE, { priority: 5 }), job('other', 10 * MINUTE)], T0, never);
    const due = planner.wake() ?? 0;
    const first = short(planner.look(due));
    assert.deepEqual(first, ['start urgent schedule', 'start late schedule']);
    for (const name of ['urgent', 'late']) planner.started(name, due);
    assert.deepEqual(short(planner.look(due + 1)), []);
    planner.ended('late', due + 2);
    assert.deepEqual(short(planner.look(due + 2)), ['start other schedule']);
  });

  it('keeps live jobs at work, beside the places, with longer and longer waits', () => {
    const planner = new Planner(1);
    planner.load([job('mirror', 1, { live: true })], T0, never);
    let now = T0;
    const waits: number[] = [];
    for (let k = 0; k < 12; k++) {
      const [decision] = planner.look(now);
      assert.deepEqual(decision, { do: 'start', job: 'mirror', cause: { kind: 'live', attempt: k } });
      planner.started('mirror', now);
      assert.equal(planner.wake(), undefined);
      planner.ended('mirror', now += 100);
      waits.push((planner.wake() ?? 0) - now);
      now = planner.wake() ?? 0;
    }
    assert.deepEqual(waits.slice(0, 4), [1000, 2000, 4000, 8000]);
    assert.equal(Math.max(...waits), 300_000);
    planner.look(now);
    planner.started('mirror', now);
    planner.ended('mirror', now + 3_600_000);
    assert.equal(planner.wake(), now + 3_600_000 + 1000, 'it was sound');
    planner.pause('mirror');
    assert.deepEqual(planner.look(now + 9_000_000), []);
    planner.resume('mirror', now + 9_000_000);
    assert.deepEqual(short(planner.look(now + 9_000_000)), ['start mirror live']);
  });

  it('keeps what is at work and what waits where the jobs are loaded anew, and counts what is no job any more as long as it is at work', () => {
    const planner = new Planner(1);
    planner.load([job('a', 10 * MINUTE, { overlap: 'queue' }), job('b', 10 * MINUTE)], T0, never);
    const due = planner.wake() ?? 0;
    assert.deepEqual(short(planner.look(due)), ['start a schedule']);
    planner.started('a', due);
    planner.load([job('b', 20 * MINUTE)], due + 1, never);
    assert.deepEqual(short(planner.look(due + 1)), [], 'the place is taken');
    planner.ended('a', due + 2);
    assert.deepEqual(short(planner.look(due + 2)), ['start b schedule']);
  });

  it('follows a schedule that is written anew from that moment on, not for what has passed', () => {
    const planner = new Planner(1);
    planner.load([job('j', 1440 * MINUTE)], T0, never);
    const noon = T0 + 600 * MINUTE;
    planner.look(noon);
    for (const end of short(planner.look(noon))) assert.match(end, /^start/);
    planner.load([job('j', 60 * MINUTE, { catchUp: 'all' })], noon, never);
    assert.deepEqual(short(planner.look(noon)), []);
    assert.ok((planner.wake() ?? 0) > noon);
  });

  it('is what a person asks for, once, also of a paused job when it goes on', () => {
    const planner = new Planner(1);
    planner.load([job('j', 1e12)], T0, never);
    assert.equal(planner.ask('none'), false);
    planner.pause('j');
    planner.ask('j');
    planner.ask('j');
    assert.deepEqual(planner.look(T0), []);
    planner.resume('j', T0 + 1);
    assert.deepEqual(short(planner.look(T0 + 1)), ['start j asked']);
    assert.equal(planner.standing('j')?.waiting, 0);
  });

  it('never starts a run beside another one of the same job, nor more than there are places, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: -2 * 3600_000, max: 5 * 3600_000 }) }),
      fc.record({ do: fc.constantFrom('end' as const, 'ask' as const, 'pause' as const, 'resume' as const, 'load' as const), which: fc.nat({ max: 4 }) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 3 }), (steps, most) => {
      const overlaps: OverlapPolicy[] = ['skip', 'queue', 'cancel-previous'];
      const all = Array.from({ length: 5 }, (_, k) => job(`j${k}`, (k + 1) * 7 * MINUTE, { overlap: overlaps[k % 3] ?? 'skip', priority: k % 2, live: k === 4, catchUp: (['once', 'all', 'none'] as const)[k % 3] ?? 'once' }));
      const planner = new Planner(most);
      let now = T0;
      planner.load(all, now, never);
      const running = new Set<string>();
      for (const each of steps) {
        const name = `j${'which' in each ? each.which : 0}`;
        if (each.do === 'pass') now += each.ms;
        else if (each.do === 'end') {
          if (running.delete(name)) planner.ended(name, now);
        } else if (each.do === 'ask') planner.ask(name);
        else if (each.do === 'pause') planner.pause(name);
        else if (each.do === 'resume') planner.resume(name, now);
        else planner.load(all.filter((one) => one.name !== name), now, () => now - 3600_000);
        for (const decision of planner.look(now)) {
          if (decision.do === 'cancel') assert.ok(running.has(decision.job));
          if (decision.do !== 'start') continue;
          assert.ok(!running.has(decision.job), `${decision.job} runs already`);
          running.add(decision.job);
          planner.started(decision.job, now);
        }
        assert.ok([...running].filter((one) => one !== 'j4').length <= most);
      }
    }), { numRuns: 300 });
  });
});
