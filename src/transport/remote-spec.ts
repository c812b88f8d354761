/**
 * remote-spec: what a SRC or DST argument names: a local path, a path on a host that is reached over ssh, or a root of a
 * daemon. Pure. rsync's rules decide: an argument is remote where a colon stands before the first slash. Nothing is decoded
 * (no %20): names are bytes.
 */
import { displayName, TwintreeError, type ByteString } from '../tree/index.js';

/** Port of the daemon. */
export const DEFAULT_PORT = 8730;

/** What an argument names. */
export type RemoteSpec =
  | { readonly kind: 'local'; readonly path: ByteString }
  | SshSpec
  | DaemonSpec;

/** A path on another host. */
export interface SshSpec {
  readonly kind: 'ssh';
  /** Empty: the host of the argument before (`host:a :b`). IPv6 addresses without brackets. */
  readonly host: ByteString;
  readonly user: ByteString | undefined;
  readonly port: number | undefined;
  /** Absolute, or relative to the login folder (`.`: that folder). Never empty. */
  readonly path: ByteString;
}

/** A named root of `twintree serve --listen`. */
export interface DaemonSpec {
  readonly kind: 'daemon';
  readonly host: ByteString;
  readonly port: number;
  /** The root's name. */
  readonly root: ByteString;
  /** What follows the name: '' or a path below the root that begins with a slash; a slash at its end means the content, as everywhere. */
  readonly path: ByteString;
}

/** Another host without a path: what a kept plan names. */
export type HostAddress = Omit<SshSpec, 'path'> | Omit<DaemonSpec, 'path'>;

/** The host of what an argument names. */
export function hostAddress(spec: SshSpec | DaemonSpec): HostAddress {
  if (spec.kind === 'ssh') return { kind: spec.kind, host: spec.host, user: spec.user, port: spec.port };
  return { kind: spec.kind, host: spec.host, port: spec.port, root: spec.root };
}

/**
 * A host that comes from a file, checked by the rules for arguments: nothing in it is taken for an option by a remote shell.
 * Undefined where it is none.
 */
export function checkedHost(host: { kind: 'ssh' | 'daemon'; host: ByteString; user: ByteString | undefined; port: number | undefined; root: ByteString | undefined }): HostAddress | undefined {
  const { kind, user, port, root } = host;
  if (host.host === '' || (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535))) return undefined;
  try {
    const six = host.host.includes(':');
    address(host.host, user, six ? host.host : undefined, six ? undefined : host.host);
  } catch (error) {
    if (error instanceof TwintreeError) return undefined;
    throw error;
  }
  if (kind === 'ssh') return root !== undefined || /[/]/.test(host.host + (user ?? '')) ? undefined : { kind, host: host.host, user, port };
  return user !== undefined || port === undefined || root === undefined || !/^[^/\0]{1,255}$/.test(root) || host.host.includes('/') ? undefined : { kind, host: host.host, port, root };
}

/** Splits an argument of the command line. Throws USAGE or UNSUPPORTED with the argument where it looks remote and cannot be. */
export function parseRemoteSpec(argument: ByteString): RemoteSpec {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(argument)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'ssh': return parseSsh(argument);
    case 'twintree': return parseDaemon(argument);
    case 'rsync': throw refusedRsync(argument);
    case 'file': case 'http': case 'https': case 'ftp': case 'sftp': case 'scp':
      throw bad(argument, `${scheme}:// is not supported`, 'Write host:path, ssh://host/path or twintree://host/root/path.');
    default: return parseHostPath(argument);
  }
}

/** `[user@]host:path`, or a local path. */
function parseHostPath(argument: ByteString): RemoteSpec {
  const match = /^(?:([^/:[]*)@)?(?:\[([^\]/]*)\]|([^/:]*)):/.exec(argument);
  if (match === null) return { kind: 'local', path: argument };
  const rest = argument.slice(match[0].length) as ByteString;
  if (rest.startsWith(':')) throw refusedRsync(argument);
  const [user, host] = address(argument, match[1], match[2], match[3]);
  if (host === '' && user !== undefined) throw bad(argument, 'the host is missing');
  return { kind: 'ssh', host, user, port: undefined, path: loginPath(argument, rest) };
}

