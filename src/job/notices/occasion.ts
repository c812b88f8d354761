/** On what is told: from how a run ended, and how those before it did. Pure. */
import { failingSince, isFailure, saysNothing, type JobRun } from '../history/index.js';
import type { Occasion } from './spec.js';

/**
 * What a run that has ended is an occasion for. `before`: the job's runs before it, the oldest first.
 * A success after a failure is both a success and a recovery.
 */
export function occasionsOf(run: JobRun, before: readonly JobRun[]): Occasion[] {
  if (saysNothing(run.result)) return [];
  if (isFailure(run.result)) return ['failure'];
  return failingSince(before) === undefined ? ['success'] : ['success', 'recovery'];
}

/** What the dead-man's switch is told at the end of a run; undefined: nothing, and it gives alarm in its time. */
export function pingOf(run: JobRun): 'success' | 'fail' | undefined {
  if (saysNothing(run.result)) return undefined;
  return isFailure(run.result) ? 'fail' : 'success';
}
