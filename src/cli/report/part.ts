/**
 * Part: one of the reports a run may have at the same time (text or JSON, and the log beside it).
 */
import type { OperationResult, Outcome, PlanTotals, Progress } from '../../session/index.js';
import type { Operation } from '../../plan/index.js';
import type { Problem, RelPath } from '../../tree/index.js';

/** What a session tells, in the one place where this folder takes it from the session. */
export type { OperationResult, Outcome, PlanTotals, Progress, SessionListener, TypeCounts } from '../../session/index.js';

/** Which operations a part has to see. */
export type Wants = 'none' | 'changes' | 'all';

/** A listener that shows a run, with its end. */
export interface Part {
  readonly wants: Wants;
  notice(code: string, message: string): void;
  plan(totals: PlanTotals): void;
  operation(op: Operation, path: RelPath, result: OperationResult): void;
  problem(problem: Problem): void;
  progress(progress: Progress): void;
  /** Whether anybody sees it: over a connection it costs bytes. */
  readonly showsProgress: boolean;
  finish(outcome: Outcome): void;
  /** The run was stopped by an error that has no outcome; the command prints it for people itself. */
  fail(code: string, message: string, exitCode: number): void;
}
