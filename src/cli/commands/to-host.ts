/** How a command line, or a kept plan, reaches another host. */
import type { RemoteRequest } from '../../session/index.js';
import { agentCommand, atHostSpec, defaultKnownHosts, selfBootstrap, type CommandSpec, type ConnectSpec, type HostAddress, type RemoteShell, type SshSpec } from '../../transport/index.js';
import { displayName, toText } from '../../tree/index.js';
import { usageError } from '../errors.js';
import type { ConnectionOptions } from '../options/index.js';

/** A run over a connection to that host, but for what is run. @throws CommandError for options that do not fit it. */
export function toHost(host: HostAddress, direction: RemoteRequest['direction'], connection: ConnectionOptions): Omit<RemoteRequest, 'sources' | 'target' | 'options'> {
  const { connectTimeoutMs, timeoutMs, compression, retries } = connection;
  return { direction, connect: connectSpec(host, connection), root: host.kind === 'daemon' ? host.root : undefined, link: { connectTimeoutMs, timeoutMs, compression, retries } };
}

/** How a command of ours is started at a host that is reached by a remote shell. */
export function atHostOf(host: SshSpec, connection: ConnectionOptions): CommandSpec {
  const { port, bootstrap, remotePath, remoteCache } = connection;
  return atHostSpec(port === undefined || host.port !== undefined ? host : { ...host, port }, shellOf(connection), process.env, bootstrap && remotePath === undefined ? remoteCache : undefined);
}

function shellOf({ rsh, remotePath, family }: ConnectionOptions): RemoteShell {
  return { ...(rsh === undefined ? {} : { rsh: toText(rsh) }), ...(remotePath === undefined ? {} : { remotePath: toText(remotePath) }), ...(family === 0 ? {} : { family }) };
}

/** How the host is reached. @throws CommandError for options that do not fit it. */
function connectSpec(host: HostAddress, connection: ConnectionOptions): ConnectSpec {
  if (host.kind === 'ssh') {
    for (const [name, value] of [['token-file', connection.tokenFile], ['identity', connection.identity], ['known-hosts', connection.knownHosts], ['fingerprint', connection.fingerprint], ['address', connection.address]] as const) {
      if (value !== undefined) throw usageError(`--${name} is for twintree:// addresses`, 'ssh has its own keys, known hosts and addresses: set them in its configuration.');
    }
    const spec = connection.port === undefined || host.port !== undefined ? host : { ...host, port: connection.port };
    const shell = shellOf(connection);
    const argv = agentCommand(spec, shell, process.env);
    return { kind: 'command', argv, ...(connection.bootstrap && connection.remotePath === undefined ? { bootstrap: selfBootstrap(spec, shell, process.env, connection.remoteCache) } : {}) };
  }
  for (const [name, value] of [['rsh', connection.rsh], ['rsync-path', connection.remotePath]] as const) {
    if (value !== undefined) throw usageError(`--${name} is for hosts that are reached by a remote shell`);
  }
  return {
    kind: 'tls', host: displayName(host.host), port: connection.port ?? host.port, knownHosts: connection.knownHosts === undefined ? defaultKnownHosts() : toText(connection.knownHosts),
    ...(connection.identity === undefined ? {} : { identity: toText(connection.identity) }), ...(connection.tokenFile === undefined ? {} : { tokenFile: toText(connection.tokenFile) }),
    ...(connection.fingerprint === undefined ? {} : { pin: toText(connection.fingerprint) }), ...(connection.family === 0 ? {} : { family: connection.family }),
    ...(connection.address === undefined ? {} : { localAddress: toText(connection.address) }),
  };
}
