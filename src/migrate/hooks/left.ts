/**
 * Left hooks: a hook of this host may outlive the conductor that ran it, where that is killed. Whoever goes on, the guard or the next conductor, ends it first, with all that
 * it started: a thaw beside a freeze hook that still works would start what is stopped a moment later, and nobody would know.
 */
import { endGroup, processStart, readWholeFile, removeFolder, replaceFile } from '../../fs/index.js';
import type { ByteString } from '../../tree/index.js';
import { GRACE_MS } from './there.js';

const NAME = 'hook.pid';
const LONGEST = 100;

/** A hook is about to run, as the leader of a group of its own. */
export function noteHook(folder: ByteString, pid: number): void {
  const start = processStart(pid);
  if (start !== undefined) replaceFile(`${folder}/${NAME}` as ByteString, `${pid} ${start}\n`);
}

/** It has ended. */
export function forgetHook(folder: ByteString): void {
  removeFolder(`${folder}/${NAME}` as ByteString);
}

/** Ends the hook that is left of a conductor that is gone. Resolves when it is, or there was none. */
export async function endLeftHook(folder: ByteString): Promise<void> {
  const content = readWholeFile(`${folder}/${NAME}` as ByteString, LONGEST);
  const [, pid, start] = typeof content === 'number' ? [] : (/^([1-9]\d{0,9}) (\d{1,20})\n$/.exec(content.toString('latin1')) ?? []);
  if (pid !== undefined && start !== undefined) await endGroup(Number(pid), start, GRACE_MS);
  forgetHook(folder);
}
