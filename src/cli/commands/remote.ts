/** How a session of a command line is run: between local trees, or over a connection to the host it names. */
import type { TargetRequest } from '../../mirror/index.js';
import { openStanding, runRemote, runSync, tellLocally, type Standing } from '../../session/index.js';
import type { ParsedRun } from '../options/index.js';
import { recordedLocally } from './batch.js';
import { EMPTY, type ByteString } from '../../tree/index.js';
import { localPath } from './mirror-pair.js';
import { remembering } from './retired.js';
import { toHost } from './to-host.js';
import type { SessionRun } from './shared.js';

/** The function that runs the session. */
export function sessionRun(parsed: ParsedRun): SessionRun {
  const { host, direction, connection } = parsed;
  const record = parsed.batch?.kind === 'write' ? { path: parsed.batch.file, compress: connection.compression === 'on' } : undefined;
  if (host === undefined || direction === 'local') return record === undefined ? runSync : recordedLocally(record.path, record.compress);
  const request = toHost(host, direction, connection);
  const push = direction === 'push' && parsed.target !== undefined ? (run: SessionRun): SessionRun => remembering(parsed.sources, parsed.target as ByteString, host, run) : (run: SessionRun): SessionRun => run;
  if (record === undefined) return push((what, listener, signal) => runRemote({ ...request, ...what }, listener, signal));
  return (what, listener, signal) => runRemote({ ...request, link: { ...request.link, retries: 0 }, record, ...what }, listener, signal);
}

/** How the sessions of a mirror are run: to another host over a connection that stays, which is `meter` too. `end` closes it. */
export function followingRun(parsed: ParsedRun): { run: SessionRun; tell: NonNullable<TargetRequest['tell']>; end?: () => Promise<void>; meter?: Standing } {
  const { host, connection } = parsed;
  if (host === undefined) return { run: runSync, tell: tellLocally(localPath(parsed.target ?? EMPTY)) };
  const standing = openStanding(toHost(host, 'push', connection));
  const run: SessionRun = (what, listener, signal) => standing.run(what, listener, signal);
  return { run: parsed.target === undefined ? run : remembering(parsed.sources, parsed.target, host, run), tell: (point, last) => standing.tell(point, last), end: () => standing.close(), meter: standing };
}
