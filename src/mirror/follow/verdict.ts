/** What becomes of the paths of a session: from its outcome, or from the error that stopped it. Pure. */
import type { Outcome } from '../../session/index.js';
import { TwintreeError, type Problem, type RelPath } from '../../tree/index.js';

/** What an error that stopped a session means. */
export type ErrorVerdict =
  | 'retry' // it may pass by itself
  | 'hold' // a guard refused: a person decides
  | 'end'; // no later attempt goes better

/**
 * @param begun an earlier session of this mirror went well: then a target that is not there may come back, and another program that answers
 * may go again. @param limited deletions have a limit, which a person may lift.
 */
export function judgeError(error: unknown, begun: boolean, limited = true): ErrorVerdict {
  if (!(error instanceof TwintreeError)) return 'end';
  switch (error.code) {
    case 'CONNECT': case 'CONNECT_TIMEOUT': case 'CONNECTION_LOST': case 'TIMEOUT': case 'LOCKED': case 'FENCED': case 'NO_SPACE': case 'IO': case 'WIRE':
    case 'ROOT_CHANGED':
      return 'retry';
    case 'TARGET_UNUSABLE': case 'TARGET_NOT_MADE': case 'SOURCE_MISSING': case 'NOT_TWINTREE': case 'VERSION': case 'STATE':
      return begun ? 'retry' : 'end';
    case 'PROMOTED':
      return 'hold';
    case 'REFUSED':
      return limited ? 'hold' : begun ? 'retry' : 'end';
    case 'USAGE': case 'UNSUPPORTED': case 'FILTER_SYNTAX': case 'FILE_LIST': case 'ABORTED': case 'INTERNAL': case 'PLAN_FILE': case 'EVIDENCE': case 'SKIPPED': case 'HOOK': case 'MIGRATION': case 'NOT_QUIET': case 'NOT_EQUAL': case 'UNHEALTHY':
      return 'end';
  }
}

/** What an outcome means. */
export interface OutcomeVerdict {
  /** Nothing counts as done: all paths stay. */
  nothing: boolean;
  /** Paths that are not as they should be. */
  failed: ReadonlyMap<RelPath, Problem>;
}

/** Kinds of problems that go by themselves, or of which an event tells. */
const PASSING: ReadonlySet<Problem['code']> = new Set(['vanished', 'limit', 'special-skipped']);

export function judgeOutcome(outcome: Outcome): OutcomeVerdict {
  const failed = new Map<RelPath, Problem>();
  for (const problem of outcome.problems) {
    if (PASSING.has(problem.code) || (problem.severity === 'warning' && problem.code !== 'changed' && problem.code !== 'deferred')) continue;
    failed.set(problem.path, problem);
  }
  const { exitCode } = outcome;
  const whole = exitCode === 0 || exitCode === 24 || (exitCode === 23 && failed.size > 0 && outcome.problemCount + outcome.warningCount <= outcome.problems.length);
  return { nothing: outcome.aborted || !whole, failed };
}
