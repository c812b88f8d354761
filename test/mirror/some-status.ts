/** A status of a mirror in which nothing is wrong. */
import { STATUS_VERSION, type MirrorStatus } from '../../src/mirror/index.js';

export function someStatus(more: Partial<MirrorStatus> = {}): MirrorStatus {
  return {
    version: STATUS_VERSION, pid: 1, source: 's', target: 't', phase: 'following', startedAt: 1, at: 2, backend: 'inotify', lagMs: 0, backlog: { paths: 0, failed: 0, whole: false, bytes: 0, exact: true }, events: 0, overflows: 0,
    pauses: [], pausedSince: null, rate: null, held: null, sessions: 1, fullSessions: 1, files: 0, bytes: 12345, literalBytes: 0, results: { clean: 1, partial: 0, failed: 0 }, deleted: 0, lastSuccess: 2, lastFull: 2, failure: null, failing: [], failingBy: {}, deferred: { count: 0, files: [] }, drift: null, ...more,
  };
}
