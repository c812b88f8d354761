/** How a session of a command line is run: between local trees, or over a connection to the host it names. */
import { runRemote, runSync, type RemoteRequest } from '../../session/index.js';
import { agentCommand, defaultKnownHosts, selfBootstrap, type ConnectSpec, type RemoteShell } from '../../transport/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { usageError } from '../errors.js';
import type { ConnectionOptions, HostSpec, ParsedRun } from '../options/index.js';
import { recordedLocally } from './batch.js';
import type { SessionRun } from './shared.js';

/** The function that runs the session. */
export function sessionRun(parsed: ParsedRun): SessionRun {
  const { host, direction, connection } = parsed;
  const record = parsed.batch?.kind === 'write' ? { path: parsed.batch.file, compress: connection.compression === 'on' } : undefined;
  if (host === undefined || direction === 'local') return record === undefined ? runSync : recordedLocally(record.path, record.compress);
  const request: Omit<RemoteRequest, 'sources' | 'target' | 'options'> = {
    direction, connect: connectSpec(host, connection), root: host.kind === 'daemon' ? host.root : undefined,
    link: { connectTimeoutMs: connection.connectTimeoutMs, timeoutMs: connection.timeoutMs, compression: connection.compression, retries: record === undefined ? connection.retries : 0 },
    ...(record === undefined ? {} : { record }),
  };
  return (what, listener, signal) => runRemote({ ...request, ...what }, listener, signal);
}

/** How the host is reached. @throws CommandError for options that do not fit it. */
function connectSpec(host: HostSpec, connection: ConnectionOptions): ConnectSpec {
  if (host.kind === 'ssh') {
    for (const [name, value] of [['token-file', connection.tokenFile], ['identity', connection.identity], ['known-hosts', connection.knownHosts], ['fingerprint', connection.fingerprint], ['address', connection.address]] as const) {
      if (value !== undefined) throw usageError(`--${name} is for twintree:// addresses`, 'ssh has its own keys, known hosts and addresses: set them in its configuration.');
    }
    const spec = connection.port === undefined || host.port !== undefined ? host : { ...host, port: connection.port };
    const shell: RemoteShell = {
      ...(connection.rsh === undefined ? {} : { rsh: text(connection.rsh) }), ...(connection.remotePath === undefined ? {} : { remotePath: text(connection.remotePath) }),
      ...(connection.family === 0 ? {} : { family: connection.family }),
    };
    const argv = agentCommand(spec, shell, process.env);
    return { kind: 'command', argv, ...(connection.bootstrap && connection.remotePath === undefined ? { bootstrap: selfBootstrap(spec, shell, process.env, connection.remoteCache) } : {}) };
  }
  for (const [name, value] of [['rsh', connection.rsh], ['rsync-path', connection.remotePath]] as const) {
    if (value !== undefined) throw usageError(`--${name} is for hosts that are reached by a remote shell`);
  }
  return {
    kind: 'tls', host: displayName(host.host), port: connection.port ?? host.port, knownHosts: connection.knownHosts === undefined ? defaultKnownHosts() : text(connection.knownHosts),
    ...(connection.identity === undefined ? {} : { identity: text(connection.identity) }), ...(connection.tokenFile === undefined ? {} : { tokenFile: text(connection.tokenFile) }),
    ...(connection.fingerprint === undefined ? {} : { pin: text(connection.fingerprint) }), ...(connection.family === 0 ? {} : { family: connection.family }),
    ...(connection.address === undefined ? {} : { localAddress: text(connection.address) }),
  };
}

/** Bytes of the command line as the text that was typed. */
function text(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
