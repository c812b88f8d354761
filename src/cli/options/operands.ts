/** What is left of a command line without its options: sources and target, here or on one other host. */
import { parseRemoteSpec, type DaemonSpec, type RemoteSpec, type SshSpec } from '../../transport/index.js';
import { displayName, type ByteString } from '../../tree/index.js';
import { CommandError, usageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Direction } from './finish.js';

/** Another host that a command line names. */
export type HostSpec = SshSpec | DaemonSpec;

/** Sources and target by the host they are on. Paths are those on their host. */
export interface Operands {
  direction: Direction;
  /** The other host; the path in it is the first one that was named. */
  host: HostSpec | undefined;
  sources: ByteString[];
  target: ByteString | undefined;
}

/** Reads them. @throws CommandError for what cannot be. */
export function readOperands(sources: readonly ByteString[], target: ByteString | undefined): Operands {
  const from = sources.map((source) => readOperand(source, 'source'));
  const to = target === undefined ? undefined : readOperand(target, 'target');
  const remotes = from.filter(isHost);
  if (remotes.length > 0 && to !== undefined && isHost(to)) {
    throw new CommandError('UNSUPPORTED', 'source and target cannot both be on other hosts', { exitCode: EXIT.usage, advice: 'Run twintree on one of the two hosts.' });
  }
  if (remotes.length > 0 && remotes.length < from.length) throw usageError('sources must all be here, or all on one host');
  const [host] = remotes;
  if (host !== undefined) {
    if (host.kind === 'ssh' && host.host === '') throw usageError('the host is missing', 'Write host:path.');
    for (const [k, other] of remotes.entries()) if (!sameHost(host, other)) throw usageError(`${displayName(sources[k] as ByteString)} is on another host than the first source`);
    return { direction: 'pull', host, sources: remotes.map(pathOf), target };
  }
  if (to !== undefined && isHost(to)) {
    if (to.kind === 'ssh' && to.host === '') throw usageError('the host is missing', 'Write host:path.');
    return { direction: 'push', host: to, sources: [...sources], target: pathOf(to) };
  }
  return { direction: 'local', host: undefined, sources: [...sources], target };
}

function readOperand(argument: ByteString, what: 'source' | 'target'): RemoteSpec {
  if (argument === '') throw usageError(`the ${what} is an empty name`, 'Write . for the folder you are in.');
  if (argument.includes('\0')) throw usageError(`the ${what} holds a NUL byte`);
  return parseRemoteSpec(argument);
}

/** Refuses what is not here, for a command that works on this host alone. */
export function checkLocal(argument: ByteString, what: 'source' | 'target'): ByteString {
  if (readOperand(argument, what).kind !== 'local') {
    throw new CommandError('UNSUPPORTED', `${displayName(argument)}: this command works on folders of this machine`, {
      exitCode: EXIT.unsupported, advice: 'Write ./NAME for a local name with a colon in it.',
    });
  }
  return argument;
}

function isHost(spec: RemoteSpec): spec is HostSpec {
  return spec.kind !== 'local';
}

function pathOf(spec: HostSpec): ByteString {
  return spec.path;
}

/** `:path` is on the host that was named first. */
function sameHost(first: HostSpec, other: HostSpec): boolean {
  if (first.kind === 'ssh') {
    return other.kind === 'ssh' && (other.host === '' || (other.host === first.host && other.user === first.user && other.port === first.port));
  }
  return other.kind === 'daemon' && other.host === first.host && other.port === first.port && other.root === first.root;
}
