/**
 * The cutover: converge, freeze, last pass, verify, switch. Until the first switch hook a guard sees to it that the source goes on whatever happens here;
 * from then on the way back is the roll-back, which carries home what the new side has accepted.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { TwintreeError } from '../../tree/index.js';
import { Guard } from '../freeze/guard.js';
import { thaw } from '../freeze/thaw.js';
import { untilQuiet } from '../freeze/quiet.js';
import { runMigrationHook } from '../hooks/hooks.js';
import { carried, converge, untilSeeded } from './converge.js';
import { caughtUp, sentenceOf, within, type Context } from './context.js';
import type { Following, Proof, SessionResult } from './ports.js';

/** How long a frozen source may take to become still: the last writes of a service that was stopped. */
const QUIET_PATIENCE_MS = 60_000;
/** What is carried when the freeze is due has so long to end; then it is broken off by the last pass, ms. */
const REST_PATIENCE_MS = 30_000;

/** How a cutover ended: the source serves still, or nobody does and the way back is due, or the new side serves. */
export type CutoverEnd = { readonly end: 'switched' } | { readonly end: 'thawed' | 'go-back'; readonly error: unknown };

/** What the cutover does with the mirror. */
export interface CutoverRoles {
  forward(): Following;
  /** No change goes to the target any more. */
  endForward(): Promise<void>;
}

/** Never rejects: whatever goes wrong has been undone, or says what is due. */
export async function cutover(context: Context, roles: CutoverRoles, signal: AbortSignal): Promise<CutoverEnd> {
  const { definition, ports } = context;
  try {
    await untilSeeded(context, signal);
    context.go('converging');
    const digestAhead = async (): Promise<void> => { if (definition.verify.mode === 'index') await within(ports.digestAhead(signal), signal); };
    await Promise.all([digestAhead(), converge(roles.forward(), definition.converge, signal)]);
    if (definition.freeze.prepare.length > 0) {
      await context.hooks(definition.freeze.prepare, 'prepare', signal);
      await carried(roles.forward(), definition.converge, signal);
    }
    await digestAhead(); // what was written since the first time, which took longer
    await within(Promise.all([ports.ways.there?.warm(), ports.warm()]), signal); // a host that cannot be reached is found before the source is frozen
    await converge(roles.forward(), { ...definition.converge, steadyMs: 0 }, signal); // all this took its time
    await atRest(roles.forward(), signal);
  } catch (error) {
    if (context.stand.state === 'converging') context.go('live', sentenceOf(error));
    return { end: 'thawed', error };
  }
  const { backlogFiles = 0, backlogBytes = 0 } = roles.forward().status() ?? {};
  context.tell({ event: 'forecast', ...ports.forecast(context.journal.events, { files: backlogFiles, bytes: backlogBytes }) });
  try {
    return await frozen(context, roles, signal);
  } finally {
    roles.forward().rouse();
  }
}

/** What is carried now is carried to its end, and nothing is begun: the freeze has the host for itself, and what comes then is one pass. */
async function atRest(following: Following, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  try {
    await within(Promise.race([following.rest(), pause(REST_PATIENCE_MS, undefined, { signal: over.signal })]), signal);
  } catch (error) {
    following.rouse();
    throw error;
  } finally {
    over.abort();
  }
}

async function frozen(context: Context, roles: CutoverRoles, signal: AbortSignal): Promise<CutoverEnd> {
  const { definition, ports } = context;
  context.parts.length = 0;
  let guard: Guard;
  try {
    guard = await Guard.arm(context.program, { folder: context.folder, hooks: definition.freeze.thaw, targetHost: ports.targetHost, env: ports.ways.env, limitMs: definition.freeze.limitMs });
  } catch (error) {
    context.go('live', sentenceOf(error));
    return { end: 'thawed', error };
  }
  const begun = performance.now();
  const tooLate = new AbortController();
  let released = false;
  void guard.over.finally(() => { if (!released) tooLate.abort(new TwintreeError('TIMEOUT', `the source was frozen for longer than ${definition.freeze.limitMs / 1000} s and was thawed`, { advice: 'Raise freeze.limit, or see which part took so long: twintree migrate report.' })); });
  const end = AbortSignal.any([signal, tooLate.signal]);
  try {
    await still(context, roles, end);
    await Promise.all([verified(context, end), roles.endForward(), tellWriters(context)]); // what changed from here on would show as a difference
    end.throwIfAborted();
    released = true;
    if (await guard.disarm() !== 'disarmed') {
      throw new TwintreeError('TIMEOUT', 'the source was thawed before the switch began', { advice: 'Raise freeze.limit.' });
    }
  } catch (error) {
    released = true;
    await letGo(context, guard, sentenceOf(error));
    context.go('live', sentenceOf(error));
    context.tell({ event: 'downtime', ms: Math.round(performance.now() - begun), parts: [...context.parts], rehearsal: false, ok: false });
    return { end: 'thawed', error };
  }
  context.go('switching');
  return switchOver(context, signal, begun);
}

