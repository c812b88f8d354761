/** steps: what a migration does, in its order: what it touches, which hooks are run where, how long it takes, and the way back at each step. Pure. */
import { bytesText, durationText } from '../../job/index.js';
import type { Estimate, Estimates, PlanSubject, Step } from './plan-types.js';

/** `about 3 min (2 min to 5 min)`. */
export function estimateText({ ms, leastMs, mostMs, note }: Estimate): string {
  if (ms === null || leastMs === null || mostMs === null) return note ?? 'not known';
  return `about ${durationText(ms)} (${durationText(leastMs)} to ${durationText(mostMs)})`;
}

export function stepsOf(subject: PlanSubject, estimates: Estimates): Step[] {
  const { name, converge, freeze, verify, switch: to, rehearse, finish, reverse } = subject;
  const thaw = freeze.thaw.length === 0 ? 'nothing undoes the freeze hooks (freeze.thaw is empty)' : 'the thaw hooks run by themselves on any failure, when the limit passes and when the conductor is killed; the source goes on as before';
  const whole = to.health === undefined ? to.hooks : [...to.hooks, to.health.hook];
  return [
    {
      state: 'seeding', command: `twintree migrate start ${name}`, what: 'The source is captured first, then copied while it stays in use. What an archive has seeded is not copied again.', touches: 'target: files are written; source: read only', hooks: [], takes: estimateText(estimates.firstCopy),
      wayBack: `twintree migrate abort ${name}: the source was never touched, the target can be deleted`,
    },
    { state: 'live', command: '', what: 'Each change follows within moments; in between both trees are compared whole.', touches: 'target only', hooks: [], takes: `catching up: ${estimateText(estimates.converge)}; then as long as you like`, wayBack: `twintree migrate abort ${name}` },
    {
      state: 'live', command: `twintree migrate rehearse ${name}`, what: `Practice on ${rehearse.on.kind === 'clone' ? 'a clone of the target' : rehearse.on.path}, while the mirror goes on; its times make the forecast better.`, touches: 'the copy for practice alone, and what its hooks do',
      hooks: [...rehearse.hooks, ...rehearse.undo], takes: 'as long as its hooks', wayBack: 'nothing to take back',
    },
    {
      state: 'converging', command: `twintree migrate cutover ${name}`, what: `Waits until the target is at most ${durationText(converge.lagMs)} and ${bytesText(converge.backlogBytes)} behind for ${durationText(converge.steadyMs)}.${freeze.prepare.length === 0 ? '' : ' Then the prepare hooks are run, while the source is in use.'}`, touches: freeze.prepare.length === 0 ? 'target only' : 'target, and what the hooks touch', hooks: freeze.prepare, takes: `at most ${durationText(converge.patienceMs)}, then it is given up`,
      wayBack: 'it is given up: the migration is live as before',
    },
    {
      state: 'freezing', command: '', what: `The downtime begins: the source is made still, and nothing may change for ${durationText(freeze.quietMs)}. Who still writes is named.`, touches: 'source: what its hooks stop', hooks: freeze.hooks, takes: `at most ${durationText(freeze.limitMs)} up to the switch`, wayBack: thaw,
    },
    { state: 'final', command: '', what: subject.final === 'full' ? 'The last pass compares both trees whole.' : 'The last pass looks at what has changed.', touches: 'target only', hooks: [], takes: subject.final === 'full' ? 'as long as looking through the source' : 'as long as the backlog', wayBack: thaw },
    {
      state: 'verifying', command: '', what: verify.mode === 'full' ? 'Every byte of both trees is read and compared; the result is signed.' : `What the index vouches for is believed, ${percent(verify.sample)} of it is read all the same; the result is signed.`, touches: 'nothing', hooks: [], takes: estimateText(estimates.verify), wayBack: thaw,
    },
    {
      state: 'switching', command: '', what: `The new side is brought into use${to.health === undefined ? '' : `; a health check decides, ${to.health.attempts} attempts at most`}.`, touches: 'what the hooks touch', hooks: whole, takes: `hooks may take ${durationText(whole.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0))} at most`,
      wayBack: `on any failure by itself: ${to.undo.length === 0 ? 'nothing undoes the switch hooks (switch.undo is empty)' : 'the undo hooks'}, then the thaw hooks`,
    },
    {
      state: 'switched', command: `twintree migrate rollback ${name}`, what: reverse ? 'The old source follows the new one, with differences only.' : 'The old source stays as it was at the switch.', touches: reverse ? 'old source: files are written' : 'nothing', hooks: [...to.undo, ...freeze.thaw], takes: 'as long as you like',
      wayBack: reverse ? 'rollback at any time: what was written on the new side since is kept' : 'rollback: what was written on the new side since is lost',
    },
    { state: 'finished', command: `twintree migrate finish ${name}`, what: 'The old source is let go.', touches: 'what the hooks touch', hooks: finish.hooks, takes: 'as long as its hooks', wayBack: 'none: this is the end; the old tree is still there until somebody deletes it' },
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
