/** A dry run by the session itself, for its totals, problems and notices, and for what the target's host tells of the target. */
import { runRemote, runSync, type LostAttributes, type PlanTotals, type SessionListener, type TargetFacts } from '../../session/index.js';
import type { ConnectSpec } from '../../transport/index.js';
import { comparesContent, type SessionOptions } from '../../plan/index.js';
import { TwintreeError, type Problem } from '../../tree/index.js';
import type { RunToJudge } from '../request.js';
import type { DryRun } from '../target.js';

/** Problems kept. */
const MOST_PROBLEMS = 1000;

/** The options of a look: nothing is kept, locked or read for its content. */
export function lookOptions(options: SessionOptions): SessionOptions {
  const { state: _state, cloneDir: _clones, stopAt: _stop, ...rest } = options;
  return {
    ...rest, stopAt: undefined, dryRun: true, lock: false, bwlimit: 0, guard: { ...options.guard, root: false }, compare: { ...options.compare, mode: comparesContent(options.compare) ? 'quick' : options.compare.mode },
    delete: { ...options.delete, detectMoves: false },
  };
}

/** @param lostPaths paths of each class of what is lost */
export async function askSession(run: RunToJudge, connect: ConnectSpec | undefined, signal: AbortSignal, lostPaths: number): Promise<DryRun> {
  const problems: Problem[] = [];
  const notices: DryRun['notices'][number][] = [];
  const lost = new Map<string, LostAttributes>();
  let problemCount = 0;
  let totals: PlanTotals | undefined;
  let target: TargetFacts | undefined;
  const listener: SessionListener = {
    notice: (code, message) => { notices.push({ code, message }); },
    plan: (all) => { totals = all; },
    target: (facts) => { target = facts; },
    lostPaths,
    lost: (one) => {
      const known = lost.get(one.kind);
      lost.set(one.kind, known === undefined ? one : { ...one, paths: [...known.paths, ...one.paths] });
    },
    problem: (problem) => {
      problemCount++;
      if (problems.length < MOST_PROBLEMS) problems.push(problem);
    },
  };
  const what = { sources: run.sources, target: run.target, options: lookOptions(run.options) };
  let error: DryRun['error'];
  try {
    const { remote } = run;
    if (remote === undefined) await runSync(what, listener, signal);
    else await runRemote({ ...remote.request, link: { ...remote.request.link, retries: 0 }, ...(connect === undefined ? {} : { connect }), ...what }, listener, signal);
  } catch (failure) {
    if (!(failure instanceof TwintreeError) || failure.code === 'INTERNAL' || failure.code === 'ABORTED') throw failure;
    error = { code: failure.code, message: failure.message.replace(/\.$/, ''), advice: failure.advice };
  }
  if (signal.aborted) throw new TwintreeError('ABORTED', 'the doctor was ended by a signal');
  return { totals, target, notices, lost: [...lost.values()], problems, problemCount, error };
}