/** The guard thaws; where it was killed itself, this does. */
async function letGo(context: Context, guard: Guard, reason: string): Promise<void> {
  const told = context.journal.events.length;
  await guard.thaw(reason);
  context.journal.refresh(context.folder);
  if (context.journal.events.slice(told).some(({ event }) => event === 'thawed')) return;
  await thaw(context.definition.freeze.thaw, context.ports.ways, reason, context.tell);
}

/** Freeze, quiet, last pass. */
async function still(context: Context, roles: CutoverRoles, signal: AbortSignal): Promise<void> {
  const { definition } = context;
  context.go('freezing');
  await context.part('freeze', false, () => context.hooks(definition.freeze.hooks, 'freeze', signal));
  const before = roles.forward().status();
  await context.part('quiet', false, async () => {
    roles.forward().hurry();
    try {
      await untilQuiet({ caughtUp: () => caughtUp(roles.forward(), signal), events: () => roles.forward().events() }, { quietMs: definition.freeze.quietMs, patienceMs: QUIET_PATIENCE_MS, signal });
    } catch (error) {
      await tellWriters(context);
      throw error;
    }
  });
  context.go('final');
  await context.part('final', false, () => lastPass(context, roles, signal), (result) => {
    const after = roles.forward().status();
    return result ?? { files: Math.max(0, (after?.files ?? 0) - (before?.files ?? 0)), bytes: Math.max(0, (after?.bytes ?? 0) - (before?.bytes ?? 0)) };
  });
}

async function lastPass(context: Context, roles: CutoverRoles, signal: AbortSignal): Promise<SessionResult | undefined> {
  await caughtUp(roles.forward(), signal);
  if (context.definition.final === 'dirty') return undefined;
  await roles.endForward(); // one session at a time has the target
  const result = await context.ports.session('forward', { signal });
  context.tell({ event: 'session', kind: 'final', ms: result.ms, entries: result.entries, files: result.files, bytes: result.bytes, sent: result.sent });
  if (!result.ok) throw new TwintreeError('NOT_EQUAL', `the last pass did not bring everything: ${result.message}`);
  return result;
}

async function verified(context: Context, signal: AbortSignal): Promise<Proof> {
  context.go('verifying');
  const { mode, sample } = context.definition.verify;
  const proof = await context.part('verify', false, () => within(context.ports.prove({ direction: 'forward', mode, sample, name: 'cutover', signal }), signal), ({ fact }) => ({ files: fact.entries, bytes: fact.bytes }));
  context.tell(proof.fact);
  if (!proof.ok) throw new TwintreeError('NOT_EQUAL', proof.message, { advice: `The evidence lists each difference: ${proof.fact.file}` });
  return proof;
}

/** From the first switch hook to the last attempt of the health check. */
export async function switchOver(context: Context, signal: AbortSignal, begun = performance.now()): Promise<CutoverEnd> {
  const { definition } = context;
  let error: unknown;
  try {
    await context.part('switch', false, async () => {
      await context.hooks(definition.freeze.release, 'release', signal);
      await context.hooks(definition.switch.hooks, 'switch', signal);
    });
    await context.part('health', false, () => healthy(context, signal));
  } catch (caught) {
    error = caught;
  }
  const ok = error === undefined;
  if (ok) context.go('switched');
  context.tell({ event: 'downtime', ms: Math.round(performance.now() - begun), parts: [...context.parts], rehearsal: false, ok });
  return ok ? { end: 'switched' } : { end: 'go-back', error };
}

/** @throws TwintreeError UNHEALTHY. */
export async function healthy(context: Context, signal: AbortSignal, more: { rehearsal?: boolean; ways?: Context['ports']['ways'] } = {}): Promise<void> {
  const { health } = context.definition.switch;
  if (health === undefined) return;
  for (let attempt = 1; ; attempt++) {
    const fact = await runMigrationHook(health.hook, 'health', more.ways ?? context.ports.ways, { rehearsal: more.rehearsal ?? false, signal });
    signal.throwIfAborted();
    if (fact.ok || attempt === 1 || attempt === health.attempts) context.tell(fact);
    if (fact.ok) return;
    if (attempt >= health.attempts) throw new TwintreeError('UNHEALTHY', `the health check failed ${attempt} times: ${fact.command}: ${fact.trouble ?? ''}`);
    await pause(health.everyMs, undefined, { signal }).catch(() => undefined); // the next attempt sees the signal
  }
}

/** Who may write still, for people: that nothing does is what the proof shows. */
async function tellWriters(context: Context): Promise<void> {
  for (const writer of (await context.ports.writers().catch(() => [])).slice(0, 20)) context.tell({ event: 'writer', ...writer });
}
