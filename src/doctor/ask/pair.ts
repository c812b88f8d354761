/** Asks what is kept of a pair on this host, who works on a target here, and what is mounted below a source. Changes nothing. */
import { posix as path } from 'node:path';
import { Errno, loadOwnPosix, loadPosix, readMounts } from '../../fs/index.js';
import { statePair } from '../../session/index.js';
import { inspectPair, pairFolder, stateFolder } from '../../state/index.js';
import { fromText, type ByteString } from '../../tree/index.js';
import type { RunToJudge } from '../request.js';
import type { StateFacts } from '../state.js';

/** The state of a run's pair; undefined where it keeps none here. */
export function askState({ sources, target, options, remote, pair }: RunToJudge): StateFacts | undefined {
  const direction = remote?.request.direction;
  const named = pair ?? (options.state === true && target !== undefined && direction !== 'push' ? statePair(sources, direction === 'pull', absolute(target)) : undefined);
  if (named === undefined) return undefined;
  const posix = loadOwnPosix();
  const folder = pairFolder(absolute(stateFolder(process.env, posix.euid)), named);
  return { folder, pair: inspectPair(posix, folder) };
}

/** Whether a session holds the target, where it is on this host. */
export function askLock({ target, remote, options }: RunToJudge): boolean | undefined {
  if (target === undefined || remote?.request.direction === 'push' || !options.lock) return undefined;
  const posix = loadPosix();
  if (posix.lacks.has('flock')) return undefined;
  const fd = posix.openRoot(target);
  if (fd < 0) return undefined;
  const held = posix.flock(fd, 'shared') === -Errno.EWOULDBLOCK; // given back with the handle
  posix.close(fd);
  return held;
}

/** File systems below sources on this host. */
export function askMounts({ sources, remote }: RunToJudge): { path: ByteString; type: ByteString }[] {
  if (remote?.request.direction === 'pull') return [];
  const table = readMounts();
  return sources.flatMap((source) => {
    const root = absolute(source);
    return table.filter(({ point }) => point !== root && point.startsWith(root === '/' ? '/' : `${root}/`)).map(({ point, type }) => ({ path: point, type }));
  });
}

function absolute(name: ByteString): ByteString {
  const whole = path.resolve(name.startsWith('/') ? '/' : fromText(process.cwd()), name);
  return whole as ByteString;
}
