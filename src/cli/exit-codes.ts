/**
 * Exit codes: rsync's meanings, so that scripts written for it go on working, and three of our own.
 * docs/exit-codes.md explains each to the user; a test checks that it lists exactly these.
 */
import type { ErrorCode } from '../tree/index.js';

export const EXIT = {
  ok: 0,
  usage: 1,
  protocol: 2,
  fileSelect: 3,
  unsupported: 4,
  startClient: 5,
  logFile: 6,
  socket: 10,
  fileIo: 11,
  stream: 12,
  diagnostics: 13,
  ipc: 14,
  signal: 20,
  wait: 21,
  memory: 22,
  partial: 23,
  vanished: 24,
  maxDelete: 25,
  timeout: 30,
  connectTimeout: 35,
  /** Ours: a guard refused before anything was changed. */
  refused: 70,
  /** Ours: another run holds the lock of this target. */
  locked: 75,
  /** Ours: this job's run was left out, since another run of it is at work. */
  skipped: 79,
} as const;

/** What each code says, as the end of a sentence; also the text of docs/exit-codes.md. */
export const EXIT_TEXT: Readonly<Record<number, string>> = {
  [EXIT.ok]: 'success',
  [EXIT.usage]: 'syntax or usage error, or an option that is refused by name',
  [EXIT.protocol]: 'protocol incompatibility',
  [EXIT.fileSelect]: 'errors selecting input or output files and folders',
  [EXIT.unsupported]: 'requested action not supported',
  [EXIT.startClient]: 'no connection to the other side, or none that can be trusted',
  [EXIT.logFile]: 'the log file cannot be opened or written',
  [EXIT.socket]: 'error in socket I/O',
  [EXIT.fileIo]: 'error in file I/O',
  [EXIT.stream]: 'error in the protocol data stream',
  [EXIT.diagnostics]: 'error in the program itself',
  [EXIT.ipc]: 'error in the communication between processes or threads',
  [EXIT.signal]: 'ended by SIGINT, SIGTERM or SIGHUP',
  [EXIT.wait]: 'a hook of a job failed that was set to stop its run',
  [EXIT.memory]: 'out of memory',
  [EXIT.partial]: 'some files or attributes were not transferred; with verify: the trees differ',
  [EXIT.vanished]: 'some source files vanished before they could be transferred; with apply: paths have drifted from the plan',
  [EXIT.maxDelete]: 'the --max-delete limit stopped deletions',
  [EXIT.timeout]: 'timeout in data send or receive, or --stop-at or --stop-after ended the run',
  [EXIT.connectTimeout]: 'timeout waiting for a connection',
  [EXIT.refused]: 'refused by a guard before anything was changed (--delete-limit, --guard-root, --reserve, names that collide), or the target was promoted',
  [EXIT.locked]: 'another run holds the lock of this target',
  [EXIT.skipped]: 'the run of a job was left out, since another run of it is at work',
};

/** The exit code for an error that stopped a run. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'USAGE': case 'FILTER_SYNTAX': case 'FILE_LIST': return EXIT.usage;
    case 'UNSUPPORTED': return EXIT.unsupported;
    case 'SOURCE_MISSING': return EXIT.partial;
    case 'TARGET_UNUSABLE': return EXIT.fileSelect;
    case 'TARGET_NOT_MADE': return EXIT.fileIo;
    case 'REFUSED': case 'ROOT_CHANGED': case 'PROMOTED': return EXIT.refused;
    case 'LOCKED': return EXIT.locked;
    case 'NO_SPACE': case 'IO': case 'STATE': return EXIT.fileIo;
    case 'ABORTED': return EXIT.signal;
    case 'TIMEOUT': return EXIT.timeout;
    case 'CONNECT': return EXIT.startClient;
    case 'CONNECT_TIMEOUT': return EXIT.connectTimeout;
    case 'NOT_TWINTREE': case 'VERSION': return EXIT.protocol;
    case 'WIRE': case 'CONNECTION_LOST': case 'PLAN_FILE': case 'EVIDENCE': return EXIT.stream;
    case 'FENCED': return EXIT.locked;
    case 'SKIPPED': return EXIT.skipped;
    case 'HOOK': return EXIT.wait;
    case 'MIGRATION': return EXIT.usage;
    case 'NOT_QUIET':
    case 'NOT_EQUAL':
    case 'UNHEALTHY': return EXIT.partial;
    case 'INTERNAL': return EXIT.diagnostics;
  }
}
