/** Where the state of jobs and of their agent is, and the pause that is kept there. */
import { errnoText, loadOwnPosix, makeFolders } from '../../fs/index.js';
import { jobFolder } from '../../job/index.js';
import { dropPause, keepPause, readPause } from '../../mirror/index.js';
import { stateFolder } from '../../state/index.js';
import type { ByteString } from '../../tree/index.js';
import { localPath } from '../commands/mirror-pair.js';

/** The state folder of this process's user. */
export function ownState(): ByteString {
  return localPath(stateFolder(process.env, loadOwnPosix().euid));
}

/** The folder of the agent's own state. */
export function agentFolder(): ByteString {
  return `${ownState()}/agent` as ByteString;
}

/** The folder of a job's state, made where it is not there yet. 0 or a negated errno. */
export function makeJobFolder(state: ByteString, job: string): number {
  const posix = loadOwnPosix();
  const at = makeFolders(posix, jobFolder(state, job), 0o700);
  return at < 0 ? at : posix.close(at);
}

/** Whether a person has paused the job. */
export function isPaused(state: ByteString, job: string): boolean {
  return readPause(jobFolder(state, job)) !== undefined;
}

/** Keeps that a person has paused the job, or drops it. Undefined: done; else why it could not be. */
export function keepPaused(state: ByteString, job: string, paused: boolean): string | undefined {
  if (!paused && !isPaused(state, job)) return undefined;
  const made = makeJobFolder(state, job);
  const done = made < 0 ? made : paused ? keepPause(jobFolder(state, job), Date.now()) : dropPause(jobFolder(state, job));
  return done < 0 ? errnoText(-done) : undefined;
}