/** `ssh://[user@]host[:port][/path]`; `/~/` begins in the login folder. */
function parseSsh(argument: ByteString): SshSpec {
  const { user, host, port, rest } = authority(argument);
  const path = (rest.startsWith('/~') ? rest.slice(1) : rest) as ByteString;
  return { kind: 'ssh', host, user, port, path: loginPath(argument, path) };
}

/** `twintree://host[:port]/root[/path]`. */
function parseDaemon(argument: ByteString): DaemonSpec {
  const { user, host, port, rest } = authority(argument);
  if (user !== undefined) throw bad(argument, 'a daemon knows no users in an address', 'Who connects is told by a certificate or a token.');
  const match = /^\/+([^/]+)(\/[^]*)?$/.exec(rest);
  if (match === null) throw bad(argument, 'the name of the root is missing', 'Write twintree://host/root/path.');
  return { kind: 'daemon', host, port: port ?? DEFAULT_PORT, root: match[1] as ByteString, path: (match[2] ?? '') as ByteString };
}

function authority(argument: ByteString): { user: ByteString | undefined; host: ByteString; port: number | undefined; rest: ByteString } {
  const match = /^[^:]*:\/\/(?:([^/@]*)@)?(?:\[([^\]/]*)\]|([^/:[\]]*))(?::([^/]*))?(\/[^]*)?$/.exec(argument);
  if (match === null) throw bad(argument, 'this is no address');
  const [user, host] = address(argument, match[1], match[2], match[3]);
  if (host === '') throw bad(argument, 'the host is missing');
  return { user, host, port: portOf(argument, match[4]), rest: (match[5] ?? '') as ByteString };
}

function address(argument: ByteString, user: string | undefined, six: string | undefined, plain: string | undefined): [user: ByteString | undefined, host: ByteString] {
  if (six !== undefined && !/^[0-9a-fA-F:.]+(?:%[0-9A-Za-z_.-]+)?$/.test(six)) throw bad(argument, 'what stands in brackets is no IPv6 address');
  const host = six ?? plain ?? '';
  // A host or user that begins with a dash would be an option to the remote shell's command.
  if (host.startsWith('-')) throw bad(argument, 'a host name cannot begin with a dash', 'Write ./ before it if it is a local path.');
  if (user === '' || user?.startsWith('-') === true) throw bad(argument, 'this is no user name');
  if (six === undefined && /[[\]@]/.test(host)) throw bad(argument, 'this is no host name', 'Write ./ before it if it is a local path.');
  if (user?.includes(':') === true) throw bad(argument, 'a password cannot stand in an address');
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  if (/[\u0000-\u0020\u007f]/.test(host + (user ?? ''))) throw bad(argument, 'a host or user name holds a space or a control character', 'Write ./ before it if it is a local path.');
  return [user as ByteString | undefined, host as ByteString];
}

function portOf(argument: ByteString, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw bad(argument, 'a port is a number from 1 to 65535');
  return port;
}

/** A path as the login shell would see it: it starts in the login folder, so `~/` says nothing. */
function loginPath(argument: ByteString, path: ByteString): ByteString {
  if (path === '' || path === '~') return '.' as ByteString;
  if (path.startsWith('~/')) {
    const below = path.slice(2).replace(/^\/+/, '');
    return (below === '' ? './' : below) as ByteString;
  }
  if (path.startsWith('~')) throw bad(argument, 'the home folder of another user is not looked up', 'Write the full path; ./~name is a file of this name.');
  return path;
}

function refusedRsync(argument: ByteString): TwintreeError {
  return new TwintreeError('UNSUPPORTED', `${displayName(argument)} names an rsync daemon, which speaks rsync's own protocol`, {
    advice: 'Run twintree serve there and write twintree://host/root/path, or go over ssh: host:path.',
  });
}

function bad(argument: ByteString, why: string, advice?: string): TwintreeError {
  return new TwintreeError('USAGE', `${displayName(argument)}: ${why}`, advice === undefined ? {} : { advice });
}
