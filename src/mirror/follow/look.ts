/** Looks at the source before a session begins: what kind of session its paths need. What cannot be looked at is left to the session to find. */
import { FolderCache, loadPosix, stampsFinely } from '../../fs/index.js';
import type { SessionOptions } from '../../plan/index.js';
import { placeStore } from '../../session/index.js';
import type { PairState } from '../../state/index.js';
import { baseOf, EMPTY, parentOf, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { BY_TIMETABLE, type Job } from './agenda.js';
import { otherNames } from './hard-links.js';
import type { ReadTimes } from './read-times.js';

/** Batches of at most so many paths are worked on by one thread, where the user does not say: starting others takes longer. */
const FEW_PATHS = 1000;

/** -H: the job with the other names of the files that it touches; a full session where they are not all known. */
export function withLinks(job: Job, root: ByteString, options: SessionOptions, state: PairState | undefined): { job: Job; others: readonly RelPath[] } {
  const plain = { job, others: [] };
  if (job.kind === 'full' || !options.attributes.hardLinks) return plain;
  const posix = loadPosix();
  const fd = posix.openRoot(root);
  if (fd < 0) return plain;
  try {
    const store = state === undefined ? undefined : placeStore(state, posix, [{ fd }]);
    const others = otherNames(posix, fd, job.hints, store === undefined || state === undefined ? undefined : { ...store, table: state.places });
    return others === undefined ? { job: { kind: 'full', hints: [], first: job.first, reason: 'hard links' }, others: [] } : { job, others };
  } finally {
    posix.close(fd);
  }
}

/** The options of a session for a job. */
export function optionsFor(job: Job, root: ByteString, options: SessionOptions, readTimes: ReadTimes): SessionOptions {
  const few = job.kind !== 'full' && job.hints.length <= FEW_PATHS && job.hints.every((hint) => hint.scope === 'entry');
  const modest = few || job.reason === BY_TIMETABLE; // no doubt hurries it: others may have the other processors
  const chosen: SessionOptions = modest ? { ...options, threads: options.threads ?? 1 } : { ...options };
  if (options.compare.mode === 'quick' && mayLookEqual(job, root, readTimes)) chosen.compare = { ...options.compare, mode: 'doubt' };
  return chosen;
}

/** Whether a file of the batch may have been written in the tick in which an earlier session read it (read-times.ts). Where the kernel stamps finely, none can. */
function mayLookEqual({ hints }: Job, root: ByteString, readTimes: ReadTimes): boolean {
  const posix = loadPosix();
  const fd = posix.openRoot(root);
  if (fd < 0) return false;
  const cache = new FolderCache(posix, fd);
  const stat = new StatTable(2);
  const fine = stampsFinely(posix, fd) && posix.fstat(fd, stat, 1) === 0;
  const isFine = (): boolean => fine && stat.mtimeNsec(0) !== 0 && stat.sameDevice(0, stat, 1);
  try {
    return hints.some(({ path, scope }) => {
      if (scope !== 'entry' || path === EMPTY) return false;
      const at = cache.open(parentOf(path));
      return at >= 0 && posix.stat(at, baseOf(path), stat, 0) === 0 && !stat.isDir(0) && !isFine() && readTimes.has(path, stat.mtimeSec(0) * 1000 + stat.mtimeNsec(0) / 1e6);
    });
  } finally {
    cache.closeAll();
    posix.close(fd);
  }
}
