/** Keeping a plan, and carrying a kept one out: both are the one session, with a file in place of its execution or of its scan. */
import type { SessionOptions } from '../../plan/index.js';
import type { Outcome, SessionListener } from '../events.js';
import { runSync, type SyncRequest } from '../run.js';
import type { OtherHost } from './head.js';
import type { PlanSink } from './format.js';
import { sealPlan } from './seal.js';
import type { SealedPlan } from './sealed-plan.js';

/** What of a kept plan's options is said anew when it is carried out: how, never what. */
export interface ApplyRequest {
  dryRun: boolean;
  bwlimit?: number; // bytes a second
  threads?: number;
  stopAt?: number; // epoch ms
  lock?: boolean;
}

/** Where a plan is kept: `commit` when it is complete, `discard` when it never will be. */
export interface PlanOutput extends PlanSink { commit(): void; discard(): void }

/**
 * Makes the plan that a sync would carry out, and keeps it. Nothing is changed; the listener is told what a dry run tells. Where the run is
 * ended early or a guard refuses the plan, nothing is kept. `remote`: which end is on another host.
 * @throws TwintreeError as `runSync`, and the output's own.
 */
export async function runPlan(request: SyncRequest, output: PlanOutput, listener: SessionListener = {}, signal?: AbortSignal, remote?: OtherHost): Promise<Outcome> {
  let kept = false;
  try {
    const outcome = await runSync({
      ...request, options: { ...request.options, dryRun: true },
      keep: (plan) => {
        sealPlan(output, { ...plan, request, remote }, Date.now());
        kept = true;
      },
    }, listener, signal);
    if (kept && !outcome.aborted) output.commit();
    else output.discard();
    return outcome;
  } catch (error) {
    output.discard();
    throw error;
  }
}

/** The options that a kept plan is carried out with. */
export function optionsOf(plan: SealedPlan, how: ApplyRequest): SessionOptions {
  const { options } = plan.head;
  return {
    ...options, dryRun: how.dryRun, stopAt: how.stopAt, bwlimit: how.bwlimit ?? options.bwlimit, threads: how.threads ?? options.threads, lock: how.lock ?? options.lock,
  };
}

/** Where a kept plan is carried out: over a connection, in bounds, for a run of a client. */
export type ApplyPlace = Pick<SyncRequest, 'from' | 'posix' | 'tenure' | 'spare'> & { options?: SessionOptions };

/**
 * Carries a kept plan out, exactly: each path is looked at again, and what has drifted is told and left alone. A dry run only shows it.
 * @throws TwintreeError ROOT_CHANGED where a root is another folder now, and as `runSync`.
 */
export async function runApply(plan: SealedPlan, how: ApplyRequest, listener: SessionListener = {}, signal?: AbortSignal, place: ApplyPlace = {}): Promise<Outcome> {
  const { head } = plan;
  const user = process.geteuid?.();
  if (user !== undefined && user !== head.euid) listener.notice?.('other-user', `the plan was made by user ${head.euid}: what only that user may do fails here`);
  if (head.problems > 0) listener.notice?.('plan-problems', `${head.problems} problems were told when the plan was made: what they concern is not in it`);
  return runSync({ sources: head.sources, target: head.target.path, options: optionsOf(plan, how), ...place, kept: plan }, listener, signal);
}
