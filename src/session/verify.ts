/**
 * Verify: the plan that would make the trees equal, with every content compared, and nothing carried out. What
 * that plan would do is the list of differences; so verify and sync can never disagree about what equal means.
 */
import { OpKind, type Operation } from '../plan/index.js';
import type { RelPath } from '../tree/index.js';
import type { Outcome, SessionListener } from './events.js';
import { runSync, type SyncRequest } from './run.js';

/** Runs a session: here, or over a connection. */
export type Runner = (request: SyncRequest, listener: SessionListener, signal?: AbortSignal) => Promise<Outcome>;

/** Exit code where the trees differ. */
const DIFFERENT = 23;

/**
 * Compares content, attributes and extras. The listener is told each difference as a planned operation; the outcome's
 * exit code is 0 where the trees are equal and 23 where they are not or could not be read whole.
 */
export async function verifyTrees(request: SyncRequest, listener: SessionListener = {}, signal?: AbortSignal, run: Runner = runSync): Promise<Outcome> {
  const { options } = request;
  let differences = 0;
  const counting: SessionListener = {
    ...bound(listener),
    wantsOperations: listener.wantsOperations === 'all' ? 'all' : 'changes',
    operation(op: Operation, path: RelPath, result): void {
      if (op.kind !== OpKind.Note && (op.kind !== OpKind.Folder || op.item !== 0)) differences++;
      if (listener.wantsOperations !== undefined && listener.wantsOperations !== 'none') listener.operation?.(op, path, result);
    },
  };
  const outcome = await run({
    ...request,
    options: {
      ...options, dryRun: true,
      delete: { ...options.delete, detectMoves: false, limit: undefined, maxDelete: undefined },
    },
  }, counting, signal);
  if (differences > 0 && (outcome.exitCode === 0 || outcome.exitCode === 24)) outcome.exitCode = DIFFERENT;
  return outcome;
}

/** The listener's methods, whatever its class. */
function bound(listener: SessionListener): SessionListener {
  return {
    ...(listener.notice === undefined ? {} : { notice: (code, message) => listener.notice?.(code, message) }),
    ...(listener.plan === undefined ? {} : { plan: (totals) => listener.plan?.(totals) }),
    ...(listener.problem === undefined ? {} : { problem: (problem) => listener.problem?.(problem) }),
    ...(listener.progress === undefined ? {} : { progress: (progress) => listener.progress?.(progress) }),
  };
}
