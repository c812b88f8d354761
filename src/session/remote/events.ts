/** What a session tells its listener, as messages and back: notices, totals, operations, problems, progress, the outcome, errors. */
import { emptyOperation, operationFault, OperationReader, OperationWriter, PlanFormatError, type Operation } from '../../plan/index.js';
import { isRelPath, TwintreeError, type ErrorCode, type Phase, type Problem, type ProblemCode, type RelPath, type TypeCounts } from '../../tree/index.js';
import type { LostAttributes, OperationResult, Outcome, PlanTotals, Progress } from '../events.js';
import { amount, broken, bytes, list, members, oneOf, optional, sentence, truth, whole } from './shape.js';

const PROBLEM_CODES: readonly ProblemCode[] = [
  'vanished', 'unreadable', 'changed', 'deferred', 'write-failed', 'attribute-failed', 'delete-failed', 'not-empty', 'no-space', 'name-twin', 'name-refused', 'special-skipped',
  'symlink-refused', 'escaped', 'differs', 'filter-file', 'corrupt', 'drifted', 'limit',
];
const PHASES: readonly Phase[] = ['scan', 'plan', 'guard', 'transfer', 'apply', 'delete', 'record', 'verify'];
const ERROR_CODES: readonly ErrorCode[] = [
  'USAGE', 'UNSUPPORTED', 'SOURCE_MISSING', 'TARGET_UNUSABLE', 'TARGET_NOT_MADE', 'FILTER_SYNTAX', 'FILE_LIST', 'REFUSED', 'LOCKED', 'NO_SPACE', 'ROOT_CHANGED', 'ABORTED', 'TIMEOUT', 'IO',
  'INTERNAL', 'CONNECT', 'CONNECT_TIMEOUT', 'NOT_TWINTREE', 'VERSION', 'WIRE', 'CONNECTION_LOST', 'FENCED', 'PROMOTED', 'STATE', 'PLAN_FILE',
];
const RESULTS: readonly OperationResult[] = ['planned', 'done', 'failed', 'skipped'];
/** Problems that an outcome holds at most. */
const MOST_PROBLEMS = 10_000;
/** Operations in one message at most. */
const MOST_OPERATIONS = 4096;

export function writeProblem(problem: Problem): Record<string, unknown> {
  return { ...problem };
}

export function readProblem(value: unknown): Problem {
  const of = members(value, 'problem');
  const errno = optional(of['errno'], (n) => whole(n, 'errno', 4095));
  return {
    code: oneOf(of['code'], 'problem code', PROBLEM_CODES), phase: oneOf(of['phase'], 'phase', PHASES), path: bytes(of['path'], 'problem path'),
    side: oneOf(of['side'], 'side', ['source', 'target'] as const), message: sentence(of['message'], 'problem message'),
    severity: oneOf(of['severity'], 'severity', ['error', 'warning'] as const), ...(errno === undefined ? {} : { errno }),
  };
}

export function writeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof TwintreeError)) return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
  return { code: error.code, message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) };
}

/** The error of the other end. Its message names its path already. */
export function readError(value: unknown): TwintreeError {
  const of = members(value, 'error');
  const advice = optional(of['advice'], (text) => sentence(text, 'advice'));
  return new TwintreeError(oneOf(of['code'], 'error code', ERROR_CODES), sentence(of['message'], 'message'), advice === undefined ? {} : { advice });
}

function readCounts(value: unknown): TypeCounts {
  const of = members(value, 'counts');
  const n = (name: string): number => whole(of[name], name);
  return { files: n('files'), dirs: n('dirs'), links: n('links'), devices: n('devices'), specials: n('specials') };
}

export function writeTotals(totals: PlanTotals): Record<string, unknown> {
  return { ...totals };
}

export function readTotals(value: unknown): PlanTotals {
  const of = members(value, 'totals');
  const n = (name: string): number => whole(of[name], name);
  const rootFolders = optional(of['rootFolders'], (v) => {
    const r = members(v, 'rootFolders');
    return { path: bytes(r['path'], 'root path'), count: whole(r['count'], 'root count') };
  });
  const renamed = optional(of['renamed'], (v) => {
    const r = members(v, 'renamed');
    return { name: bytes(r['name'], 'renamed'), source: bytes(r['source'], 'renamed') };
  });
  return {
    entries: readCounts(of['entries']), totalSize: n('totalSize'), transferFiles: n('transferFiles'), transferBytes: n('transferBytes'), creates: readCounts(of['creates']),
    deletes: readCounts(of['deletes']), moves: n('moves'), links: n('links'), attributeChanges: n('attributeChanges'), operations: n('operations'),
    ...(rootFolders === undefined ? {} : { rootFolders }), ...(renamed === undefined ? {} : { renamed }),
  };
}

export function writeProgress(progress: Progress): Record<string, unknown> {
  return { ...progress };
}

