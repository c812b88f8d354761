/** Runs, outcomes and requests for the tests of jobs. */
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import { loadOwnPosix } from '../../src/fs/index.js';
import { conductRun, JobHistory, newRun, type JobRun, type RunRequest, type TargetRun } from '../../src/job/index.js';
import { newOutcome, type Outcome } from '../../src/session/index.js';
import { fromText, TwintreeError, type ByteString } from '../../src/tree/index.js';

export const START = Date.UTC(2026, 0, 2, 3, 4, 5);

export function someRun(more: Partial<JobRun> = {}): JobRun {
  return { ...newRun({ job: 'nightly', cause: 'schedule', sources: ['/srv/data/'], targets: ['backup:/data'], pid: 4242, start: START }), ...more };
}

/** A run that has ended `ms` after its start. */
export function endedRun(more: Partial<JobRun> = {}, ms = 60_000): JobRun {
  const run = someRun({ result: 'success', exitCode: 0, ...more });
  return { ...run, end: more.end ?? run.start + ms };
}

export function someTarget(more: Partial<TargetRun> = {}): TargetRun {
  return {
    target: 'backup:/data', exitCode: 0, start: START, end: START + 60_000, scanMs: 1000, entries: 1000, created: 3, deleted: 2, moved: 1, linked: 0, files: 10, transferredBytes: 5_000_000, literalBytes: 1_000_000,
    matchedBytes: 4_000_000, sentBytes: 2000, receivedBytes: 1_100_000, problems: 0, warnings: 0, ...more,
  };
}

export function someOutcome(more: Partial<Outcome> = {}): Outcome {
  return { ...newOutcome(), ...more };
}

export function historyIn(folder: string, notices: string[] = []): JobHistory {
  return new JobHistory(loadOwnPosix(), fromText(folder), (_code, message) => { notices.push(message); });
}

/** Conducts a run of the job `nightly` whose work does well at once, unless told otherwise. */
export function conducted(folder: string, more: Partial<RunRequest> = {}): ReturnType<typeof conductRun> {
  return conductRun({
    posix: loadOwnPosix(), stateFolder: fromText(folder), job: 'nightly', cause: 'schedule', sources: ['/srv/data/'], targets: ['/backup'], overlap: 'skip', own: false, hooks: [], notices: [],
    signal: new AbortController().signal, env: { PATH: process.env['PATH'] }, exitCodeOf: (error) => (error instanceof TwintreeError ? exitCodeOf(error.code) : 13),
    work: () => Promise.resolve({ exitCode: 0 }), ...more,
  });
}

export const bytes = (text: string): ByteString => fromText(text);
