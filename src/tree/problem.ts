/**
 * Problem: what went wrong with one path. It is data, not an exception: the run goes on, the problem
 * is kept, counted, printed, and makes the exit code. `TwintreeError` is for what stops a whole run.
 */
import { displayName, type ByteString } from './bytes.js';

/** Which part of a session a problem arose in. */
export type Phase = 'scan' | 'plan' | 'guard' | 'transfer' | 'apply' | 'delete' | 'record' | 'verify';

/** Stable codes of problems with one path; documented in docs/errors.md. */
export type ProblemCode =
  | 'vanished' // was listed, then gone
  | 'unreadable' // cannot be listed, read or followed
  | 'changed' // kept changing while it was read
  | 'deferred' // kept changing while it was read, and was left for a later session
  | 'write-failed' // could not be written, created or renamed
  | 'attribute-failed' // content is there; owner, mode, time, ACL or xattr could not be set
  | 'delete-failed'
  | 'not-empty' // a folder that should go still holds protected entries
  | 'no-space'
  | 'name-twin' // another name of the folder is the same on the target
  | 'name-refused' // the target cannot hold this name
  | 'special-skipped' // a device or special file that was not asked for or may not be made
  | 'symlink-refused' // an unsafe link, left out by --safe-links
  | 'escaped' // a folder on the way was exchanged for a symlink or left the root
  | 'differs' // verify: content or attributes differ
  | 'filter-file' // a filter file in a folder could not be read or parsed
  | 'corrupt' // what arrived is not what was sent, also when sent again
  | 'drifted' // apply: it is no longer what the plan saw
  | 'limit'; // stopped by a limit (--max-delete, --max-alloc, a name list)

/** One path's failure. */
export interface Problem {
  readonly code: ProblemCode;
  readonly phase: Phase;
  /** Below the root; `''` is the root itself. */
  readonly path: ByteString;
  /** Which tree it lies in. */
  readonly side: 'source' | 'target';
  /** One clear sentence without the path, for people. */
  readonly message: string;
  /** Positive errno where a system call failed. */
  readonly errno?: number;
  /** A warning does not make the exit code 23 (a vanished file makes 24). */
  readonly severity: 'error' | 'warning';
}

/** Stable codes of errors that stop a run. */
export type ErrorCode =
  | 'USAGE' | 'UNSUPPORTED' | 'SOURCE_MISSING' | 'TARGET_UNUSABLE' | 'TARGET_NOT_MADE' | 'FILTER_SYNTAX' | 'FILE_LIST'
  | 'REFUSED' | 'LOCKED' | 'NO_SPACE' | 'ROOT_CHANGED' | 'ABORTED' | 'TIMEOUT' | 'IO' | 'INTERNAL'
  // Between hosts:
  | 'CONNECT' // no connection, or none that can be trusted
  | 'CONNECT_TIMEOUT'
  | 'NOT_TWINTREE' // something else answered
  | 'VERSION' // no common version of the protocol
  | 'WIRE' // bytes that break the protocol
  | 'CONNECTION_LOST'
  | 'FENCED' // a newer session took this target over
  | 'PROMOTED' // the target is the source now
  | 'STATE' // what is kept between runs cannot be used
  | 'EVIDENCE' // an evidence file that is damaged, forged, of another version, or signed by another key
  | 'PLAN_FILE' // a sealed plan or batch that is damaged, of another version, or not what it says
  // Of jobs:
  | 'SKIPPED' // another run of this job is at work
  | 'HOOK' // a hook failed that was set to stop the run
  // Of migrations:
  | 'MIGRATION' // what is asked for does not fit where the migration stands
  | 'NOT_QUIET' // a source that was frozen still changes
  | 'NOT_EQUAL' // the trees differ after the last pass
  | 'UNHEALTHY'; // the health check of the new side failed

/** Stops a whole run: a sentence, a stable code, the path and what to do. */
export class TwintreeError extends Error {
  readonly code: ErrorCode;
  readonly path: ByteString | undefined;
  /** What the user can do about it, one sentence. */
  readonly advice: string | undefined;

  constructor(code: ErrorCode, message: string, more: { path?: ByteString; advice?: string; cause?: unknown } = {}) {
    super(more.path === undefined ? message : `${displayName(more.path)}: ${message}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'TwintreeError';
    this.code = code;
    this.path = more.path;
    this.advice = more.advice;
  }
}
