/** How a session of a command line is run: between local trees, or over a connection to the host it names. */
import { openStanding, runRemote, runSync, type Standing } from '../../session/index.js';
import type { ParsedRun } from '../options/index.js';
import { recordedLocally } from './batch.js';
import { toHost } from './to-host.js';
import type { SessionRun } from './shared.js';

/** The function that runs the session. */
export function sessionRun(parsed: ParsedRun): SessionRun {
  const { host, direction, connection } = parsed;
  const record = parsed.batch?.kind === 'write' ? { path: parsed.batch.file, compress: connection.compression === 'on' } : undefined;
  if (host === undefined || direction === 'local') return record === undefined ? runSync : recordedLocally(record.path, record.compress);
  const request = toHost(host, direction, connection);
  if (record === undefined) return (what, listener, signal) => runRemote({ ...request, ...what }, listener, signal);
  return (what, listener, signal) => runRemote({ ...request, link: { ...request.link, retries: 0 }, record, ...what }, listener, signal);
}

/** How the sessions of a mirror are run: to another host over a connection that stays, which is `meter` too. `end` closes it. */
export function followingRun(parsed: ParsedRun): { run: SessionRun; end?: () => Promise<void>; meter?: Standing } {
  const { host, connection } = parsed;
  if (host === undefined) return { run: runSync };
  const standing = openStanding(toHost(host, 'push', connection));
  return { run: (what, listener, signal) => standing.run(what, listener, signal), end: () => standing.close(), meter: standing };
}