export function readProgress(value: unknown): Progress {
  const of = members(value, 'progress');
  const n = (name: string): number => amount(of[name], name);
  return {
    phase: oneOf(of['phase'], 'progress phase', ['scan', 'plan', 'apply', 'delete', 'done'] as const), scanned: n('scanned'), doneOperations: n('doneOperations'),
    totalOperations: n('totalOperations'), doneFiles: n('doneFiles'), totalFiles: n('totalFiles'), doneBytes: n('doneBytes'), totalBytes: n('totalBytes'), elapsedMs: n('elapsedMs'),
  };
}

export function writeOutcome(outcome: Outcome): Record<string, unknown> {
  return { ...outcome, problems: [] }; // each was told when it arose
}

/** An outcome without its problems. */
export function readOutcome(value: unknown): Outcome {
  const of = members(value, 'outcome');
  const n = (name: string): number => whole(of[name], name);
  return {
    exitCode: whole(of['exitCode'], 'exitCode', 255), totals: readTotals(of['totals']), created: readCounts(of['created']), deleted: readCounts(of['deleted']),
    transferredFiles: n('transferredFiles'), transferredBytes: n('transferredBytes'), literalBytes: n('literalBytes'), matchedBytes: n('matchedBytes'), linked: n('linked'),
    moved: n('moved'), attributesSet: n('attributesSet'), deletionsSkipped: n('deletionsSkipped'), problems: list(of['problems'], 'problems', MOST_PROBLEMS, readProblem),
    problemCount: n('problemCount'), warningCount: n('warningCount'), elapsedMs: amount(of['elapsedMs'], 'elapsedMs'), scanMs: amount(of['scanMs'], 'scanMs'), aborted: truth(of['aborted'], 'aborted'),
  };
}

/** Paths of what is lost in one message. */
const LOST_PART = 2000;

/** A class in parts; one at least. */
export function writeLost({ kind, count, paths }: LostAttributes): Record<string, unknown>[] {
  const parts: Record<string, unknown>[] = [];
  for (let at = 0; at === 0 || at < paths.length; at += LOST_PART) parts.push({ kind, count, paths: paths.slice(at, at + LOST_PART).map(({ path, what }) => [path, what]) });
  return parts;
}

export function readLost(value: unknown): LostAttributes {
  const of = members(value, 'lost');
  const kind = sentence(of['kind'], 'lost kind');
  if (!/^[a-z][a-z-]{0,31}$/.test(kind)) throw broken('lost kind', 'is no name of a class');
  return {
    kind, count: whole(of['count'], 'lost count'),
    paths: list(of['paths'], 'lost paths', LOST_PART, (item) => {
      const [path, what] = list(item, 'lost path', 2, (text) => bytes(text, 'lost path'));
      if (path === undefined || what === undefined || !isRelPath(path)) throw broken('lost paths', 'hold what is no path with what is lost of it');
      return { path: path as RelPath, what };
    }),
  };
}

/** Collects operations into messages. */
export class OperationSender {
  private readonly writer = new OperationWriter(16 << 10);
  private told: [path: string, result: number][] = [];

  constructor(private readonly send: (message: Record<string, unknown>) => void) {}

  add(op: Operation, path: RelPath, result: OperationResult): void {
    this.writer.write(op);
    this.told.push([path, RESULTS.indexOf(result)]);
    if (this.told.length >= 512 || this.writer.length >= 64 << 10) this.flush();
  }

  /** Sends what is held. Called before any other message, so that the order of events stays. */
  flush(): void {
    if (this.told.length === 0) return;
    const records = Buffer.from(this.writer.take()).toString('base64');
    this.send({ type: 'operations', told: this.told, records });
    this.told = [];
  }
}

/** Hands the operations of a message to `tell`. */
export function readOperations(value: unknown, tell: (op: Operation, path: RelPath, result: OperationResult) => void): void {
  const of = members(value, 'operations');
  const told = list(of['told'], 'told', MOST_OPERATIONS, (item) => {
    if (!Array.isArray(item) || item.length !== 2) throw broken('told', 'holds what is no pair');
    const path = bytes(item[0], 'path');
    if (!isRelPath(path)) throw broken('told', 'holds what is no path below a root');
    return { path: path as RelPath, result: RESULTS[whole(item[1], 'result', RESULTS.length - 1)] as OperationResult };
  });
  const text = of['records'];
  if (typeof text !== 'string') throw broken('records', 'are no text');
  const op = emptyOperation();
  try {
    const reader = new OperationReader(Buffer.from(text, 'base64'));
    for (const { path, result } of told) {
      reader.next(op);
      if (operationFault(op) !== undefined) throw broken('records', 'hold an operation that cannot be');
      tell(op, path, result);
    }
    if (!reader.done) throw broken('records', 'hold more than was told');
  } catch (error) {
    if (error instanceof PlanFormatError) throw broken('records', 'are no operations');
    throw error;
  }
}
